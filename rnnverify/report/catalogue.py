"""The known mistakes as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnverify.mistakes import Mistake
from rnnverify.report.parts import Line
from rnnverify.report.records import dumped


def render(mistakes: Sequence[Mistake]) -> Iterator[Line]:
    """A paragraph for each: its id, what was done, how to mend it, and where it was seen."""
    for index, one in enumerate(mistakes):
        if index:
            yield Line()
        yield Line(one.id, style="bold")
        yield Line(one.says, indent=2)
        yield Line(f"to mend it: {one.mend}", indent=2)
        if one.seen:
            yield Line(f"seen in {one.seen}", indent=2)


def catalogue_json(mistakes: Sequence[Mistake]) -> str:
    fields = ("id", "says", "mend", "seen")
    return dumped({"mistakes": [{name: getattr(one, name) for name in fields} for one in mistakes]})
