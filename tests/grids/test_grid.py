"""Grids: what may stand in one, which points it has, and what is said of a wrong one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnverify.errors import SpecError
from rnnverify.grids import axes as axes_of_grids
from rnnverify.grids.grid import Grid, load_grid
from rnnverify.grids.numbering import Numbering
from rnnverify.spec import load_spec
from rnnverify.suite import find_specs


def written(folder: Path, grid: Any, name: str = "grid.yaml") -> str:
    path = folder / name
    path.write_text(grid if isinstance(grid, str) else yaml.safe_dump(grid, sort_keys=False))
    return str(path)


def loaded(folder: Path, axes: Any, base: Any = None, **more: Any) -> Grid:
    return load_grid(written(folder, {"base": base or {"D": 3, "K": 2, "M": 5}, "grid": axes, **more}))


def test_the_product_is_taken_in_the_order_of_the_keys_the_last_fastest(tmp_path: Path) -> None:
    grid = loaded(tmp_path, {"T": [7, 2], "N": [1, 4, 3]})
    assert [(point["T"], point["N"]) for point in grid.points()] == [(7, 1), (7, 4), (7, 3), (2, 1), (2, 4), (2, 3)]
    assert len(grid) == 6
    assert list(grid.point(0)) == ["T", "N"]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"range": [0, 3]}, (0, 1, 2)),
        ({"range": [10, 1, -4]}, (10, 6, 2)),
        ({"linspace": [1, 10, 4]}, (1, 4, 7, 10)),
        ({"logspace": [1, 256, 9]}, (1, 2, 4, 8, 16, 32, 64, 128, 256)),
        ({"logspace": [1, 4, 9]}, (1, 2, 3, 4)),  # 1, 1.19, 1.41, 1.68, 2, ... rounded, each once
        ({"linspace": [5, 5, 1]}, (5,)),
        ([3, 3, 1, 3], (3, 1)),
    ],
)
def test_values_of_a_whole_number(tmp_path: Path, given: Any, values: tuple[int, ...]) -> None:
    found = loaded(tmp_path, {"seed": given}, {"N": 1, "T": 2, "D": 3, "K": 2, "M": 5}).axes["seed"]
    assert found == values
    assert all(type(value) is int for value in found)


def test_a_key_that_is_a_real_number_keeps_its_fractions(tmp_path: Path) -> None:
    axes = {"weights.scale": {"linspace": [1, 2, 5]}, "N": [1], "T": [2]}
    assert loaded(tmp_path, axes).axes["weights.scale"] == (1, 1.25, 1.5, 1.75, 2)


def test_a_sample_is_drawn_by_its_seed_and_keeps_the_order(tmp_path: Path) -> None:
    axes = {"N": {"range": [1, 11]}, "T": {"range": [1, 11]}}
    grid = loaded(tmp_path, axes, sample=17)
    drawn = [(point["N"], point["T"]) for point in grid.points()]
    assert len(grid) == 17
    assert drawn == sorted(set(drawn))
    assert drawn == [(point["N"], point["T"]) for point in loaded(tmp_path, axes, sample=17).points()]
    assert drawn != [(p["N"], p["T"]) for p in loaded(tmp_path, axes, sample=17, seed_of_sample=1).points()]
    assert len(loaded(tmp_path, axes, sample=1000)) == 100


def test_a_sample_of_more_points_than_the_machine_counts_is_drawn_like_any_other(tmp_path: Path) -> None:
    axes = {key: {"range": [1, 90001]} for key in ("seed", "weights.scale", "tolerance.atol", "tolerance.rtol")}
    base = {"N": 1, "T": 2, "D": 3, "K": 2, "M": 4}
    grid = loaded(tmp_path, axes, base, sample=50)
    assert grid.product > sys.maxsize
    assert list(grid.points()) == list(loaded(tmp_path, axes, base, sample=50).points())
    assert len({tuple(point.values()) for point in grid.points()}) == len(grid) == 50
    assert list(grid.numbers()) == sorted(grid.numbers())


def test_the_ends_of_an_axis_are_tried_before_all_else_and_the_rest_while_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path, {"N": [1, 2, 3], "T": [1, 2, 3]})
    with pytest.raises(SpecError, match=r"grid\.N: -4 does not go"):
        loaded(tmp_path, {"N": [1, -4, 3], "T": [1, 2, 3]})
    monkeypatch.setattr(axes_of_grids, "TRYING", 0.0)
    loaded(tmp_path, {"N": [1, -4, 3], "T": [1, 2, 3]})
    for wrong in ({"N": [1, 3, -4], "T": [1]}, {"N": [1], "T": [1, 3, -4]}):
        with pytest.raises(SpecError, match="-4 does not go"):
            loaded(tmp_path, wrong)


def test_whole_numbers_do_not_depend_on_how_many_values_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {"N": {"linspace": [1, 9, 5]}, "T": [1, 2.0, 5.2, 3]}
    before = loaded(tmp_path, axes).axes
    monkeypatch.setattr(axes_of_grids, "TRYING", 0.0)
    assert loaded(tmp_path, axes).axes == before == {"N": (1, 3, 5, 7, 9), "T": (1, 2, 5, 3)}


def test_every_point_is_found_again_by_its_number(tmp_path: Path) -> None:
    axes = {"T": [7, 2], "weights.scale": [1, 1.5], "data": ["normal", {"normal": {"scale": 2}}]}
    for sample in (8, 5):
        grid = loaded(tmp_path, axes, {"D": 3, "K": 2, "M": 5, "N": 2}, sample=sample)
        numbering = Numbering(grid)
        assert [numbering.number_of(json.loads(json.dumps(point))) for point in grid.points()] == list(grid.numbers())
        others = [
            {},
            {"T": 7},
            {"T": 7, "weights.scale": 1, "data": "uniform"},
            {"T": 7, "weights.scale": 1.0, "data": "normal"},
        ]
        others += [grid.point(number) for number in set(range(8)) - set(grid.numbers())]
        for other in others:
            with pytest.raises(LookupError):
                numbering.number_of(other)


def test_any_key_may_be_an_axis(tmp_path: Path) -> None:
    base = {"N": 2, "T": 3, "D": 4, "layers": [{"LSTM": {"units": 5}}, {"Dense": {"units": 2}}]}
    axes = {"layers.0.LSTM.units": [6, 7], "data": ["normal", {"normal": {"scale": 2}}], "dtype": ["float64"]}
    specs = [grid.spec(point) for grid in [loaded(tmp_path, axes, base)] for point in grid.points()]
    assert [spec.layers[0].arguments.units for spec in specs] == [6, 6, 7, 7]  # type: ignore[attr-defined]
    assert {spec.dtype for spec in specs} == {"float64"}
    assert specs[0].data != specs[1].data


def test_the_base_may_be_a_file_and_its_paths_start_there(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    written(tmp_path / "specs", {"D": 3, "K": 2, "M": 5, "T": 4}, "base.yaml")
    grid = load_grid(written(tmp_path, {"base": "specs/base.yaml", "grid": {"N": [1, 2]}}))
    assert grid.base_path == str(tmp_path / "specs" / "base.yaml")
    assert [grid.spec(point).N for point in grid.points()] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {N: [1]}", ":1: base: expected the path of a spec, or a spec as a mapping; got nothing"),
        ("base: no.yaml\ngrid: {N: [1]}", ":1: base: expected the path of a spec; there is no file"),
        ("base: {D: 1}", "grid: expected a mapping of spec keys to values"),
        ("base: {D: 1}\ngrid: {}", ":2: grid: expected a mapping of spec keys to values"),
        ("base: {D: 1}\ngrid: [1]", ":2: grid: expected a mapping of spec keys to values"),
        (
            "base: {D: 1, candidate: a.npy}\ngrid: {N: [1]}",
            ":1: base: expected no candidate: a sweep verifies Keras alone",
        ),
        ("base: {D: 1}\ngrid: {candidate: [a.npy]}", ":2: grid: expected no candidate: a sweep verifies Keras alone"),
        ("base: {D: 1}\ngrid:\n  unit: [1]", ":3: grid.unit: no key of a spec"),
        ("base: {D: 1}\ngrid:\n  N: []", ":3: grid.N: expected a list of values, or one of"),
        ("base: {D: 1}\ngrid:\n  N: 4", ":3: grid.N: expected a list of values, or one of"),
        ("base: {D: 1}\ngrid:\n  N: {logspace: [1, 2, 3], range: [1, 2]}", ":3: grid.N: expected a list of values"),
        ("base: {D: 1}\ngrid:\n  N: {logspace: [0, 2, 3]}", ":3: grid.N.logspace: expected bounds above 0"),
        ("base: {D: 1}\ngrid:\n  N: {logspace: [1, 2]}", ":3: grid.N.logspace: expected [from, to, count]"),
        ("base: {D: 1}\ngrid:\n  N: {linspace: [1, .inf, 3]}", ":3: grid.N.linspace: expected [from, to, count]"),
        (
            "base: {D: 1}\ngrid:\n  N: {linspace: [1, 2, 1000001]}",
            ":3: grid.N.linspace: expected a count from 1 to 100000",
        ),
        ("base: {D: 1}\ngrid:\n  N: {range: [1, 5, 0]}", ":3: grid.N.range: expected between 1 and 100000 values"),
        ("base: {D: 1}\ngrid:\n  N: {range: [5, 1]}", ":3: grid.N.range: expected between 1 and 100000 values"),
        ("base: {D: 1}\ngrid:\n  N: {range: [0, 1.0e+12]}", ":3: grid.N.range: expected between 1 and 100000 values"),
        ("base: {D: 1}\ngrid: {N: [1]}\nsample: 0", ":3: sample: expected a whole number from 1"),
        ("base: {D: 1}\ngrid: {N: [1]}\nsamples: 3", ":3: samples: unknown key, did you mean 'sample'?"),
        ("base: {D: 1, K: 1, M: 2, T: 3}\ngrid:\n  N: [1, -4]", ":3: grid.N: -4 does not go: "),
        ("base: {D: 1, K: 1, M: 2, T: 3, N: 1}\ngrid:\n  layer: [LSTM, LSTN]", "did you mean 'LSTM'"),
        ("base: {D: 1, K: 1, M: 2}\ngrid:\n  N: [1]", ":3: grid.N: 1 does not go: "),
        ("[1, 2]", "expected a mapping with `base` and `grid`"),
        ("base: {D: 1, K: 1, M: 2, T: 3}\ngrid:\n  N: [.inf]", ":3: grid.N: inf does not go: "),
        ("base: {D: 1, K: 1, M: 2, T: 3}\ngrid:\n  N: [.nan, 2.0]", ":3: grid.N: nan does not go: "),
        (
            "base: {D: 1}\ngrid:\n  N: {range: [0, 1.0e+299, 1.0e-300]}",
            ":3: grid.N.range: expected between 1 and 100000",
        ),
        ("base: {D: 1, K: 1, M: 2, T: 3}\ngrid:\n  N: {range: [-90000, 0]}", ":3: grid.N: -90000 does not go: "),
        (
            "base: {D: 1}\ngrid:\n" + "".join(f"  N.x{i}: [1]\n" for i in range(101)),
            ":2: grid: expected at most 100 keys, got 101",
        ),
        (
            "base: {D: 1, K: 1}\ngrid:\n"
            + "".join(f"  {key}: {{range: [1, 90000]}}\n" for key in ("N", "T", "M", "seed")),
            f":2: grid: expected at most 1000000 points, got {89999**4}; set `sample`",
        ),
        (
            "base: {D: 1, K: 1, M: 2}\ngrid:\n  N: {range: [1, 5000]}\n  T: {range: [1, 5000]}",
            "1000000 points, got 24990001",
        ),
    ],
)
def test_a_wrong_grid_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        load_grid(written(tmp_path, text))
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_grid_that_is_no_file_is_told() -> None:
    with pytest.raises(SpecError, match=r"no\.yaml: cannot be read"):
        load_grid("no.yaml")


def test_check_passes_over_grids_and_run_takes_the_base_of_one(tmp_path: Path) -> None:
    grid = written(tmp_path, {"base": {"D": 3, "K": 2, "M": 5, "N": 2, "T": 3}, "grid": {"N": [1, 2]}}, "grid.yaml")
    spec = written(tmp_path, {"D": 3, "K": 2, "M": 5, "N": 2, "T": 3}, "spec.yaml")
    assert find_specs([str(tmp_path)]) == [spec]
    assert load_spec(grid, [("N", 7)]).N == 7
    named = written(tmp_path, {"base": "spec.yaml", "grid": {"N": [1, 2]}}, "other.yaml")
    with pytest.raises(SpecError, match=r"its spec is .*spec\.yaml"):
        load_spec(named)
