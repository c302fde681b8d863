"""One recurrent layer as others compute it: each peer is made from Keras's weights and maps x (N, T, D) to h (N, T, M)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.sweep import STEPS

Peer = Callable[[Any], Any]

GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}  # Keras's order: i f c o, and z r h
TORCH_NAMES = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
TORCH_ORDER = {"SimpleRNN": [0], "LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}  # i f g o, and r z n
ONNX_ORDER = {"SimpleRNN": [0], "LSTM": [0, 3, 1, 2], "GRU": [0, 1, 2]}  # i o f c, and z r h


def weights_of(kind: str, features: int, units: int, rng: np.random.Generator) -> list[Any]:
    """Kernel (D, gates M), recurrent kernel (M, gates M), bias (gates M,), or (2, gates M) of a GRU."""
    width = GATES[kind] * units
    bias = (2, width) if kind == "GRU" else (width,)
    scales = (features**-0.5, units**-0.5, 0.3)
    return [
        scale * rng.standard_normal(shape)
        for scale, shape in zip(scales, ((features, width), (units, width), bias), strict=True)
    ]


def reordered(weight: Any, order: Sequence[int]) -> Any:
    """The blocks of its last axis, of one gate each, in another order."""
    blocks = np.split(weight, len(order), axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


def two_biases(kind: str, bias: Any) -> Any:
    """(2, gates M): the input's and the recurrent one."""
    return bias if kind == "GRU" else np.stack([bias, np.zeros_like(bias)])


def ours(kind: str, weights: Sequence[Any], dtype: Any) -> Peer:
    from rnnverify.layers.layer import Call, Masked
    from rnnverify.layers.registry import layer_of

    kernel, recurrent_kernel, bias = (weight.astype(dtype) for weight in weights)
    config = {"units": len(recurrent_kernel), "activation": "tanh", "use_bias": True, "return_sequences": True}
    config |= dict.fromkeys(("return_state", "go_backwards", "zero_output_for_mask", "unroll", "stateful"), False)
    if kind != "SimpleRNN":
        config["recurrent_activation"] = "sigmoid"
    if kind == "GRU":
        config["reset_after"] = True
    layer = layer_of(kind, config)
    return lambda x: layer(Call([Masked(x)], [kernel, recurrent_kernel, bias]))[0].values


def torch(kind: str, weights: Sequence[Any], dtype: Any) -> Peer:
    import torch

    kernel, recurrent_kernel, bias = weights
    order = TORCH_ORDER[kind]
    layer = getattr(torch.nn, TORCH_NAMES[kind])(len(kernel), len(recurrent_kernel), batch_first=True)
    layer = layer.to(getattr(torch, np.dtype(dtype).name))
    of_input, of_state = two_biases(kind, bias)
    made = [reordered(kernel, order).T, reordered(recurrent_kernel, order).T]
    made += [reordered(of_input, order), reordered(of_state, order)]
    with torch.no_grad():
        for parameter, weight in zip(layer.parameters(), made, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(weight)))

    def run(x: Any) -> Any:
        with torch.inference_mode():
            return layer(torch.from_numpy(x))[0].numpy()

    return run


def onnx_model(kind: str, weights: Sequence[Any]) -> Any:
    """A float32 graph of the one operator; x and h are (T, N, D) and (T, 1, N, M) there."""
    from onnx import TensorProto, checker, helper, numpy_helper

    kernel, recurrent_kernel, bias = weights
    order = ONNX_ORDER[kind]
    made = {
        "w": reordered(kernel, order).T[np.newaxis],
        "r": reordered(recurrent_kernel, order).T[np.newaxis],
        "b": reordered(two_biases(kind, bias), order).reshape(1, -1),
    }
    options: dict[str, Any] = {"hidden_size": len(recurrent_kernel)}
    if kind == "GRU":
        options["linear_before_reset"] = 1
    node = helper.make_node(TORCH_NAMES[kind], ["x", *made], ["y"], **options)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "N", len(kernel)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", 1, "N", len(recurrent_kernel)])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in made.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    checker.check_model(model)
    return model


def onnx_reference(kind: str, weights: Sequence[Any]) -> Peer:
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(onnx_model(kind, weights))
    return lambda x: session.run(None, {"x": x.swapaxes(0, 1)})[0][:, 0].swapaxes(0, 1)


def onnx_runtime(kind: str, weights: Sequence[Any]) -> Peer:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        onnx_model(kind, weights).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x.swapaxes(0, 1)})[0][:, 0].swapaxes(0, 1)


def keras(kind: str, weights: Sequence[Any]) -> Peer:
    from rnnverify.keras_model.session import load_keras
    from rnnverify.keras_model.settings import quiet

    with quiet():
        library = load_keras()
        layer = getattr(library.layers, kind)(len(weights[1]), return_sequences=True)
        model = library.Sequential([library.Input((None, len(weights[0]))), layer])
        layer.set_weights(weights)
    return lambda x: model.predict(x, verbose=0)


def textbook(kind: str, weights: Sequence[Any], dtype: Any) -> Peer:
    """Loops over samples and timesteps."""
    step = STEPS[kind]
    cast = [weight.astype(dtype) for weight in weights]
    return lambda x: np.stack([step(sequence, len(cast[1]), *cast) for sequence in x])


def products(kind: str, weights: Sequence[Any], dtype: Any) -> Peer:
    """The matrix products alone, as large as they come: what the machine's peak would take for the arithmetic."""
    kernel, recurrent_kernel, _ = (weight.astype(dtype) for weight in weights)

    def run(x: Any) -> Any:
        samples, timesteps, features = x.shape
        rows = samples * timesteps
        h = np.ones((rows, len(recurrent_kernel)), dtype)
        return x.reshape(rows, features) @ kernel, h @ recurrent_kernel

    return run
