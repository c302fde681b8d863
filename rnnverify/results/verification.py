"""What is found of one model: of Keras, and of somebody else's implementation beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnnverify.observation import Tolerance
from rnnverify.results.blind import BlindSpots
from rnnverify.results.pictures import Pictures
from rnnverify.results.shown import Shown

if TYPE_CHECKING:
    from rnnverify.results.comparison import Comparison


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
    # The share of its elements in which a relative change of so much would have been a mismatch.
    resolution: Mapping[str, float]
    passed: bool
    gates: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)  # of weights: each gate's columns
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of its config: `used`, and `inert`
    ends: str | None = None  # which end of its output is which, where a walk goes backwards
    suspects: tuple[Suspect, ...] = ()  # of the first unit that is wrong: the weights that its residuals point at


@dataclass(frozen=True)
class GivenLayer:
    """One call of a layer that was not checked, because the user asked for that: what it put out is taken as given."""

    layer: str
    class_: str
    parameters: int
    output_shape: tuple[int, ...]  # of its first output, the samples included
    place: int  # among all calls of layers, from 0


@dataclass(frozen=True)
class Parting:
    """Where the free-running replay and Keras have nothing in common any more, though every step is right."""

    layer: str
    timestep: int


@dataclass(frozen=True, repr=False)
class Verification(Shown):
    """The result for one spec or model."""

    spec: str
    seed: int | None  # None where the inputs were given
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
    candidate: Comparison | None = None  # what was found of somebody else's implementation that the spec names
    blind: BlindSpots | None = None  # None where they were not looked for
    min_kill: float | None = None  # the share of the known mistakes that must show
    given: tuple[GivenLayer, ...] = ()  # the layers that are taken as given
    pictures: Pictures | None = None  # what a page draws; None where none was asked for

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The names of the layers that are taken as given."""
        return tuple(layer.layer for layer in self.given)

    @property
    def blind_spots(self) -> tuple[str, ...] | None:
        """The ids of the known mistakes that this could not have shown; None where they were not looked for."""
        return None if self.blind is None else self.blind.ids

    @property
    def shows_enough(self) -> bool:
        """Whether as many of the known mistakes would have shown as was asked for."""
        return self.min_kill is None or self.blind is None or self.blind.killed >= self.min_kill

    @property
    def passed(self) -> bool:
        return self.verdict == "match"

    @property
    def verdict(self) -> str:
        """The worse one of Keras's and the candidate's: mismatch, untested, match."""
        found = {self.keras_verdict, *([] if self.candidate is None else [self.candidate.verdict])}
        return next((verdict for verdict in ("mismatch", "untested") if verdict in found), "match")

    @property
    def keras_verdict(self) -> str:
        """mismatch where anything is beyond its limit; else untested where too much could not have been; else match."""
        if not (all(output.passed for output in self.outputs) and all(layer.passed for layer in self.layers)):
            return "mismatch"
        return "untested" if self.untested or not self.shows_enough else "match"
