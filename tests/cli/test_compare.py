"""rnnverify compare, mistakes, and specs that name a candidate: what they print, and their exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.api import observe
from rnnverify.cli import main
from rnnverify.mistakes import MISTAKES
from rnnverify.report.records import report_schema
from rnnverify.spec import load_spec

# The course's exercise as it stood there: h is set to zero once, before the loop over samples.
EXERCISE = """
import numpy as np

def forward(x, weights):
    W, U, b = weights["simple_rnn"]
    V, d = weights["dense"]
    y = []
    h = np.zeros(5)
    for n in range(4):
        for t in range(10):
            h = np.tanh(x[n, t] @ W + h @ U + b)
        y.append(h @ V + d)
    return np.array(y)

def mended(x, weights):
    return np.concatenate([forward_one(x[n : n + 1], weights) for n in range(len(x))])

def forward_one(x, weights):
    W, U, b = weights["simple_rnn"]
    V, d = weights["dense"]
    h = np.zeros(5)
    for t in range(10):
        h = np.tanh(x[0, t] @ W + h @ U + b)
    return (h @ V + d)[None]

def one_sample(x, weights):
    assert len(x) == 1
    return forward_one(x, weights)
"""
# The same in C: the folder of raw numbers in, dense.f32 out.
PROGRAM = r"""
#include <math.h>
#include <stdio.h>
#include <string.h>
enum { N = 4, T = 10, D = 3, M = 5, K = 2 };
static float x[N][T][D], W[D][M], U[M][M], b[M], V[M][K], d[K];
static int load(const char *folder, const char *name, float *to, size_t count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.f32", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return 1;
    size_t got = fread(to, sizeof *to, count, file);
    fclose(file);
    return got != count;
}
int main(int argc, char **argv) {
    const char *in = argv[1];
    float h[M] = {0};
    char path[4096];
    if (argc < 3 || load(in, "input", &x[0][0][0], N * T * D) || load(in, "simple_rnn.kernel", &W[0][0], D * M) ||
        load(in, "simple_rnn.recurrent_kernel", &U[0][0], M * M) || load(in, "simple_rnn.bias", b, M) ||
        load(in, "dense.kernel", &V[0][0], M * K) || load(in, "dense.bias", d, K)) return 2;
    snprintf(path, sizeof path, "%s/dense.f32", argv[2]);
    FILE *out = fopen(path, "wb");
    for (int n = 0; n < N; n++) {
        RESET
        for (int t = 0; t < T; t++) {
            float new[M];
            for (int k = 0; k < M; k++) {
                float z = b[k];
                for (int j = 0; j < D; j++) z += x[n][t][j] * W[j][k];
                for (int j = 0; j < M; j++) z += h[j] * U[j][k];
                new[k] = tanhf(z);
            }
            memcpy(h, new, sizeof h);
        }
        for (int k = 0; k < K; k++) {
            float y = d[k];
            for (int j = 0; j < M; j++) y += h[j] * V[j][k];
            fwrite(&y, sizeof y, 1, out);
        }
    }
    return fclose(out);
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exercise")
    (folder / "exercise.yaml").write_text("N: 4\nT: 10\nD: 3\nM: 5\nK: 2\nweights: keras\n")
    (folder / "port.py").write_text(EXERCISE)
    beside = "N: 4\nT: 10\nD: 3\nM: 5\nK: 2\ncandidate: port.py:"
    (folder / "beside.yaml").write_text(beside + "forward\n")
    (folder / "right.yaml").write_text(beside + "mended\n")
    return folder


def compare(folder: Path, candidate: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["compare", f"{folder}/exercise.yaml", "--candidate", candidate, *options])


def test_the_exercise_is_told_its_mistake(folder: Path) -> None:
    result = compare(folder, f"{folder}/port.py:forward")
    assert result.exit_code == 1
    assert "mismatch: output dense, sample " in result.output
    assert "mistake: state-carried-across-samples in simple_rnn: the state is not reset" in result.output
    assert "to mend it: start every sample from zero: `h = np.zeros(M)`" in result.output
    assert "Keras itself: match" in result.output


def test_the_exercise_mended_is_a_match(folder: Path) -> None:
    result = compare(folder, f"{folder}/port.py:mended")
    assert result.exit_code == 0
    assert "match: every element is within what rounding does end to end" in result.output
    assert compare(folder, f"{folder}/port.py:mended", "-q").output.startswith("match  ")


def test_one_sample_at_a_time_hides_the_mistake_and_suits_a_port_for_one(folder: Path) -> None:
    assert compare(folder, f"{folder}/port.py:one_sample", "--per-sample").exit_code == 0
    assert "it raised AssertionError" in compare(folder, f"{folder}/port.py:one_sample").output


def test_the_outputs_alone_do(folder: Path) -> None:
    observed = observe(load_spec(f"{folder}/exercise.yaml"))
    scope: dict[str, object] = {}
    exec(EXERCISE, scope)
    weights = {node.layer: list(node.weights.values()) for node in observed.nodes}
    forward = scope["forward"]
    assert callable(forward)
    np.save(folder / "outputs.npy", forward(observed.inputs["input"], weights))
    result = compare(folder, f"{folder}/outputs.npy", "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["tied"] == ["state-carried-across-samples"]
    assert found["verdict"] == "mismatch"
    assert found["diagnosis"][0]["mistake"] == "state-carried-across-samples"
    assert found["diagnosis"][0]["explains"] is True
    assert found["first_divergence"]["layer"] == "dense"
    assert "candidate" in found["first_divergence"]
    assert found["max_abs_error"] > 1e-3
    assert found["keras"]["verdict"] == "match"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("mended", [False, True])
def test_a_program_in_c(folder: Path, mended: bool) -> None:
    source = folder / "port.c"
    source.write_text(PROGRAM.replace("RESET", "memset(h, 0, sizeof h);" if mended else ""))
    subprocess.run(["cc", "-O3", "-ffast-math", "-o", folder / "port", source, "-lm"], check=True)
    result = compare(folder, f"cmd:{folder}/port {{inputs}} {{outputs}}", "--candidate-format", "raw")
    assert result.exit_code == (0 if mended else 1), result.output
    assert ("state-carried-across-samples" in result.output) is not mended


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidate", "nowhere.py:forward"], "no such file"),
        (["--candidate", "port.txt"], "expected cmd:PROGRAM"),
        (["--candidate", "outputs.npy", "--timeout", "0"], "a timeout above 0"),
        ([], "Missing option '--candidate'"),
        (["--candidate", "a.npy", "--candidate-dtype", "float8"], "Invalid value"),
    ],
)
def test_a_wrong_request_is_refused(folder: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["compare", f"{folder}/exercise.yaml", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_a_candidate_in_a_spec_runs_with_consent_only(folder: Path) -> None:
    for command in ("run", "check"):
        result = CliRunner().invoke(main, [command, f"{folder}/beside.yaml"])
        assert result.exit_code == 2
        assert "is code, which runs only with --allow-code" in result.output


def test_a_candidate_in_a_spec_is_judged_beside_keras(folder: Path) -> None:
    wrong = CliRunner().invoke(main, ["run", f"{folder}/beside.yaml", "--allow-code"])
    assert wrong.exit_code == 1
    assert f"mismatch: candidate {folder}/port.py:forward: output dense" in " ".join(wrong.output.split())
    assert "mistake: state-carried-across-samples" in wrong.output
    right = CliRunner().invoke(main, ["run", f"{folder}/right.yaml", "--allow-code"])
    assert right.exit_code == 0
    report = CliRunner().invoke(main, ["run", f"{folder}/beside.yaml", "--allow-code", "--format", "json"])
    found = json.loads(report.stdout)
    jsonschema.validate(found, report_schema())
    assert found["results"][0]["verdict"] == "mismatch"
    assert found["results"][0]["candidate"]["verdict"] == "mismatch"
    assert found["results"][0]["diagnosis"][0]["mistake"] == "state-carried-across-samples"


def test_check_counts_a_wrong_candidate(folder: Path) -> None:
    arguments = ["check", f"{folder}/beside.yaml", f"{folder}/right.yaml", "--allow-code"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "2 specs: 1 match, 1 mismatch, 0 error" in result.output
    junit = CliRunner().invoke(main, [*arguments, "--format", "junit"])
    assert 'failures="1"' in junit.stdout
    assert "port.py:forward" in junit.stdout


def test_mistakes_are_listed() -> None:
    text = CliRunner().invoke(main, ["mistakes"])
    assert text.exit_code == 0
    assert "gru-reset-before\n  the reset gate is applied to h before" in text.stdout
    few = CliRunner().invoke(main, ["mistakes", "Gate-Order"])
    assert "lstm-gate-order/i-f-o-c" in few.stdout
    assert "bias-missing" not in few.stdout
    none = CliRunner().invoke(main, ["mistakes", "nonesuch"])
    assert none.exit_code == 2
    assert "'nonesuch'" in none.stderr
    listed = json.loads(CliRunner().invoke(main, ["mistakes", "--format", "json"]).stdout)
    assert [one["id"] for one in listed["mistakes"]] == [mistake.id for mistake in MISTAKES]
