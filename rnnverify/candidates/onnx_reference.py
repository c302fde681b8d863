"""ONNX's own reference in NumPy: `onnxref:model.onnx`."""

from __future__ import annotations

from rnnverify.candidates.binding import Opened, Slot


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
    return Opened(slots, [one.name for one in model.graph.output], lambda fed: evaluator.run(None, dict(fed)))
