"""Walks through time as loops, in place or as functions of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnnverify.recording.recorded import Recorded
from rnnverify.recording.walks import Carried, Loop
from rnnverify.report.numpy_script.layout import INDENT, Said
from rnnverify.report.numpy_script.reads import leaves_of, read_by, stops_of
from rnnverify.report.numpy_script.scope import Scope
from rnnverify.text import shape_text

if TYPE_CHECKING:
    from rnnverify.report.numpy_script.blocks import Block

Live = Callable[[int], bool]
STARTS = {
    "h": "the state before the first step",
    "c": "the cell state before the first step",
    "output": "what a masked first step puts out",
}


def written(block: Block, node: Recorded, parts: Sequence[Recorded], live: Live) -> list[Said]:
    """The loop over time around one step, with what stands before and after it."""
    loop: Loop = node.made_by.what
    scope = block.scope
    made: list[Said] = []
    names: dict[str, str] = {}
    read = leaves_of([*(one.after for one in loop.carried), loop.output], {one.before.order for one in loop.carried})
    for one in loop.carried:
        start = scope.expressions.write(one.start).text
        own = one.start.order if isinstance(one.start, Recorded) else None
        names[one.name] = name = scope.free(one.name, lambda order, own=own: live(order) and order != own)  # type: ignore[misc]
        if start != name and one.before.order in read:
            made.append(Said(f"{name} = {start}", said_of_start(one)))
        scope.bind(one.before, name)
    sequence = scope.free("sequence", live)
    if loop.sequenced:
        made.append(Said(f"{sequence} = []", "what every step puts out"))
    made.append(Said(f"for t in range({scope.names[order_of(loop.walk.x)]}.shape[1]):"))
    made += [Said(INDENT + line.text, line.comment) for line in body(block, loop, names, sequence)]
    whole = [part for part in parts if part.made_by.what == len(loop.carried)]
    if loop.sequenced and whole:
        made.append(Said(f"{sequence} = np.stack({sequence}, axis=1)", shape_text(whole[0].shape)))
    for part in parts:
        index = part.made_by.what
        scope.bind(part, names[loop.carried[index].name] if index < len(loop.carried) else sequence)
    return made


def body(block: Block, loop: Loop, names: Mapping[str, str], sequence: str) -> list[Said]:
    """What stands in the loop: one step, and what is handed to the next."""
    scope = block.scope
    wanted: dict[int, str] = {}
    for one in loop.carried:
        wanted.setdefault(one.after.order, names[one.name])
    outer = set(scope.holds.values()) - {one.before.order for one in loop.carried}
    inner = type(block)(scope, [*(one.after for one in loop.carried), loop.output], wanted, outer)
    made = inner.lines()
    for one in loop.carried:
        found = scope.expressions.write(one.after).text
        if found != names[one.name]:
            made.append(Said(f"{names[one.name]} = {found}"))
    if loop.sequenced:
        output = next((names[one.name] for one in loop.carried if one.after is loop.output), None)
        made.append(Said(f"{sequence}.append({output or scope.expressions.write(loop.output).text})"))
    return made


def called(block: Block, node: Recorded, parts: Sequence[Recorded], live: Live) -> list[Said]:
    """The call of a function around the loop, which is written if it is not yet."""
    loop: Loop = node.made_by.what
    given = [one for one in leaves_of(read_by(loop), stops_of(loop)).values() if one.order not in stops_of(loop)]
    prefix = direction_of([str(one.made_by.what) for one in given])
    scope = Scope(block.scope.samples, block.scope.functions)
    arguments: list[tuple[str, Recorded]] = [("x", recorded(loop.walk.x))]
    if loop.walk.mask is not None:
        arguments.append(("mask", recorded(loop.walk.mask)))
    arguments += [(one.name, one.start) for one in loop.carried if isinstance(one.start, Recorded)]
    arguments += [(str(one.made_by.what).removeprefix(prefix), one) for one in given]
    for name, one in arguments:
        scope.bind(one, name)
    name = block.scope.functions.walk(loop, scope, arguments, parts)
    texts = [block.scope.expressions.write(one).text for _, one in arguments]
    bound = []
    for part in parts:
        index = part.made_by.what
        own = f"_{loop.carried[index].name}" if index < len(loop.carried) and len(parts) > 1 else ""
        bound.append(block.scope.bind(part, block.scope.free(f"{prefix.rstrip('_') or 'walk'}{own}", live)))
    shapes = ", ".join(shape_text(part.shape) for part in parts)
    return [Said(f"{', '.join(bound)} = {name}({', '.join(texts)})", shapes)]


def direction_of(names: Sequence[str]) -> str:
    """What the names of a direction's weights have in common: `backward_`."""
    ways = ("forward_", "backward_")
    return next((way for way in ways if names and all(name.startswith(way) for name in names)), "")


def recorded(x: Any) -> Recorded:
    assert isinstance(x, Recorded)
    return x


def order_of(x: Any) -> int:
    return recorded(x).order


def said_of_start(one: Carried) -> str:
    return f"{STARTS.get(one.name, 'before the first step')}, {shape_text(one.start.shape)}"
