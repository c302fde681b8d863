"""What is found of somebody else's implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnverify.results.pictures import Pictures
from rnnverify.results.precision import PrecisionFound
from rnnverify.results.probe import Probe
from rnnverify.results.shown import Shown
from rnnverify.results.verification import Divergence, OutputResult, Verification
from rnnverify.results.why import Why


@dataclass(frozen=True)
class Named:
    """Known mistakes that were made, or may have been: one, or two at once."""

    id: str  # `gru-reset-before`; of two `bias-missing + gru-gate-order/r-z-h`
    says: str  # what was done
    mend: str  # what to do about it
    seen: str  # where it was seen in public
    layers: tuple[str, ...]  # in which it is made
    residual: float  # the largest difference that is left, from the replay with the mistake in it
    explains: bool  # whether that is within rounding; if not, it is part of an explanation at most


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """Which known mistakes reproduce what somebody else's implementation gave."""

    verdict: str  # of what was given: match, mismatch or untested
    first_divergence: Divergence | None
    before: float  # the largest difference from the right replay
    mistakes: tuple[Named, ...]  # best first; those that explain it, or else at most the best that explains a part
    untested: tuple[str, ...]  # the ids of mistakes that with this input give what the right mathematics does
    shared: tuple[str, ...]  # what the elements that are wrong have in common, in sentences
    complete: bool  # whether all pairs were tried, where no single mistake explains it
    why: Why | None = None  # what was found on asking more, where that was wanted
    precision: PrecisionFound | None = None  # in which it is right, where it is not in that which it is taken to have

    @property
    def tied(self) -> tuple[str, ...]:
        """The ids that explain it equally well."""
        return tuple(dict.fromkeys(one.id for one in self.mistakes if one.explains))


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Somebody else's implementation, held against the replay as Keras is; and Keras beside it."""

    spec: str
    candidate: str
    seed: int | None
    dtype: str  # what it is taken to compute in
    outputs: tuple[
        OutputResult, ...
    ]  # of every tensor that it gave; what it gave stands where Keras's stands elsewhere
    findings: tuple[str, ...]  # what is wrong with what it gave, apart from the numbers
    diagnosis: Diagnosis | None  # None where it gave nothing that can be judged
    by_step: tuple[str, ...]  # layers of which each step was judged by itself
    untested: tuple[str, ...]  # tensors of which no element could have shown a change of 10%
    notes: tuple[str, ...]
    keras: Verification
    seconds: Mapping[str, float]
    probes: tuple[Probe, ...] = ()  # other calls than this one that it was asked for
    pictures: Pictures | None = None  # what a page draws; None where none was asked for

    @property
    def first_divergence(self) -> Divergence | None:
        return None if self.diagnosis is None else self.diagnosis.first_divergence

    @property
    def why(self) -> Why | None:
        """What was found on asking a candidate more, where that was wanted."""
        return None if self.diagnosis is None else self.diagnosis.why

    @property
    def precision(self) -> PrecisionFound | None:
        """In which precision it is right; None where it is what it is taken to be, or is not known."""
        return None if self.diagnosis is None else self.diagnosis.precision

    @property
    def max_abs_error(self) -> float | None:
        """The largest difference from the free-running replay; None where nothing could be compared."""
        return max((output.max_abs_error for output in self.outputs), default=None)

    @property
    def passed(self) -> bool:
        return self.verdict == "match"

    @property
    def verdict(self) -> str:
        """mismatch where anything is beyond its limit, missing or unfit; else untested where nothing could be seen."""
        if self.findings or not self.outputs or not all(output.passed for output in self.outputs):
            return "mismatch"
        if any(probe.verdict == "mismatch" for probe in self.probes):
            return "mismatch"
        return "untested" if self.untested else "match"
