"""A Keras model with every tensor of its graph in hand. Works on Keras's objects without importing Keras."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import RequestError
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.described import described_nodes
from rnnverify.keras_model.fed import as_fed, check_finite, ids_as_fed
from rnnverify.keras_model.foreign import config_of, untracked
from rnnverify.keras_model.in_a_row import check_batch, kept_in, observe_in_a_row, starts_for
from rnnverify.keras_model.inside import named_apart
from rnnverify.keras_model.long_walks import LONG, long_walks_of, width_of
from rnnverify.keras_model.opaque import check_seen, masks_behind
from rnnverify.keras_model.predicting import BATCH, Trace, arguments, predict
from rnnverify.keras_model.probe import Watcher
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.states import same_start, variables_of
from rnnverify.keras_model.structure import outputs_of, paths_of
from rnnverify.keras_model.token_ids import check_ids, vocabularies_of
from rnnverify.keras_model.walks import directions_of, walk_of
from rnnverify.keras_model.weights import weights_of
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.observation.precision import UNIT_ROUNDOFF, dtypes_in
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
    # What predicts, where it was there before; a spec's model is one that returns all there is to see.
    model: Any = None
    feed: Mapping[str, str] | None = None  # by which names it wants its inputs; None: in their order
    trace: Trace | None = None  # is done to a model before its first prediction
    watchers: dict[frozenset[str], Watcher] = field(default_factory=dict)  # by the nodes whose walks are long ones
    tried: dict[Any, bool] = field(default_factory=dict)  # what came of loops that a walk might share

    def vocabularies(self) -> dict[str, int]:
        """For each input whose token ids reach an Embedding, how many ids all of those that they reach have."""
        return vocabularies_of((given.name for given in self.inputs), self.nodes, self.layers)

    def observe(
        self,
        asked: Asked,
        calls: Sequence[Mapping[str, Array]],
        seconds: Mapping[str, float] = MappingProxyType({}),
        environment: Mapping[str, str] = MappingProxyType({}),
        tf32: bool = False,
        reset: Collection[int] = (),
    ) -> Observation:
        """Predict, and look at every tensor of the graph.

        Args:
            calls: for each input an array, (N, *shape); of a model that keeps states perhaps several times.
            reset: the numbers of the calls, from 1, that start anew.

        Raises:
            RequestError: Keras cannot predict on these inputs; they or the weights are not all finite numbers.
        """
        if self.kept:
            return observe_in_a_row(self, asked, calls, reset, seconds, environment, tf32)
        (x,) = calls
        watcher = self.watcher(self.long(x))
        x = self.fed(x, self.model if self.model is not None else watcher.model)
        weights = self.check_weights()
        log.info("predicting")
        started = time.perf_counter()
        with same_start(variables_of(self.layers[node.layer] for node in self.nodes if node.opaque)) as start:
            try:
                if self.model is None:
                    seen = watcher.look(x)
                    predictions = seen.outputs
                else:
                    predictions = self.predicted(x)
            except Exception as error:  # whatever it is, this model cannot be run on these inputs
                raise RequestError(f"Keras cannot predict: {first_line(error)}") from None
            elapsed = time.perf_counter() - started
            if self.model is not None:
                start()
                seen = watcher.look(x)
        check_seen(self.opaque, seen.tensors, seen.masks, len(next(iter(x.values()))))
        return Observation(
            asked=asked,
            inputs=x,
            nodes=self.described_nodes(weights, seen.tensors),
            outputs=self.outputs,
            paths=paths_of(self.keras, outputs_of(self.model)),
            predictions=tuple(predictions),
            emitted=seen.tensors,
            walks=seen.walks,
            tf32=tf32,
            environment=environment,
            seconds={**seconds, "predict": elapsed},
            masks=seen.masks,
        )

    def predicted(self, x: Mapping[str, Array]) -> list[Array]:
        """What the model that was there puts out; all samples at once, where it keeps states of each of them."""
        fed = arguments(x) if self.feed is None else {key: x[name] for key, name in self.feed.items()}
        samples = len(next(iter(x.values())))
        trace, batch = (None, samples) if self.kept else (self.trace, BATCH)
        predicted = predict(self.keras, self.model, fed, samples, trace, batch)
        return [np.asarray(array) for array in self.keras.tree.flatten(predicted)]

    @cached_property
    def kept(self) -> Mapping[str, Sequence[Any]]:
        """Of each stateful node the variables that it keeps its states in."""
        return kept_in(self.keras, [node for node in self.nodes if not node.opaque], self.layers)

    def fed(self, x: Mapping[str, Array], model: Any) -> dict[str, Array]:
        """The inputs as the layers of a Keras model see them.

        Raises:
            DataError: they are not what the inputs take, not all finite, or ids that an Embedding does not have.
        """
        precisions = self.keras.config.floatx(), model.compute_dtype
        exact = max((dtypes_in(config)[-1] for config in self.configs.values()), key=UNIT_ROUNDOFF.__getitem__)
        vocabularies = self.vocabularies()
        fed: dict[str, Array] = {}
        for name, array in x.items():
            dtype, vocabulary = self.tensors[Ref(name)].dtype, vocabularies.get(name)
            check_ids(name, array, vocabulary)
            if vocabulary is None or array.dtype.kind == "f":
                array = as_fed(name, array, dtype, precisions, exact)
            else:
                array = ids_as_fed(name, array, dtype)
            check_ids(name, array, vocabulary, f" as {dtype} has them")
            check_batch(name, array, self.tensors[Ref(name)].shape[0] if self.kept else None)
            fed[name] = array
        check_finite({f"the input {name!r}": array for name, array in fed.items()})
        return fed

    def check_weights(self) -> Mapping[str, Mapping[str, Array]]:
        """Every layer's weights. Refuse those that are no numbers.

        Raises:
            DataError: some are NaN or infinite; the layer and the weight are named.
        """
        found = {name: weights_of(layer) for name, layer in self.layers.items()}
        for name, weights in found.items():
            check_finite({f"the weight {weight!r} of layer {name!r}": array for weight, array in weights.items()})
        return found

    def long(self, x: Mapping[str, Array]) -> frozenset[str]:
        """The nodes whose walks are long ones, with these inputs."""
        samples = max(len(array) for array in x.values())
        timesteps = max((array.shape[1] for array in x.values() if array.ndim > 1), default=1)
        lengths = {name: self.tensors[ref].shape[1] or timesteps for name, ref in self.walking.items()}
        return frozenset(name for name in lengths if samples * lengths[name] * self.widths[name] > LONG)

    @cached_property
    def widths(self) -> Mapping[str, int]:
        """How many numbers each node's walks hold at each step, of those that can be taken in stretches."""
        nodes = [node for node in self.nodes if not (node.opaque or node.mask or node.name in self.kept)]
        found = {node.name: width_of(self.keras, self.layers[node.layer], *self.fed_to(node)) for node in nodes}
        return {name: width for name, width in found.items() if width}

    @cached_property
    def walking(self) -> Mapping[str, Ref]:
        """What those nodes walk over."""
        return {node.name: node.inputs[0] for node in self.nodes if node.name in self.widths}

    def fed_to(self, node: InboundNode) -> tuple[Any, list[Any]]:
        """What a node is fed: its first input, and the states to start from."""
        return self.tensors[node.inputs[0]], [self.tensors[ref] for ref in node.initial_state]

    def watcher(self, long: frozenset[str] = frozenset()) -> Watcher:
        """A model over the same tensors that returns them all, made once; with nodes whose walks are watched by themselves."""
        if long not in self.watchers:
            self.watchers[long] = self.watching(long)
        return self.watchers[long]

    def watching(self, long: frozenset[str]) -> Watcher:
        inputs = [self.tensors[Ref(given.name)] for given in self.inputs]
        fed = {given.name for given in self.inputs}
        tensors = {ref: tensor for ref, tensor in self.tensors.items() if ref.node not in fed}
        walks, stretched, taken, starts = {}, {}, {ref.node for ref in self.tensors}, list[Any]()
        for node in self.nodes:
            if node.opaque:
                continue
            layer, (x, states) = self.layers[node.layer], self.fed_to(node)
            if node.name in long:
                refs = node.inputs[0], node.initial_state
                stretched[node.name] = long_walks_of(self.keras, layer, x, refs, node.name)
                continue
            mask = None if states else getattr(x, "_keras_mask", None)  # no implied one beside states
            mask = self.tensors[node.mask[0]] if node.masked and node.mask and node.mask[0] else mask
            if node.name in self.kept:  # what it starts from is fed
                own = starts_for(self.keras, node.name, self.kept[node.name], taken)
                starts += own
                states = states or own
            directions = directions_of(self.keras, layer, x, states, node.name)
            output = self.tensors[Ref(node.name)]
            walks[node.name] = [walk_of(self.keras, one, mask, taken, output) for one in directions]
        outputs = [self.tensors[ref] for ref in self.outputs] if self.model is None else []
        masks = masks_behind(self.nodes, self.tensors)
        with named_apart(self.layers):
            given = [*inputs, *starts]
            return Watcher(self.keras, given, outputs, tensors, walks, stretched, self.trace, self.tried, masks)

    @property
    def opaque(self) -> frozenset[str]:
        """The nodes that are taken as given."""
        return frozenset(node.name for node in self.nodes if node.opaque)

    @cached_property
    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """What Keras says of each layer: it does not change, and takes a while to ask. In a model inside it has a longer name."""
        return {name: {**untracked(config_of(layer)), "name": name} for name, layer in self.layers.items()}

    def described_nodes(
        self,
        weights: Mapping[str, Mapping[str, Array]] = MappingProxyType({}),
        emitted: Mapping[Ref, Array] = MappingProxyType({}),
    ) -> tuple[Node, ...]:
        """The graph with its configs and weights, without Keras's objects. Weights that are at hand need not be given twice."""
        return described_nodes(self.nodes, self.layers, self.configs, self.tensors, weights, emitted)
