"""A walk through time, recorded as a loop around one step of its cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked
from rnnverify.recording.recorded import Op, Place, Recorded, parts_of, plain

SAYS = {"h": "the new state", "c": "the new cell state"}


@dataclass(frozen=True)
class Carried:
    """What one step hands to the next: a state, or what it put out."""

    name: str
    start: Any  # before the first step: recorded, or a plain array
    before: Recorded  # at the start of a step
    after: Recorded  # at its end


@dataclass(frozen=True)
class Loop:
    """One step, and what is carried from each to the next."""

    walk: Walk
    step: Recorded  # x at a timestep, (N, ...)
    carried: tuple[Carried, ...]
    output: Recorded  # what a step puts out
    sequenced: bool  # whether what every step puts out is kept


class OneStep(Recorded):
    """The sequence of what a walk puts out, of which the last step alone is kept."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Recorded:
        if index == (slice(None), -1):
            (last,) = self.args
            return last  # type: ignore[no-any-return]
        return super().__getitem__(index)


def step_of(walk: Walk, t: int, states: tuple[Array, ...], output: Array) -> Loop:
    """One step of a walk, recorded: the one at timestep t of the walk, from these states.

    Args:
        walk: over recorded arrays.
        t: which step.
        states: before it, (N, ...) each.
        output: what the step before it put out, (N, ...).
    """
    layer = walk.layer
    place = Place("t", t)
    x: Any = walk.x[:, place]  # type: ignore[index]
    before = tuple(Recorded.given(name, state) for name, state in zip(layer.walked_names, states, strict=True))
    put_out = Recorded.given("output", output)
    cell = walk.cell
    zx: Any = cell.project(x)
    if zx is not x:
        zx.named("zx").says = "the input's share"
    new = cell.step(zx, before)
    awake: Any = None
    if walk.mask is not None:
        awake = walk.mask[:, place]  # type: ignore[index]
        awake.named("awake").says = "which samples are not masked at this step"
        for name, state in zip(layer.walked_names, new, strict=True):
            state.named(f"new_{name}")  # type: ignore[attr-defined]
    left: Any
    made: Any
    left, made = walk.after(new, before, put_out, awake)
    for name, state in zip(layer.walked_names, new, strict=True):
        state.says = SAYS.get(name, "")  # type: ignore[attr-defined]
    starts = walk.states
    carried = [
        Carried(name, start, old, after)
        for name, start, old, after in zip(layer.walked_names, starts, before, left, strict=True)
    ]
    if awake is not None:
        if layer.puts_out:
            carried = carried[1:]  # what it puts out is no state that a step reads
        carried.append(Carried("output", np.zeros_like(plain(starts[0])), put_out, made))
    return Loop(walk, x, tuple(carried), made, layer.return_sequences)


def walked(walk: Walk) -> Walked:
    """What a walk over recorded arrays leaves, recorded."""
    concrete = replace(
        walk, x=plain(walk.x), mask=plain(walk.mask), weights=plain(list(walk.weights)), states=plain(walk.states)
    )
    states = concrete.states
    loop = step_of(walk, 0, states, np.zeros_like(states[0]))
    left = concrete.run()
    whole = Recorded(None, Op("loop", loop), inputs_of(loop))
    named = dict(zip(walk.layer.walked_names, left.states, strict=True))
    values = [{**named, "output": left.sequence[:, -1]}[one.name] for one in loop.carried]
    parts = parts_of(whole, [*values, left.sequence])
    for one, part in zip(loop.carried, parts, strict=False):
        part.named(one.name)
    *carried, sequence = parts
    sequence.named("sequence")
    output = carried[len(loop.carried) - 1 if walk.mask is not None else 0]
    if not loop.sequenced:
        sequence = OneStep(left.sequence, Op("method", "one step"), (output,))
    after: list[Any] = carried if walk.mask is None else carried[:-1]
    if walk.mask is not None and walk.layer.puts_out:
        after = [output, *after]
    return Walked(sequence, tuple(after))  # type: ignore[arg-type]


def inputs_of(loop: Loop) -> list[Any]:
    """What the loop reads from outside it."""
    walk = loop.walk
    return [walk.x, walk.mask, *walk.weights, *(one.start for one in loop.carried)]
