"""OpenVINO, in float32: `openvino:model.onnx`, `openvino:model.xml`."""

from __future__ import annotations

import numpy as np

from rnnverify.candidates.binding import Opened, Slot


def opened(path: str) -> Opened:
    """A file, on the processor. By itself OpenVINO computes in bfloat16 where the processor has it."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    slots = [
        Slot(
            one.get_any_name(),
            tuple(None if axis.is_dynamic else int(axis.get_length()) for axis in one.partial_shape),
            np.dtype(one.element_type.to_dtype()),
        )
        for one in compiled.inputs
    ]
    request = compiled.create_infer_request()
    names = [one.get_any_name() if one.names else f"output {index}" for index, one in enumerate(compiled.outputs)]
    return Opened(slots, names, lambda fed: [np.array(one) for one in request.infer(dict(fed)).values()])
