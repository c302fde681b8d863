"""Masks and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.embedding import Embedding
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.masking import Masking
from rnnverify.layers.walk import kept
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import altered, called, putting_out
from rnnverify.mistakes.mistake import Mistake
from rnnverify.observation.precision import rounded


def ignored(layer: Any) -> Layer | None:
    if not isinstance(layer, Walking):
        return None
    own = type(layer)
    return altered(layer, walks=lambda self, call: own.walks(self, call._replace(masked=False)))  # type: ignore[no-any-return]


def as_length(layer: Any) -> Layer | None:
    """As many steps are run as are not masked, from the first on."""
    if not isinstance(layer, Walking):
        return None

    def shortened(call: Call) -> Call:
        x, mask = call.x
        if mask is None:
            return call
        lengths = mask.sum(axis=1, keepdims=True)
        return call._replace(inputs=[Masked(x, np.arange(mask.shape[1]) < lengths), *call.inputs[1:]])

    return called(layer, shortened)  # type: ignore[no-any-return]


def zeroed(layer: Any) -> Layer | None:
    if not isinstance(layer, Walking) or layer.zero_output_for_mask or not layer.return_sequences:
        return None

    def with_zeros(self: Any, call: Call, walked: Any) -> Any:
        first, *rest = type(layer).outputs(self, call, walked)
        mask = call.x.mask if call.masked else None
        if mask is None:
            return (first, *rest)
        awake = mask[:, ::-1] if self.go_backwards else mask
        return (first._replace(values=kept(awake, first.values, np.zeros_like(first.values))), *rest)

    return altered(layer, outputs=with_zeros)  # type: ignore[no-any-return]


def any_feature(layer: Any) -> Layer | None:
    """A step is masked where any of its features equals mask_value."""
    if not isinstance(layer, Masking):
        return None

    def call_of(self: Masking, call: Call) -> Any:
        x = call.x.values
        mask: Any = np.all(np.asarray(x) != rounded(np.asarray(self.mask_value), "float32"), axis=-1)
        return (Masked(np.where(mask[..., np.newaxis], x, 0), mask),)

    return altered(layer, __call__=call_of)  # type: ignore[no-any-return]


def padded_on_the_other_side(layer: Any) -> Layer | None:
    """Zeros at one end of a row of ids stand at the other."""
    if not isinstance(layer, Embedding):
        return None

    def moved(call: Call) -> Call:
        ids = np.asarray(call.x.values)
        return call._replace(inputs=[call.x._replace(values=rolled(ids)), *call.inputs[1:]]) if ids.ndim == 2 else call

    return called(layer, moved)  # type: ignore[no-any-return]


def rolled(ids: Array) -> Array:
    timesteps = ids.shape[1]
    used = ids != 0
    leading = np.where(used.any(axis=1), used.argmax(axis=1), 0)
    trailing = np.where(used.any(axis=1), used[:, ::-1].argmax(axis=1), 0)
    shift = np.where(trailing > 0, -trailing, leading)
    made: Array = np.take_along_axis(ids, (np.arange(timesteps) + shift[:, np.newaxis]) % timesteps, axis=1)
    return made


def not_propagated(layer: Any) -> Layer | None:
    """The layers behind it never see the mask."""
    if not isinstance(layer, Walking) or not layer.return_sequences:
        return None
    return putting_out(layer, lambda first: first._replace(mask=None))  # type: ignore[no-any-return]


MASKS = (
    Mistake(
        "mask-ignored",
        "masked steps are run like any other",
        "keep the state there: `h = np.where(mask[t], new, h)`",
        "gosha20777/keras2cpp#24, onnx/keras-onnx#386",
        ignored,
    ),
    Mistake(
        "mask-as-length",
        "the mask is taken for a length: as many steps as are not masked are run, from the first on",
        "look at each step's own mask: `h = np.where(mask[t], new, h)`",
        "onnx/tensorflow-onnx#2030",
        as_length,
    ),
    Mistake(
        "masked-output-zeroed",
        "zero is put out at masked steps",
        "repeat the output before them: `y[t] = np.where(mask[t], h, y[t - 1])`",
        "microsoft/onnxruntime#12492",
        zeroed,
    ),
    Mistake(
        "masking-any",
        "a step is masked where any feature equals mask_value",
        "it is where all of them do: `mask = np.any(x != mask_value, axis=-1)`",
        "",
        any_feature,
    ),
    Mistake(
        "padding-side",
        "the padding of the ids stands at the other end",
        "pad on the side that the model was fed with",
        "",
        padded_on_the_other_side,
    ),
    Mistake(
        "mask-not-propagated",
        "the layers behind the first recurrent one never see the mask",
        "hand the mask on to the next layer",
        "",
        not_propagated,
    ),
)
