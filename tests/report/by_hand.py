"""Results made by hand: what every report is tried on, so that its exact text is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from rnnverify.observation import Tolerance
from rnnverify.report.parts import Line
from rnnverify.report.screen import plain
from rnnverify.report.tables import Table
from rnnverify.results import (
    Divergence,
    LayerResult,
    Outcome,
    OutputResult,
    Parting,
    Place,
    Summary,
    Suspect,
    SweepResult,
    Verification,
)

LSTM = LayerResult(
    layer="lstm",
    class_="LSTM",
    parameters=144,
    weights={"kernel": (8, 12), "recurrent_kernel": (3, 12), "bias": (12,)},
    output_shape=(2, 6, 3),
    max_residual=1.5e-8,
    worst_ratio=0.25,
    resolution={"1e-3": 0.5, "1e-2": 0.75, "1e-1": 1.0},
    passed=True,
)
DENSE = LayerResult(
    layer="dense",
    class_="Dense",
    parameters=8,
    weights={"kernel": (3, 2), "bias": (2,)},
    output_shape=(2, 6, 2),
    max_residual=3e-8,
    worst_ratio=0.5,
    resolution={"1e-3": 1.0, "1e-2": 1.0, "1e-1": 1.0},
    passed=True,
)
SMALL = OutputResult(
    output="dense[0]",
    shape=(2, 6),
    max_abs_error=1e-8,
    mean_abs_error=2e-9,
    expected_error=4e-8,
    at=Place(sample=1, timestep=3),
    keras=0.5,
    replay=0.50000001,
    passed=True,
)
LARGE = replace(SMALL, output="dense[1]", max_abs_error=3e-8, at=Place(0, 5), keras=-0.25, replay=-0.25000003)
RIGHT = Verification(
    spec="a.yaml",
    seed=7,
    dtype="float32",
    outputs=(SMALL, LARGE),
    layers=(LSTM, DENSE),
    first_divergence=None,
    amplification=2.0,
    parting=None,
    tolerance=Tolerance(),
    notes=(),
    untested=(),
    environment={"keras": "3.9.0", "numpy": "2.0.0"},
    seconds={"build": 0.25, "predict": 0.125, "replay": 0.0625},
)

DIVERGENCE = Divergence(
    layer="lstm",
    timestep=4,
    sample=1,
    unit=2,
    gate="forget",
    keras=0.125,
    replay=0.25,
    residual=0.125,
    allowed=1e-7,
    certain=True,
)
SUSPECT = Suspect(weight="recurrent_kernel", index=(0, 5), gate="forget", change=0.001, explains=0.995)
WRONG = replace(
    RIGHT,
    spec="b.yaml",
    layers=(replace(LSTM, max_residual=0.125, worst_ratio=1.25e6, passed=False, suspects=(SUSPECT,)), DENSE),
    outputs=(SMALL, replace(LARGE, max_abs_error=0.5, passed=False)),
    first_divergence=DIVERGENCE,
)
# Every step is right, but more was demanded.
TOO_FAR = replace(
    RIGHT, spec="c.yaml", outputs=(SMALL, replace(LARGE, passed=False)), tolerance=Tolerance(atol=2e-8, rtol=1e-9)
)
PARTED = replace(RIGHT, amplification=12345.6, parting=Parting("lstm", 17))

OUTCOMES = (
    Outcome("a.yaml", RIGHT),
    Outcome("b.yaml", WRONG),
    Outcome("c.yaml", TOO_FAR),
    Outcome("d.yaml", error="d.yaml:4: M: expected a whole number; got 0\nd.yaml:5: K: expected a whole number; got 0"),
)


def lines(parts: Iterable[Line | Table], width: int = 120) -> str:
    """What a terminal shows, without colours and without the blanks at the ends of lines."""
    return plain(parts, width, "utf-8")


def point(verdict: str, ratio: float, error: float, first: Divergence | None = None, **values: Any) -> dict[str, Any]:
    """What a sweep keeps of a point, as far as its tables show it."""
    return {
        "point": values,
        "verdict": verdict,
        "outputs": [{"max_abs_error": error}],
        "layers": [{"worst_ratio": ratio / 2}, {"worst_ratio": ratio}],
        "first_divergence": None if first is None else asdict(first),
    }


def failed(message: str, **values: Any) -> dict[str, Any]:
    """What it keeps of a point that could not be run."""
    return {"point": values, "verdict": "error", "message": message}


POINTS = (
    point("match", 0.1, 1e-8, N=1, layer="LSTM"),
    point("match", 0.2, 1e-7, N=4, layer="LSTM"),
    point("mismatch", 40.0, 1e-4, DIVERGENCE, N=1, layer="GRU"),
    failed("N: too large", N=4, layer="GRU"),
)
AXES = {"N": (1, 4), "layer": ("LSTM", "GRU")}
SUMMARY = Summary(
    points=4,
    matches=2,
    mismatches=1,
    untested=0,
    errors=1,
    worst_ratio=40.0,
    worst=(POINTS[2], POINTS[3], POINTS[1], POINTS[0]),
    reproduce="rnnverify run grid.yaml --set N=1 --set layer=GRU",
)

SWEEP = SweepResult("grid-sweep", AXES, POINTS, SUMMARY)
