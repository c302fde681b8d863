"""Each node by itself, on what Keras fed it; each step of a recurrent layer from the state that Keras emitted before it.

It is complete by induction: where every node is right on its inputs, and every step from the state before it, the whole is
right. It places a fault by construction: the first node and timestep beyond its limit is where it went wrong. Nothing
accumulates, whatever the recurrence does with errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.precision import LARGEST, UNIT_ROUNDOFF, compute_dtype
from rnnverify.replay.arrays import Array
from rnnverify.replay.bidirectional import MERGES, Bidirectional
from rnnverify.replay.graph import Graph, cast
from rnnverify.replay.layer import Call, Masked
from rnnverify.replay.recurrence import Recurrent, states_before, steps
from rnnverify.rounding import PRECISIONS, Matrix, Precision, Rounded
from rnnverify.tally import Tally

# How many numbers of the widest intermediate array are worked on at once: they should stay in the processor's cache.
STRETCH = 1 << 17


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
            for keras, expected, start in check.comparisons(outputs, observed.walks.get(node.name, ())):
                tally.add(keras, expected, start)
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


Comparisons = Iterator[tuple[Array, Any, int]]  # what Keras emitted, what was expected of it, from which timestep on


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

    def comparisons(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Walked]) -> Comparisons:
        """Everything to compare: for each output, what Keras emitted (once or twice) beside what was expected."""
        if isinstance(self.layer, Recurrent) and walks:
            yield from self.recurrent(outputs, walks[0])
        elif isinstance(self.layer, Bidirectional) and walks:
            yield from self.bidirectional(outputs, walks)
        else:
            yield from self.plain(outputs)

    def plain(self, outputs: Sequence[Sequence[Array]]) -> Comparisons:
        """One application of the layer; stretch by stretch where it treats every timestep alike."""
        for part in self.stretches(outputs):
            call = Call(self.inputs(part), self.weights, self.initial_state, self.node.masked)
            for index, (claims, made) in enumerate(zip(outputs, self.layer(call), strict=True)):
                for claim in claims:
                    yield claim if part == slice(None) else claim[:, part], made.values, part.start or 0
                self.note_mask(index, made.mask, part)

    def note_mask(self, index: int, mask: Array | None, part: slice) -> None:
        ref = Ref(self.node.name, index)
        before = self.masks.get(ref)
        self.masks[ref] = mask if before is None or mask is None else np.concatenate([before, mask], axis=1)

    def stretches(self, outputs: Sequence[Sequence[Array]]) -> Iterator[slice]:
        """Parts of the time axis, each small enough; all at once for layers that mix timesteps."""
        widest = max(array.size // max(len(array), 1) for array in [*self.values, outputs[0][0]])
        samples, timesteps = len(self.values[0]), self.values[0].shape[1] if self.values[0].ndim > 1 else 1
        if not self.layer.pointwise or outputs[0][0].ndim < 3 or samples * widest <= STRETCH:
            yield slice(None)
            return
        length = max(1, STRETCH * timesteps // (samples * widest))
        for start in range(0, timesteps, length):
            yield slice(start, min(start + length, timesteps))

    def recurrent(self, outputs: Sequence[Sequence[Array]], walked: Walked) -> Comparisons:
        """A recurrent layer: every step, then what the layer itself put out, then its last states."""
        layer = self.layer
        assert isinstance(layer, Recurrent)
        (x,) = self.values
        mask = self.input_masks[0] if self.node.masked else None
        last: tuple[Any, ...] = ()
        for keras, made, start in self.walk(layer, x, mask, walked, self.weights, self.initial_state):
            yield keras, made[0], start
            if layer.return_sequences:  # its own sequence, where it is not what the sibling emitted
                yield from self.own(outputs[0], keras, made[0], start)
            last = made
        if not layer.return_sequences:
            yield from self.own(outputs[0], walked.sequence[:, -1], last[0][:, -1], 0)
        yield from self.last_states(outputs[1:], walked, last)
        self.masks[Ref(self.node.name)] = self.input_masks[0] if layer.return_sequences else None

    def own(self, claims: Sequence[Array], walked: Array, expected: Any, start: int) -> Comparisons:
        """What the layer itself emitted, and the model predicted, where that is not what its sibling emitted."""
        for claim in claims:
            part = claim[:, start : start + walked.shape[1]] if claim.ndim == 3 else claim
            if not np.array_equal(part, walked, equal_nan=True):
                yield part, expected, start

    def last_states(self, outputs: Sequence[Sequence[Array]], walked: Walked, last: Sequence[Any]) -> Comparisons:
        """c after the last step; and states that the layer itself returned, which must be those of the walk."""
        for keras, carried in zip(walked.states[1:], last[1:], strict=True):
            yield keras, carried[:, -1], 0
        for claims, keras in zip(outputs, walked.states, strict=False):
            for claim in claims:
                yield claim, keras, 0

    def bidirectional(self, outputs: Sequence[Sequence[Array]], walks: Sequence[Walked]) -> Comparisons:
        """Either direction step by step, then their merging."""
        layer = self.layer
        assert isinstance(layer, Bidirectional)
        (x,) = self.values
        mask = self.input_masks[0] if self.node.masked else None
        half, split = len(self.initial_state) // 2, layer.layer.weight_count
        shares = [
            (layer.layer, slice(half), slice(split)),
            (layer.backward_layer, slice(half, None), slice(split, None)),
        ]
        states: list[Array] = []
        for (direction, of_states, of_weights), walked in zip(shares, walks, strict=True):
            last: tuple[Any, ...] = ()
            for keras, made, start in self.walk(
                direction, x, mask, walked, self.weights[of_weights], self.initial_state[of_states]
            ):
                yield keras, made[0], start
                last = made
            yield from self.last_states((), walked, last)
            states += walked.states
        sequences = layer.layer.return_sequences
        forward, backward = (walked.sequence if sequences else walked.sequence[:, -1] for walked in walks)
        ys = [Rounded.exact(y, self.precision) for y in (forward, backward[:, ::-1] if sequences else backward)]
        merged = ys if layer.merge_mode is None else [MERGES[layer.merge_mode](*ys)]
        for claims, y in zip(outputs, [*merged, *states], strict=False):
            for claim in claims:
                yield claim, y, 0
        for index in range(len(merged)):
            self.masks[Ref(self.node.name, index)] = self.input_masks[0] if sequences else None

    def walk(
        self,
        layer: Recurrent,
        x: Array,
        mask: Array | None,
        walked: Walked,
        weights: Sequence[Any],
        initial_state: Sequence[Array],
    ) -> Iterator[tuple[Array, tuple[Any, ...], int]]:
        """Stretch by stretch: the outputs that Keras emitted, the states expected, and where the stretch begins."""
        cell = layer.cell(weights)
        samples, timesteps, units = walked.sequence.shape
        if layer.go_backwards:
            x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
        h, *c = initial_state or [np.zeros((samples, units)) for _ in layer.state_names]
        before = states_before(walked.sequence, h.astype(walked.sequence.dtype), mask)
        carried: list[Any] = [Rounded.exact(one, self.precision) for one in c]
        own = self.dtype if self.fed_by_user[0] else "float64"
        width = max(self.weights[0].shape[-1], x.shape[-1])
        length = max(1, STRETCH // (samples * width))
        for start in range(0, timesteps, length):
            part = slice(start, min(start + length, timesteps))
            awake = None if mask is None else mask[:, part]
            made = steps(
                cell,
                Rounded.exact(cast(x[:, part], own, np.float64), self.precision),
                Rounded.exact(before[:, part].astype(np.float64), self.precision),
                [one.carried() for one in carried],
                awake,
            )
            carried = [one[:, -1] for one in made[1:]]
            if awake is not None:
                made = (self.masked_outputs(layer, walked, part, awake, made[0]), *made[1:])
            yield walked.sequence[:, part], made, start

    def masked_outputs(self, layer: Recurrent, walked: Walked, part: slice, awake: Array, h: Any) -> Any:
        """The expected outputs of a stretch: at a masked step the output before it, or zero."""
        held = np.zeros(h.shape)
        if not layer.zero_output_for_mask:
            held[:, 1:] = walked.sequence[:, part.start : part.stop - 1]
            if part.start:
                held[:, 0] = walked.sequence[:, part.start - 1]
        return np.where(awake[..., np.newaxis], h, held)
