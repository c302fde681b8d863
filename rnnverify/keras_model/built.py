"""A Keras model with every tensor of its graph in hand. Works on Keras's objects without importing Keras."""

from __future__ import annotations

import logging
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
from rnnverify.keras_model.probe import Trace, Watcher, predict, walks_of
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.weights import weight_names
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.observation.precision import rounded
from rnnverify.spec.model import Input

Array = npt.NDArray[Any]

log = logging.getLogger(__name__)


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
        """For each input that an Embedding reads, how many ids all of those that read it have."""
        found: dict[str, int] = {}
        for node in self.nodes:
            layer = self.layers[node.layer]
            if is_embedding(layer):
                name = node.inputs[0].node
                found[name] = min(layer.input_dim, found.get(name, layer.input_dim))
        return found

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
        floatx, own = self.keras.config.floatx(), self.model if self.model is not None else self.watcher.model
        x = {name: cast(cast(array, floatx), own.compute_dtype) for name, array in x.items()}
        check_finite({f"the input {name!r}": array for name, array in x.items()})
        check_ids(x, self.vocabularies())
        self.check_weights()
        samples, watched = len(next(iter(x.values()))), arguments(x)
        log.info("predicting")
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
        walks = {}
        for node in self.nodes:
            x, states = self.tensors[node.inputs[0]], [self.tensors[ref] for ref in node.initial_state]
            walks[node.name] = walks_of(self.keras, self.layers[node.layer], x, states, node.name)
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


def check_finite(arrays: Mapping[str, Array]) -> None:
    """Of what is no number nothing can be computed, and nothing tested.

    Raises:
        DataError: one of them holds NaN or infinity; it is named.
    """
    for name, array in arrays.items():
        wrong = array.size - int(np.count_nonzero(np.isfinite(array)))
        if wrong:
            raise DataError(
                f"expected finite numbers in {name}, got {wrong} of {array.size} that are NaN or infinite in {array.dtype}"
            )


def check_ids(inputs: Mapping[str, Array], vocabularies: Mapping[str, int]) -> None:
    """Keras's own refusal of a token id beyond the vocabulary does not say much.

    Raises:
        DataError: an input that an Embedding reads holds one.
    """
    for name, size in vocabularies.items():
        ids = inputs.get(name)
        if ids is not None and ids.size and ids.max() >= size:
            raise DataError(f"expected token ids below {size} in the input {name!r}, got {ids.max()}")


def is_embedding(layer: Any) -> bool:
    """Whether a layer reads ids: it has a row for each of them."""
    return hasattr(layer, "embeddings") and hasattr(layer, "input_dim")


def weights_of(layer: Any) -> dict[str, Array]:
    return dict(zip(weight_names(layer), layer.get_weights(), strict=True))


def cast(array: Array, precision: str) -> Array:
    """What a model makes of a float input on its way in; done here so that the replay is fed the same numbers.

    Subnormal numbers are fed as zero: some of TensorFlow's kernels read them so, and others do not.
    """
    if array.dtype.kind != "f":
        return array
    values = rounded(array, precision)
    smallest = 2.0**-1022 if precision == "float64" else 2.0**-126
    return np.where(np.abs(values) < smallest, 0, values).astype(array.dtype)


def arguments(arrays: Mapping[str, Array]) -> Any:
    """Inputs in their order, as a model takes them: a list, or the only one."""
    several = list(arrays.values())
    return several if len(several) > 1 else several[0]
