"""One timestep of one unit, from the states that Keras itself left before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.walk import Walk
from rnnverify.lessons.elements import Lesson
from rnnverify.lessons.places import Element
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Op, Recorded
from rnnverify.recording.walks import step_of
from rnnverify.results.explained import Worked
from rnnverify.rounding import Rounded
from rnnverify.verification.element import limit_at
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.taken import Taken


class Asked(NamedTuple):
    """Which number is worked out."""

    sample: int
    timestep: int | None  # None: the last that is not masked
    unit: int


def of_walk(check: NodeCheck, index: int, prefix: str, taken: Taken, walk: Walk, asked: Asked) -> Worked:
    """A step of a walk of a layer.

    Args:
        check: what was observed of the layer.
        index: which of its walks.
        prefix: of the names of what it leaves, `backward_`.
        taken: the walk, and what Keras emitted on it.
        walk: the same, over recorded arrays.
        asked: which step, of which sample and unit.
    """
    layer = taken.walk.layer
    timesteps = taken.sequence.shape[1]
    timestep = asked.timestep if asked.timestep is not None else usual(taken, asked.sample)
    t = timesteps - 1 - timestep if layer.go_backwards else timestep
    part = slice(t, t + 1)
    before = tuple(state[:, 0] for state in taken.before(part))
    output = taken.sequence[:, t - 1].astype(np.float64) if t else np.zeros_like(before[0])
    with names_noted(), np.errstate(all="ignore"):
        step = step_of(walk, t, before, output)
    for one in step.carried:
        one.before.made_by = Op("given", f"{one.name}_before")
    place = (asked.sample, *map(int, np.unravel_index(asked.unit, taken.sequence.shape[2:])))
    name = layer.walked_names[0]
    lesson = gate_by_gate(step.output, place)
    with np.errstate(all="ignore"):
        replay = lesson.work_out(Element(step.output, place), f"{name}[{', '.join(map(str, place))}]")
    keras, limit = limit_at(check, index, t, place)
    return Worked(
        layer=check.node.name,
        class_=check.node.class_name,
        tensor=f"{prefix.rstrip('_')} {name}".strip(),
        sample=asked.sample,
        timestep=timestep,
        unit=asked.unit,
        index=place,
        lines=tuple(lesson.lines),
        notes=tuple(notes_on(taken, asked.sample, t)),
        replay=replay,
        keras=keras,
        limit=limit,
    )


def gate_by_gate(output: Recorded, place: tuple[int, ...]) -> Lesson:
    """A lesson that has begun with the gates, in Keras's order."""
    tried, lesson = Lesson(), Lesson()
    with np.errstate(all="ignore"):
        tried.work_out(Element(output, place))
        for gate in sorted(tried.gates, key=lambda gate: gate.node.order):
            lesson.work_out(gate)
    return lesson


def usual(taken: Taken, sample: int) -> int:
    """The timestep that is worked out if none is asked for: the last of the walk that is not masked."""
    timesteps, mask = taken.sequence.shape[1], taken.walk.mask
    awake = np.flatnonzero(mask[sample]) if mask is not None else np.arange(timesteps)
    last = int(awake[-1]) if len(awake) else timesteps - 1
    return timesteps - 1 - last if taken.walk.layer.go_backwards else last


def notes_on(taken: Taken, sample: int, t: int) -> Iterator[str]:
    """What there is to say of this step: where the walk starts, and which steps are masked."""
    layer, timesteps = taken.walk.layer, taken.sequence.shape[1]
    states, many = " and ".join(layer.state_names), len(layer.state_names) > 1
    if layer.go_backwards:
        yield (
            f"this walk goes from timestep {timesteps - 1} to timestep 0: what stands before a step is what the timestep after it"
            " left"
        )
    if t == 0:
        zero = all(not plain_of(state)[sample].any() for state in taken.walk.states)
        start = f"{states} start{'' if many else 's'}"
        yield f"this is the walk's first step: {start} from {'zero' if zero else 'what the layer was given'}"
    else:
        before = " and ".join(f"{name}_before" for name in layer.state_names)
        yield f"{before}: what Keras itself left before this step"
    if taken.walk.mask is not None:
        masked = np.flatnonzero(~taken.walk.mask[sample])
        masked = timesteps - 1 - masked[::-1] if layer.go_backwards else masked
        were = "they were" if many else "it was"
        if not taken.walk.mask[sample, t]:
            put_out = "zero" if layer.zero_output_for_mask else "what the step before it put out"
            yield f"this step is masked: {states} stay{'' if many else 's'} as {were}, and what is put out is {put_out}"
        elif len(masked):
            listed = ", ".join(map(str, masked[:8])) + (f" and {len(masked) - 8} more" if len(masked) > 8 else "")
            yield f"masked timesteps of this sample, which leave {states} as {were}: {listed}"


def plain_of(x: Array) -> Array:
    made: Array = x.value if isinstance(x, Rounded | Recorded) else x
    return made
