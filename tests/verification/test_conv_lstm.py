"""Models with ConvLSTMs, from Keras to the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import SpecError, UnsupportedError
from rnnverify.keras_model import long_walks
from rnnverify.observation import Observation, Walked

IMAGES = """
N: 3
T: 4
initial_state: random
layers:
  - InputLayer: {shape: [T, 6, 5, 2]}
  - ConvLSTM2D: {filters: 3, kernel_size: [3, 2], strides: [1, 2], return_sequences: true, return_state: true, name: below}
  - ConvLSTM2D: {filters: 2, kernel_size: 2, padding: same, inputs: below, go_backwards: true, name: above}
  - Flatten
  - Dense: {units: 2}
"""
MASKED = """
N: 3
T: 5
D: 12
layers:
  - Masking
  - TimeDistributed: {layer: {Reshape: {target_shape: [4, 3]}}}
  - Bidirectional: {layer: {ConvLSTM1D: {filters: 2, kernel_size: 3, return_sequences: true}}}
  - ConvLSTM1D: {filters: 3, kernel_size: 2, name: above}
"""
VOLUMES = """
N: 2
T: 3
layers:
  - InputLayer: {shape: [T, 4, 3, 5, 2]}
  - ConvLSTM3D: {filters: 2, kernel_size: [2, 1, 3], use_bias: false, recurrent_activation: hard_sigmoid, name: volumes}
