"""What a spec could not have shown."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.results.shown import Shown


@dataclass(frozen=True)
class BlindSpot:
    """A known mistake that gives, with this spec, what the right mathematics gives."""

    id: str
    says: str  # what was done
    layers: tuple[str, ...]  # in which it would not show
    reason: str  # why not
    change: str | None  # to the spec, the smallest one known that shows it, `N: 3`; None where no change does


@dataclass(frozen=True, repr=False)
class BlindSpots(Shown):
    """Every known mistake that can be made in a model, and which of them its outputs would not show."""

    spec: str
    known: int  # mistakes that can be made there; those that are none for this model do not count
    spots: tuple[BlindSpot, ...]  # those that the spec could not have shown, and another could
    equivalent: tuple[BlindSpot, ...]  # those that are no mistakes for this model: nothing shows them
    change: str | None  # to the spec, which shows all of them

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(spot.id for spot in self.spots)

    @property
    def killed(self) -> float:
        """The share of the known mistakes that the spec shows."""
        return 1 - len(self.spots) / self.known if self.known else 1.0
