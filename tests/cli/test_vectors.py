"""rnnverify vectors: what the files hold, what they kill, and the harness in C."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import rnnverify
from rnnverify.cli import main
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, with_mistakes
from rnnverify.report.c_header import Names, number, upward
from rnnverify.verification.outputs import label

SIZES = "N: 4\nT: 7\nD: 3\nM: 5\nK: 2\n"
HEAD = "  - Dense: {units: K}\n"
MODELS = {
    "SimpleRNN": SIZES,
    "LSTM": SIZES + "layer: LSTM\n",
    "GRU": SIZES + "layer: GRU\n",
    "GRU, reset before": f"{SIZES}layers:\n  - GRU: {{units: M, reset_after: false}}\n{HEAD}",
    "Bidirectional": f"{SIZES}layers:\n  - Bidirectional: {{layer: {{LSTM: {{units: M}}}}}}\n{HEAD}",
    "masked": "N: 4\nT: 7\nM: 5\nK: 2\nlayers:\n  - Embedding: {input_dim: 11, output_dim: 3, mask_zero: true}\n"
    f"  - GRU: {{units: M, return_sequences: true}}\n{HEAD}",
    "a stack": f"{SIZES}layers:\n  - LSTM: {{units: M, return_sequences: true}}\n  - GRU: {{units: 6}}\n{HEAD}",
}
# Small by nature: weights that lose bits, and activations that are nearly right.
SLIGHT = {"half-precision-weights", "activation-approximated"}


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["vectors", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """The vectors of every model: their folder, and what the call gave."""
    place = tmp_path_factory.mktemp("vectors")
    found = {}
    for name, text in MODELS.items():
        folder = place / re.sub(r"\W", "_", name)
        spec = folder.with_suffix(".yaml")
        spec.write_text(text)
        found[name] = folder, rnnverify.vectors(spec, folder)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_mistake_that_can_be_seen_is_killed(made: dict[str, tuple[Path, Any]], name: str) -> None:
    folder, vectors = made[name]
    assert vectors.keras.verdict == "match"
    blind = rnnverify.blind_spots(rnnverify.load_spec(str(folder / "spec.yaml")))
    none = {spot.id for spot in blind.equivalent}
    assert {spot.change for spot in vectors.spots} <= {"initial_state: random"}
    assert (not vectors.spots) or name == "masked"  # Keras hands no mask to a layer that is given states
    assert {one.id for one in vectors.survivors} <= none | {spot.id for spot in vectors.spots}
    near = {one.id.split("/")[0] for one in vectors.kills if one.limits < 1000}
    assert near <= SLIGHT
    assert len(vectors.kills) > 35


@pytest.mark.parametrize("name", MODELS)
def test_a_port_with_a_mistake_is_a_mismatch_on_them(made: dict[str, tuple[Path, Any]], name: str) -> None:
    """What the manifest says is tried: outputs with the mistake in them, in float32, as a candidate."""
    folder, vectors = made[name]
    spec = rnnverify.load_spec(str(folder / "spec.yaml"))
    observed = rnnverify.observe(spec)
    graph = Graph(observed.nodes)
    manifest = json.loads((folder / "manifest.json").read_text())
    kills = [(one["mistake"], one["layer"]) for one in manifest["kills"]]
    assert kills == [(one.id, one.layer) for one in vectors.kills]
    for mistake_id, layer in kills[:: max(1, len(kills) // 12)]:
        (mistake,) = [one for one in MISTAKES if one.id == mistake_id]
        wrong = with_mistakes(graph, [mistake], [layer])
        assert wrong is not None
        try:
            values = wrong.run(observed.inputs, np.float32)
        except Exception:
            continue
        given = {label(graph, ref): values[ref].values for ref in observed.outputs}
        assert rnnverify.compare(observed, given, effort=0.0).verdict == "mismatch", mistake_id


def test_masks_have_rows_of_each_kind(made: dict[str, tuple[Path, Any]]) -> None:
    _, vectors = made["masked"]
    (ids,) = vectors.inputs.values()
    rows = dict(zip(vectors.rows, ids, strict=True))
    assert rows["masked everywhere"].tolist() == [0] * 7
    assert rows["masked in front"][0] == 0 != rows["masked in front"][-1]
    assert rows["masked at the end"][0] != 0 == rows["masked at the end"][-1]
    between = np.flatnonzero(rows["masked in between"])
    assert 0 < len(between) < between[-1] - between[0] + 1
    assert "random" in rows


def test_the_files_hold_the_same(made: dict[str, tuple[Path, Any]]) -> None:
    folder, vectors = made["LSTM"]
    text = json.loads((folder / "vectors.json").read_text())
    with np.load(folder / "vectors.npz") as file:
        assert file["expected.dense"].dtype == np.float64
        np.testing.assert_array_equal(file["expected.dense"], text["expected"]["dense"])
        np.testing.assert_array_equal(file["lstm.kernel"], np.float32(text["weights"]["lstm"]["kernel"]))
        np.testing.assert_array_equal(file["input"], np.float32(text["inputs"]["input"]))
        assert file["lstm.f"].shape == (len(vectors.rows), 7, 5)
        np.testing.assert_array_equal(file["lstm.f"], text["trace"]["lstm.f"])
        inputs, limits = dict(file), file["limit.dense"]
    observed = rnnverify.observe(rnnverify.load_spec(str(folder / "spec.yaml")))
    np.testing.assert_array_equal(observed.inputs["lstm_h"], inputs["lstm_h"])
    assert (np.abs(observed.predictions[0] - inputs["expected.dense"]) <= limits).all()
    manifest = json.loads((folder / "manifest.json").read_text())
    kernel = manifest["weights"]["lstm"]["arrays"]["kernel"]
    assert kernel == {"shape": [3, 20], "columns": "i 0-4, f 5-9, c 10-14, o 15-19"}


def test_masked_gates_are_null(made: dict[str, tuple[Path, Any]]) -> None:
    folder, vectors = made["masked"]
    text = json.loads((folder / "vectors.json").read_text())
    row = vectors.rows.index("masked everywhere")
    assert text["trace"]["gru.z"][row][0][0] is None
    assert text["trace"]["gru.h"][row][0][0] == 0
    assert "NAN" in (folder / "vectors.h").read_text()


def test_a_saved_model_keeps_its_weights(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((None, 3), name="input"), keras.layers.GRU(4, return_sequences=True, name="g")]
    )
    model.save(tmp_path / "m.keras")
    result = run(tmp_path / "m.keras", "-o", tmp_path / "out", "--set", "T=5")
    assert result.exit_code == 0
    with np.load(tmp_path / "out" / "vectors.npz") as file:
        np.testing.assert_array_equal(file["g.kernel"], model.get_weights()[0])
        assert file["expected.g"].shape[1:] == (5, 4)
        assert (np.abs(model.predict(file["input"], verbose=0) - file["expected.g"]) <= file["limit.g"]).all()
    assert CliRunner().invoke(main, ["run", str(tmp_path / "out" / "spec.yaml"), "-q"]).stdout.startswith("match")


LSTM_PORT = """
#include <math.h>
#include "vectors.h"

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