"""
SPECS = {"images": IMAGES, "masked": MASKED, "volumes": VOLUMES}
POLICIES = ["float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]


def observed(folder: Path, text: str, *overrides: tuple[str, Any]) -> Observation:
    (folder / "spec.yaml").write_text(text)
    return rnnverify.observe(rnnverify.load_spec(str(folder / "spec.yaml"), overrides))


def with_masked_steps(text: str, folder: Path) -> str:
    """A spec whose input has steps of zeros: one sample's all, another's first and last."""
    x = np.random.default_rng(1).normal(size=(3, 5, 12)).astype(np.float32)
    x[0], x[1, [0, 4]] = 0, 0
    np.save(folder / "x.npy", x)
    return f"{text}data: {{file: x.npy}}\n"


def other_weight(seen: Observation, layer: str, weight: str, index: Sequence[int], by: float) -> Observation:
    """What was observed, as if Keras had reported another weight."""
    nodes = []
    for node in seen.nodes:
        if node.name == layer:
            array = node.weights[weight].copy()
            array[tuple(index)] += np.float32(by)
            node = replace(node, weights={**node.weights, weight: array})
        nodes.append(node)
    return replace(seen, nodes=tuple(nodes))


@pytest.mark.parametrize("dtype", POLICIES)
@pytest.mark.parametrize("name", SPECS)
def test_a_right_model_matches(keras: Any, tmp_path: Path, name: str, dtype: str) -> None:
    text = with_masked_steps(MASKED, tmp_path) if name == "masked" else SPECS[name]
    result = rnnverify.verify(observed(tmp_path, text, ("dtype", dtype)))
    assert result.verdict == "match"
    assert all(np.isfinite(layer.worst_ratio) for layer in result.layers)


@pytest.mark.parametrize(
    ("name", "layer", "weight", "index", "timestep"),
    [
        ("images", "below", "kernel", (2, 1, 1, 4), 0),
        ("images", "below", "recurrent_kernel", (1, 0, 2, 7), 0),
        ("images", "above", "recurrent_kernel", (0, 1, 1, 5), 0),
        ("images", "above", "bias", (3,), 0),
        ("volumes", "volumes", "kernel", (1, 0, 2, 1, 6), 0),
        ("volumes", "volumes", "recurrent_kernel", (1, 0, 1, 1, 6), 1),
    ],
)
def test_a_wrong_weight_is_placed_and_named(
    keras: Any, tmp_path: Path, name: str, layer: str, weight: str, index: tuple[int, ...], timestep: int
) -> None:
    seen = observed(tmp_path, SPECS[name])
    result = rnnverify.verify(other_weight(seen, layer, weight, index, 1e-4))
    first = result.first_divergence
    filters = next(node for node in seen.nodes if node.name == layer).config["filters"]
    assert first is not None
    assert result.verdict == "mismatch"
    assert (first.layer, first.timestep, first.unit) == (layer, timestep, index[-1] % filters)
    assert [one.layer for one in result.layers if not one.passed] == [layer]
    (suspect,) = [one for found in result.layers for one in found.suspects]
    assert (suspect.weight, suspect.index) == (weight, index)
    assert suspect.gate == first.gate == ("input", "forget", "candidate", "output")[index[-1] // filters]
    assert suspect.change == pytest.approx(-1e-4, rel=0.05)


def test_c_is_looked_at_as_h_is(keras: Any, tmp_path: Path) -> None:
    seen = observed(tmp_path, IMAGES)
    (walk,) = seen.walks["below"]
    c = walk.others[0].copy()
    c[1, 2, 7] *= np.float32(1.001)
    wrong = Walked(walk.sequence, walk.states, (c,))
    first = rnnverify.verify(replace(seen, walks={**seen.walks, "below": (wrong,)})).first_divergence
    assert first is not None
    assert (first.layer, first.timestep, first.sample) == ("below", 2, 1)


def test_a_long_walk_is_watched_in_stretches(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnverify.keras_model.built.LONG", 100)
    monkeypatch.setattr(long_walks, "STRETCH", 300)
    x = keras.Input((7, 4, 3, 2))
    inner = keras.layers.ConvLSTM2D(2, 2, return_sequences=True, return_state=True)
    model = keras.Model(x, keras.layers.Bidirectional(inner)(x))
    seen = rnnverify.observe(model, np.random.default_rng(1).normal(size=(3, 7, 4, 3, 2)).astype(np.float32))
    assert rnnverify.verify(seen).verdict == "match"


@pytest.mark.parametrize("wrapper", [None, "TimeDistributed", "Bidirectional"])
@pytest.mark.parametrize("dtype", ["float16", "mixed_float16"])
def test_sums_over_three_axes_are_added_up_in_half_precision(keras: Any, dtype: str, wrapper: str | None) -> None:
    policy = keras.dtype_policies.DTypePolicy(dtype)
    options = {"activation": "relu", "recurrent_activation": "hard_sigmoid", "recurrent_initializer": "glorot_uniform"}
    layer = keras.layers.ConvLSTM3D(6, 3, dtype=policy, **options)
    shape = (2, 2, 4, 4, 4, 32) if wrapper == "TimeDistributed" else (2, 4, 4, 4, 32)
    x = keras.Input(shape, dtype="float16")
    model = keras.Model(x, (getattr(keras.layers, wrapper)(layer, dtype=policy) if wrapper else layer)(x))
    rng = np.random.default_rng(1)
    model.set_weights([0.3 * rng.normal(size=one.shape) for one in model.get_weights()])
    assert rnnverify.verify(model, rng.normal(size=(4, *shape)).astype(np.float16)).verdict == "match"


def test_a_saved_observation_holds_it(keras: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "seen.npz")
    rnnverify.save_observation(observed(tmp_path, IMAGES), path)
    assert rnnverify.verify(rnnverify.load_observation(path)).verdict == "match"


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_saved_model_is_read(keras: Any, tmp_path: Path, ending: str) -> None:
    x = keras.Input((4, 6, 5, 2))
    y, *states = keras.layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True, return_state=True)(x)
    y = keras.layers.ConvLSTM2D(2, (1, 2), padding="same", recurrent_dropout=0.2)(y, initial_state=states)
    path = tmp_path / f"model.{ending}"
    keras.Model(x, keras.layers.Flatten()(y)).save(path)
    (tmp_path / "spec.yaml").write_text(f"N: 3\nmodel: {path.name}\n")
    assert rnnverify.verify(rnnverify.load_spec(str(tmp_path / "spec.yaml"))).verdict == "match"


def test_a_mask_for_every_place_is_refused_by_name(keras: Any) -> None:
    x = keras.Input((4, 6, 5, 2))
    model = keras.Model(x, keras.layers.ConvLSTM2D(2, 3, padding="same", name="it")(keras.layers.Masking()(x)))
    with pytest.raises(UnsupportedError, match=r"^layer 'it': a mask for every place is not implemented by the replay"):
        rnnverify.verify(model, np.ones((3, 4, 6, 5, 2), np.float32))


def test_what_does_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(IMAGES)
    with pytest.raises(SpecError, match=r"of which below takes .* GiB; make N, T, D or M smaller"):
        rnnverify.load_spec(str(tmp_path / "spec.yaml"), [("T", 10_000_000)])


def test_the_trace_has_every_gate_at_every_place(keras: Any, tmp_path: Path) -> None:
    seen = observed(tmp_path, with_masked_steps(MASKED, tmp_path))
    traced = rnnverify.trace(seen)
    below, above = traced["bidirectional"], traced["above"]
    assert below["forward_i"].shape == below["backward_c"].shape == (3, 5, 2, 2)
    assert above["o"].shape == above["h"].shape == (3, 5, 1, 3)
    assert np.isnan(above["o"][1, [0, 4]]).all()
    assert not np.isnan(above["o"][1, 1:4]).any()
    awake = ~np.isnan(above["o"])
    np.testing.assert_allclose(above["h"][awake], (above["o"] * np.tanh(above["c"]))[awake])
    (walk,) = seen.walks["above"]
    np.testing.assert_allclose(above["h"].reshape(3, 5, 3), walk.sequence, atol=1e-6)


def test_the_trace_of_square_images_is_a_dataset(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    text = "N: 2\nT: 3\nlayers:\n  - InputLayer: {shape: [T, 4, 4, 1]}\n  - ConvLSTM2D: {filters: 4, kernel_size: 1, name: it}\n"
    dataset = rnnverify.trace(observed(tmp_path, text)).to_xarray()
    assert dataset["it.f"].dims == ("sample", "timestep", "it.place_0", "it.place_1", "it.unit")


def port(x: Any, weights: Any, order: tuple[int, ...] = (0, 1, 2, 3), reset: bool = True) -> Any:
    """The model of rows below, as many write it: with loops over samples, steps and places."""
    kernel, recurrent_kernel, bias = weights["rows"]
    made, rows, filters = [], x.shape[2] - len(kernel) + 1, len(bias) // 4
    h = c = np.zeros((rows, filters))
    for sample in x:
        if reset:
            h = c = np.zeros((rows, filters))
        for step in sample:
            padded = np.concatenate([np.zeros((1, filters)), h, np.zeros((1, filters))])
            z = np.stack(
                [
                    np.tensordot(step[row : row + 3], kernel, 2)
                    + np.tensordot(padded[row : row + 3], recurrent_kernel, 2)
                    for row in range(rows)
                ]
            )
            parts = np.split(z + bias, 4, axis=-1)
            i, f, candidate, o = (parts[gate] for gate in order)
            c = c / (1 + np.exp(-f)) + np.tanh(candidate) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
        made.append(h)
    return np.array(made)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({}, None),
        ({"reset": False}, "state-carried-across-samples"),
        ({"order": (1, 0, 2, 3)}, "lstm-gate-order/f-i-c-o"),
    ],
)
def test_the_mistake_of_a_port_is_named(keras: Any, wrong: dict[str, Any], mistake: str | None) -> None:
    x = np.random.default_rng(1).normal(size=(3, 5, 6, 2)).astype(np.float32)
    model = keras.Sequential([keras.Input((5, 6, 2)), keras.layers.ConvLSTM1D(2, 3, name="rows")])
    model.layers[0].set_weights(
        [np.random.default_rng(2).normal(size=one.shape) for one in model.layers[0].get_weights()]
    )
    found = rnnverify.compare(model, lambda x, weights: port(x, weights, **wrong), x)
    assert (found.verdict == "match") == (mistake is None)
    assert found.diagnosis is not None
    assert [one.id for one in found.diagnosis.mistakes] == ([] if mistake is None else [mistake])


def test_the_blind_spots_of_a_model_are_found(keras: Any, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(VOLUMES)
    found = rnnverify.blind_spots(rnnverify.load_spec(str(tmp_path / "spec.yaml")))
    assert "initial-state-ignored" in found.ids
    assert "lstm-gate-order/i-f-o-c" not in found.ids
    assert found.known > 60
