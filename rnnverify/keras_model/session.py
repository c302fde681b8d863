"""The only module that imports Keras: it builds or loads a model, predicts, and writes down what it saw."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, RequestError
from rnnverify.keras_model.built import Built, first_line
from rnnverify.keras_model.inputs import draw_inputs
from rnnverify.keras_model.weights import set_weights
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import is_function

Array = npt.NDArray[Any]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ and Keras's warnings write to stderr off the user's screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        saved = os.dup(2)
    except OSError:  # stderr is closed: nothing to keep quiet
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def load_keras() -> Any:
    """Import Keras, on TensorFlow unless the user's environment says otherwise.

    Raises:
        RequestError: it is not installed, or its backend is not.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    imported = "keras" in sys.modules
    collecting = gc.isenabled()
    gc.disable()  # the import makes a million objects that stay: looking through them for garbage, now or later, is vain
    try:
        import keras
    except (ImportError, ValueError) as error:  # ValueError: a KERAS_BACKEND that Keras does not know
        backend = os.environ["KERAS_BACKEND"]
        raise RequestError(
            f"Keras cannot be imported ({first_line(error)}) with KERAS_BACKEND={backend};"
            " unset it, and install Keras's backend with: pip install tensorflow"
        ) from None
    finally:
        if not imported:
            gc.freeze()
        if collecting:
            gc.enable()
    return keras


