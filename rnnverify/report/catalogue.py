"""The known mistakes as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rnnverify.mistakes import Mistake
from rnnverify.report.records import dumped


def catalogue_text(mistakes: Sequence[Mistake]) -> str:
    """A paragraph for each: its id, what was done, how to mend it, and where it was seen."""
    paragraphs = []
    for one in mistakes:
        lines = [one.id, f"  {one.says}", f"  to mend it: {one.mend}"]
        paragraphs.append("\n".join([*lines, f"  seen in {one.seen}"] if one.seen else lines))
    return "\n\n".join(paragraphs)


def catalogue_json(mistakes: Sequence[Mistake]) -> str:
    fields = ("id", "says", "mend", "seen")
    return dumped({"mistakes": [{name: getattr(one, name) for name in fields} for one in mistakes]})
