"""What a candidate that could be called said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array


@dataclass(frozen=True)
class Case:
    """One call, and what is right."""

    inputs: Mapping[str, Array]
    weights: Mapping[str, Mapping[str, Array]]  # by layer and name, in the order of get_weights()
    expected: Mapping[str, Array]  # the model's outputs by name, in float64


@dataclass(frozen=True)
class Why:
    """Experiments with a candidate, in sentences."""

    broken: tuple[str, ...]  # properties of every right implementation that it has not
    held: tuple[str, ...]  # those that it has
    sizes: tuple[str, ...]  # for which sizes and weights it is right, and for which wrong
    smallest: Mapping[str, int]  # of the smallest call that differs, by letter; empty where none does
    case: Case | None  # that call
    complete: bool  # whether there was time for all of it