@contextmanager
def precision(keras: Any, policy: str) -> Iterator[None]:
    """Set Keras's global precision: models and `predict` cast what they are fed to it, whatever their layers say."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx(before[1])
        keras.config.set_dtype_policy(before[0])


def observe(spec: Spec) -> Observation:
    """Build the spec's model, feed it, and write down everything it did.

    Raises:
        RequestError: the model cannot be built, loaded or fed; a layer has a call that cannot be replayed.
    """
    started = time.perf_counter()
    with quiet():
        keras = load_keras()
        keras.utils.clear_session(free_memory=False)  # a full collection here would cost every run a quarter second
        keras.utils.set_random_seed(spec.seed % 2**32)
        with precision(keras, spec.dtype):
            if spec.model is None:
                built = Built.of_spec(keras, spec, trace_for_any_size)
            else:
                built = Built.of_model(keras, load_model(keras, spec), spec)
            set_weights(built.layers, spec)
            x = draw_inputs(spec, built.inputs, built.vocabularies())
            return watched(keras, built, asked_by(spec), x, time.perf_counter() - started)


def asked_by(spec: Spec) -> Asked:
    return Asked(spec.path, spec.seed, spec.dtype, spec.tolerance)


def watched(keras: Any, built: Built, asked: Asked, x: Mapping[str, Array], building: float) -> Observation:
    return built.observe(asked, x, {"build": building}, environment(keras), may_use_tf32(keras))


def observe_model(model: Any, x: Any) -> Observation:
    """Feed a built keras.Model, or one built layer, and write down everything it did.

    Args:
        x: its input (N, ...), or a list of them in the order of `model.inputs`.

    Raises:
        RequestError: the model is not built, or the inputs do not fit it.
    """
    arrays = [np.asarray(array) for array in (x if isinstance(x, list | tuple) else [x])]
    with quiet():
        built = take(model, arrays, [])
        asked = Asked(str(model.name), 0, str(model.dtype_policy.name))
        fed = {given.name: array for given, array in zip(built.inputs, arrays, strict=True)}
        return watched(load_keras(), built, asked, fed, 0.0)


def describe_model(
    model: Any, inputs: Sequence[Array], states: Sequence[Array]
) -> tuple[list[str], tuple[Node, ...], tuple[Ref, ...]]:
    """The graph of a model or layer, without running it: the names of its inputs, its nodes, its outputs.

    Raises:
        RequestError: as `observe_model`.
    """
    with quiet():
        built = take(model, inputs, states)
        nodes = tuple(built.node(call) for call in built.calls)
        return [given.name for given in built.inputs], nodes, built.outputs


def take(model: Any, inputs: Sequence[Array], states: Sequence[Array]) -> Built:
    """A model, or a layer made into one, taken apart."""
    keras = load_keras()
    if not isinstance(model, keras.Layer):  # a keras.Model is one too
        raise RequestError(f"expected a keras.Model, a Keras layer or a spec, got {type(model).__name__}")
    if not isinstance(model, keras.Model):
        if not model.built:
            raise RequestError(f"the layer {model.name!r} has no weights yet: call it once, or build it")
        model = model_of_layer(keras, model, inputs, states)
    elif states:
        raise RequestError("expected a single recurrent layer beside initial_state, got a model")
    built = Built.of_model(keras, model)
    if len(inputs) + len(states) != len(built.inputs):
        raise DataError(f"expected {len(built.inputs)} inputs for the model {model.name!r}, got {len(inputs)}")
    for given, array in zip(built.inputs, [*inputs, *states], strict=True):
        fits = [want in (None, have) for want, have in zip(given.shape, array.shape[1:], strict=False)]
        if array.ndim != len(given.shape) + 1 or not all(fits):
            raise DataError(
                f"expected the input {given.name!r} as (N, *{given.shape}), got an array of shape {array.shape}"
            )
    return built


def model_of_layer(keras: Any, layer: Any, inputs: Sequence[Array], states: Sequence[Array]) -> Any:
    """A model that is one layer."""
    given, start = ([keras.Input(a.shape[1:], dtype=a.dtype.name) for a in arrays] for arrays in (inputs, states))
    try:
        y = layer(given if len(given) > 1 else given[0], **({"initial_state": start} if start else {}))
    except Exception as error:  # Keras raises all kinds; each means that these arrays do not fit this layer
        raise RequestError(f"the layer {layer.name!r} cannot be called on these inputs: {first_line(error)}") from None
    return keras.Model([*given, *start], y)


def load_model(keras: Any, spec: Spec) -> Any:
    """The model that a spec names: a file, or what a function of the user's returns.

    Raises:
        RequestError: there is none, or it is no Keras model.
    """
    name = spec.model or ""
    try:
        if not is_function(name):
            return keras.models.load_model(name, compile=False, safe_mode=True)
        module, _, function = name.rpartition(":")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        model = getattr(importlib.import_module(module), function)()
    except Exception as error:  # a damaged file, or whatever the user's function raises
        raise RequestError(f"{spec.path}: model: {name} cannot be loaded: {first_line(error)}") from None
    if not isinstance(model, keras.Model):
        raise RequestError(f"{spec.path}: model: expected {name} to return a keras.Model, got {type(model).__name__}")
    return model


def trace_for_any_size(model: Any, x: Any) -> None:
    """Have TensorFlow trace `predict` once for every N, and for every T where the model's inputs leave it open.

    By itself it traces the first sizes it meets, then the second ones, and only then for all. Its optimiser makes use of
    sizes that it knows, so that the last bits of a prediction would also hang on what was predicted before.
    """
    if load_keras().backend.backend() != "tensorflow":
        return
    import tensorflow

    arrays = x if isinstance(x, list) else [x]
    specs = [tensorflow.TensorSpec(given.shape, array.dtype) for given, array in zip(model.inputs, arrays, strict=True)]
    model.make_predict_function()
    model.predict_function.get_concrete_function([(specs if isinstance(x, list) else specs[0],)])


def may_use_tf32(keras: Any) -> bool:
    """Whether float32 products may run on a GPU's TF32 units: on NVIDIA's since Ampere, unless it was switched off."""
    if keras.backend.backend() != "tensorflow" or not any("gpu" in name for name in keras.distribution.list_devices()):
        return False
    import tensorflow

    return bool(tensorflow.config.experimental.tensor_float_32_execution_enabled())


@cache
def environment(keras: Any) -> Mapping[str, str]:
    """Versions and device, for the report."""
    return {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "tensorflow": version("tensorflow"),
        "numpy": np.__version__,
        "python": python_version(),
        "device": ", ".join(keras.distribution.list_devices()) or "cpu",
    }
