"""The page: what stands on it in words and tables, that it is one file, and that names are text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rnnverify
from rnnverify import RequestError
from rnnverify.report.page.document import embedded
from rnnverify.report.records import check_json
from rnnverify.report.reread import results_in
from rnnverify.results import CheckResult, Comparison, Verification
from tests.report.by_hand import LARGE, OUTCOMES, PARTED, RIGHT, SMALL, SWEEP, TOO_FAR, WRONG
from tests.report.pages import LSTM, Page, gates_in_the_wrong_order, observed, page_of, text_of, with_wrong_weight

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'\n&amp;{{7*7}}"
SHOWN = EVIL.replace("\n", "\\n")


@pytest.fixture(scope="module")
def right() -> Verification:
    return rnnverify.verify(observed(LSTM), pictures=True)


@pytest.fixture(scope="module")
def wrong() -> Verification:
    return rnnverify.verify(with_wrong_weight(observed(LSTM)), pictures=True)


@pytest.fixture(scope="module")
def ported() -> Comparison:
    return rnnverify.compare(observed(LSTM), gates_in_the_wrong_order, pictures=True)


@pytest.mark.parametrize("result", [RIGHT, WRONG, TOO_FAR, PARTED])
def test_the_verdict_and_the_tables_are_those_of_the_report(result: Verification) -> None:
    page = page_of(result)
    (said,) = page.verdicts
    assert said.split()[0] == result.verdict
    layers, outputs, resolution = page.tables[:3]
    assert [row[0] for row in layers[1:]] == ["lstm", "dense"]
    assert {row[0] for row in outputs[1:]} == {"dense[0]", "dense[1]"}
    assert resolution[1] == ["lstm", "50%", "75%", "100%"]
    assert result.spec in page.text


def test_what_a_verdict_rests_on_is_said() -> None:
    assert "every step is right within rounding, the worst at 0.5 of its limit" in page_of(RIGHT).verdicts[0]
    text = page_of(WRONG).text
    assert "layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125, replay 0.25" in text
    assert "suspicious: lstm recurrent_kernel[0, 5], forget gate" in text
    assert "from timestep 17 of lstm on the two runs have parted" in page_of(PARTED).text


def test_a_page_of_many_lists_them_and_counts() -> None:
    page = page_of(CheckResult(OUTCOMES))
    assert "4 in all: 1 match, 2 mismatch, 1 error" in page.text
    assert [said.split()[0] for said in page.verdicts] == ["match", "mismatch", "mismatch", "error"]
    assert "d.yaml:5: K: expected a whole number; got 0" in page.text
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["#part-1", "#part-2", "#part-3", "#part-4"]


def test_it_is_one_file_that_asks_for_nothing(right: Verification) -> None:
    text = text_of(right, RIGHT)
    page = Page(text)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe")
        assert not attributes.keys() & {"src", "srcset", "style-src", "action"}
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in text
    assert not re.search(r"url\(", "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)))
    assert text.count("vegaEmbed=") == 1  # the library, once for all charts


def test_the_scripts_that_may_run_are_those_of_the_page(right: Verification) -> None:
    page = page_of(right)
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    tags = [attributes for tag, attributes in page.elements if tag == "script"]
    run = [script for script, attributes in zip(page.scripts, tags, strict=True) if "type" not in attributes]
    assert len(run) == 2
    for script in run:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline'; img-src" in policy  # of styles alone
    assert "unsafe-eval" not in policy


def test_names_are_text_and_never_elements(ported: Comparison) -> None:
    named = replace(RIGHT, spec=EVIL, notes=(EVIL,), outputs=(replace(SMALL, output=EVIL), LARGE))
    layers = tuple(replace(layer, layer=EVIL, class_=EVIL) for layer in WRONG.layers)
    candidate = replace(ported, candidate=EVIL, findings=(EVIL,), notes=(EVIL,))
    records = tuple({**record, "point": {EVIL: EVIL, "N": 1}, "spec": EVIL} for record in SWEEP.records)
    sweep = replace(SWEEP, folder=EVIL, axes={EVIL: (EVIL,), "N": (1,)}, records=records)
    failed = replace(OUTCOMES[3], spec=EVIL, error=f"{EVIL}: {EVIL}")
    page = page_of(named, replace(WRONG, layers=layers), candidate, sweep, failed)
    assert page.text.count(SHOWN) > 20
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 5  # charts, axes, points, the library and our own
    assert "49" not in "".join(page.verdicts)


def test_names_inside_of_drawings_and_data_are_text(right: Verification) -> None:
    assert right.pictures is not None
    boxes = tuple(replace(box, name=box.name + EVIL, class_=EVIL) for box in right.pictures.boxes)
    maps = tuple(replace(one, tensor=EVIL) for one in right.pictures.maps)
    page = page_of(replace(right, pictures=replace(right.pictures, boxes=boxes, maps=maps)))
    assert "img" not in [tag for tag, _ in page.elements]
    assert EVIL not in json.dumps(page.charts)
    assert page.text.count(SHOWN) >= len(boxes) + len(maps)


def test_data_can_not_end_the_element_that_it_stands_in() -> None:
    text = str(embedded({"a": "</script><!--<script>&"}))
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!--<script>&"}


def test_each_tensor_has_a_map_and_lines_with_the_limit_drawn_in(right: Verification) -> None:
    page = page_of(right)
    cells = [chart for chart in page.charts if chart["form"] == "cells"]
    assert [chart["data"]["size"] for chart in cells] == [[9, 5], [9, 5], [9, 2]]  # lstm.h, lstm.c, dense
    largest = max(ratio for chart in cells[:2] for row in chart["data"]["ratios"] for ratio in row)
    assert largest == pytest.approx(right.layers[0].worst_ratio, rel=0.01)
    lines = [chart for chart in page.charts if [{"limit": 1}] in chart["spec"].get("datasets", {}).values()]
    assert len(lines) == 3
    assert all({"difference", "standard deviation"} <= set(chart["data"]["what"]) for chart in page.charts[-3:])
    assert "lstm.c" in page.text


def test_a_mismatch_is_enlarged_and_its_weights_are_suspected(wrong: Verification) -> None:
    page = page_of(wrong)
    assert wrong.first_divergence is not None
    first = wrong.first_divergence
    values, apart = page.charts[:2]
    at = [
        value
        for value, step, what in zip(*(values["data"][key] for key in ("v", "t", "what")), strict=True)
        if step == first.timestep and what == "Keras"
    ]
    assert at == [pytest.approx(first.keras, rel=1e-8)]
    place = apart["data"]["t"].index(first.timestep)
    assert apart["data"]["off"][place] == pytest.approx(first.residual, rel=1e-6)
    assert apart["data"]["allowed"][place] == pytest.approx(first.allowed, rel=1e-6)
    kernels = [chart["data"] for chart in page.charts if len(chart["data"].get("gate", ())) == 4 * 5]
    (suspected,) = (data for data in kernels if max(data["share"]) > 0.9)
    most = max(range(20), key=lambda index: suspected["share"][index])
    assert (suspected["row"][most], suspected["gate"][most]) == (1, "forget")


def test_a_diagnosed_port_is_told_how_to_mend_it_before_and_after(ported: Comparison) -> None:
    page = page_of(ported)
    assert page.verdicts[0].split()[0] == "mismatch"
    text = " ".join(page.text.split())
    assert "lstm-gate-order/i-c-f-o" in text
    assert "np.split(z, 4, axis=-1)" in text
    before, after = page.charts[:2]
    assert before["data"]["y"] == after["data"]["y"]
    assert off(before) > 0.01
    assert off(after) < 1e-6


def off(chart: dict[str, Any]) -> float:
    return max(abs(x - y) for x, y in zip(chart["data"]["x"], chart["data"]["y"], strict=True))


def test_what_a_json_report_does_not_hold_is_said() -> None:
    page = page_of(*results_in(check_json(OUTCOMES)))
    assert page.text.count("This comes from a JSON report") == 3
    assert [said.split()[0] for said in page.verdicts] == ["match", "mismatch", "mismatch", "error"]
    assert "dense[1] differs by 3e-08, more than was demanded" in page.verdicts[2]
    assert page.charts == []


def test_what_draws_it_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(RequestError, match=r"needs altair: pip install 'rnnverify\[report\]'"):
        rnnverify.page(RIGHT, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_page_says_what_stands_on_it(tmp_path: Path) -> None:
    sweep = replace(SWEEP, records=tuple({**record, "spec": "grid.yaml"} for record in SWEEP.records))
    made = rnnverify.page([CheckResult(OUTCOMES), sweep], tmp_path / "page.html")
    assert made.verdicts == {"match": 1, "mismatch": 3, "error": 1}
    assert (made.verdict, made.passed) == ("mismatch", False)
    assert Page((tmp_path / "page.html").read_text(encoding="utf-8")).text
    with pytest.raises(RequestError, match="expected something to show"):
        rnnverify.page([], tmp_path / "page.html")
