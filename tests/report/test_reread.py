"""A JSON report read back says what it said; what is none, or contradicts itself, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest

import rnnverify
from rnnverify.report.records import check_json, compare_json, comparison_record, record, report_json
from rnnverify.report.reread import results_in
from rnnverify.results import BlindSpot, BlindSpots, Comparison, Verification
from tests.report.by_hand import LARGE, OUTCOMES, RIGHT, SMALL, WRONG
from tests.report.pages import LSTM, gates_in_the_wrong_order, observed

BLIND = BlindSpots("a.yaml", 9, (BlindSpot("bias-missing", "says", ("lstm",), "as it is 0", "N: 3"),), (), "N: 3")


@pytest.fixture(scope="module")
def ported() -> Comparison:
    return rnnverify.compare(observed(LSTM), gates_in_the_wrong_order)


@pytest.mark.parametrize(
    "result",
    [
        RIGHT,
        WRONG,
        replace(RIGHT, blind=BLIND, untested=("lstm",), notes=("NaN",)),
        replace(RIGHT, outputs=(SMALL, replace(LARGE, max_abs_error=inf, keras=inf, passed=False))),
    ],
)
def test_a_result_read_back_makes_the_same_record(result: Verification) -> None:
    (found,) = results_in(report_json([result]))
    assert found.verdict == result.verdict
    assert isinstance(found.result, Verification)
    assert record(found.result) == record(result)


def test_a_comparison_read_back_makes_the_same_record(ported: Comparison) -> None:
    (found,) = results_in(compare_json(ported))
    assert isinstance(found.result, Comparison)
    assert comparison_record(found.result) == comparison_record(ported)
    assert found.result.diagnosis is not None
    assert found.result.diagnosis.tied == ported.diagnosis.tied  # type: ignore[union-attr]


def test_errors_are_read_back() -> None:
    found = results_in(check_json(OUTCOMES))
    assert [one.verdict for one in found] == ["match", "mismatch", "mismatch", "error"]
    assert getattr(found[3].result, "error", None) == OUTCOMES[3].error


def spoiled(change: Callable[[dict[str, Any]], Any]) -> str:
    report = json.loads(report_json([WRONG]))
    change(report["results"][0])
    return json.dumps(report)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"results": []}',
        '{"results": 3, "environment": {}}',
        "[" * 100_000,
        '{"rnnverify": "1", "environment": {"keras": 3}, "results": []}',
        spoiled(lambda result: result.pop("outputs")),
        spoiled(lambda result: result.update(verdict="fine")),
        spoiled(lambda result: result["layers"][0].update(worst_ratio="much")),
        spoiled(lambda result: result["layers"][0].update(resolution={"1e-3": 0.5})),
        spoiled(lambda result: result["layers"][0]["resolution"].update({"1e-3": "NaN"})),
        spoiled(lambda result: result["layers"][0]["weights"].update(recurrent_kernel=[])),
        spoiled(lambda result: result["layers"][0]["weights"].update(kernel=[8, 0])),
        spoiled(lambda result: result.update(first_divergence=None, outputs=[])),
        spoiled(lambda result: result.update(candidate={"spec": "a"})),
    ],
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        results_in(text)
    assert str(refused.value)
