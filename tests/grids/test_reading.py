"""A sweep's folder is read without being touched, finished or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnverify import RequestError
from rnnverify.grids.reading import is_sweep, load_sweep
from tests.report.pages import write_sweep

AXES = {"T": [1, 2, 3], "layer": ["SimpleRNN", "LSTM"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("sweep"), AXES, {"N": 2, "D": 3, "M": 4, "K": 2}, ["mismatch"])


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    for name in ("sweep.json", "results.jsonl"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def test_its_points_are_summed_up(folder: Path) -> None:
    found = load_sweep(str(folder))
    assert found.axes == {"T": (1, 2, 3), "layer": ("SimpleRNN", "LSTM")}
    assert [tuple(record["point"].values()) for record in found.records][:3] == [
        (1, "SimpleRNN"),
        (1, "LSTM"),
        (2, "SimpleRNN"),
    ]
    assert (found.summary.points, found.summary.matches, found.summary.mismatches, found.left) == (6, 5, 1, 0)
    assert found.summary.reproduce is not None
    assert found.summary.reproduce.endswith("grid.yaml --set T=1 --set layer=SimpleRNN")


def test_what_is_not_finished_is_shown_as_far_as_it_is(folder: Path) -> None:
    lines = (folder / "results.jsonl").read_bytes().splitlines(keepends=True)
    torn = b"".join(lines[:3]) + lines[3][:50]
    (folder / "results.jsonl").write_bytes(torn)
    found = load_sweep(str(folder))
    assert (len(found.records), found.left) == (3, 3)
    assert (folder / "results.jsonl").read_bytes() == torn  # it may be written to at this moment
    assert sorted(path.name for path in folder.iterdir()) == ["results.jsonl", "sweep.json"]


@pytest.mark.parametrize(
    "line", ['{"point": {}}', "nonsense", '{"point": {"T": 9, "layer": "LSTM"}, "verdict": "match"}']
)
def test_a_damaged_line_is_named(folder: Path, line: str) -> None:
    with (folder / "results.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RequestError, match=r"results\.jsonl:7: damaged"):
        load_sweep(str(folder))


@pytest.mark.parametrize(
    "about",
    ["", "[]", '{"format": 1}', '{"format": 99, "grid": {"T": [1]}}', "[" * 100_000],
)
def test_a_damaged_description_is_refused(folder: Path, about: str) -> None:
    (folder / "sweep.json").write_text(about)
    with pytest.raises(RequestError, match=r"sweep\.json: damaged"):
        load_sweep(str(folder))


@pytest.mark.parametrize("values", [[], {}, "T", [[1], None]])
def test_a_grid_of_nothing_is_refused(folder: Path, values: object) -> None:
    about = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps({**about, "grid": values}))
    with pytest.raises(RequestError, match="damaged"):
        load_sweep(str(folder))


def test_without_a_result_there_is_nothing_to_show(folder: Path) -> None:
    assert is_sweep(folder)
    (folder / "results.jsonl").write_text("")
    with pytest.raises(RequestError, match="no point of this sweep has a result yet"):
        load_sweep(str(folder))
    (folder / "results.jsonl").unlink()
    assert not is_sweep(folder)
