"""Elements that are moved."""

from __future__ import annotations

import numpy as np

from tests.rounding.coarse import rounded


def test_elements_that_move_take_their_errors_with_them() -> None:
    x = rounded([[1.0, 2.0]], [[0.1, 0.2]], [[0.3, 0.4]])
    both = np.concatenate([x, np.zeros((1, 2))], axis=0)
    assert both.bound.tolist() == [[0.1, 0.2], [0, 0]]
    assert np.swapaxes(x, 0, 1).variance.tolist() == [[0.3], [0.4]]
    assert [part.bound.item() for part in np.split(x, 2, axis=-1)] == [0.1, 0.2]
