"""Predictions without the data-set machinery of `model.predict`. Works on Keras's objects without importing Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Trace = Callable[[Any, Any], None]  # of a model and what it is fed

BATCH = 32  # samples that predict feeds at once by default


def trace_as_fed(model: Any, x: Any) -> None:
    """Have TensorFlow trace `predict` for inputs of these sizes, as it would on the call that follows.

    It warns the user of a function that it traces often. Those calls are ours, so that they should not count as the user's;
    what is traced by name does not.
    """
    model.make_predict_function()
    trace = getattr(model.predict_function, "get_concrete_function", None)
    if trace is not None:  # not where it runs eagerly, nor with another backend
        trace([(x,)])


def predict(keras: Any, model: Any, x: Any, samples: int, trace: Trace | None, batch: int = BATCH) -> Any:
    """What `model.predict` returns.

    It makes a data set of batches first, which takes some 40 ms; `predict_on_batch` hands a batch to the same function, in
    a millisecond.
    """
    if trace is not None and model.predict_function is None:
        trace(model, x)
    made = []
    for start in range(0, samples, batch):
        part = keras.tree.map_structure(lambda array: array[start : start + batch], x)  # noqa: B023
        if trace is None and (start == 0 or start + batch > samples):  # another size than before
            trace_as_fed(model, part)
        made.append(model.predict_on_batch(part))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts) if parts[1:] else parts[0], *made)


def arguments(arrays: Mapping[str, Array]) -> Any:
    """Inputs in their order, as a model takes them: a list, or the only one."""
    several = list(arrays.values())
    return several if len(several) > 1 else several[0]