void port(const float x[7][3], const float h0[5], const float c0[5], float y[2]) {
    float h[5], c[5], z[20];
    for (int u = 0; u < 5; u++) { h[u] = h0[u]; c[u] = c0[u]; }
    for (int t = 0; t < 7; t++) {
        for (int u = 0; u < 20; u++) {
            z[u] = lstm_bias[u];
            for (int d = 0; d < 3; d++) z[u] += x[t][d] * lstm_kernel[d][u];
            for (int m = 0; m < 5; m++) z[u] += h[m] * lstm_recurrent_kernel[m][u];
        }
        for (int u = 0; u < 5; u++) {
            float i = sigmoid(z[FIRST * 5 + u]), f = sigmoid(z[SECOND * 5 + u]);
            float g = tanhf(z[10 + u]), o = sigmoid(z[15 + u]);
            c[u] = f * c[u] + i * g;
            h[u] = o * tanhf(c[u]);
        }
    }
    for (int k = 0; k < 2; k++) {
        y[k] = dense_bias[k];
        for (int u = 0; u < 5; u++) y[k] += h[u] * dense_kernel[u][k];
    }
}
"""
GRU_PORT = """
#include <math.h>
#include "vectors.h"

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

void port(const float x[7][3], const float h0[5], float y[2]) {
    float h[5], zx[15], zh[15];
    for (int u = 0; u < 5; u++) h[u] = h0[u];
    for (int t = 0; t < 7; t++) {
        for (int u = 0; u < 15; u++) {
            zx[u] = gru_bias[0][u];
            zh[u] = gru_bias[1][u];
            for (int d = 0; d < 3; d++) zx[u] += x[t][d] * gru_kernel[d][u];
            for (int m = 0; m < 5; m++) zh[u] += h[m] * gru_recurrent_kernel[m][u];
        }
        for (int u = 0; u < 5; u++) {
            float z = sigmoid(zx[FIRST * 5 + u] + zh[FIRST * 5 + u]);
            float r = sigmoid(zx[SECOND * 5 + u] + zh[SECOND * 5 + u]);
            h[u] = z * h[u] + (1.0f - z) * tanhf(zx[10 + u] + r * zh[10 + u]);
        }
    }
    for (int k = 0; k < 2; k++) {
        y[k] = dense_bias[k];
        for (int u = 0; u < 5; u++) y[k] += h[u] * dense_kernel[u][k];
    }
}
"""
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def judged(folder: Path, source: str, where: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """The harness's answer to a port, compiled."""
    (where / "port.c").write_text(source)
    sources = [str(folder / "harness.c"), str(where / "port.c")]
    subprocess.run(
        ["cc", *WARNINGS, *flags, f"-I{folder}", *sources, "-o", str(where / "judge"), "-lm"],
        check=True,
        capture_output=True,
    )
    return subprocess.run([str(where / "judge")], capture_output=True, text=True, check=False)


needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")


@needs_cc
@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-ffast-math"], ["-DRNNVERIFY_TRACE"]])
@pytest.mark.parametrize(("name", "source"), [("LSTM", LSTM_PORT), ("GRU", GRU_PORT)])
def test_the_harness_passes_a_right_port_and_no_other(
    made: dict[str, tuple[Path, Any]], tmp_path: Path, name: str, source: str, flags: list[str]
) -> None:
    folder, vectors = made[name]
    right = judged(folder, source, tmp_path, "-DFIRST=0", "-DSECOND=1", *flags)
    assert right.returncode == 0
    assert right.stdout.startswith(f"match: all {2 * len(vectors.rows)} elements of {len(vectors.rows)} samples")
    swapped = judged(folder, source, tmp_path, "-DFIRST=1", "-DSECOND=0", *flags)
    assert swapped.returncode == 1
    assert re.match(r"mismatch: output dense, sample \d, unit [01]: yours ", swapped.stdout)


@needs_cc
@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-ffast-math"]])
@pytest.mark.parametrize("body", ["", "y[0] = y[1] = 0.0f / (x[0][0] - x[0][0]);", "y[0] = 1.0f / 0.0f;"])
def test_what_is_not_filled_in_or_no_number_is_wrong(
    made: dict[str, tuple[Path, Any]], tmp_path: Path, body: str, flags: list[str]
) -> None:
    folder, _ = made["SimpleRNN"]
    head = '#include "vectors.h"\nvoid port(const float x[7][3], const float h[5], float y[2])'
    source = f"{head} {{ (void)x; (void)h; (void)y; {body} }}\n"
    assert judged(folder, source, tmp_path, "-Wno-div-by-zero", *flags).returncode == 1


