"""From what pydantic found to sentences: file:line: key: expected ..., got ..."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rnnverify.errors import SpecError
from rnnverify.layers.layer import MisfitError
from rnnverify.spec.parsing import printable
from rnnverify.spec.source import Path, Source, dotted

MOST_SHOWN = 8
MOST_KEPT = 100  # of one mapping; each is compared with every known key, which takes its time

Model = TypeVar("Model", bound=BaseModel)


class Problems:
    """The problems found so far in one document, each with its place."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[tuple[int, str]] = []
        self.more = 0  # that were not even written down

    def add(self, path: Path, message: str) -> None:
        line = self.source.line(path)
        place = self.source.file if line is None else f"{self.source.file}:{line}"
        sentence = f"{place}: {dotted(path)}: {message}"
        if (line or 0, sentence) not in self.found:
            self.found.append((line or 0, sentence))

    def refuse(self) -> None:
        """Raise what was found, if anything was."""
        if not self.found:
            return
        sentences = [sentence for _, sentence in sorted(self.found, key=lambda found: found[0])]
        if len(sentences) > MOST_SHOWN:
            more = len(sentences) - MOST_SHOWN + self.more
            sentences = [*sentences[:MOST_SHOWN], f"{self.source.file}: and {more} more"]
        raise SpecError("\n".join(sentences))

    def validate(self, model: type[Model], value: Any, path: Path, letters: dict[str, int] | None) -> Model | None:
        """Validate one mapping; None, and problems added, where it is wrong."""
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self.add(path, f"expected a mapping of {', '.join(model.model_fields)}; got {shown(value)}")
            return None
        try:
            return model.model_validate(value, context=letters or {})
        except ValidationError as error:
            details = error.errors()
            self.more += max(0, len(details) - MOST_KEPT)
            for detail in details[:MOST_KEPT]:
                place, message = sentence(detail, list(model.model_fields))
                self.add(path + place, message)
            return None

    def misfit(self, path: Path, error: MisfitError) -> None:
        """What a layer says does not fit; at the argument that is wrong, if it is one."""
        self.add(path if error.argument is None else (*path, error.argument), str(error))


def sentence(detail: Any, keys: Sequence[str]) -> tuple[Path, str]:
    """One of pydantic's errors as (where, what)."""
    place: Path = detail["loc"]
    value = detail["input"]
    kind = detail["type"]
    if kind == "missing":
        return place, "required, but not set"
    if kind == "extra_forbidden":
        return place, f"unknown key{near(str(place[-1]), keys)}; the keys here are {', '.join(keys)}"
    if kind == "choice":
        return place, f"{detail['msg']}; got {shown(value)}{near(value, detail['ctx']['choices'])}"
    if kind == "expected":
        return place, f"{detail['msg']}; got {shown(value)}"
    return place, f"{detail['msg'][:1].lower()}{detail['msg'][1:]}; got {shown(value)}"


def near(word: Any, known: Iterable[Any]) -> str:
    """`, did you mean 'units'?` where a known word is spelled nearly the same."""
    if not isinstance(word, str):
        return ""
    names = {str(name).lower(): str(name) for name in known}
    close = difflib.get_close_matches(word.lower()[:100], names, n=1, cutoff=0.6)
    return f", did you mean {names[close[0]]!r}?" if close else ""


def shown(value: Any) -> str:
    """A received value, short enough for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping" + (f" with {printable(', '.join(list(value)[:3]))}"[:60] if value else " without keys")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**15:
        return "a huge number"
    try:
        text = repr(value)
    except ValueError:  # integers of thousands of digits, in whatever else a mapping may hold
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
