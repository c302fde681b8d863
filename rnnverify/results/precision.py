"""The precision in which somebody else's implementation turned out to be right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrecisionFound:
    """Another arithmetic than it is taken to compute in, or other weights or outputs than float32 holds."""

    name: str  # `bfloat16`, `float16 weights`, `int8 weights, one scale per tensor`
    kind: str  # arithmetic, weights or outputs
    evidence: str  # why it is that, and not a fault that is as small, in a sentence's part
    ratio: float  # the largest residual over its limit in that precision
    cost: float  # the largest difference from the replay of the model's own weights in float64
    option: str  # of `compare` that verifies against it; empty where there is none
