"""What a notebook shows of a result: one output a cell, and nothing beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from docs.made import notebook
from docs.made.notebook import EXERCISE
from tests.notebooks import at_home_in, executed
from tests.pages import skeleton

MODEL = """\
import numpy as np, rnnverify

def model(units):
    return keras.Sequential([keras.Input((6, 3)), keras.layers.SimpleRNN(units), keras.layers.Dense(2)])

x = np.random.default_rng(1).standard_normal((40, 6, 3))
mine = model(5)"""
RESULTS = {
    "verify": "rnnverify.verify(mine, x)",
    "compare": "rnnverify.compare(mine, lambda x, weights: np.zeros((40, 2)), x)",
    "diagnose": "rnnverify.diagnose(mine, x, np.zeros((40, 2)))",
    "blind_spots": "rnnverify.blind_spots(mine, x[:3])",
    "trace": "rnnverify.trace(mine, x)",
    "check": "rnnverify.check('a.yaml')",
    "sweep": "rnnverify.sweep('grid.yaml', 'out', workers=1)",
}
PRINTED = "print(rnnverify.verify(mine, x))"
MANY = "for units in range(1, 9):\n    rnnverify.verify(model(units), x)"
OWN = "model(3).predict(x, verbose=0).shape"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The outputs of each cell."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "a.yaml").write_text("N: 2\nT: 3\nD: 2\nM: 3\nK: 2\n")
    (folder / "grid.yaml").write_text("base: a.yaml\ngrid: {N: [1, 2], T: [2, 3]}\n")
    cells = {"model": MODEL, **RESULTS, "print": PRINTED, "many": MANY, "own": OWN}
    with pytest.MonkeyPatch.context() as patch:
        return dict(zip(cells, executed(list(cells.values()), folder, patch), strict=True))


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_one_output_in_html_and_in_text(name: str, outputs: dict[str, list[Any]]) -> None:
    (shown,) = outputs[name]
    assert shown.output_type == "execute_result"
    assert shown.data.keys() == {"text/html", "text/plain"}
    assert shown.data["text/html"].startswith('<div class="rnnverify"')
    assert ("<table" in shown.data["text/html"]) == (name != "diagnose")
    assert "\x1b" not in shown.data["text/plain"]
    assert max(map(len, shown.data["text/plain"].splitlines())) <= 100 or name == "sweep"  # it ends with a command


def test_the_table_has_a_row_for_each_unit_and_no_seed_where_x_was_given(outputs: dict[str, list[Any]]) -> None:
    (shown,) = outputs["verify"]
    rows = re.findall(r"<tr.*?</tr>", shown.data["text/html"])
    assert [row.split("</td>")[0].split(">")[-1] for row in rows if "dense[" in row] != []
    assert sum("dense[" in row for row in rows) == 2
    assert "seed" not in shown.data["text/plain"] + shown.data["text/html"]


def test_the_notebook_of_the_exercise_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And if it does not, `python -m docs.made.notebook` has it show what it gives."""
    at_home_in(tmp_path, monkeypatch)
    shown = nbformat.read(EXERCISE, as_version=4)
    given = notebook.executed(EXERCISE)
    for one, other in zip(shown.cells, given.cells, strict=True):
        texts = [[notebook.text_of(output) for output in cell.get("outputs", ())] for cell in (one, other)]
        assert list(map(skeleton, texts[0])) == list(map(skeleton, texts[1])), one.source
    named = next(cell for cell in shown.cells if cell.source == "rnnverify.diagnose(model, x, mine)")
    assert "state-carried-across-samples" in notebook.text_of(named.outputs[0])
    assert notebook.as_page(EXERCISE).count("```text\nmatch\n```") == 1


def test_print_is_plain_text_and_nothing_else(outputs: dict[str, list[Any]]) -> None:
    (printed,) = outputs["print"]
    assert (printed.output_type, printed.name) == ("stream", "stdout")
    assert printed.text == outputs["verify"][0].data["text/plain"] + "\n"


def test_tensorflow_says_nothing_of_tracing_and_does_not_count_ours_as_the_users(outputs: dict[str, list[Any]]) -> None:
    assert outputs["model"] == outputs["many"] == []
    (own,) = outputs["own"]
    assert own.data["text/plain"] == "(40, 2)"
