"""ONNX's own reference in NumPy: `onnxref:model.onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnverify.candidates.binding import Opened, Slot
from rnnverify.layers.arrays import Array

STEPS, ROWS = 2, [2, 3]  # of a loop that is tried, and the shape of what it puts out at every step


def opened(path: str) -> Opened:
    """A file, node by node."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    evaluator = ReferenceEvaluator(model)
    weights = {one.name for one in model.graph.initializer}
    slots = [
        Slot(
            one.name,
            tuple(axis.dim_value or None for axis in one.type.tensor_type.shape.dim),
            onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type),
        )
        for one in model.graph.input
        if one.name not in weights
    ]
    names = [one.name for one in model.graph.output]
    notes = []
    if any(node.op_type == "Loop" and puts_out(node) for node in model.graph.node) and concatenates():
        notes = [
            "the file has a Loop that puts something out at every step, which ONNX's reference concatenates where it should be"
            " stacked: what comes behind it has another shape, or is wrong"
        ]

    def run(fed: Mapping[str, Array]) -> Any:
        return evaluator.run(None, dict(fed))

    return Opened(slots, names, run, notes)


def puts_out(loop: Any) -> bool:
    """Whether a Loop has outputs beside the states that it ends with; the first two inputs are no states."""
    return len(loop.output) > max(0, len(loop.input) - 2)


def concatenates() -> bool:
    """Whether the evaluator that is installed makes one long array of what a Loop puts out at every step."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    def info(name: str, kind: int, shape: list[int]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    keep = helper.make_node("Identity", ["go"], ["goes_on"])
    same = helper.make_node("Identity", ["rows"], ["put_out"])
    inside = helper.make_graph(
        [keep, same],
        "step",
        [info("step", TensorProto.INT64, []), info("go", TensorProto.BOOL, [])],
        [info("goes_on", TensorProto.BOOL, []), info("put_out", TensorProto.FLOAT, ROWS)],
    )
    loop = helper.make_node("Loop", ["steps", "begin"], ["all"], body=inside)
    graph = helper.make_graph(
        [loop],
        "loop",
        [
            info("steps", TensorProto.INT64, []),
            info("begin", TensorProto.BOOL, []),
            info("rows", TensorProto.FLOAT, ROWS),
        ],
        [info("all", TensorProto.FLOAT, [STEPS, *ROWS])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    fed = {"steps": np.array(STEPS), "begin": np.array(True), "rows": np.zeros(ROWS, np.float32)}
    (made,) = ReferenceEvaluator(model).run(None, fed)
    return bool(np.shape(made) != (STEPS, *ROWS))
