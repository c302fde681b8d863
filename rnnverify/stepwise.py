"""Each node by itself, on what Keras fed it; each step of a recurrent layer from the state that Keras emitted before it.

It is complete by induction: where every node is right on its inputs, and every step from the state before it, the whole is
right. It places a fault by construction: the first node and timestep beyond its limit is where it went wrong. Nothing
accumulates, whatever the recurrence does with errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.precision import LARGEST, UNIT_ROUNDOFF, compute_dtype
from rnnverify.replay.arrays import Array
from rnnverify.replay.bidirectional import MERGES, Bidirectional
from rnnverify.replay.dense import Dense
from rnnverify.replay.graph import Graph, cast
from rnnverify.replay.layer import Call, Masked, Outputs
from rnnverify.replay.recurrence import Gates, Recurrent, gates_of_steps, steps
from rnnverify.rounding import PRECISIONS, Matrix, Precision, Rounded
from rnnverify.suspects import Suspect, elements_for, of_dense, of_recurrent, suspects
from rnnverify.tally import Divergence, Tally
from rnnverify.threads import in_order
from rnnverify.walks import Walk, stretches_of

# How many numbers of the widest intermediate array are worked on at once: they should stay in the processor's cache.
STRETCH = 1 << 18


def check_nodes(observed: Observation, graph: Graph) -> dict[str, Tally]:
    """Check every node of what was observed, in order."""
    given = {**{Ref(name): x for name, x in observed.inputs.items()}, **observed.emitted}
    masks: dict[Ref, Array | None] = {}
    found: dict[str, Tally] = {}
    claims = {ref: [array] for ref, array in observed.emitted.items()}
    for ref, prediction in zip(observed.outputs, observed.predictions, strict=True):
        # What the model returned is checked too, where it is not what was seen inside.
        if ref in claims and not np.array_equal(prediction, claims[ref][0], equal_nan=True):
            claims[ref].append(prediction)
    for node in observed.nodes:
        check = NodeCheck(node, graph, given, masks, precision_of(node.config, observed.tf32))
        tally = Tally(node.name, LARGEST[graph.precisions[node.name]])
        outputs = [claims[ref] for ref in sorted(claims) if ref.node == node.name]
        with np.errstate(all="ignore"):  # an overflow is Keras's too, and is compared like any other value
            walks = check.walks_of(observed.walks.get(node.name, ()))
            for comparison in check.comparisons(outputs, walks):
                tally.add(*comparison)
            if tally.first is not None:
                tally.suspects, gate = check.suspicion(walks, outputs[0][0], tally.first, tally.walk)
                tally.first = dataclasses.replace(tally.first, gate=gate)
        masks.update(check.masks)
        found[node.name] = tally
    return found


def precision_of(config: Mapping[str, Any], tf32: bool) -> Precision:
    """What a layer computes in: the coarsest precision in it."""
    found = [
        dataclasses.replace(PRECISIONS[dtype], operands=2.0**-11) if tf32 and dtype == "float32" else PRECISIONS[dtype]
        for dtype in dtypes_in(config)
    ]
    return max(found, key=lambda precision: precision.unit)


def unit_roundoff(config: Mapping[str, Any]) -> float:
    """The unit roundoff of the coarsest precision in a layer."""
    return max(UNIT_ROUNDOFF[dtype] for dtype in dtypes_in(config))


def dtypes_in(config: Mapping[str, Any]) -> list[str]:
    """The precisions that a layer and those inside it compute in: inside a wrapper they may have policies of their own."""
    inner = [config[key]["config"] for key in ("layer", "backward_layer") if isinstance(config.get(key), Mapping)]
    return [compute_dtype(config["dtype"]), *(dtype for part in inner for dtype in dtypes_in(part))]


class Comparison(NamedTuple):
    """What Keras emitted beside what was expected of it."""

    keras: Array
    expected: Any
    start: int = 0  # the timestep that the first one given here is
    walk: int | None = None  # which walk through time it belongs to: a Bidirectional has two


Comparisons = Iterator[Comparison]
Suspicion = tuple[tuple[Suspect, ...], str | None]  # weights, and a gate


class NodeCheck:
    """One node with the inputs that Keras gave it."""

    def __init__(
        self,
        node: Node,
        graph: Graph,
        given: Mapping[Ref, Array],
        masks: Mapping[Ref, Array | None],
        precision: Precision,
    ) -> None:
        self.node = node
        self.layer = graph.layers[node.name]
        self.dtype = graph.precisions[node.name]
        self.fed_by_user = [ref.node not in graph.layers for ref in node.inputs]
        self.precision = precision
        self.values = [given[ref] for ref in node.inputs]
        self.input_masks = [masks.get(ref) for ref in node.inputs]
        weights = [cast(weight, self.dtype, np.float64) for weight in node.weights.values()]
        self.weights: list[Any] = [Matrix(weight, precision) if weight.ndim == 2 else weight for weight in weights]
        self.initial_state = [cast(given[ref], self.dtype, np.float64) for ref in node.initial_state]
        self.masks: dict[Ref, Array | None] = {}

    def inputs(self, part: slice = slice(None)) -> list[Masked]:
        """The inputs as exact numbers, as the layer sees them; `part` of the timesteps where they have time."""
        made = []
        for values, mask, fed in zip(self.values, self.input_masks, self.fed_by_user, strict=True):
            values = values[:, part] if part != slice(None) else values
            if values.dtype.kind in "iub":
                x: Any = values
            else:
                own = self.dtype if fed and self.layer.autocast else "float64"
                x = Rounded.exact(cast(values, own, np.float64), self.precision)
            made.append(Masked(x, mask if mask is None or part == slice(None) else mask[:, part]))
        return made

    def walks_of(self, walks: Sequence[Walked]) -> list[Walk]:
        """The walks through time that were observed: one of a recurrent layer, two of a Bidirectional."""
        if not walks:
            return []
        if isinstance(self.layer, Bidirectional):
            call = Call((), self.weights, self.initial_state)
            parts = [(layer, part.weights, part.initial_state) for layer, part in self.layer.parts(call)]
        else:
            assert isinstance(self.layer, Recurrent)
            parts = [(self.layer, self.weights, self.initial_state)]
        return [self.walk_of(*part, walked) for part, walked in zip(parts, walks, strict=True)]

    def walk_of(self, layer: Recurrent, weights: Sequence[Any], initial_state: Sequence[Array], walked: Walked) -> Walk:
        (x,) = self.values
        mask = self.input_masks[0] if self.node.masked else None
        samples, _, units = walked.sequence.shape
        if layer.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        h, *c = initial_state or [np.zeros((samples, units)) for _ in layer.state_names]
        return Walk(layer, weights, x, mask, walked, h, c)

    def comparisons(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Walk]) -> Comparisons:
        """Everything to compare: for each output, what Keras emitted (once or twice) beside what was expected."""
        if isinstance(self.layer, Recurrent) and walks:
            yield from self.recurrent(outputs, walks[0])
        elif isinstance(self.layer, Bidirectional) and walks:
            yield from self.bidirectional(outputs, walks)
        else:
            yield from self.plain(outputs)

    def plain(self, outputs: Sequence[Sequence[Array]]) -> Comparisons:
        """One application of the layer; stretch by stretch where it treats every timestep alike."""

        def replayed(part: slice) -> tuple[slice, Outputs]:
            return part, self.layer(Call(self.inputs(part), self.weights, self.initial_state, self.node.masked))

        for part, results in in_order(replayed, self.stretches(outputs)):
            for index, (claims, made) in enumerate(zip(outputs, results, strict=True)):
                for claim in claims:
                    yield Comparison(claim if part == slice(None) else claim[:, part], made.values, part.start or 0)
                self.note_mask(index, made.mask, part)

    def note_mask(self, index: int, mask: Array | None, part: slice) -> None:
        ref = Ref(self.node.name, index)
        before = self.masks.get(ref)
        self.masks[ref] = mask if before is None or mask is None else np.concatenate([before, mask], axis=1)

    def stretches(self, outputs: Sequence[Sequence[Array]]) -> list[slice]:
        """Parts of the time axis, each small enough; all at once for layers that mix timesteps."""
        widest = max(array.size // max(len(array), 1) for array in [*self.values, outputs[0][0]])
        samples, timesteps = len(self.values[0]), self.values[0].shape[1] if self.values[0].ndim > 1 else 1
        if not self.layer.pointwise or outputs[0][0].ndim < 3 or samples * widest <= STRETCH:
            return [slice(None)]
        return stretches_of(timesteps, max(1, STRETCH * timesteps // (samples * widest)))

    def recurrent(self, outputs: Sequence[Sequence[Array]], taken: Walk) -> Comparisons:
        """A recurrent layer: every step, then what the layer itself put out, then its last states."""
        layer = taken.layer
        last: tuple[Any, ...] = ()
        for keras, made, start in self.walk(taken):
            yield Comparison(keras, made[0], start, 0)
            if layer.return_sequences:  # its own sequence, where it is not what the sibling emitted
                yield from self.own(outputs[0], keras, made[0], start)
            last = made
        if not layer.return_sequences:
            yield from self.own(outputs[0], taken.sequence[:, -1], last[0][:, -1], 0)
        yield from self.last_states(outputs[1:], taken.walked, last)
        self.masks[Ref(self.node.name)] = self.input_masks[0] if layer.return_sequences else None

    def own(self, claims: Sequence[Array], walked: Array, expected: Any, start: int) -> Comparisons:
        """What the layer itself emitted, and the model predicted, where that is not what its sibling emitted."""
        for claim in claims:
            part = claim[:, start : start + walked.shape[1]] if claim.ndim == 3 else claim
            if not np.array_equal(part, walked, equal_nan=True):
                yield Comparison(part, expected, start)

    def last_states(self, outputs: Sequence[Sequence[Array]], walked: Walked, last: Sequence[Any]) -> Comparisons:
        """c after the last step; and states that the layer itself returned, which must be those of the walk."""
        for keras, carried in zip(walked.states[1:], last[1:], strict=True):
            yield Comparison(keras, carried[:, -1])
        for claims, keras in zip(outputs, walked.states, strict=False):
            for claim in claims:
                yield Comparison(claim, keras)

    def bidirectional(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Walk]) -> Comparisons:
        """Either direction step by step, then their merging."""
        layer = self.layer
        assert isinstance(layer, Bidirectional)
        states: list[Array] = []
        for index, taken in enumerate(walks):
            last: tuple[Any, ...] = ()
            for keras, made, start in self.walk(taken):
                yield Comparison(keras, made[0], start, index)
                last = made
            yield from self.last_states((), taken.walked, last)
            states += taken.walked.states
        sequences = layer.layer.return_sequences
        forward, backward = (taken.sequence if sequences else taken.sequence[:, -1] for taken in walks)
        ys = [Rounded.exact(y, self.precision) for y in (forward, backward[:, ::-1] if sequences else backward)]
        merged = ys if layer.merge_mode is None else [MERGES[layer.merge_mode](*ys)]
        for claims, y in zip(outputs, [*merged, *states], strict=False):
            for claim in claims:
                yield Comparison(claim, y)
        for index in range(len(merged)):
            self.masks[Ref(self.node.name, index)] = self.input_masks[0] if sequences else None

    def walk(self, taken: Walk) -> Iterator[tuple[Array, tuple[Any, ...], int]]:
        """Stretch by stretch: the outputs that Keras emitted, the states expected, and where the stretch begins."""
        cell = taken.layer.cell(taken.weights)
        samples, timesteps, _ = taken.sequence.shape
        carried: list[Any] = [Rounded.exact(c, self.precision) for c in taken.c]
        width = max(taken.weights[0].shape[-1], taken.x.shape[-1])

        def gates(part: slice) -> tuple[slice, Any, Gates]:
            now: Any = Rounded.exact(self.as_fed(taken.x[:, part]), self.precision)
            then: Any = Rounded.exact(taken.before(part), self.precision)
            return part, then, gates_of_steps(cell, now, then)

        for part, then, made_of in in_order(gates, stretches_of(timesteps, max(1, STRETCH // (samples * width)))):
            awake = None if taken.mask is None else taken.mask[:, part]
            made = steps(cell, made_of, then, [one.carried() for one in carried], awake)
            carried = [one[:, -1] for one in made[1:]]
            yield taken.sequence[:, part], (taken.outputs(part, made[0]), *made[1:]), part.start

    def suspicion(self, walks: Sequence[Walk], output: Array, first: Divergence, walk: int | None) -> Suspicion:
        """The weights, and the gate, that the residuals of the first unit that is wrong point at."""
        units, unit, names = output.shape[-1], first.unit, list(self.node.weights)
        evidence = None
        if walk is not None and first.timestep is not None:
            taken = walks[walk]
            units = taken.sequence.shape[-1]
            skipped = sum(before.layer.weight_count for before in walks[:walk])
            names = names[skipped : skipped + taken.layer.weight_count]
            weights = [plain(weight) for weight in taken.weights]
            most = elements_for(sum(weight.size for weight in weights) // units)
            samples, timesteps = taken.around(first, most)
            evidence = of_recurrent(
                taken.layer,
                weights,
                self.as_fed(taken.x[samples, timesteps]),
                taken.before(timesteps)[samples],
                [c[samples] for c in taken.c],
                None if taken.mask is None else taken.mask[samples, timesteps],
                taken.sequence[samples, timesteps].astype(np.float64),
                unit,
            )
        elif isinstance(self.layer, Dense):
            (x,) = self.inputs()
            weights = [plain(weight) for weight in self.weights]
            most = elements_for(sum(weight.size for weight in weights) // units)
            flat, keras = plain(x.values).reshape(-1, x.values.shape[-1]), output.reshape(-1, units)
            evidence = of_dense(self.layer, weights, flat[:most], keras[:most].astype(np.float64), unit)
        return ((), None) if evidence is None else suspects(evidence, names, units, unit, self.precision)

    def as_fed(self, x: Array) -> Array:
        """A recurrent layer's input as its cell sees it, in float64."""
        return cast(x, self.dtype if self.fed_by_user[0] else "float64", np.float64)


def plain(x: Any) -> Array:
    """The values alone."""
    made: Array = x.value if isinstance(x, Rounded) else x
    return made
