"""A Keras model with every tensor of its graph in hand. Works on Keras's objects without importing Keras."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import RequestError, SpecError
from rnnverify.keras_model.config_graph import Call, calls_of_config, output_refs
from rnnverify.keras_model.probe import Trace, Watcher, predict, walks_of
from rnnverify.keras_model.weights import weight_names
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.observation.precision import rounded
from rnnverify.spec.arguments import LayerArguments, NestedLayer, snake_case
from rnnverify.spec.model import Input, Spec

Array = npt.NDArray[Any]


class Built:
    """A Keras model with every tensor of its graph in hand."""

    def __init__(
        self, keras: Any, inputs: Sequence[Input], tensors: Mapping[str, Any], trace: Trace | None = None
    ) -> None:
        self.keras = keras
        self.trace = trace
        self.inputs = tuple(inputs)
        self.tensors: dict[Ref, Any] = {Ref(name): tensor for name, tensor in tensors.items()}
        self.calls: list[Call] = []
        self.layers: dict[str, Any] = {}
        self.outputs: tuple[Ref, ...] = ()
        self.model: Any = None
        self.feed: Any = None  # how model.predict wants its inputs: a list of names, or a mapping to names
        self.at_once = False  # whether one prediction gives the outputs and all that is to be seen
        self.configs: dict[str, Mapping[str, Any]] = {}

    @classmethod
    def of_spec(cls, keras: Any, spec: Spec, trace: Trace | None = None, at_once: bool = False) -> Built:
        """Build the layers of a spec.

        Args:
            trace: is done to a model before its first prediction.
            at_once: whether to predict with a model that returns all that is to be seen beside the outputs: it is traced
                once, and takes two thirds of the time of two.
        """
        floats = "float64" if spec.dtype == "float64" else "float32"
        tensors = {
            given.name: keras.Input(given.shape, name=given.name, dtype="int32" if given.role == "ids" else floats)
            for given in spec.inputs
        }
        self = cls(keras, spec.inputs, tensors, trace)
        pairs = []
        for layer in spec.layers:
            try:
                made = keras_layer(keras, layer.class_name, layer.arguments, layer.name, spec.dtype)
            except Exception as error:  # Keras raises all kinds; each means that this layer cannot be built
                raise SpecError(refusal(spec.path, layer.name, error)) from None
            seed_initializers(made, Random(f"{spec.seed} {layer.name}"))
            pairs.append((Call(layer.name, layer.name, layer.inputs, layer.initial_state), made))
        self.connect(pairs, spec.path)
        self.outputs = spec.outputs
        self.feed = [given.name for given in spec.inputs]
        self.at_once = at_once
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
        self.connect([(call, functional.get_layer(call.layer)) for call in calls], model.name)
        self.outputs = output_refs(config["output_layers"])
        self.model = model
        self.feed = (
            {key: output_refs(value)[0].node for key, value in feed.items()} if isinstance(feed, dict) else names
        )
        return self

    def connect(self, pairs: Sequence[tuple[Call, Any]], origin: str) -> None:
        """Call every layer in turn.

        Keras names the operations that make its masks by itself, such as `concatenate`, and refuses a graph in which a
        layer has the same name. Called once more, they get other names.
        """
        given = dict(self.tensors)
        for attempt in range(len(pairs) + 2):
            self.tensors, self.calls = dict(given), []
            for call, layer in pairs:
                try:
                    self.call(call, layer)
                except Exception as error:  # as above: this layer cannot be called on these inputs
                    raise SpecError(refusal(origin, call.layer, error)) from None
            try:
                self.keras.Model(list(given.values()), list(self.tensors.values()))
            except ValueError as error:
                if "names should be unique" in str(error) and attempt <= len(pairs):
                    continue
                raise SpecError(f"{origin}: Keras refuses to build the model: {first_line(error)}") from None
            return

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

    def observe(
        self,
        asked: Asked,
        x: Mapping[str, Array],
        seconds: Mapping[str, float] = MappingProxyType({}),
        environment: Mapping[str, str] = MappingProxyType({}),
        tf32: bool = False,
    ) -> Observation:
        """Predict with the model itself, and look once more at every tensor of the graph."""
        floatx = self.keras.config.floatx()
        x = {name: cast(cast(array, floatx), self.model.compute_dtype) for name, array in x.items()}
        if isinstance(self.feed, dict):
            fed: Any = {key: x[name] for key, name in self.feed.items()}
        else:
            fed = arguments([x[name] for name in self.feed])
        samples, started = len(next(iter(x.values()))), time.perf_counter()
        watched = arguments(list(x.values()))
        try:
            if self.at_once:
                seen = self.watcher.look(watched, samples)
                predictions = seen.outputs
            else:
                predicted = predict(self.keras, self.model, fed, samples, self.trace)
                predictions = [np.asarray(array) for array in self.keras.tree.flatten(predicted)]
        except Exception as error:  # whatever it is, this model cannot be run on these inputs
            raise RequestError(f"Keras cannot predict: {first_line(error)}") from None
        elapsed = time.perf_counter() - started
        if not self.at_once:
            seen = self.watcher.look(watched, samples)
        return Observation(
            asked=asked,
            inputs=dict(x),
            nodes=tuple(self.node(call) for call in self.calls),
            outputs=self.outputs,
            predictions=tuple(predictions),
            emitted=seen.tensors,
            walks=seen.walks,
            tf32=tf32,
            environment=environment,
            seconds={**seconds, "predict": elapsed},
        )

    @cached_property
    def watcher(self) -> Watcher:
        """A second model over the same tensors, made once."""
        inputs = [self.tensors[Ref(given.name)] for given in self.inputs]
        fed = {given.name for given in self.inputs}
        tensors = {ref: tensor for ref, tensor in self.tensors.items() if ref.node not in fed}
        walks = {}
        for call in self.calls:
            x, *_ = (self.tensors[ref] for ref in call.inputs)
            walks[call.name] = walks_of(
                self.layers[call.layer], x, [self.tensors[ref] for ref in call.initial_state], call.name
            )
        outputs = [self.tensors[ref] for ref in self.outputs] if self.at_once else []
        return Watcher(self.keras, inputs, outputs, tensors, walks, self.trace)

    def node(self, call: Call) -> Node:
        layer = self.layers[call.layer]
        if call.layer not in self.configs:
            self.configs[call.layer] = layer.get_config()
        weights = dict(zip(weight_names(layer), layer.get_weights(), strict=True))
        return Node(
            name=call.name,
            layer=call.layer,
            class_name=type(layer).__name__,
            config=self.configs[call.layer],
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


PARTS = ("cell", "layer", "forward_layer", "backward_layer")  # of a layer, with initialisers of their own


def seed_initializers(layer: Any, random: Random) -> None:
    """Give every initialiser a seed that has none.

    Otherwise it takes one from Python's global generator, of which other threads may draw at the same time: on the workers
    of a cluster they do.
    """
    for name, initializer in vars(layer).items():
        if name.endswith("_initializer") and hasattr(initializer, "seed") and initializer.get_config()["seed"] is None:
            initializer.seed = random.randrange(1, 2**31)
    for name in PARTS:
        if name in vars(layer):
            seed_initializers(vars(layer)[name], random)


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


def refusal(origin: str, layer: str, error: BaseException) -> str:
    return f"{origin}: layer {layer!r}: Keras refuses to build it: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The gist of another library's error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return f"{type(error).__name__}: {told[0][:300]}" if told else type(error).__name__
