"""What is no command: a path is told from a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rnnverify.cli import main

SPEC = "N: 3\nT: 7\nD: 2\nM: 5\nK: 4\n"


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("spec.yaml", "for a spec or a saved model: rnnverify run spec.yaml"),
        ("model.keras", "for a spec or a saved model: rnnverify run model.keras"),
        ("gone.h5", "for a spec or a saved model: rnnverify run gone.h5"),
        ("bare", "for a spec or a saved model: rnnverify run bare"),
        ("with space.yaml", "for a spec or a saved model: rnnverify run 'with space.yaml'"),
        ("grid.yaml", "for a grid: rnnverify sweep grid.yaml"),
        ("specs", "for the specs in a folder: rnnverify check specs"),
        (".", "for the specs in a folder: rnnverify check ."),
        ("line\nend.yaml", "for a spec or a saved model: rnnverify run PATH"),
    ],
)
def test_a_path_without_a_command_is_told_which_one_takes_it(
    word: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("spec.yaml", "model.keras", "bare", "with space.yaml"):
        Path(name).write_text(SPEC)
    Path("grid.yaml").write_text("base: {N: 1}\ngrid: {T: [1, 2]}\n")
    Path("specs").mkdir()
    for arguments in ([word], [word, "-v", "other.yaml"]):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{word!r} is a path, and no command; {advice}\n" in result.stderr


def test_a_path_that_may_not_be_looked_at_is_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.stat", refused)
    result = CliRunner().invoke(main, ["locked/spec.yaml"])
    assert result.exit_code == 2
    assert "rnnverify run locked/spec.yaml" in result.stderr


def test_a_word_is_no_path() -> None:
    result = CliRunner().invoke(main, ["rnu"])
    assert result.exit_code == 2
    assert "No such command 'rnu'" in result.stderr
    assert "path" not in result.stderr
