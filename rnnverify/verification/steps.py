"""Each node by itself, on what Keras fed it; each step of a recurrent layer from the state that Keras emitted before it.

It is complete by induction: where every node is right on its inputs, and every step from the state before it, the whole is
right. It places a fault by construction: the first node and timestep beyond its limit is where it went wrong. Nothing
accumulates, whatever the recurrence does with errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import States
from rnnverify.layers.graph import Graph, cast, with_masks
from rnnverify.layers.layer import Call, Masked, Outputs
from rnnverify.layers.walk import Walk
from rnnverify.observation import Node, Ref, Walked
from rnnverify.observation.precision import HOLDS, rounded
from rnnverify.rounding import Precision, Rounded, exact_matrices
from rnnverify.threads import in_order
from rnnverify.verification.compared import Comparison, Comparisons, Looked, expected_alone
from rnnverify.verification.end_to_end import alike
from rnnverify.verification.look import Rows, fits
from rnnverify.verification.merged import merged_into
from rnnverify.verification.second_look import of_call, of_steps
from rnnverify.verification.systematic import thinned
from rnnverify.verification.taken import Taken, same, stretches_of


class NodeCheck:
    """One node with the inputs that Keras gave it."""

    def __init__(
        self,
        node: Node,
        graph: Graph,
        given: Mapping[Ref, Array],
        masks: Mapping[Ref, Array | None],
        walked: Sequence[Walked],
        precision: Precision,
    ) -> None:
        self.made_of = node, graph, given, masks, walked
        self.node = node
        self.layer = graph.layers[node.name]
        self.casts = graph.casts[node.name]
        self.precision = precision
        self.walked = walked
        self.first_output = given[Ref(node.name)]
        values = [given[ref] for ref in node.inputs]
        weights = graph.weights(node, [array.shape[1:] for array in values], np.float64)
        # As Keras has it: nothing is widened before it is looked at.
        self.call = Call(
            inputs=with_masks(node, list(map(Masked, values, map(masks.get, node.inputs))), given.__getitem__),
            weights=exact_matrices(weights, precision),
            initial_state=[self.as_fed(given[ref]) for ref in node.initial_state],
            masked=node.masked,
        )
        self.masks: dict[Ref, Array | None] = {}  # of its outputs

    @cached_property
    def walks(self) -> list[Taken]:
        """Its walks through time, each with what was observed of it."""
        walks = self.layer.walks(self.call) if self.walked else ()  # of a registered layer none is known
        return [Taken(*pair) for pair in zip(walks, self.walked, strict=True)] if walks else []

    def inputs(self, part: slice = slice(None)) -> list[Masked]:
        """The inputs as exact numbers, as the layer sees them; `part` of the timesteps where they have time."""
        made = []
        for index, (values, mask) in enumerate(self.call.inputs):
            values = self.unrounded.get(index, values)
            values = values[:, part] if part != slice(None) else values
            ready = index in self.unrounded or values.dtype.kind in "iub"
            x: Any = values if ready else Rounded.exact(self.as_fed(values), self.precision)
            made.append(Masked(x, mask if mask is None or part == slice(None) else mask[:, part]))
        return made

    @cached_property
    def unrounded(self) -> Mapping[int, Any]:
        """Those of its inputs that may not have been rounded when it read them, see `merged`."""
        found = {}
        node, graph, given, masks, _ = self.made_of
        for merged in merged_into(node, graph, given.__getitem__):
            first = NodeCheck(merged.before, graph, given, masks, (), self.precision)
            made: Any = first.layer(first.call._replace(inputs=first.inputs()))[node.inputs[merged.place].output].values
            found[merged.place] = merged.unrounded(made, self.layer)
        return found

    def comparisons(self, outputs: Sequence[Array], looked: Looked = expected_alone) -> Comparisons:
        """Everything to compare: for each output, what Keras emitted beside what was expected.

        Args:
            outputs: what Keras emitted.
            looked: takes a look at parts of it, in the thread that has just computed what was expected.
        """
        yield from self.of_walks(outputs, looked) if self.walks else self.of_one_call(outputs, looked)

    def of_one_call(self, outputs: Sequence[Array], looked: Looked) -> Comparisons:
        """One application of the layer; stretch by stretch where it treats every timestep alike."""

        def replayed(part: slice) -> list[tuple[Comparison, Array | None]]:
            made = []
            results = self.layer(self.call._replace(inputs=self.inputs(part)))
            for index, (whole, result) in enumerate(zip(outputs, results, strict=True)):
                start = part.start or 0 if self.layer.has_time(index, whole.shape[1:]) else None
                claim = whole if part == slice(None) else whole[:, part]
                again = None if self.unrounded else partial(self.call_again, part, index)
                look = looked(claim, result.values, None)
                made.append((Comparison(claim, look, start, (None, index), again), result.mask))
            return made

        for comparison, mask in chain.from_iterable(in_order(replayed, self.stretches(outputs))):
            yield comparison
            self.note_mask(comparison.tensor[1], mask)

    def call_again(self, part: slice, index: int, over: Array) -> tuple[Rows, Rounded]:
        inputs = [self.as_fed(x if part == slice(None) else x[:, part]) for x, _ in self.call.inputs]
        return of_call(self.layer, self.call, inputs, index, self.precision, over)

    def note_mask(self, index: int, mask: Array | None) -> None:
        ref = Ref(self.node.name, index)
        before = self.masks.get(ref)
        self.masks[ref] = mask if before is None or mask is None else np.concatenate([before, mask], axis=1)

    def stretches(self, outputs: Sequence[Array]) -> list[slice]:
        """Parts of the time axis, each small enough; all at once for layers that mix timesteps."""
        values = [x.values for x in self.call.inputs]
        widest = max(array.size // max(len(array), 1) for array in [*values, outputs[0]])
        if not self.layer.pointwise or outputs[0].ndim < 3:
            return [slice(None)]
        parts = stretches_of(values[0].shape[1], len(values[0]) * widest)
        return parts if len(parts) > 1 else [slice(None)]

    def of_walks(self, outputs: Sequence[Array], looked: Looked) -> Comparisons:
        """Every step of its walks, then what the layer itself put out."""
        yield from self.of_steps(looked)
        emitted = self.layer.outputs(self.call, self.left)
        for index, (claim, made_of_emitted) in enumerate(zip(outputs, emitted, strict=True)):
            self.masks[Ref(self.node.name, index)] = made_of_emitted.mask
            start = 0 if self.layer.has_time(index, claim.shape[1:]) else None
            if not self.handed_on(made_of_emitted.values):  # two directions merged, say
                made = self.made_of_emitted[index].values
                if fits(claim, made):
                    yield Comparison(claim, made, start, tensor=(None, index))
                else:  # by another kernel, as cuDNN's
                    yield self.end_to_end(claim, index, start)
            elif not same(claim, made_of_emitted.values):  # it did not do what was seen of its walk: is it right?
                yield self.end_to_end(claim, index, start)

    def end_to_end(self, claim: Array, index: int, start: int | None) -> Comparison:
        """An output of other steps than those that were seen: roundings that all have a direction may excuse it, too."""
        again = partial(self.free_again, index)
        return Comparison(claim, self.free[index].values, start, tensor=(None, index), again=again, widens=True)

    def free_again(self, index: int, over: Array) -> tuple[Rows, Rounded]:
        """See `expected_end_to_end`."""
        regular = NodeCheck(*self.made_of, dataclasses.replace(self.precision, ordered=True, fused=True))
        made: Any = alike(regular.free[index].values, max(taken.walk.x.shape[1] for taken in self.walks))
        samples = (np.flatnonzero(over.any(axis=tuple(range(1, over.ndim)))),)
        return samples, made[samples]

    def of_steps(self, looked: Looked = expected_alone) -> Comparisons:
        """Every step of its walks, state by state."""
        for index, taken in enumerate(self.walks):
            yield from chain.from_iterable(self.steps(taken, partial(self.of_part, index, looked)))

    def of_part(self, walk: int, looked: Looked, part: slice, made: States) -> list[Comparison]:
        """The states of a part of the time axis."""
        taken, found = self.walks[walk], []
        for state, (sequence, expected) in enumerate(zip(taken.sequences, made, strict=False)):
            again = partial(self.steps_again, taken, part, state) if taken.by_step else None
            thin = thinned(sequence) if taken.by_step else None
            keras = sequence[:, part]
            found.append(Comparison(keras, looked(keras, expected, thin), part.start, (walk, state), again, thin))
        return found

    def steps_again(self, taken: Taken, part: slice, state: int, over: Array) -> tuple[Rows, Rounded]:
        return of_steps(taken, self.as_fed(taken.walk.x[:, part]), part, state, self.precision, over)

    @cached_property
    def left(self) -> list[Walked]:
        """What its walks left. A Bidirectional rounds it to its own precision, if the layers inside it have another."""
        outside, inside = self.casts[0], self.casts[-1]
        walked = [taken.walked for taken in self.walks]
        if inside in HOLDS[outside]:
            return walked
        return [Walked(rounded(one.sequence, outside), one.states) for one in walked]

    def handed_on(self, output: Array) -> bool:
        """Whether an output is what a walk emitted, with nothing computed."""
        return any(np.may_share_memory(output, array) for one in self.left for array in (one.sequence, *one.states))

    @cached_property
    def made_of_emitted(self) -> Outputs:
        """What the layer makes of what its walks emitted, in rounding numbers."""
        exact = [Walked(Rounded.exact(one.sequence, self.precision), one.states) for one in self.left]
        return self.layer.outputs(self.call, exact)

    @cached_property
    def free(self) -> Outputs:
        """What the layer makes of its inputs, each step from what we made of the step before, in rounding numbers."""
        return self.layer.outputs(self.call, [self.run(taken.walk) for taken in self.walks])

    def steps(self, taken: Taken, then: Callable[[slice, States], Any] = lambda *made: made) -> Iterator[Any]:
        """Stretch by stretch of time: what its steps should have put out, state by state.

        Args:
            taken: the walk.
            then: what to make of a part and its states, in the thread that has just computed them.
        """
        walk = taken.walk
        if not taken.by_step:
            yield then(slice(0, walk.x.shape[1]), (self.run(walk).sequence,))
            return

        precision = dataclasses.replace(self.precision, single=True)

        def made(part: slice) -> Any:
            given = self.as_fed(walk.x[:, part]), taken.before(part), taken.after(part)
            return then(part, taken.put_out(part, taken.rounding(precision, *given)))

        yield from in_order(made, taken.stretches)

    def run(self, walk: Walk) -> Walked:
        """A walk taken by us from its beginning to its end, in rounding numbers."""
        x = Rounded.exact(self.as_fed(walk.x), self.precision)
        states = tuple(Rounded.exact(state, self.precision) for state in walk.states)
        return dataclasses.replace(walk, x=x, states=states).run(every_step=True)

    def as_fed(self, x: Array) -> Array:
        """What Keras handed to the layer as it sees it, in float64: rounded to the precision that it computes in."""
        for precision in self.casts:
            x = cast(x, precision, np.float64)
        return x if x.dtype.kind in "iub" else x.astype(np.float64, copy=False)
