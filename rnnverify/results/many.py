"""What is found of many specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnverify.results.shown import Shown
from rnnverify.results.verification import Verification

Record = Mapping[str, Any]  # a result as the JSON report has it; a sweep's, with its point


@dataclass(frozen=True)
class Outcome:
    """What became of one of the specs of a check: a result, or the reason why there is none."""

    spec: str
    result: Verification | None = None
    error: str | None = None
    bug: str | None = None  # the traceback of a bug of ours, where that is the reason

    @property
    def passed(self) -> bool:
        return self.result is not None and self.result.passed

    @property
    def verdict(self) -> str:
        """match, mismatch, untested or error."""
        return "error" if self.result is None else self.result.verdict


@dataclass(frozen=True, repr=False)
class CheckResult(Shown):
    """What became of every spec of a check."""

    outcomes: tuple[Outcome, ...]  # in the order of the paths

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)

    @property
    def verdict(self) -> str:
        """mismatch if any is one, else untested if any is, else error if any could not be run, else match."""
        found = {outcome.verdict for outcome in self.outcomes}
        return next((verdict for verdict in ("mismatch", "untested", "error") if verdict in found), "match")


@dataclass(frozen=True)
class Summary:
    """What came of a sweep: counts, and the worst points."""

    points: int
    matches: int
    mismatches: int
    untested: int
    errors: int
    worst_ratio: float  # the largest residual over its limit, of all points
    worst: tuple[Record, ...]  # mismatches first, then the largest ratios
    reproduce: str | None  # a command that runs the worst point

    @property
    def passed(self) -> bool:
        return self.matches == self.points


@dataclass(frozen=True, repr=False)
class SweepResult(Shown):
    """Every point of a grid that has a result."""

    folder: str
    axes: Mapping[str, tuple[Any, ...]]  # the grid's keys with their values
    records: tuple[Record, ...]  # in the order of the points
    summary: Summary
    overrides: tuple[tuple[str, Any], ...] = ()  # of the base, from the command line
    left: int = 0  # points that have no result yet

    @property
    def passed(self) -> bool:
        return self.summary.passed


@dataclass(frozen=True)
class Page:
    """What stands on a page."""

    path: str
    verdicts: Mapping[str, int]  # how many of each
    bugs: Mapping[str, str]  # of specs that could not be run because of a bug of ours: the tracebacks

    @property
    def passed(self) -> bool:
        return self.verdict == "match"

    @property
    def verdict(self) -> str:
        """The worst of all: mismatch, untested, error, match."""
        return next((verdict for verdict in ("mismatch", "untested", "error") if self.verdicts.get(verdict)), "match")
