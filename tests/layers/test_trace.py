"""The trace: against hand-worked steps, and against what Keras emits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import RequestError
from rnnverify.layers.gate_map import ends, gate_columns
from rnnverify.layers.registry import layer_of
from rnnverify.spec import spec_from_mapping

SIZES: dict[str, Any] = {"N": 3, "T": 6, "D": 4, "M": 5, "K": 2}
IDS: dict[str, Any] = {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def observed_of(*layers: Any, **spec: Any) -> Any:
    return rnnverify.observe(spec_from_mapping({**SIZES, "layers": list(layers), **spec}))


def test_an_lstms_gates_are_those_of_the_equations() -> None:
    """Each block of columns by itself, step by step, from the c and h before."""
    observed = observed_of({"LSTM": {"units": "M"}})
    kernel, recurrent, bias = observed.nodes[0].weights.values()
    (x,) = observed.inputs.values()
    traced = rnnverify.trace(observed)["lstm"]
    h = c = np.zeros((3, 5))
    for t in range(6):
        z = x[:, t].astype(np.float64) @ kernel + h @ recurrent + bias
        i, f, o = (sigmoid(z[:, first : first + 5]) for first in (0, 5, 15))
        candidate = np.tanh(z[:, 10:15])
        c = f * c + i * candidate
        h = o * np.tanh(c)
        for name, value in {"i": i, "f": f, "c~": candidate, "o": o, "c": c, "h": h}.items():
            np.testing.assert_allclose(traced[name][:, t], value, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("reset_after", [True, False])
def test_a_grus_gates_give_its_next_state(reset_after: bool) -> None:
    observed = observed_of({"GRU": {"units": "M", "reset_after": reset_after}})
    kernel, recurrent, bias = (one.astype(np.float64) for one in observed.nodes[0].weights.values())
    (x,) = observed.inputs.values()
    traced = rnnverify.trace(observed)["gru"]
    first, second = bias if reset_after else (bias, np.zeros_like(bias))
    before = np.concatenate([np.zeros((3, 1, 5)), traced["h"][:, :-1]], axis=1)
    zx, zh = x @ kernel + first, before @ recurrent + second
    z, r = sigmoid(zx[..., :5] + zh[..., :5]), sigmoid(zx[..., 5:10] + zh[..., 5:10])
    share = r * zh[..., 10:] if reset_after else (r * before) @ recurrent[:, 10:]
    candidate = np.tanh(zx[..., 10:] + share)
    for name, value in {"z": z, "r": r, "h~": candidate, "h": z * before + (1 - z) * candidate}.items():
        np.testing.assert_allclose(traced[name], value, rtol=1e-12, atol=1e-14, err_msg=name)


def test_states_and_outputs_are_those_that_keras_emits() -> None:
    observed = observed_of(
        IDS,
        {"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}}},
        {"Dense": {"units": "K"}},
        data={"tokens": {"lengths": "random"}},
    )
    traced = rnnverify.trace(observed)
    forward, backward = observed.walks["bidirectional"]
    near: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-6}
    kept = observed.inputs[observed.nodes[0].inputs[0].node] != 0
    assert not kept.all()
    both = traced["bidirectional"]
    np.testing.assert_allclose(both["forward_h"][kept], forward.sequence[kept], **near)
    np.testing.assert_allclose(both["forward_c"][kept], forward.others[0][kept], **near)
    # Keras's backward walk is in its own order; what it puts out at masked steps is zero, and its states stand as they were.
    np.testing.assert_allclose(both["backward_h"][kept], backward.sequence[:, ::-1][kept], **near)
    held = ~kept[:, 1:]
    for name in ("forward_h", "forward_c"):
        np.testing.assert_array_equal(both[name][:, 1:][held], both[name][:, :-1][held])
    assert (both["backward_h"][~kept] == 0).all()  # the padding is at the end, where it begins
    assert (both["forward_h"][~kept] != 0).all()
    assert np.isnan(traced["bidirectional"]["forward_i"][~kept]).all()
    assert not np.isnan(traced["bidirectional"]["forward_i"][kept]).any()
    np.testing.assert_allclose(traced["dense"]["output"], observed.predictions[0], **near)


def test_a_layer_that_walks_backwards_is_traced_by_the_timesteps_of_x() -> None:
    observed = observed_of({"SimpleRNN": {"units": "M", "go_backwards": True, "return_sequences": True}})
    traced = rnnverify.trace(observed)["simple_rnn"]
    np.testing.assert_allclose(traced["h"][:, ::-1], observed.predictions[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(traced["output"], traced["h"][:, ::-1])


def test_it_becomes_a_dataset() -> None:
    pytest.importorskip("xarray")
    traced = rnnverify.trace(observed_of({"GRU": {"units": "M"}}, {"Dense": {"units": "K"}}))
    dataset = traced.to_xarray()
    assert dataset["gru.z"].dims == ("sample", "timestep", "gru.unit")
    assert dataset["dense.output"].dims == ("sample", "dense.unit")
    np.testing.assert_array_equal(dataset["gru.h"].isel(timestep=-1), traced["gru"]["h"][:, -1])


def test_it_is_a_mapping_that_shows_what_there_is() -> None:
    traced = rnnverify.trace(observed_of({"SimpleRNN": {"units": "M"}}))
    assert list(traced) == ["simple_rnn"]
    assert len(traced) == 1
    assert "simple_rnn.h" in repr(traced)
    assert set(traced.arrays) == {"simple_rnn.h", "simple_rnn.output"}


def test_an_observation_takes_no_x() -> None:
    with pytest.raises(RequestError, match="no x beside an observation"):
        rnnverify.trace(observed_of({"SimpleRNN": {"units": "M"}}), np.ones(3))


def layer(class_name: str, **arguments: Any) -> Any:
    observed = observed_of({class_name: arguments})
    return layer_of(observed.nodes[0].class_name, observed.nodes[0].config)


def test_the_gate_map_says_which_columns_are_which_gate() -> None:
    four = {"i": (0, 4), "f": (5, 9), "c": (10, 14), "o": (15, 19)}
    assert gate_columns(layer("LSTM", units=5)) == {"kernel": four, "recurrent_kernel": four, "bias": four}
    three = {"z": (0, 1), "r": (2, 3), "h": (4, 5)}
    assert gate_columns(layer("GRU", units=2, use_bias=False)) == {"kernel": three, "recurrent_kernel": three}
    assert gate_columns(layer("SimpleRNN", units=2)) == {}
    both = gate_columns(layer("Bidirectional", layer={"GRU": {"units": 2}}))
    assert list(both)[:2] == ["forward_kernel", "forward_recurrent_kernel"]
    assert both["backward_bias"] == three


def test_it_says_which_end_is_which() -> None:
    inner = {"LSTM": {"units": 3, "return_sequences": True}}
    assert ends(layer("LSTM", units=3)) is None
    sequences = ends(layer("Bidirectional", layer=inner))
    assert sequences == (
        "units 0-2 are the forward layer's, 3-5 the backward layer's, both in the order of time: the backward layer's last"
        " step is at timestep 0"
    )
    last = ends(layer("Bidirectional", layer={"LSTM": {"units": 3}}, merge_mode="sum"))
    assert last is not None
    assert last.endswith("the forward layer's after the last timestep, the backward layer's after timestep 0")
    back = ends(layer("GRU", units=2, go_backwards=True, return_sequences=True))
    assert back is not None
    assert "its output 0 is the last timestep's" in back
