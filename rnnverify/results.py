"""What is found, frozen: every field here is one that a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnverify.observation import Tolerance

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Record = Mapping[str, Any]  # a result as the JSON report has it; a sweep's, with its point


class Shown:
    """A result that shows itself as its report does, in a terminal, under rich and in a notebook.

    The reports know the results; here alone a result knows its report, and only when it is looked at.
    """

    def __repr__(self) -> str:
        from rnnverify.report.display import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from rnnverify.report.display import html_of

        return html_of(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rnnverify.report.display import parts_of

        yield from parts_of(self)


@dataclass(frozen=True)
class Suspect:
    """A weight that would explain what is wrong with a unit."""

    weight: str  # `recurrent_kernel`
    index: tuple[int, ...]  # of it in that array
    gate: str | None
    change: float  # by how much Keras's seems to be larger than the one it reports
    explains: float  # the share of the unit's squared residuals, in standard deviations, that this explains


@dataclass(frozen=True)
class Divergence:
    """The first place, in the order of the layers and of time, where Keras and the replay part."""

    layer: str
    timestep: int | None
    sample: int
    unit: int
    gate: str | None
    keras: float
    replay: float
    residual: float
    allowed: float
    certain: bool  # beyond the worst-case bound too: no order of summation can excuse it


@dataclass(frozen=True)
class Place:
    """Where in an output an element stands; timestep is None where the output has no time."""

    sample: int
    timestep: int | None


@dataclass(frozen=True)
class OutputResult:
    """One unit of one output, over all samples and timesteps."""

    output: str  # `dense[0]`; `lstm.c[0]` for a state
    shape: tuple[int, ...]  # (N,) or (N, T)
    max_abs_error: float  # of the free-running replay against the prediction
    mean_abs_error: float
    expected_error: float  # how large rounding alone makes it, about: see `verification.outputs`
    at: Place  # of the largest error
    keras: float  # both values there
    replay: float
    passed: bool


@dataclass(frozen=True)
class LayerResult:
    """One call of one layer on what Keras fed it, each step from the state that Keras emitted before it."""

    layer: str
    class_: str
    parameters: int
    weights: Mapping[str, tuple[int, ...]]  # shapes, in the order of get_weights()
    output_shape: tuple[int, ...]  # of its first output, the samples included
    max_residual: float
    worst_ratio: float  # the largest residual over its limit; up to 1 passes
    resolution: Mapping[
        str, float
    ]  # the share of its elements in which a relative change of so much would have been a mismatch
    passed: bool
    suspects: tuple[Suspect, ...] = ()  # of the first unit that is wrong: the weights that its residuals point at


@dataclass(frozen=True)
class Parting:
    """Where the free-running replay and Keras have nothing in common any more, though every step is right."""

    layer: str
    timestep: int


@dataclass(frozen=True, repr=False)
class Verification(Shown):
    """The result for one spec or model."""

    spec: str
    seed: int
    dtype: str
    outputs: tuple[OutputResult, ...]
    layers: tuple[LayerResult, ...]
    first_divergence: Divergence | None
    amplification: float | None  # the largest error end to end over the largest of one step; None where no step rounds
    parting: Parting | None
    tolerance: Tolerance
    notes: tuple[str, ...]  # what Keras does that the user may not expect
    untested: tuple[str, ...]  # tensors of which no element could have shown a change of 10%
    environment: Mapping[str, str]
    seconds: Mapping[str, float]

    @property
    def passed(self) -> bool:
        return self.verdict == "match"

    @property
    def verdict(self) -> str:
        """mismatch where anything is beyond its limit; else untested where something could not have been; else match."""
        if not (all(output.passed for output in self.outputs) and all(layer.passed for layer in self.layers)):
            return "mismatch"
        return "untested" if self.untested else "match"


@dataclass(frozen=True)
class Outcome:
    """What became of one of the specs of a check: a result, or the reason why there is none."""

    spec: str
    result: Verification | None = None
    error: str | None = None

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

    @property
    def passed(self) -> bool:
        return self.summary.passed
