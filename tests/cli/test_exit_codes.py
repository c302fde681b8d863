"""The exit code says how a command ended, whatever becomes of what it prints."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rnnverify.cli import main
from rnnverify.cli.output import writing
from rnnverify.cli.streams import LostOutputError
from tests.cli.in_processes import environment, run, words

SMALL = "N: 3\nT: 7\nD: 2\nM: 5\nK: 4\nlayer: GRU\n"
FULL = "the output cannot be written: no space is left where it goes\n"
UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])  # PYTHONUNBUFFERED: when Python writes what is printed


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An observation, which is verified without TensorFlow, and so within half a second."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "gru.yaml").write_text(SMALL)
    path = str(folder / "gru.npz")
    made = CliRunner().invoke(main, ["run", str(folder / "gru.yaml"), "--save-observation", path])
    assert made.exit_code == 0
    return path


def commands(saved: str) -> list[list[str]]:
    """One of each kind of output: click's, rich's, JSON."""
    return [["--version"], ["--help"], ["run", "--help"], ["run", saved], ["run", saved, "--format", "json"]]


@UNBUFFERED
def test_a_full_disk_is_an_error_in_one_line(saved: str, unbuffered: str) -> None:
    for command in commands(saved):
        with open("/dev/full", "w") as full:
            result = run(*command, stdout=full, env=environment(PYTHONUNBUFFERED=unbuffered))
        assert (result.returncode, result.stderr) == (2, FULL), command


@UNBUFFERED
def test_a_closed_pipe_is_141_in_silence(saved: str, unbuffered: str) -> None:
    for command in commands(saved):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as closed:
            result = run(*command, stdout=closed, env=environment(PYTHONUNBUFFERED=unbuffered))
        assert (result.returncode, result.stderr) == (141, ""), command


def test_a_report_whose_reader_leaves_is_a_closed_pipe(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(LostOutputError) as lost, writing(path, "--output") as file:  # noqa: PT012
        os.close(reading)
        file.write("x" * 100_000)
    assert lost.value.closed


@UNBUFFERED
def test_messages_that_find_no_room_do_not_change_the_code(saved: str, unbuffered: str) -> None:
    for command, code in ([["run", saved], 0], [["run", "nowhere"], 2], [["nonsense"], 2], [["--nonsense"], 2]):
        with open("/dev/full", "w") as full:
            result = run(*command, stderr=full, env=environment(PYTHONUNBUFFERED=unbuffered))
        assert result.returncode == code, command


def test_messages_that_nobody_reads_are_a_closed_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        assert run("run", "nowhere", stderr=closed).returncode == 141


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_stays_empty_and_nothing_else_gets_its_number(
    closed: str, saved: str, tmp_path: Path
) -> None:
    kept = tmp_path / "trace.npz"
    for arguments, code in ([["trace", saved, "-o", str(kept)], 0], [["run", "nowhere"], 2]):
        shell = f'exec "$@" {closed}'
        result = subprocess.run(
            ["sh", "-c", shell, "sh", *words(*arguments)], env=environment(), capture_output=True, text=True
        )
        assert result.returncode == code, result
    assert CliRunner().invoke(main, ["run", saved, "-q"]).exit_code == 0
    assert kept.read_bytes()[:2] == b"PK"


def test_a_pipe_that_is_set_not_to_wait_gets_all(saved: str) -> None:
    """As a program in the other end may have set it, for itself."""
    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with open(reading) as reader:
        process = subprocess.Popen(words("schema"), stdout=writing, env=environment())
        os.close(writing)
        text = reader.read()
    assert process.wait(timeout=60) == 0
    assert text == run("schema").stdout


BUG = """
import sys
from rnnverify.api import verifying
def judge(observed, *how):
    raise ZeroDivisionError("one\\n\\x1b[31mtwo")
