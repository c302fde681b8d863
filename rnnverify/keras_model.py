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
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, RequestError, SpecError
from rnnverify.inputs import draw_inputs
from rnnverify.keras_graph import Call, calls_of_config, output_refs
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.precision import rounded
from rnnverify.spec.graph import snake_case
from rnnverify.spec.layers import LayerArguments
from rnnverify.spec.loading import is_function
from rnnverify.spec.model import Input, NestedLayer, Spec
from rnnverify.weights import set_weights, weight_names

Array = npt.NDArray[Any]


BATCH = 32  # samples that predict feeds at once by default


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
                built = Built.of_spec(keras, spec)
            else:
                built = Built.of_model(keras, load_model(keras, spec), spec)
            set_weights(built.layers, spec)
            x = draw_inputs(spec, built.inputs, built.vocabularies())
            return built.observe(x, {"build": time.perf_counter() - started})


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
        return built.observe({given.name: a for given, a in zip(built.inputs, arrays, strict=True)}, {"build": 0.0})


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


RECURRENT = ("SimpleRNN", "LSTM", "GRU")


@dataclass(frozen=True)
class Sibling:
    """A recurrent layer once more, with the same weights, that emits every step and every state."""

    original: Any
    layer: Any
    tensors: list[Any]  # the sequence, then the states


def siblings_of(layer: Any, x: Any, states: Sequence[Any], name: str) -> list[Sibling]:
    """For a recurrent layer one sibling, for a Bidirectional one for either direction, for others none."""
    half = len(states) // 2
    if hasattr(layer, "forward_layer"):
        parts = [(layer.forward_layer, states[:half]), (layer.backward_layer, states[half:])]
    else:
        parts = [(layer, states)] if type(layer).__name__ in RECURRENT else []
    siblings = []
    for index, (original, start) in enumerate(parts):
        config = {**original.get_config(), "return_sequences": True, "return_state": True}
        walker = type(original).from_config({**config, "name": f"walk_{index}_of_{name.replace(':', '_')}"})
        tensors = walker(x, **({"initial_state": list(start)} if start else {}))
        siblings.append(Sibling(original, walker, list(tensors)))
    return siblings


class Watcher:
    """A model that emits every tensor between the layers, and every step of the recurrent ones."""

    def __init__(
        self, keras: Any, inputs: list[Any], tensors: Mapping[Ref, Any], siblings: Mapping[str, list[Sibling]]
    ) -> None:
        self.keras = keras
        self.refs = list(tensors)
        self.siblings = {name: of_one for name, of_one in siblings.items() if of_one}
        walked = [tensor for of_one in self.siblings.values() for one in of_one for tensor in one.tensors]
        self.model = keras.Model(inputs, [*tensors.values(), *walked])

    def look(self, x: Any, samples: int) -> tuple[dict[Ref, Array], dict[str, tuple[Walked, ...]]]:
        """Every node's outputs, and the walk of every recurrent one."""
        for of_one in self.siblings.values():
            for one in of_one:
                one.layer.set_weights(one.original.get_weights())
        # predict makes a data set of batches first, which costs more than a small model
        emitted = self.model.predict_on_batch(x) if samples <= BATCH else self.model.predict(x, verbose=0)
        arrays = iter([np.asarray(array) for array in self.keras.tree.flatten(emitted)])
        seen = {ref: next(arrays) for ref in self.refs}
        walks = {
            name: tuple(Walked(next(arrays), tuple(next(arrays) for _ in one.tensors[1:])) for one in of_one)
            for name, of_one in self.siblings.items()
        }
        return seen, walks


