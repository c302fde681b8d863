"""One number of what a call of a layer puts out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.call import Call, Outputs
from rnnverify.lessons.elements import Lesson
from rnnverify.lessons.places import Element
from rnnverify.lessons.walks import Asked, of_walk
from rnnverify.observation import Walked
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Recorded
from rnnverify.results.explained import Worked
from rnnverify.verification.element import limit_of_output
from rnnverify.verification.steps import NodeCheck


def of_call(check: NodeCheck, call: Call, outputs: Sequence[Array], asked: Asked, index: int = 0) -> Worked:
    """One number of what a layer puts out.

    Args:
        check: what was observed of the layer.
        call: what it is given, recorded.
        outputs: what Keras put out.
        asked: which number.
        index: of which output.
    """
    return of_output(check, call, outputs, asked, index)[0]


def of_output(
    check: NodeCheck, call: Call, outputs: Sequence[Array], asked: Asked, index: int
) -> tuple[Worked, list[Element]]:
    """The same, and which numbers of what was given are read."""
    keras = outputs[index]
    place, timestep = place_in(check, keras, asked, index)
    with names_noted(), np.errstate(all="ignore"):
        made = (of_emitted(check, call) if check.walks else check.layer(call))[index].values
    lesson, found = Lesson(), float(np.asarray(keras, dtype=np.float64)[place])
    tensor = "_".join(filter(None, ["output", check.layer.output_names[index]]))
    replay = found
    if isinstance(made, Recorded):
        with np.errstate(all="ignore"):
            replay = lesson.work_out(Element(made, place), f"{tensor}[{', '.join(map(str, place))}]")
    worked = Worked(
        layer=check.node.name,
        class_=check.node.class_name,
        tensor=tensor,
        sample=asked.sample,
        timestep=timestep,
        unit=asked.unit,
        index=place,
        lines=tuple(lesson.lines),
        notes=(),
        replay=replay,
        keras=found,
        limit=limit_of_output(check, index, keras, place),
    )
    return worked, lesson.read


def of_directions(
    layer: Bidirectional, check: NodeCheck, call: Call, outputs: Sequence[Array], asked: Asked
) -> Iterator[Worked]:
    """One number of a Bidirectional: the steps of either direction that it is made of, and what it makes of them."""
    walks = layer.walks(call)
    for index in range(len(layer.output_names) - layer.state_outputs):
        worked, read = of_output(check, call, outputs, asked, index)
        for number, (name, inner) in enumerate(layer.directions):
            where = next((one.where for one in read if one.node.made_by.what == name), None)
            if where is None:
                continue
            taken = check.walks[number]
            timestep = asked.timestep
            if layer.layer.return_sequences:
                timestep = taken.sequence.shape[1] - 1 - where[1] if inner.go_backwards else where[1]
            unit = int(np.ravel_multi_index(where[2:], taken.sequence.shape[2:]))
            part = asked._replace(timestep=timestep, unit=unit)
            yield of_walk(check, number, f"{name}_", taken, walks[number], part)
        if any(one.node.made_by.what == "backward" for one in read):
            worked = replace(
                worked, notes=("backward[...] counts the steps in the order of its walk: the last timestep is 0",)
            )
        yield worked


def of_emitted(check: NodeCheck, call: Call) -> Outputs:
    """What a layer makes of what Keras's own walks emitted."""
    layer = check.layer
    names = [name for name, _ in layer.directions] if isinstance(layer, Bidirectional) else ["sequence"]
    left = []
    for name, one in zip(names, check.left, strict=True):
        sequence = Recorded.given(name, one.sequence.astype(np.float64))
        left.append(Walked(sequence, one.states))
    return check.layer.outputs(call, left)


def place_in(check: NodeCheck, keras: Array, asked: Asked, index: int) -> tuple[tuple[int, ...], int | None]:
    """Where in an output the number stands, and at which timestep: the last, unless another is asked for."""
    timed = check.layer.has_time(index, keras.shape[1:])
    timestep = (keras.shape[1] - 1 if asked.timestep is None else asked.timestep) if timed else None
    around = keras.shape[2:] if timed else keras.shape[1:]
    unit = tuple(map(int, np.unravel_index(asked.unit, around))) if around else ()
    return (asked.sample, *([timestep] if timestep is not None else []), *unit), timestep
