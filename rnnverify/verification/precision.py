"""What a layer computes in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rnnverify.observation.precision import UNIT_ROUNDOFF, dtypes_in
from rnnverify.rounding import PRECISIONS, Precision


def precision_of(config: Mapping[str, Any], tf32: bool) -> Precision:
    """What a layer computes in: the coarsest precision in it."""
    found = [
        dataclasses.replace(PRECISIONS[dtype], operands=2.0**-11) if tf32 and dtype == "float32" else PRECISIONS[dtype]
        for dtype in dtypes_in(config)
    ]
    return max(found, key=lambda precision: precision.unit)


def unit_roundoff(config: Mapping[str, Any]) -> float:
    """The unit roundoff of the coarsest precision in a layer."""
    return max(UNIT_ROUNDOFF[dtype] for dtype in dtypes_in(config))
