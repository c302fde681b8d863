"""Results as JSON, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rnnverify import __version__
from rnnverify.report.records import check_json, report_json, sweep_json
from tests.report.by_hand import LSTM, OUTCOMES, POINTS, RIGHT, SMALL, SWEEP, WRONG

SCHEMA = json.loads((Path(__file__).parent.parent.parent / "rnnverify/schemas/report.json").read_text())

RECORD = {
    "spec": "b.yaml",
    "verdict": "mismatch",
    "seed": 7,
    "dtype": "float32",
    "outputs": [
        {
            "output": "dense[0]",
            "shape": [2, 6],
            "max_abs_error": 1e-8,
            "mean_abs_error": 2e-9,
            "expected_error": 4e-8,
            "at": {"sample": 1, "timestep": 3},
            "keras": 0.5,
            "replay": 0.50000001,
            "passed": True,
        },
        {
            "output": "dense[1]",
            "shape": [2, 6],
            "max_abs_error": 0.5,
            "mean_abs_error": 2e-9,
            "expected_error": 4e-8,
            "at": {"sample": 0, "timestep": 5},
            "keras": -0.25,
            "replay": -0.25000003,
            "passed": False,
        },
    ],
    "layers": [
        {
            "layer": "lstm",
            "class": "LSTM",
            "parameters": 144,
            "weights": {"kernel": [8, 12], "recurrent_kernel": [3, 12], "bias": [12]},
            "max_residual": 0.125,
            "worst_ratio": 1250000.0,
            "resolution": {"1e-3": 0.5, "1e-2": 0.75, "1e-1": 1.0},
            "passed": False,
        },
        {
            "layer": "dense",
            "class": "Dense",
            "parameters": 8,
            "weights": {"kernel": [3, 2], "bias": [2]},
            "max_residual": 3e-8,
            "worst_ratio": 0.5,
            "resolution": {"1e-3": 1.0, "1e-2": 1.0, "1e-1": 1.0},
            "passed": True,
        },
    ],
    "first_divergence": {
        "layer": "lstm",
        "timestep": 4,
        "sample": 1,
        "unit": 2,
        "gate": "forget",
        "keras": 0.125,
        "replay": 0.25,
        "residual": 0.125,
        "allowed": 1e-7,
        "certain": True,
    },
    "unchecked": [],
    "untested": [],
    "amplification": 2.0,
    "candidate": None,
    "blind_spots": None,
    "diagnosis": None,
    "notes": [],
    "seconds": {"build": 0.25, "predict": 0.125, "replay": 0.0625},
}


def read(text: str) -> Any:
    """JSON as any reader takes it: without NaN and the infinities, which Python's own would let pass."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_record_has_every_field() -> None:
    assert read(report_json([WRONG])) == {
        "rnnverify": __version__,
        "environment": {"keras": "3.9.0", "numpy": "2.0.0"},
        "results": [RECORD],
    }


def test_a_match_has_no_divergence() -> None:
    (record,) = read(report_json([RIGHT]))["results"]
    assert (record["verdict"], record["first_divergence"]) == ("match", None)


def test_records_stand_in_the_order_of_the_specs_and_outputs_in_that_of_the_model() -> None:
    found = read(report_json([WRONG, RIGHT]))["results"]
    assert [record["spec"] for record in found] == ["b.yaml", "a.yaml"]
    assert [output["output"] for output in found[0]["outputs"]] == ["dense[0]", "dense[1]"]


def test_of_no_result_there_is_nothing_to_report() -> None:
    assert read(report_json([])) == {"rnnverify": __version__, "environment": {}, "results": []}


def test_a_check_lists_what_could_not_be_run_beside_the_results() -> None:
    report = read(check_json(OUTCOMES))
    assert [record["spec"] for record in report["results"]] == ["a.yaml", "b.yaml", "c.yaml"]
    message = "d.yaml:4: M: expected a whole number; got 0\nd.yaml:5: K: expected a whole number; got 0"
    problems = [
        {"file": "d.yaml", "line": line, "key": key, "message": "expected a whole number; got 0"}
        for line, key in ((4, "M"), (5, "K"))
    ]
    assert report["errors"] == [{"spec": "d.yaml", "message": message, "problems": problems}]
    assert read(check_json(OUTCOMES[:1]))["errors"] == []


def test_numbers_that_json_lacks_become_texts() -> None:
    output = replace(SMALL, max_abs_error=inf, mean_abs_error=nan, keras=-inf)
    (record,) = read(report_json([replace(RIGHT, outputs=(output,), layers=(replace(LSTM, worst_ratio=inf),))]))[
        "results"
    ]
    (written,) = record["outputs"]
    assert [written[key] for key in ("max_abs_error", "mean_abs_error", "keras")] == ["Infinity", "NaN", "-Infinity"]
    assert record["layers"][0]["worst_ratio"] == "Infinity"


@pytest.mark.parametrize("text", [report_json([RIGHT, WRONG]), check_json(OUTCOMES), report_json([])])
def test_it_fits_the_schema(text: str) -> None:
    jsonschema.validate(read(text), SCHEMA)


def test_a_sweep_has_its_counts_its_worst_points_and_every_record() -> None:
    report = read(sweep_json(SWEEP))
    assert report["summary"] == {
        "points": 4,
        "matches": 2,
        "mismatches": 1,
        "untested": 0,
        "errors": 1,
        "worst_ratio": 40.0,
        "reproduce": "rnnverify run grid.yaml --set N=1 --set layer=GRU",
        "worst": [
            {"N": 1, "layer": "GRU"},
            {"N": 4, "layer": "GRU"},
            {"N": 4, "layer": "LSTM"},
            {"N": 1, "layer": "LSTM"},
        ],
    }
    assert report["results"] == list(POINTS)


def test_where_the_inputs_were_given_the_seed_is_null() -> None:
    report = json.loads(report_json([replace(RIGHT, seed=None)]))
    assert report["results"][0]["seed"] is None
    jsonschema.validate(report, SCHEMA)


def test_a_report_says_the_same_without_what_a_terminal_or_a_ci_server_obeys() -> None:
    evil = "::error::a\n##[error]b\x1b[2J\x7f\u202e\udc80"
    text = report_json([replace(RIGHT, spec=evil)])
    assert json.loads(text)["results"][0]["spec"] == evil
    assert text.isascii()
    assert "##[" not in text
    assert text.replace("\n", "").isprintable()
