"""Candidates of every kind: what they are asked, what they answer, and what becomes of those that do not."""

from __future__ import annotations

import json
import os
import py_compile
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify.candidates.candidate import CandidateError, Task, each_sample, named
from rnnverify.candidates.exchange import read_answer, write_task
from rnnverify.candidates.registry import Options, candidate_of
from rnnverify.errors import RequestError

N, T, D, M, K = 3, 4, 2, 5, 2
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, T, D)).astype(np.float32)
WEIGHTS = {
    "gru": {"kernel": RNG.normal(size=(D, 3 * M)).astype(np.float32), "bias": np.arange(6, dtype=np.float32)},
    "dense": {"kernel": RNG.normal(size=(M, K)).astype(np.float32)},
}
TASK = Task({"x": X}, WEIGHTS, {"dense": (N, K)}, {"dense": [(N, K)], "gru": [(N, M), (N, T, M)]})
SUMS = X.sum(axis=(1, 2))[:, np.newaxis] * np.ones(K)

SOURCE = """
import os, sys, time
import numpy as np
import beside

def forward(x, weights):
    print("a line on stdout")
    assert list(weights) == ["gru", "dense"] and [w.shape for w in weights["gru"]] == [(2, 15), (6,)]
    weights["gru"][0][:] = 0
    return x.sum(axis=(1, 2))[:, None] * np.ones(beside.K)

def by_name(x, weights):
    return {"dense": forward(x, weights), "gru": np.zeros((len(x), 5))}

def raises(x, weights):
    return x[0, 0, 99]

def exits(x, weights):
    sys.exit(0)

def aborts(x, weights):
    os.abort()

def hangs(x, weights):
    time.sleep(60)

def nothing(x, weights):
    pass

def objects(x, weights):
    return [object(), "a text"]

not_callable = 3
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("port")
    (folder / "port.py").write_text(SOURCE)
    (folder / "beside.py").write_text("K = 2\n")
    return str(folder / "port.py")


def asked(what: Any, **options: Any) -> Any:
    return candidate_of(what, Options(**options))[1](TASK)


def test_a_function_in_a_file_is_called_with_x_and_the_weights_by_layer(source: str) -> None:
    np.testing.assert_allclose(asked(f"{source}:forward")["dense"], SUMS, rtol=1e-6)
    assert sorted(asked(f"{source}:by_name")) == ["dense", "gru"]


def test_a_file_written_again_within_the_second_is_run_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    files = {
        "port.py": "import beside\n\ndef forward(x, weights):\n    return np.full((3, 2), beside.A + 1)\n",
        "beside.py": "A = 10\n",
    }

    def written(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1_600_000_000, 1_600_000_000))

    def answer() -> float:
        return float(asked(f"{tmp_path}/port.py:forward")["dense"][0, 0])

    written("port.py", "import numpy as np\n" + files["port.py"])
    written("beside.py", files["beside.py"])
    assert answer() == 11
    written("port.py", "import numpy as np\n" + files["port.py"].replace("+", "-"))
    assert answer() == 9
    written("beside.py", "A = 20\n")
    assert answer() == 19
    assert not list(tmp_path.rglob("*.pyc"))
    # Nor is bytecode believed that somebody else left there.
    py_compile.compile(f"{tmp_path}/port.py")
    written("port.py", "import numpy as np\n" + files["port.py"])
    assert answer() == 21


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("raises", "raised IndexError: index 99 is out of bounds"),
        ("exits", "raised SystemExit"),
        ("aborts", "ended by SIGABRT"),
        ("nothing", "returned nothing"),
        ("objects", "cannot be read"),
    ],
)
def test_a_function_that_gives_no_arrays_is_a_finding(source: str, function: str, said: str) -> None:
    with pytest.raises(CandidateError, match=said):
        asked(f"{source}:{function}")


def test_the_line_that_raised_is_named(source: str) -> None:
    line = SOURCE.split("\n").index("    return x[0, 0, 99]") + 1
    with pytest.raises(CandidateError, match=rf"port\.py, line {line}\)"):
        asked(f"{source}:raises")


def test_what_takes_too_long_is_stopped(source: str) -> None:
    with pytest.raises(CandidateError, match=r"stopped after 0\.9 s; --timeout"):
        asked(f"{source}:hangs", seconds=0.9)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("{}:missing", "no function 'missing' there; those that are: forward, by_name"),
        ("{}:not_callable", "no function 'not_callable'"),
        ("{}", "port.py:forward names a function in it"),
        ("nowhere.py:forward", "no such file"),
        ("nowhere.npz", "no such file"),
        ("outputs.txt", "expected cmd:PROGRAM"),
        ("cmd:./port", "{inputs} and {outputs} is missing"),
        ("cmd:./port {inputs} 'x", "cannot be read as a command line"),
        ("cmd:./no_such_program {inputs} {outputs}", "cannot be run: No such file"),
    ],
)
def test_what_is_no_candidate_is_refused(source: str, what: str, said: str) -> None:
    with pytest.raises(RequestError, match=said.replace("{", r"\{")):
        asked(what.replace("{}", source))


def test_a_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "port.py").write_text("def forward(:\n")
    with pytest.raises(RequestError, match="not valid Python"):
        asked(f"{tmp_path}/port.py:forward")


def test_files_of_outputs(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", SUMS)
    np.savez(tmp_path / "y.npz", dense=SUMS, gru=np.zeros((N, T, M)))
    assert asked(tmp_path / "y.npy")["dense"].tolist() == SUMS.tolist()
    assert sorted(asked(str(tmp_path / "y.npz"))) == ["dense", "gru"]
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4 not a zip")
    with pytest.raises(RequestError, match=r"cannot be read as \.npy or \.npz"):
        asked(str(tmp_path / "bad.npz"))


PROGRAM = """
import sys, json, pathlib
import numpy as np
inputs, outputs, form = sys.argv[1:]
if form == "npz":
    x = np.load(inputs)["x"]
    assert np.load(inputs)["gru.kernel"].shape == (2, 15)
    np.savez(outputs, dense=x.sum(axis=(1, 2))[:, None] * np.ones(2))
