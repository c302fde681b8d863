"""What a line of results must hold for it to be read again: a file may be torn, edited, or somebody else's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from rnnverify.grids.numbering import Numbering
from rnnverify.report.records import from_line
from rnnverify.results import Record


class Part(BaseModel):
    model_config = ConfigDict(strict=True)


class Output(Part):
    max_abs_error: float
    expected_error: float


class Layer(Part):
    worst_ratio: float


class Place(Part):
    layer: str
    timestep: int | None
    sample: int
    unit: int | None
    gate: str | None


class Found(Part):
    """A point that has been verified."""

    verdict: Literal["match", "mismatch", "untested"]
    outputs: list[Output]
    layers: list[Layer]
    first_divergence: Place | None = None
    unchecked: list[str] = []
    untested: list[str] = []
    amplification: float | None = None
    seconds: dict[str, float] = {}


class Failed(Part):
    """A point that could not be."""

    verdict: Literal["error"]
    message: str
    timeout: float = 0.0


DEEPEST = 100  # levels of a record; a spec has up to 60
ANY: TypeAdapter[Found | Failed] = TypeAdapter(Found | Failed)


def kept_record(line: bytes, numbering: Numbering) -> tuple[int, Record]:
    """The record in a line, and the number of its point.

    Raises:
        ValueError: it is no whole record of a point of the grid.
    """
    try:
        record: dict[str, Any] = from_line(line.decode())
        if deeper(record, DEEPEST):
            raise ValueError("nested too deeply")
        ANY.validate_python(record)
        return numbering.number_of(record["point"]), record
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def deeper(value: Any, levels: int) -> bool:
    """Whether there are more levels in a value than so many."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(deeper(part, levels - 1) for part in parts)