@needs_cc
def test_the_header_of_a_model_with_time_compiles(made: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    folder, _ = made["masked"]
    source = '#include "vectors.h"\nvoid port(const int32_t ids[7], float y[7][2]) { (void)ids; y[3][1] = 0.0f; }\n'
    wrong = judged(folder, source, tmp_path)
    assert wrong.stdout.startswith("mismatch: output dense, sample 0, timestep 0, unit 0: yours ")


def test_names_are_identifiers_and_each_is_taken_once() -> None:
    names = Names()
    assert [names.of(name) for name in ("lstm", "int", "2nd", "a-b", "a_b", "gru.h~")] == [
        "lstm",
        "int_2",
        "_2nd",
        "a_b",
        "a_b_2",
        "gru_h_candidate",
    ]


def test_numbers_are_floats_to_all_their_digits() -> None:
    texts = {np.float32(0.1): "0.100000001f", np.float32(3): "3.0f", np.float32(1e-20): "9.99999968e-21f"}
    assert {value: number(value) for value in texts} == texts
    assert number(np.int32(7)) == "7"
    assert number(np.float32("nan")) == "NAN"
    assert number(-np.float32("inf")) == "-INFINITY"
    assert upward(np.array([1e-7]))[0] > 1e-7


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (
            lambda place: (place / "out").mkdir() or (place / "out" / "notes.txt").write_text(""),
            [],
            "it holds 'notes.txt'",
        ),
        (lambda place: (place / "out").write_text("mine"), [], "expected a folder, got a file"),
        (lambda place: None, ["--set", "M=2000"], "expected at most 2,000,000"),
        (lambda place: None, ["--set", "M=0"], "M: expected"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_lost(
    tmp_path: Path, prepare: Any, arguments: list[str], message: str
) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(SIZES)
    prepare(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result = run(spec, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_vectors_may_be_made_anew(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(SIZES)
    assert run(spec, "-o", tmp_path / "out", "-q").stdout == ""
    again = run(spec, "-o", tmp_path / "out", "--set", "layer=LSTM", "--format", "json")
    assert json.loads(again.stdout)["weights"]["lstm"]["class"] == "LSTM"
    assert "lstm_kernel" in (tmp_path / "out" / "vectors.h").read_text()
    assert "known mistakes" in run(spec, "-o", tmp_path / "out").stdout


def test_states_that_a_spec_sets_to_zero_stay_zero(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(SIZES + "initial_state: zeros\n")
    vectors = rnnverify.vectors(spec, tmp_path / "out")
    assert list(vectors.inputs) == ["input"]
    assert [spot.id for spot in vectors.spots] == ["initial-state-ignored"]


def test_nothing_is_written_where_keras_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnverify.layers.simple_rnn import SimpleRNNCell

    spec = tmp_path / "a.yaml"
    spec.write_text(SIZES)
    right = SimpleRNNCell.project
    monkeypatch.setattr(SimpleRNNCell, "project", lambda self, x: right(self, x) * 1.01)
    result = run(spec, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "nothing was written, as Keras itself is no match: mismatch" in result.stdout
    assert not (tmp_path / "out").exists()


def test_a_specs_own_weights_are_kept_wherever_the_vectors_go(tmp_path: Path) -> None:
    """The file is named from the spec's folder, where another of the same name lies beside the vectors."""
    rng = np.random.default_rng(4)
    for folder, scale in (("mine", 1.0), ("other", 2.0)):
        (tmp_path / folder).mkdir()
        arrays = {"kernel": (3, 15), "recurrent_kernel": (5, 15), "bias": (2, 15)}
        made = {
            f"gru/{name}": (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in arrays.items()
        }
        np.savez(tmp_path / folder / "w.npz", **made)
    spec = tmp_path / "mine" / "a.yaml"
    spec.write_text("N: 2\nT: 4\nD: 3\nlayers: [{GRU: {units: 5}}]\nweights: {file: w.npz}\n")
    for _ in range(2):  # they can be made again from their own spec
        vectors = rnnverify.vectors(spec, tmp_path / "other" / "out")
        with np.load(tmp_path / "mine" / "w.npz") as own:
            (weights,) = vectors.weights
            np.testing.assert_array_equal(weights.arrays["kernel"], own["gru/kernel"])
        spec = tmp_path / "other" / "out" / "spec.yaml"


def test_names_that_numpy_and_c_have_for_themselves(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "N: 2\nT: 4\nlayers:\n  - InputLayer: {shape: [4, 3], name: file}\n  - GRU: {units: 5, name: SAMPLES}\n"
        "  - Dense: {units: 2, name: NAN}\n"
    )
    rnnverify.vectors(spec, tmp_path / "out")
    header = (tmp_path / "out" / "vectors.h").read_text()
    assert "const float file[4][3]" in header
    assert "float NAN_[2]);" in header
    port = tmp_path / "port.py"
    port.write_text("def forward(x, weights):\n    return {'NAN': x[:, 0, :2]}\n")
    result = rnnverify.compare(rnnverify.load_spec(str(spec)), f"{port}:forward", effort=0.0)
    assert result.findings == ()


def test_where_every_row_overflows_it_is_refused(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "N: 2\nT: 60\nD: 2\nM: 9\nK: 2\nlayers:\n"
        "  - SimpleRNN: {units: M, activation: exponential, recurrent_initializer: ones, return_sequences: true}\n"
        "  - Dense: {units: K}\n"
    )
    result = run(spec, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "the outputs overflow" in result.stderr


def test_limits_are_finite(tmp_path: Path) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "N: 2\nT: 3\nD: 2\nM: 3\nK: 2\nlayers:\n"
        "  - SimpleRNN: {units: M, activation: exponential, return_sequences: true}\n  - Dense: {units: K}\n"
    )
    (output,) = rnnverify.vectors(spec, tmp_path / "out").outputs
    assert np.isfinite(output.values).all()
    assert np.isfinite(output.limits).all()


def test_half_precision_and_a_model_of_which_no_mistake_is_known(tmp_path: Path) -> None:
    half = tmp_path / "half.yaml"
    half.write_text("N: 2\nT: 4\nD: 3\nM: 4\nK: 2\nlayer: GRU\ndtype: bfloat16\n")
    assert rnnverify.vectors(half, tmp_path / "half").keras.verdict == "match"
    flat = tmp_path / "flat.yaml"
    flat.write_text("N: 2\nT: 3\nD: 2\nlayers: [Flatten]\n")
    vectors = rnnverify.vectors(flat, tmp_path / "flat")
    assert vectors.kills == ()
    assert len(vectors.rows) == 3


def test_a_failed_replacement_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text(SIZES)
    out = tmp_path / "out"
    assert run(spec, "-o", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    move = shutil.move

    def fails(source: str, target: str) -> None:
        if target.startswith(str(out)) and target.endswith("vectors.json") and "before" not in source:
            raise PermissionError(1, "Operation not permitted")
        move(source, target)

    monkeypatch.setattr("rnnverify.api.golden.shutil.move", fails)
    result = run(spec, "-o", out, "--set", "M=7")
    assert result.exit_code == 2
    assert "cannot be written: Operation not permitted" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    monkeypatch.undo()
    (out / "vectors.npz").unlink()
    (out / "vectors.npz").mkdir()
    assert "it holds 'vectors.npz'" in run(spec, "-o", out).stderr
    assert "expected the path of a folder" in run(spec, "-o", "").stderr


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Any) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "spec.yaml").write_text(SIZES)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("rnnverify.api.golden.os.listdir", refused)
    result = run(tmp_path / "spec.yaml", "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, f"-o {tmp_path / 'out'}: cannot be read: Permission denied\n")
