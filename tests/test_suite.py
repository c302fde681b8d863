"""Which files of a folder are specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnverify.suite import find_specs


@pytest.mark.parametrize(
    ("content", "spec"),
    [
        ("N: 1\n", True),
        ("N: 1\ngrid: {T: [1]}\n", True),  # a spec with a key too many: it is refused, not passed over
        ("base: {N: 1}\ngrid: {T: [1]}\n", False),
        ('base: {N: 1}\n"grid": {T: [1]}\n', False),
        ("{base: {N: 1}, grid: {T: [1]}}\n", False),
        ("grid: [\n", True),  # no YAML: it is refused, too
    ],
)
def test_a_grid_is_passed_over_and_whatever_else_is_there_is_a_spec(tmp_path: Path, content: str, spec: bool) -> None:
    (tmp_path / "a.yaml").write_text("N: 1\n")
    (tmp_path / "b.yaml").write_text(content)
    assert [Path(path).name for path in find_specs([str(tmp_path)])] == (["a.yaml", "b.yaml"] if spec else ["a.yaml"])