class Built:
    """A Keras model with every tensor of its graph in hand."""

    def __init__(self, keras: Any, inputs: Sequence[Input], tensors: Mapping[str, Any]) -> None:
        self.keras = keras
        self.inputs = tuple(inputs)
        self.tensors: dict[Ref, Any] = {Ref(name): tensor for name, tensor in tensors.items()}
        self.calls: list[Call] = []
        self.layers: dict[str, Any] = {}
        self.outputs: tuple[Ref, ...] = ()
        self.model: Any = None
        self.feed: Any = None  # how model.predict wants its inputs: a list of names, or a mapping to names

    @classmethod
    def of_spec(cls, keras: Any, spec: Spec) -> Built:
        """Build the layers of a spec."""
        floats = "float64" if spec.dtype == "float64" else "float32"
        tensors = {
            given.name: keras.Input(given.shape, name=given.name, dtype="int32" if given.role == "ids" else floats)
            for given in spec.inputs
        }
        self = cls(keras, spec.inputs, tensors)
        for layer in spec.layers:
            try:
                made = keras_layer(keras, layer.class_name, layer.arguments, layer.name, spec.dtype)
                self.call(Call(layer.name, layer.name, layer.inputs, layer.initial_state), made)
            except Exception as error:  # Keras raises all kinds; each means that this spec cannot be built
                raise SpecError(
                    f"{spec.path}: layer {layer.name!r}: Keras refuses to build it: {first_line(error)}"
                ) from None
        self.outputs = spec.outputs
        self.feed = [given.name for given in spec.inputs]
        self.model = keras.Model([tensors[name] for name in self.feed], [self.tensors[ref] for ref in self.outputs])
        masked = {call.name: call.masked for call in calls_of_config(self.model.get_config())[0]}
        self.calls = [replace(call, masked=masked[call.name]) for call in self.calls]
        return self

    @classmethod
    def of_model(cls, keras: Any, model: Any, spec: Spec | None = None) -> Built:
        """Take a built model apart and connect its layers once more, so that every tensor between them can be seen."""
        if not model.built or not getattr(model, "inputs", None):
            raise RequestError(
                f"the model {model.name!r} has no fixed graph: expected a Sequential or functional model that is built"
            )
        functional = model
        if isinstance(model, keras.Sequential):
            x = inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
            for layer in model.layers:
                x = layer(x[0] if isinstance(x, list) else x)
            functional = keras.Model(inputs, x)
        config = functional.get_config()
        calls, classes = calls_of_config(config)
        feed = config["input_layers"]
        names = [ref.node for ref in output_refs(feed)]
        inputs = [described_input(name, functional, classes, spec) for name in names]
        tensors = {
            given.name: keras.Input(given.shape, name=given.name, dtype=functional.get_layer(given.name).dtype)
            for given in inputs
        }
        self = cls(keras, inputs, tensors)
        for call in calls:
            self.call(call, functional.get_layer(call.layer))
        self.outputs = output_refs(config["output_layers"])
        self.model = model
        self.feed = (
            {key: output_refs(value)[0].node for key, value in feed.items()} if isinstance(feed, dict) else names
        )
        return self

    def call(self, call: Call, layer: Any) -> None:
        """Call a layer on tensors in hand, and keep what it gives."""
        given = [self.tensors[ref] for ref in call.inputs]
        states = [self.tensors[ref] for ref in call.initial_state]
        outputs = layer(given if len(given) > 1 else given[0], **({"initial_state": states} if states else {}))
        for index, tensor in enumerate(self.keras.tree.flatten(outputs)):
            self.tensors[Ref(call.name, index)] = tensor
        self.calls.append(call)
        self.layers[call.layer] = layer

    def vocabularies(self) -> dict[str, int]:
        """For each input that an Embedding reads, how many ids all of those that read it have."""
        found: dict[str, int] = {}
        for call in self.calls:
            if type(self.layers[call.layer]).__name__ == "Embedding":
                name, size = call.inputs[0].node, self.layers[call.layer].input_dim
                found[name] = min(size, found.get(name, size))
        return found

    def observe(self, x: Mapping[str, Array], seconds: Mapping[str, float]) -> Observation:
        """Predict with the model itself, and look once more at every tensor of the graph."""
        floatx = self.keras.config.floatx()
        x = {name: cast(cast(array, floatx), self.model.compute_dtype) for name, array in x.items()}
        if isinstance(self.feed, dict):
            fed: Any = {key: x[name] for key, name in self.feed.items()}
        else:
            fed = arguments([x[name] for name in self.feed])
        started = time.perf_counter()
        try:
            predicted = self.model.predict(fed, verbose=0)
        except Exception as error:  # whatever it is, this model cannot be run on these inputs
            raise RequestError(f"Keras cannot predict: {first_line(error)}") from None
        predictions = tuple(np.asarray(array) for array in self.keras.tree.flatten(predicted))
        elapsed = time.perf_counter() - started
        emitted, walks = self.watcher.look(arguments(list(x.values())), len(predictions[0]))
        return Observation(
            inputs=dict(x),
            nodes=tuple(self.node(call) for call in self.calls),
            outputs=self.outputs,
            predictions=predictions,
            emitted=emitted,
            walks=walks,
            tf32=may_use_tf32(self.keras),
            environment=environment(self.keras),
            seconds={**seconds, "predict": elapsed},
        )

    @cached_property
    def watcher(self) -> Watcher:
        """A second model over the same tensors, made once."""
        inputs = [self.tensors[Ref(given.name)] for given in self.inputs]
        fed = {given.name for given in self.inputs}
        tensors = {ref: tensor for ref, tensor in self.tensors.items() if ref.node not in fed}
        siblings = {}
        for call in self.calls:
            x, *_ = (self.tensors[ref] for ref in call.inputs)
            siblings[call.name] = siblings_of(
                self.layers[call.layer], x, [self.tensors[ref] for ref in call.initial_state], call.name
            )
        return Watcher(self.keras, inputs, tensors, siblings)

    def node(self, call: Call) -> Node:
        layer = self.layers[call.layer]
        weights = dict(zip(weight_names(layer), layer.get_weights(), strict=True))
        return Node(
            name=call.name,
            layer=call.layer,
            class_name=type(layer).__name__,
            config=layer.get_config(),
            weights=weights,
            inputs=call.inputs,
            initial_state=call.initial_state,
            masked=call.masked,
        )