verifying.judge = judge
from rnnverify.cli import main
main(sys.argv[1:])
"""


def with_bug(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"env": environment(), "stderr": subprocess.PIPE, **options}
    return subprocess.run([sys.executable, "-c", BUG, *arguments], stdout=subprocess.PIPE, text=True, **options)


def test_a_bug_is_70_one_line_and_a_file_with_the_traceback(saved: str, tmp_path: Path) -> None:
    result = with_bug("run", saved, env=environment(TMPDIR=str(tmp_path)))
    assert (result.returncode, result.stdout) == (70, "")
    (kept,) = tmp_path.iterdir()
    assert result.stderr == (
        "a bug of rnnverify, not of your request: ZeroDivisionError: one [31mtwo; please report it, with the traceback in"
        f" {kept}\n"
    )
    text = kept.read_text()
    assert "ZeroDivisionError: one" in text
    assert "in judge" in text
    assert saved in text.splitlines()[0]


def test_a_bug_shows_its_traceback_with_v(saved: str, tmp_path: Path) -> None:
    result = with_bug("run", saved, "-v", env=environment(TMPDIR=str(tmp_path)))
    assert result.returncode == 70
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("please report it, with the traceback above")
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_70_also_when_nothing_can_be_said(saved: str, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        assert with_bug("run", saved, stderr=full, env=environment(TMPDIR=str(tmp_path))).returncode == 70


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (MemoryError("8 GiB"), 2, "there is not enough memory for this"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (OSError(24, "Too many open files", "x.npy"), 2, "x.npy: Too many open files"),
        (FileNotFoundError(2, "No usable temporary directory found"), 2, "No usable temporary directory found"),
        (FileNotFoundError(2, "No such file or directory", "ours.json"), 70, "ours.json"),
        (EOFError("at once"), 70, "EOFError: at once"),
        (BrokenPipeError(32, "Broken pipe"), 70, "BrokenPipeError"),
        (SystemExit(0), 70, "SystemExit: 0"),
        (RecursionError("too deep"), 70, "RecursionError: too deep"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("kept so far"), 130, "kept so far"),
    ],
    ids=repr,
)
def test_what_a_command_raises_has_its_code_and_a_line(
    raised: BaseException, code: int, said: str, saved: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def blind_spots(*_: Any, **__: Any) -> Any:
        raise raised

    monkeypatch.setattr("rnnverify.api.blind_spots", blind_spots)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = CliRunner().invoke(main, ["blindspots", saved])
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert said in line


def test_the_caller_may_want_the_exception_itself() -> None:
    with pytest.raises(Exception, match="nowhere: cannot be read"):
        main(["run", "nowhere"], standalone_mode=False)


def test_a_shell_that_is_not_known_is_a_wrong_request() -> None:
    assert run(env=environment(_RNNVERIFY_COMPLETE="nonsense")).returncode == 2
    completion = run(env=environment(_RNNVERIFY_COMPLETE="zsh_source"))
    assert completion.returncode == 0
    assert "#compdef rnnverify" in completion.stdout


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "COLUMNS", "LINES"])
def test_a_number_in_the_environment_that_is_none_does_no_harm(name: str, saved: str) -> None:
    result = run("run", saved, env=environment(**{name: "²"}))
    assert (result.returncode, result.stderr) == (0, "")


def test_a_file_name_that_is_no_utf_8_is_shown_as_far_as_it_can_be(saved: str, tmp_path: Path) -> None:
    name = b"x\xff.yaml"
    try:
        (tmp_path / os.fsdecode(name)).write_text("N: 0\n")
    except OSError:
        pytest.skip("there are no such names here")
    shown = "x\\udcff.yaml"
    for command in (["run", name], ["check", "."], ["check", ".", "--format", "junit"], [name], [b"--\xff"]):
        result = run(*map(os.fsdecode, command), cwd=tmp_path)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
    assert run("run", os.fsdecode(name), cwd=tmp_path).stderr.startswith(f"{shown}:1: N: expected")
    for form in ("json", "junit", "github", "table"):
        run("check", ".", "--format", form, "--output", os.fsdecode(b"\xff.txt"), cwd=tmp_path)
        assert (tmp_path / os.fsdecode(b"\xff.txt")).read_text(encoding="utf-8")


def test_a_working_folder_that_is_gone_does_no_harm(saved: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    shell = f'mkdir "{gone}" && cd "{gone}" && rmdir "{gone}" && exec "$@"'
    kept = str(tmp_path / "vectors")
    for arguments, code in (
        [["run", saved], 0],
        [["run", "gru.yaml"], 2],
        [["check", "."], 2],
        [["trace", saved, "-o", "trace.npz"], 2],
        [["compare", saved, "--candidate", "port.py:forward"], 2],
        [["vectors", saved, "-o", kept], 2],
        [["vectors", saved, "-o", "vectors"], 2],
    ):
        command = ["sh", "-c", shell, "sh", *words(*arguments)]
        result = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert result.returncode == code, result
        assert "Traceback" not in result.stderr
        assert "bug" not in result.stderr


PIPES = [
    ["run", "PIPE.keras"],
    ["check", "PIPE.yaml"],
    ["compare", "SAVED", "--candidate", "PIPE.npy"],
    ["compare", "SAVED", "--candidate", "PIPE.py:forward"],
    ["trace", "SAVED", "-o", "PIPE.npz"],
    ["PIPE.yaml"],
]


@pytest.mark.parametrize("command", PIPES, ids=" ".join)
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(
    command: list[str], saved: str, tmp_path: Path
) -> None:
    for word in command:
        if word.startswith("PIPE"):
            os.mkfifo(tmp_path / word.split(":")[0])
    result = run(*(saved if word == "SAVED" else word for word in command), cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
