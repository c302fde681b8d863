"""Layers that do nothing at inference: Identity, noises, dropouts, ActivityRegularization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.layers.against_keras import MASKS, check, draw, draw_mask, layers_in

INERT = ["SpatialDropout1D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity"]


@pytest.mark.parametrize("mask", [None, *MASKS])
@pytest.mark.parametrize("class_name", INERT)
def test_what_comes_in_goes_out_as_in_keras(keras: Any, class_name: str, mask: str | None) -> None:
    rng = np.random.default_rng(1)
    made = getattr(layers_in(keras), class_name)
    layer = made() if class_name == "Identity" else made(0.5)
    check(layer, draw(rng, 3, 5, 4), draw_mask(rng, mask, 3, 5), tolerance=0)
