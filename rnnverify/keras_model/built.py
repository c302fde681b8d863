"""A Keras model with every tensor of its graph in hand. Works on Keras's objects without importing Keras."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, RequestError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.fed import as_fed, check_finite
from rnnverify.keras_model.probe import Trace, Watcher, predict, walks_of
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.token_ids import beyond, vocabularies_of
from rnnverify.keras_model.weights import weight_names
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.observation.precision import UNIT_ROUNDOFF, dtypes_in
from rnnverify.spec.model import Input

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Built:
    """A Keras model with every tensor of its graph in hand: of a spec (see `build`), or one that is there (see `models`)."""

    keras: Any
    inputs: tuple[Input, ...]
    tensors: Mapping[Ref, Any]  # Keras's: the inputs, and every output of every node
    nodes: tuple[InboundNode, ...]  # in topological order
    layers: Mapping[str, Any]  # Keras's, by name
    outputs: tuple[Ref, ...]
    model: Any = (
        None  # what predicts, where it was there before; a spec's model is one that returns all there is to see
    )
    feed: Mapping[str, str] | None = None  # by which names it wants its inputs; None: in their order
    trace: Trace | None = None  # is done to a model before its first prediction

    def vocabularies(self) -> dict[str, int]:
        """For each input whose token ids reach an Embedding, how many ids all of those that they reach have."""
        return vocabularies_of((given.name for given in self.inputs), self.nodes, self.layers)

    def observe(
        self,
        asked: Asked,
        x: Mapping[str, Array],
        seconds: Mapping[str, float] = MappingProxyType({}),
        environment: Mapping[str, str] = MappingProxyType({}),
        tf32: bool = False,
    ) -> Observation:
        """Predict, and look at every tensor of the graph.

        Args:
            x: for each input an array, (N, *shape).

        Raises:
            RequestError: Keras cannot predict on these inputs; they or the weights are not all finite numbers.
        """
        x = self.fed(x)
        self.check_weights()
        samples, watched = len(next(iter(x.values()))), arguments(x)
        started = time.perf_counter()
        try:
            if self.model is None:
                seen = self.watcher.look(watched, samples)
                predictions = seen.outputs
            else:
                fed = watched if self.feed is None else {key: x[name] for key, name in self.feed.items()}
                predicted = predict(self.keras, self.model, fed, samples, self.trace)
                predictions = [np.asarray(array) for array in self.keras.tree.flatten(predicted)]
        except Exception as error:  # whatever it is, this model cannot be run on these inputs
            raise RequestError(f"Keras cannot predict: {first_line(error)}") from None
        elapsed = time.perf_counter() - started
        if self.model is not None:
            seen = self.watcher.look(watched, samples)
        return Observation(
            asked=asked,
            inputs=x,
            nodes=self.described_nodes(),
            outputs=self.outputs,
            predictions=tuple(predictions),
            emitted=seen.tensors,
            walks=seen.walks,
            tf32=tf32,
            environment=environment,
            seconds={**seconds, "predict": elapsed},
        )

    def fed(self, x: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs as the model's layers see them.

        Raises:
            DataError: they are not what the inputs take, not all finite, or ids that an Embedding does not have.
        """
        precisions = self.keras.config.floatx(), (self.model or self.watcher.model).compute_dtype
        exact = max((dtypes_in(config)[-1] for config in self.configs.values()), key=UNIT_ROUNDOFF.__getitem__)
        vocabularies = self.vocabularies()
        fed: dict[str, Array] = {}
        for name, array in x.items():
            if name in vocabularies and (wrong := beyond(array, vocabularies[name])) is not None:
                limit = "of at least 0" if wrong < 0 else f"below {vocabularies[name]}"
                raise DataError(f"expected token ids {limit} in the input {name!r}, got {wrong:g}")
            if name not in vocabularies or array.dtype.kind == "f":
                array = as_fed(name, array, self.tensors[Ref(name)].dtype, precisions, exact)
            fed[name] = array
        check_finite({f"the input {name!r}": array for name, array in fed.items()})
        return fed

    def check_weights(self) -> None:
        """Refuse weights that are no numbers.

        Raises:
            DataError: some are NaN or infinite; the layer and the weight are named.
        """
        for name, layer in self.layers.items():
            weights = weights_of(layer)
            check_finite({f"the weight {weight!r} of layer {name!r}": array for weight, array in weights.items()})

    @cached_property
    def watcher(self) -> Watcher:
        """A model over the same tensors that returns them all, made once."""
        inputs = [self.tensors[Ref(given.name)] for given in self.inputs]
        fed = {given.name for given in self.inputs}
        tensors = {ref: tensor for ref, tensor in self.tensors.items() if ref.node not in fed}
        walks, taken = {}, {ref.node for ref in self.tensors}
        for node in self.nodes:
            x, states = self.tensors[node.inputs[0]], [self.tensors[ref] for ref in node.initial_state]
            walks[node.name] = walks_of(self.keras, self.layers[node.layer], x, states, node.name, taken)
        outputs = [self.tensors[ref] for ref in self.outputs] if self.model is None else []
        return Watcher(self.keras, inputs, outputs, tensors, walks, self.trace)

    @cached_property
    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """What Keras says of each layer: it does not change, and takes a while to ask."""
        return {name: layer.get_config() for name, layer in self.layers.items()}

    def described_nodes(self) -> tuple[Node, ...]:
        """The graph with its configs and weights, without Keras's objects."""
        return tuple(
            Node(
                name=node.name,
                layer=node.layer,
                class_name=type(self.layers[node.layer]).__name__,
                config=self.configs[node.layer],
                weights=weights_of(self.layers[node.layer]),
                inputs=node.inputs,
                initial_state=node.initial_state,
                masked=node.masked,
            )
            for node in self.nodes
        )


def weights_of(layer: Any) -> dict[str, Array]:
    return dict(zip(weight_names(layer), layer.get_weights(), strict=True))


def arguments(arrays: Mapping[str, Array]) -> Any:
    """Inputs in their order, as a model takes them: a list, or the only one."""
    several = list(arrays.values())
    return several if len(several) > 1 else several[0]
