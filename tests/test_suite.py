"""Which files of a folder are specs."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from rnnverify.errors import RequestError
from rnnverify.suite import find_specs, refuse_folder


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


def locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a folder be one that cannot be read, also by root."""
    scandir = os.scandir

    def refused(path: Any = ".") -> Any:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)


@pytest.mark.parametrize("place", ["inner", "deep/inner", ""])
def test_a_folder_that_cannot_be_read_is_among_the_specs_and_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold specs, and a check that left them out would say that all is well."""
    folder = tmp_path / "specs"
    (folder / "deep" / "inner").mkdir(parents=True)
    (folder / "inner").mkdir()
    (folder / "inner" / "a.yaml").write_text("N: 1\n")
    (tmp_path / "b.yaml").write_text("N: 1\n")
    locked(folder / place, monkeypatch)
    found = find_specs([str(tmp_path)])
    assert {str(tmp_path / "b.yaml"), str(folder / place)} <= set(found)
    with pytest.raises(RequestError, match=f"{folder / place}: this folder cannot be read: Permission denied"):
        refuse_folder(str(folder / place))
    assert (str(folder / "inner" / "a.yaml") in found) == (place == "deep/inner")


def test_what_has_the_name_of_a_spec_and_is_no_file_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("N: 1\n")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "folder.yaml").mkdir()
    assert [Path(path).name for path in find_specs([str(tmp_path)])] == ["a.yaml", "gone.yaml", "pipe.yml"]
