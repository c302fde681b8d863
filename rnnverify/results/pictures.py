"""What pictures are drawn from, by time and by unit: kept only where they are asked for, and reduced to what can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array


@dataclass(frozen=True)
class Box:
    """One call of a layer, or an input, in the graph of a model."""

    name: str
    class_: str  # Keras's, or `input`
    shape: tuple[int, ...]  # of its first output, the samples included
    reads: tuple[str, ...]  # the names of the boxes that it is fed by
    given: bool = False  # taken as given, and not checked
    returned: bool = False  # whether the model returns one of its outputs


@dataclass(frozen=True, eq=False)
class WorstUnit:
    """One of the units that come nearest to their limits, or go furthest beyond."""

    unit: int
    ratios: Array  # (rows,) as those of its map


@dataclass(frozen=True, eq=False)
class RatioMap:
    """Residuals over their limits of one tensor of a layer, the largest of all samples."""

    layer: str
    tensor: str  # `lstm.c`, `dense`
    ratios: Array  # (rows, columns) by time and unit, NaN where nothing was compared
    timesteps: int | None  # how many there are; None where the tensor has no time
    units: int
    per_row: int  # how many timesteps a row stands for: by the largest of them
    per_column: int  # and a column units
    worst: tuple[WorstUnit, ...]  # the worst first
    backwards: bool = False  # whether it is in the order of a walk that goes back in time


@dataclass(frozen=True, eq=False)
class Drift:
    """How far the free-running replay is from what was given, over time, and how far rounding alone takes it."""

    layer: str
    tensor: str
    error: Array  # (rows,) the largest difference over all samples and units
    deviation: Array  # (rows,) the largest standard deviation of the replay's rounding
    size: Array  # (rows,) the largest value
    limit: float  # how many standard deviations may lie between two right ones
    timesteps: int
    per_row: int
    samples: int | None = None  # the first so many alone; None where all were run
    backwards: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """Neighbouring elements along one axis."""

    first: int  # the timestep, or unit, of the first one
    given: Array  # Keras's, or a candidate's
    replay: Array
    allowed: Array  # how far off rounding may take it


@dataclass(frozen=True, eq=False)
class Closeup:
    """The surroundings of a place where something is wrong, in its sample."""

    layer: str
    sample: int
    timestep: int | None
    unit: int
    over_time: Series | None  # of that unit; None where there is no time
    over_units: Series  # at that timestep


@dataclass(frozen=True, eq=False)
class Suspicion:
    """How much of what is wrong with a unit each of its weights would explain, if it alone were off."""

    layer: str
    unit: int
    weight: str
    gates: tuple[str | None, ...]
    shares: Array  # (rows, gates), of the unit's squared residuals, to first order


@dataclass(frozen=True, eq=False)
class Mended:
    """What was given beside the right replay, and beside the replay with the mistake that explains it."""

    mistake: str
    given: Array  # (elements,) a selection of all outputs
    right: Array
    mistaken: Array
    elements: int  # of how many


@dataclass(frozen=True, eq=False)
class Pictures:
    """All that is drawn of one model, or of one candidate."""

    boxes: tuple[Box, ...] = ()
    maps: tuple[RatioMap, ...] = ()
    drifts: tuple[Drift, ...] = ()
    closeup: Closeup | None = None
    suspicions: tuple[Suspicion, ...] = ()
    mended: Mended | None = None