def cast(array: Array, precision: str) -> Array:
    """What a model makes of a float input on its way in; done here so that the replay is fed the same numbers.

    Subnormal numbers are fed as zero: some of TensorFlow's kernels read them so, and others do not.
    """
    if array.dtype.kind != "f":
        return array
    values = rounded(array, precision)
    smallest = 2.0**-1022 if precision == "float64" else 2.0**-126
    return np.where(np.abs(values) < smallest, 0, values).astype(array.dtype)


def arguments(arrays: list[Array]) -> Any:
    return arrays if len(arrays) > 1 else arrays[0]


def keras_layer(keras: Any, class_name: str, given: LayerArguments, name: str, dtype: str) -> Any:
    """One Keras layer from a spec's arguments."""
    made: dict[str, Any] = {}
    for key, value in given.keras_arguments().items():
        if isinstance(value, NestedLayer):
            inner = value.arguments.name or snake_case(value.class_name)
            value = keras_layer(keras, value.class_name, value.arguments, inner, dtype)
        made[key] = value
    if "recurrent_initializer" in type(given).model_fields and "bfloat16" in (made.get("dtype", dtype), dtype):
        made.setdefault(
            "recurrent_initializer", "glorot_uniform"
        )  # TensorFlow has no QR, so no orthogonal, in bfloat16
    return getattr(keras.layers, class_name)(**{"dtype": dtype, **made, "name": name})


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


def described_input(name: str, model: Any, classes: Mapping[str, set[str]], spec: Spec | None) -> Input:
    """One input of a loaded model; a free number of timesteps becomes the spec's T."""
    shape = model.get_layer(name).batch_shape[1:]
    if spec is not None:
        free_timesteps = [spec.T if axis == 0 and size is None else size for axis, size in enumerate(shape)]
        if None in free_timesteps:
            letter = "T" if shape[0] is None else "a fixed size"
            raise SpecError(
                f"{spec.path}: the input {name!r} of the model has shape {shape}; it needs {letter}, which is not set"
            )
        shape = tuple(free_timesteps)
    return Input(name, tuple(shape), "ids" if "Embedding" in classes.get(name, ()) else "features")


def may_use_tf32(keras: Any) -> bool:
    """Whether float32 products may run on a GPU's TF32 units: on NVIDIA's since Ampere, unless it was switched off."""
    if keras.backend.backend() != "tensorflow" or not any("gpu" in name for name in keras.distribution.list_devices()):
        return False
    import tensorflow

    return bool(tensorflow.config.experimental.tensor_float_32_execution_enabled())


def environment(keras: Any) -> dict[str, str]:
    """Versions and device, for the report."""
    return {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "tensorflow": version("tensorflow"),
        "numpy": np.__version__,
        "python": python_version(),
        "device": ", ".join(keras.distribution.list_devices()) or "cpu",
    }


def first_line(error: BaseException) -> str:
    """The gist of another library's error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return f"{type(error).__name__}: {told[0][:300]}" if told else type(error).__name__
