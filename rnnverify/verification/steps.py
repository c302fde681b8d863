"""Each node by itself, on what Keras fed it; each step of a recurrent layer from the state that Keras emitted before it.

It is complete by induction: where every node is right on its inputs, and every step from the state before it, the whole is
right. It places a fault by construction: the first node and timestep beyond its limit is where it went wrong. Nothing
accumulates, whatever the recurrence does with errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnnverify.diagnosis.suspects import elements_for, of_dense, of_recurrent, suspects
from rnnverify.layers.arrays import Array
from rnnverify.layers.dense import Dense
from rnnverify.layers.graph import Graph, cast
from rnnverify.layers.layer import Call, Masked, Outputs
from rnnverify.layers.recurrence import Gates, gates_of_steps, steps
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.observation.precision import LARGEST, UNIT_ROUNDOFF, compute_dtype
from rnnverify.results import Divergence, Suspect
from rnnverify.rounding import PRECISIONS, Matrix, Precision, Rounded
from rnnverify.threads import in_order
from rnnverify.verification.taken import Taken, stretches_of
from rnnverify.verification.tally import Tally

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
            walks = check.taken(observed.walks.get(node.name, ()))
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
        weights = [
            cast(weight, self.dtype, np.float64) for weight in self.layer.weights_from(list(node.weights.values()))
        ]
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

    def taken(self, walked: Sequence[Walked]) -> list[Taken]:
        """The walks through time that were observed: one of a recurrent layer, two of a Bidirectional."""
        return [Taken(*pair) for pair in zip(self.layer.walks(self.call), walked, strict=True)] if walked else []

    @cached_property
    def call(self) -> Call:
        """What it was given, as Keras has it: nothing is widened before it is looked at."""
        inputs = [Masked(values, mask) for values, mask in zip(self.values, self.input_masks, strict=True)]
        return Call(inputs, self.weights, self.initial_state, self.node.masked)

    def comparisons(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Taken]) -> Comparisons:
        """Everything to compare: for each output, what Keras emitted (once or twice) beside what was expected."""
        yield from self.walked(outputs, walks) if walks else self.plain(outputs)

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

    def walked(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Taken]) -> Comparisons:
        """Every step of its walks, the states after the last, then what the layer itself put out."""
        for index, taken in enumerate(walks):
            last: tuple[Any, ...] = ()
            for keras, made, start in self.walk(taken):
                yield Comparison(keras, made[0], start, index)
                last = made
            for keras, carried in zip(taken.walked.states[1:], last[1:], strict=True):
                yield Comparison(keras, carried[:, -1])
        emitted = self.layer.outputs(self.call, [taken.walked for taken in walks])
        expected: Outputs | None = None
        for index, (claims, made) in enumerate(zip(outputs, emitted, strict=True)):
            self.masks[Ref(self.node.name, index)] = made.mask
            for claim in claims:
                if not same(claim, made.values):  # the layer itself did not do what its sibling did: is it right?
                    expected = expected or self.layer.outputs(self.call, [self.expected(taken) for taken in walks])
                    yield Comparison(claim, expected[index].values)

    def expected(self, taken: Taken) -> Walked:
        """What a walk should have left behind, by its steps."""
        parts = [made[0] for _, made, _ in self.walk(taken)]
        return Walked(np.concatenate(parts, axis=1), taken.walked.states)

    def walk(self, taken: Taken) -> Iterator[tuple[Array, tuple[Any, ...], int]]:
        """Stretch by stretch: the outputs that Keras emitted, the states expected, and where the stretch begins."""
        cell = taken.walk.cell
        samples, timesteps, _ = taken.sequence.shape
        carried: list[Any] = [Rounded.exact(c, self.precision) for c in taken.walk.states[1:]]
        width = max(taken.walk.weights[0].shape[-1], taken.walk.x.shape[-1])

        def gates(part: slice) -> tuple[slice, Any, Gates]:
            now: Any = Rounded.exact(self.as_fed(taken.walk.x[:, part]), self.precision)
            then: Any = Rounded.exact(taken.before(part), self.precision)
            return part, then, gates_of_steps(cell, now, then)

        for part, then, made_of in in_order(gates, stretches_of(timesteps, max(1, STRETCH // (samples * width)))):
            awake = None if taken.walk.mask is None else taken.walk.mask[:, part]
            made = steps(cell, made_of, then, [one.carried() for one in carried], awake)
            carried = [one[:, -1] for one in made[1:]]
            yield taken.sequence[:, part], (taken.outputs(part, made[0]), *made[1:]), part.start

    def suspicion(self, walks: Sequence[Taken], output: Array, first: Divergence, walk: int | None) -> Suspicion:
        """The weights, and the gate, that the residuals of the first unit that is wrong point at."""
        units, unit, names = output.shape[-1], first.unit, list(self.node.weights)
        evidence = None
        if walk is not None and first.timestep is not None:
            taken = walks[walk]
            units = taken.sequence.shape[-1]
            skipped = sum(before.walk.layer.weight_count for before in walks[:walk])
            names = names[skipped : skipped + taken.walk.layer.weight_count]
            weights = [plain(weight) for weight in taken.walk.weights]
            most = elements_for(sum(weight.size for weight in weights) // units)
            samples, timesteps = taken.around(first, most)
            evidence = of_recurrent(
                taken.walk.layer,
                weights,
                self.as_fed(taken.walk.x[samples, timesteps]),
                taken.before(timesteps)[samples],
                [c[samples] for c in taken.walk.states[1:]],
                None if taken.walk.mask is None else taken.walk.mask[samples, timesteps],
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


def same(x: Array, y: Array) -> bool:
    """Whether two arrays are equal, without another of their size."""
    if x.shape != y.shape:
        return False
    parts = stretches_of(x.shape[1], max(1, STRETCH * x.shape[1] // max(x.size, 1)))
    return all(np.array_equal(x[:, part], y[:, part], equal_nan=True) for part in parts)
