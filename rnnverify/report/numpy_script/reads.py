"""What recorded values are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnverify.recording.recorded import Recorded, operands
from rnnverify.recording.walks import Loop


def inputs_of(node: Recorded, apart: bool = False) -> list[Recorded]:
    """What a value is made of; of a loop also what its step reads from outside.

    Args:
        node: the value.
        apart: whether loops are functions of their own, which are given what they are made of in the end.
    """
    if node.made_by.kind != "loop":
        return list(operands(node))
    loop: Loop = node.made_by.what
    read = read_by(loop)
    if apart:
        read = [one for order, one in leaves_of(read, stops_of(loop)).items()]
    starts = [one.start for one in loop.carried if isinstance(one.start, Recorded)]
    return list({one.order: one for one in [*around(node), *read, *starts]}.values())


def around(node: Recorded) -> list[Recorded]:
    """What a loop goes along: the input, and its mask."""
    loop: Loop = node.made_by.what
    both: list[Any] = [loop.walk.x, loop.walk.mask]
    return [one for one in both if isinstance(one, Recorded)]


def stops_of(loop: Loop) -> set[int]:
    """The orders of what a function around a loop is given as it is."""
    given: list[Any] = [loop.walk.x, loop.walk.mask, *(one.start for one in loop.carried)]
    return {one.order for one in given if isinstance(one, Recorded)}


def read_by(loop: Loop) -> list[Recorded]:
    """What a step reads that is the same in every step."""
    inside = {one.before.order for one in loop.carried}
    body = reachable([*(one.after for one in loop.carried), loop.output], inside)
    varying = set(inside)
    for one in body:
        of_step = one.order == loop.step.order or is_awake(one, loop)
        if of_step or any(other.order in varying for other in operands(one)):
            varying.add(one.order)
    read = [other for one in body if one.order in varying for other in operands(one) if other.order not in varying]
    return list({one.order: one for one in read}.values())


def is_awake(node: Recorded, loop: Loop) -> bool:
    return node.made_by.kind == "item" and node.args[0] is loop.walk.mask


def reachable(roots: Sequence[Recorded], bound: set[int], apart: bool = False) -> list[Recorded]:
    """Everything that some values are made of, in the order in which it was made, but for what has a name already."""
    found: dict[int, Recorded] = {}
    queue = list(roots)
    while queue:
        one = queue.pop()
        if one.order in found or one.order in bound or one.made_by.kind == "given":
            continue
        found[one.order] = one
        queue += inputs_of(one, apart)
    return [found[order] for order in sorted(found)]


def leaves_of(roots: Sequence[Recorded], bound: set[int] = frozenset()) -> dict[int, Recorded]:  # type: ignore[assignment]
    """What some values are made of in the end, by order; no further than to what is bound."""
    found = {root.order: root for root in roots if root.made_by.kind == "given" or root.order in bound}
    for node in reachable(roots, bound):
        ends = (one for one in inputs_of(node) if one.made_by.kind == "given" or one.order in bound)
        found.update((one.order, one) for one in ends)
    return dict(sorted(found.items()))
