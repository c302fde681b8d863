"""Numbers that JSON lacks: floats in memory, texts in JSON, and floats again when they are read."""

from __future__ import annotations

import json
from math import inf, isnan, nan

from rnnverify.observation import Tolerance
from rnnverify.report.records import error_of, from_line, line, ratio_of, record, report_json
from rnnverify.results import Divergence, LayerResult, OutputResult, Place, Verification

# A layer may be called NaN, and is no number.
RESULT = Verification(
    spec="Infinity",
    seed=3,
    dtype="float16",
    outputs=(OutputResult("NaN[0]", (2,), inf, nan, 0.5, Place(1, None), -inf, 2.0, False),),
    layers=(LayerResult("NaN", "LSTM", 7, {"kernel": (3, 4)}, (2, 4), inf, inf, {"1e-1": 0.0}, False),),
    first_divergence=Divergence("NaN", 4, 1, 0, None, -inf, 2.0, inf, 0.25, True),
    amplification=None,
    parting=None,
    tolerance=Tolerance(),
    notes=(),
    untested=(),
    environment={},
    seconds={"predict": 0.5},
)


def test_in_memory_they_are_numbers() -> None:
    made = record(RESULT)
    assert made["outputs"][0]["max_abs_error"] == inf
    assert isnan(made["outputs"][0]["mean_abs_error"])
    assert made["first_divergence"]["keras"] == -inf
    assert (ratio_of(made), error_of(made)) == (inf, inf)


def test_in_json_they_are_texts() -> None:
    (made,) = json.loads(report_json([RESULT]))["results"]
    assert made == json.loads(line(record(RESULT)))
    assert [made["outputs"][0][name] for name in ("max_abs_error", "mean_abs_error", "keras", "replay")] == [
        "Infinity", "NaN", "-Infinity", 2.0,
    ]  # fmt: skip
    assert made["layers"][0]["worst_ratio"] == made["first_divergence"]["residual"] == "Infinity"


def test_a_line_is_read_back_as_it_was() -> None:
    written = {"point": {"layers.0.LSTM.name": "NaN"}, **record(RESULT)}
    read = from_line(line(written))
    assert isnan(read["outputs"][0].pop("mean_abs_error"))
    assert isnan(written["outputs"][0].pop("mean_abs_error"))
    assert read == written
    assert read["layers"][0]["layer"] == read["point"]["layers.0.LSTM.name"] == "NaN"
    assert read["spec"] == "Infinity"