else:
    manifest = json.loads((pathlib.Path(inputs) / "manifest.json").read_text())
    entry = {one["name"]: one for one in manifest["arrays"]}["x"]
    x = np.fromfile(pathlib.Path(inputs) / entry["file"], "<f4").reshape(entry["shape"])
    (x.sum(axis=(1, 2))[:, None] * np.ones(2)).astype("<f4").tofile(pathlib.Path(outputs) / "dense.f32")
"""


@pytest.mark.parametrize("form", ["npz", "raw"])
def test_a_program_reads_and_writes_files(tmp_path: Path, form: str) -> None:
    (tmp_path / "port").write_text(PROGRAM)
    command = f"cmd:{sys.executable} {tmp_path}/port {{inputs}} {{outputs}} {form}"
    np.testing.assert_allclose(asked(command, form=form)["dense"], SUMS, rtol=1e-6)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit('no weights')", "exit code 1, saying: no weights"),
        ("pass", "wrote no outputs"),
        ("import sys; open(sys.argv[2], 'w').write('text')", "cannot be read"),
    ],
)
def test_a_program_that_fails_is_a_finding(tmp_path: Path, program: str, said: str) -> None:
    (tmp_path / "port").write_text(program)
    with pytest.raises(CandidateError, match=said):
        asked(f"cmd:{sys.executable} {tmp_path}/port {{inputs}} {{outputs}}")


def test_a_folder_of_raw_numbers_holds_what_the_manifest_says(tmp_path: Path) -> None:
    ids = np.arange(12, dtype=np.int64).reshape(3, 4)
    write_task(Task({"ids": ids}, WEIGHTS, {"dense": (3, 2)}, {}), str(tmp_path / "task"), "raw")
    manifest = json.loads((tmp_path / "task" / "manifest.json").read_text())
    entries = {one["name"]: one for one in manifest["arrays"]}
    assert entries["ids"]["dtype"] == "int32"
    assert entries["gru.kernel"]["shape"] == [2, 15]
    assert np.fromfile(tmp_path / "task" / entries["ids"]["file"], "<i4").tolist() == list(range(12))
    assert manifest["outputs"] == [{"name": "dense", "shape": [3, 2]}]
    whole = read_answer(str(tmp_path / "task"), "raw", {})  # a manifest tells the shapes of an answer, too
    np.testing.assert_array_equal(whole["gru.kernel"], WEIGHTS["gru"]["kernel"])


def test_the_number_of_elements_tells_which_of_its_shapes_a_raw_tensor_has(tmp_path: Path) -> None:
    np.zeros(N * T * M, "<f4").tofile(tmp_path / "gru.f32")
    np.zeros(7, "<f4").tofile(tmp_path / "dense.f32")
    answer = read_answer(str(tmp_path), "raw", TASK.tensors)
    assert answer["gru"].shape == (N, T, M)
    assert answer["dense"].shape == (7,)


def test_one_sample_at_a_time() -> None:
    seen = []

    def one(x: Any, weights: Any) -> Any:
        seen.append(x.shape)
        return x.sum(axis=(1, 2))[:, None] * np.ones(K)

    answer = each_sample(candidate_of(one, Options())[1])(TASK)
    assert seen == [(1, T, D)] * N
    np.testing.assert_allclose(answer["dense"], SUMS, rtol=1e-6)


def test_a_function_cannot_change_what_it_is_judged_by() -> None:
    def vandal(x: Any, weights: Any) -> Any:
        x[:], weights["gru"][0][:] = 0, 0
        return np.zeros((N, K))

    before = X.copy(), WEIGHTS["gru"]["kernel"].copy()
    asked(vandal)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(WEIGHTS["gru"]["kernel"], before[1])


def test_several_outputs_are_a_list_in_the_order_of_the_model() -> None:
    task = Task({"x": X}, {}, {"gru": (N, M), "gru.h": (N, M)}, {})
    assert list(named([1, 2], task)) == ["gru", "gru.h"]
    with pytest.raises(CandidateError, match=r"list of the model's 2 outputs \(gru, gru.h\), got 3 of them"):
        named([1, 2, 3], task)
    with pytest.raises(CandidateError, match="got ndarray"):
        named(np.zeros(2), task)


def test_a_list_of_one_output_is_that_output_and_a_list_of_rows_an_array() -> None:
    assert np.shape(named([np.zeros((N, K))], TASK)["dense"]) == (N, K)
    assert np.shape(named(np.zeros((N, K)).tolist(), TASK)["dense"]) == (N, K)


def test_what_a_function_raises_is_one_line_and_says_how_it_was_called() -> None:
    def called(function: Any, task: Task = TASK) -> str:
        _, asked = candidate_of(function, Options())
        with pytest.raises(CandidateError) as raised:
            asked(task)
        return str(raised.value)

    def noisy(x: Any, weights: Any) -> Any:
        raise ValueError("first\n\x1b[31msecond\n::error::third")

    assert called(noisy).startswith("it raised ValueError: first \x1b[31msecond ::error::third (")
    assert called(lambda x: x).endswith("; it is called with x and weights")
    two = Task({"x": X, "h0": X[:, 0]}, WEIGHTS, TASK.outputs, TASK.tensors)
    assert called(lambda x, weights: x.shape, two).endswith("; it is called with x, a list of x, h0 and weights")


def test_a_name_that_is_too_long_for_a_file_is_no_error(tmp_path: Path) -> None:
    task = Task({"x": X}, {"g" * 250: {"kernel": X}}, TASK.outputs, TASK.tensors)
    write_task(task, str(tmp_path / "in"), "raw")
    manifest = json.loads((tmp_path / "in" / "manifest.json").read_text())
    (entry,) = [one for one in manifest["arrays"] if one["name"].startswith("ggg")]
    assert (tmp_path / "in" / entry["file"]).stat().st_size == 4 * X.size


def test_outputs_that_unpack_to_many_times_their_size_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "outputs.npz"
    np.savez_compressed(path, dense=np.zeros(70 << 20, dtype=np.uint8))
    with pytest.raises(
        RequestError, match=r"cannot be read as .npy or .npz: expected a file that unpacks to at most 20"
    ):
        candidate_of(str(path), Options())
    with pytest.raises(CandidateError, match="what it wrote as outputs cannot be read: expected a file that unpacks"):
        read_answer(str(path), "npz", TASK.tensors)
