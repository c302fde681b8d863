"""Numbers for a page: no more digits than can be seen, and none that JSON has not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

BEYOND = 1e300  # in place of infinity


def whole(value: float, digits: int = 9) -> float:
    """A number of so many digits."""
    return float(f"{value:.{digits}g}")


def rounded(values: Iterable[Any], digits: int = 3) -> list[float | None]:
    """Numbers of so many digits each; nothing for NaN, and for an infinity what is larger than any other."""
    return [
        None if math.isnan(value) else whole(value, digits) if math.isfinite(value) else math.copysign(BEYOND, value)
        for value in map(float, values)
    ]
