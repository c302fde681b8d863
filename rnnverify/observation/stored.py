"""The forms that files store weights in, and what is left of the weights in each.

The narrow floats hold every weight of a layer. int8 holds its matrices, and the biases stay as they are: symmetric, the largest
size of a matrix is 127, as LiteRT and ONNX Runtime have it of one scale for a whole matrix or one for each output channel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rnnverify.observation.observed import Observation
from rnnverify.observation.precision import rounded

if TYPE_CHECKING:  # a command line names the forms without NumPy
    import numpy as np
    import numpy.typing as npt

# Form -> what a report calls it.
WEIGHT_FORMS: Mapping[str, str] = {
    "float16": "float16 weights",
    "bfloat16": "bfloat16 weights",
    "tf32": "tf32 weights",
    "int8": "int8 weights, one scale per tensor",
    "int8-per-channel": "int8 weights, one scale per output channel",
}
LEVELS = 127  # of int8 on each side of zero


def with_weights(observed: Observation, form: str, only: Collection[str] | None = None) -> Observation:
    """The same model with the weights that are left when they are stored in a form.

    Args:
        observed: the model.
        form: one of WEIGHT_FORMS.
        only: the nodes of which the weights are stored so; by default all.
    """
    nodes = (
        replace(node, weights={name: stored(name, array, form) for name, array in node.weights.items()})
        if only is None or node.name in only
        else node
        for node in observed.nodes
    )
    return replace(observed, nodes=tuple(nodes))


def stored(name: str, array: npt.NDArray[Any], form: str) -> npt.NDArray[Any]:
    """What is left of one array of weights.

    Args:
        name: the weight's, which tells a bias.
        array: of floats.
        form: one of WEIGHT_FORMS.
    """
    if form == "tf32":
        return tf32(array)
    if form in ("float16", "bfloat16"):
        return rounded(array, form)
    if array.ndim < 2 or name.endswith("bias"):
        return array
    return int8(array, per_channel=form == "int8-per-channel")


def tf32(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Ten explicit bits of the mantissa, rounded to nearest even."""
    import numpy as np

    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    kept = (bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000
    return kept.astype(np.uint32).view(np.float32).reshape(array.shape)


def int8(array: npt.NDArray[Any], per_channel: bool) -> npt.NDArray[np.float32]:
    """Whole multiples of a scale, which is kept in float32 as engines do."""
    import numpy as np

    axes = tuple(range(array.ndim - 1)) if per_channel else None
    scale = np.asarray(np.abs(array).max(axis=axes, keepdims=True) / LEVELS, dtype=np.float32)
    scale[scale == 0] = 1  # of a channel that is zero
    made: npt.NDArray[np.float32] = np.rint(array / scale).astype(np.float32) * scale
    return made
