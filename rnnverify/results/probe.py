"""What came of asking a candidate for another call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """Another call than the one that a candidate was compared on, and what came of it."""

    probe: str  # what was asked: `N=1`, `padding on both sides`
    verdict: str  # match, mismatch, untested; or refused, which is no fault
    says: str  # of a mismatch how far it is off, of a refusal the reason; empty where there is nothing to say
    mistakes: tuple[str, ...]  # the ids of those that explain a mismatch
