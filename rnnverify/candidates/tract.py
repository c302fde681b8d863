"""tract, an engine in Rust: `tract:model.onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnverify.candidates.binding import Opened, Slot
from rnnverify.layers.arrays import Array


def opened(path: str) -> Opened:
    """A file, which is made ready for the shapes that it is fed: tract wants to know them all."""
    import onnx
    import tract

    described = onnx.load(path, load_external_data=False).graph
    weights = {one.name for one in described.initializer}
    slots = [
        Slot(
            one.name,
            tuple(axis.dim_value or None for axis in one.type.tensor_type.shape.dim),
            onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type),
        )
        for one in described.input
        if one.name not in weights
    ]

    def run(fed: Mapping[str, Array]) -> list[Any]:
        model = tract.onnx().load(path)
        for index, slot in enumerate(slots):
            kind, sizes = fed[slot.name].dtype, fed[slot.name].shape
            model.set_input_fact(index, f"{','.join(map(str, sizes))},{kind.kind}{8 * kind.itemsize}")
        runnable = model.into_model().into_runnable()
        return [one.to_numpy() for one in runnable.run([np.ascontiguousarray(fed[slot.name]) for slot in slots])]

    return Opened(slots, [one.name for one in described.output], run)
