"""Recorded values as the statements that make them, in the order in which the layers made them, under the layers' names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rnnverify.errors import UnsupportedError
from rnnverify.recording.gates import gate_word
from rnnverify.recording.recorded import Recorded
from rnnverify.report.numpy_script.expressions import Expressions, counted
from rnnverify.report.numpy_script.layout import Said
from rnnverify.report.numpy_script.reads import around, inputs_of, reachable
from rnnverify.report.numpy_script.scope import Scope, name_for
from rnnverify.text import shape_text


class Block:
    """The statements that make some values.

    Args:
        scope: the names.
        roots: the values that are wanted.
        wanted: the names that some of them should have, by order.
        outer: orders of values that must keep their names in any case.
    """

    def __init__(
        self, scope: Scope, roots: Sequence[Any], wanted: Mapping[int, str] | None = None, outer: Iterable[int] = ()
    ) -> None:
        self.scope = scope
        self.roots = [root for root in roots if isinstance(root, Recorded)]
        self.wanted = dict(wanted or {})
        self.outer = set(outer)
        self.nodes = reachable(self.roots, set(scope.names), scope.apart)
        self.uses = self.counted()
        # What a loop reads has to have a name.
        loops = [] if scope.apart else [node for node in self.nodes if node.made_by.kind == "loop"]
        self.forced = {one.order for node in loops for one in inputs_of(node)}
        # What a function around a loop is given is written where that is called.
        self.walked = {
            one.order for node in self.nodes if node.made_by.kind == "loop" and scope.apart for one in around(node)
        }
        self.repeated = repeated_in(self.nodes, self)
        self.statements = [node for node in self.nodes if self.is_statement(node)]
        self.own = {node.order for node in self.statements}
        self.last_read = self.read_last()

    def inputs_of(self, node: Recorded) -> list[Recorded]:
        return inputs_of(node, self.scope.apart)

    def counted(self) -> dict[int, int]:
        """How often each value is read."""
        uses: dict[int, int] = {}
        for one in [*(operand for node in self.nodes for operand in self.inputs_of(node)), *self.roots]:
            uses[one.order] = uses.get(one.order, 0) + 1
        return uses

    def is_statement(self, node: Recorded) -> bool:
        """Whether it is made in a statement of its own: the layers have a name for it, or it is read several times."""
        if node.made_by.kind in ("part", "loop") or node.numbers_ is None:
            return True
        if node.order in self.repeated or node.order in self.walked:
            return False
        if node.order in self.forced or node.order in self.wanted or any(name.own for name in node.names):
            return True
        return self.uses.get(node.order, 0) > 1

    def reads(self, node: Recorded) -> set[int]:
        """The orders of the named values that its statement reads."""
        found: set[int] = set()
        queue = self.inputs_of(node)
        while queue:
            one = queue.pop()
            if one.order in self.own or one.order in self.scope.names:
                found.add(one.order)
            else:
                queue += self.inputs_of(one)
        return found

    def read_last(self) -> dict[int, int]:
        """The number of the last statement that reads each value."""
        last: dict[int, int] = {}
        for number, node in enumerate(self.statements):
            for order in self.reads(node):
                last[order] = number
        known = self.own | set(self.scope.names)
        for root in self.roots:
            for order in [root.order] if root.order in known else self.reads(root):
                last[order] = len(self.statements)
        return last

    def live_after(self, number: int) -> Callable[[int], bool]:
        """Whether a value is read after that statement."""
        return lambda order: order in self.outer or self.last_read.get(order, -1) > number

    def lines(self) -> list[Said]:
        """The statements."""
        from rnnverify.report.numpy_script.loops import called, written  # loops are made of blocks

        made: list[Said] = []
        parts: dict[int, list[Recorded]] = {}
        for node in self.statements:
            if node.made_by.kind == "part":
                parts.setdefault(node.args[0].order, []).append(node)
        for number, node in enumerate(self.statements):
            own = parts.get(node.order, [])
            if node.made_by.kind == "loop":
                made += (called if self.scope.apart else written)(self, node, own, self.live_after(number))
            elif node.numbers_ is None:
                made.append(self.several(node, own, number))
            elif node.made_by.kind != "part":
                made.append(self.one(node, number))
        return made

    def one(self, node: Recorded, number: int) -> Said:
        text = self.scope.expressions.made(node).text
        wanted = self.wanted.get(node.order) or name_for(node)
        name = self.scope.bind(node, self.scope.free(wanted, self.live_after(number)))
        return Said(f"{name} = {text}", comment_on(node))

    def several(self, whole: Recorded, parts: Sequence[Recorded], number: int) -> Said:
        """`i, f, candidate, o = np.split(z, 4, axis=-1)`."""
        text = self.scope.expressions.made(whole).text
        count = 1 + max(part.made_by.what for part in parts)
        if len(whole.args) > 1 and isinstance(whole.args[1], int):
            count = max(count, whole.args[1])
        names = ["_"] * count
        for part in parts:
            wanted = self.wanted.get(part.order) or name_for(part)
            names[part.made_by.what] = self.scope.bind(part, self.scope.free(wanted, self.live_after(number)))
        comments = [name.comment for part in parts for name in part.names if name.comment]
        return Said(f"{', '.join(names)} = {text}", comments[0] if comments else "")


def repeated_in(nodes: Sequence[Recorded], block: Block) -> set[int]:
    """What the elements of a list are made of, if they are all made alike, and so are written as a comprehension."""
    found: set[int] = set()
    bound = set(block.scope.names)
    for node in nodes:
        for one in node.args:
            if not isinstance(one, list) or len(one) < 3 or not all(isinstance(element, Recorded) for element in one):
                continue
            inside = [{part.order for part in reachable([element], bound)} for element in one]
            own = [each - set().union(*(other for other in inside if other is not each)) for each in inside]
            plain = Expressions(
                lambda part, own=own: None if any(part.order in each for each in own) else f"v_{part.order}_",  # type: ignore[misc]
                -1,
                lambda function, call: "f",
            )
            try:
                alike = counted([plain.write(element).text for element in one]) is not None
            except UnsupportedError:
                alike = False
            if alike:
                found = found.union(*own)
    return found


def comment_on(node: Recorded) -> str:
    """What its line is: in words, if there are any, and of which shape."""
    if node.gate is not None:
        return f"{gate_word(*node.gate)}, {shape_text(node.shape)}"
    said = [node.says] if node.says else [name.comment for name in node.names if name.own and name.comment][:1]
    return ", ".join([*said, shape_text(node.shape)])
