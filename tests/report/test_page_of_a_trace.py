"""A trace draws itself: a panel for each gate and state, lines for units, gaps where a step is masked."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

from rnnverify import RequestError
from rnnverify.report.page.traces import MOST_UNITS, trace_section
from rnnverify.report.traced import shapes
from rnnverify.results import Trace
from tests.report.by_hand import lines

GATES = ("i", "f", "c~", "o", "c", "h")
PANELS = ["i input gate", "f forget gate", "c~ candidate", "o output gate", "c state", "h state"]


def traced(units: int = 3) -> Trace:
    """Four timesteps of two samples, of which the second step of the second one is masked."""
    chance = np.random.default_rng(1)
    arrays = {name: chance.uniform(size=(2, 4, units)) for name in GATES}
    for name in GATES[:4]:
        arrays[name][1, 1] = np.nan
    return Trace("<b>.yaml", {"lstm": {**arrays, "output": arrays["h"][:, -1]}}, {"lstm": {"": False}})


def charts_of(trace: Trace, sample: int) -> list[Any]:
    (beside,) = (block for block in trace_section(trace, sample).blocks if block.kind == "beside")
    return list(beside.charts)


def test_a_panel_for_each_gate_and_state_with_a_line_for_each_unit() -> None:
    trace = traced()
    charts = charts_of(trace, 1)
    assert [chart.title for chart in charts] == PANELS
    forget = charts[1].data
    for unit in range(3):
        line = [value for value, own in zip(forget["v"], forget["unit"], strict=True) if own == unit]
        wanted = trace["lstm"]["f"][1, :, unit]
        assert line[1] is None  # masked
        assert [line[0], *line[2:]] == pytest.approx([wanted[0], *wanted[2:]], rel=1e-5)
    assert None not in charts[5].data["v"]  # states stand as they were


def test_of_many_units_the_first_are_drawn() -> None:
    section = trace_section(traced(MOST_UNITS + 5), 0)
    assert f"the first {MOST_UNITS} of {MOST_UNITS + 5} units" in [
        block.line.plain for block in section.blocks if block.kind == "words"
    ]
    assert max(charts_of(traced(MOST_UNITS + 5), 0)[0].data["unit"]) == MOST_UNITS - 1


@pytest.mark.parametrize(
    ("trace", "sample"), [(traced(), 2), (Trace("dense.yaml", {"dense": {"output": np.zeros((2, 3))}}, {}), 0)]
)
def test_what_is_not_there_is_refused(trace: Trace, sample: int) -> None:
    with pytest.raises(RequestError, match="no recurrent layer"):
        trace_section(trace, sample)


def test_a_notebook_shows_pictures_without_a_script() -> None:
    made = traced()._repr_html_()
    assert made.startswith('<div class="rnnverify">')
    assert made.count("<svg") == 6
    assert re.findall(r"<figcaption[^>]*>([^<]*)<", made) == PANELS
    assert "<script" not in made
    assert "http://www.w3.org" in made  # the namespace of SVG, and no other address
    assert not set(re.findall(r"https?://[^/\"]+", made)) - {"http://www.w3.org"}
    assert "currentColor" in made  # the notebook's own, light or dark
    assert "&lt;b&gt;.yaml" in made
    assert "lstm.c~" in made  # the table of what there is stands below


def test_without_what_draws_them_it_shows_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    made = traced()._repr_html_()
    assert "<svg" not in made
    assert "lstm.c~" in made
    assert "lstm.c~" in lines(shapes(traced()))


def test_a_model_without_a_recurrent_layer_shows_the_table() -> None:
    made = Trace("dense.yaml", {"dense": {"output": np.zeros((2, 3))}}, {})._repr_html_()
    assert "<svg" not in made
    assert "dense.output" in made
