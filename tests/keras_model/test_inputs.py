"""The arrays that `data` stands for."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import DataError
from rnnverify.keras_model.inputs import draw_inputs
from rnnverify.layers.arrays import Array
from rnnverify.spec import spec_from_mapping

RNN = [{"SimpleRNN": {"units": 2}}]
EMBEDDING = [{"Embedding": {"input_dim": 9, "output_dim": 3}}, *RNN]


def drawn(layers: list[Any] = RNN, name: str = "input", **keys: Any) -> Array:
    spec = spec_from_mapping({"N": 3, "T": 7, "D": 2, **keys, "layers": layers})
    return draw_inputs(spec, spec.inputs, {"input": 9} if layers is EMBEDDING else {})[name]


def test_the_shape_is_samples_timesteps_features() -> None:
    assert drawn().shape == (3, 7, 2)
    assert drawn(EMBEDDING).shape == (3, 7)


def test_the_seed_decides_the_data() -> None:
    assert np.array_equal(drawn(seed=5), drawn(seed=5))
    assert not np.array_equal(drawn(seed=5), drawn(seed=6))


def test_normal_and_uniform_have_the_moments_that_were_asked_for() -> None:
    normal = drawn(N=500, data={"normal": {"mean": 3, "scale": 2}})
    assert (normal.mean(), normal.std()) == pytest.approx((3, 2), abs=0.1)
    uniform = drawn(N=500, data={"uniform": {"low": -1, "high": 3}})
    assert -1 <= uniform.min() < -0.9
    assert 2.9 < uniform.max() < 3


def test_one_hot_has_one_one_at_every_step() -> None:
    x = drawn(D=5, data="one_hot")
    assert set(np.unique(x)) == {0, 1}
    assert np.all(x.sum(axis=-1) == 1)


def test_chars_are_one_hot_over_the_alphabet() -> None:
    x = drawn(N=1, T=2, D=4, data={"chars": {"alphabet": "helo", "texts": ["le"]}})
    assert x.tolist() == [[[0, 0, 1, 0], [0, 1, 0, 0]]]


@pytest.mark.parametrize("padding", ["pre", "post"])
def test_tokens_of_random_length_are_padded_on_one_side(padding: str) -> None:
    ids = drawn(EMBEDDING, N=50, data={"tokens": {"lengths": "random", "padding": padding}})
    assert ids.dtype == np.int32
    assert ids.max() == 8
    real = ids != 0
    assert (~real).sum() > 0
    assert np.all(real.any(axis=1))
    steps = np.diff(real.astype(int), axis=1)
    assert np.all(steps >= 0 if padding == "pre" else steps <= 0)


def test_tokens_of_full_length_have_no_padding() -> None:
    assert drawn(EMBEDDING, data="tokens").min() >= 1


def test_equal_words_hash_to_equal_ids_and_documents_are_padded_or_cut() -> None:
    data = {"documents": ["Good work!", "a b good WORK x y"], "padding": "post"}
    ids = drawn(EMBEDDING, N=2, T=4, data={"text": data})
    assert ids[0, 2:].tolist() == [0, 0]
    assert ids[0, :2].tolist() == ids[1, :2].tolist()  # the last four of six words are kept
    padded = drawn(EMBEDDING, N=2, T=4, data={"text": {**data, "padding": "pre"}})
    assert padded[0].tolist() == [0, 0, *ids[0, :2].tolist()]


def test_a_word_hashes_to_the_same_id_on_every_machine() -> None:
    # MD5("good") = 755f85c2723bb39381c7379a604160d8; its value modulo 8, plus 1
    ids = drawn(EMBEDDING, N=1, T=1, data={"text": ["good"]})
    assert ids.tolist() == [[int("755f85c2723bb39381c7379a604160d8", 16) % 8 + 1]]


def test_an_array_is_read_from_npy_npz_and_csv(tmp_path: Path) -> None:
    x = np.arange(42.0).reshape(3, 7, 2)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", a=x, b=-x)
    np.savetxt(tmp_path / "x.csv", np.arange(21).reshape(3, 7) % 9, delimiter=",")
    assert np.array_equal(drawn(data={"file": str(tmp_path / "x.npy")}), x)
    assert np.array_equal(drawn(data={"file": {"path": str(tmp_path / "x.npz"), "key": "b"}}), -x)
    assert drawn(EMBEDDING, data={"file": str(tmp_path / "x.csv")})[0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_each_input_has_data_of_its_own() -> None:
    layers = [*RNN, {"InputLayer": {"shape": [7, 2], "name": "other"}}, *RNN]
    assert not np.array_equal(drawn(layers), drawn(layers, "other"))


def test_random_states_are_drawn_for_every_recurrent_layer() -> None:
    lstm = [{"LSTM": {"units": 4}}]
    h, c = (drawn(lstm, name, initial_state="random") for name in ("lstm_h", "lstm_c"))
    assert h.shape == c.shape == (3, 4)
    assert not np.array_equal(h, c)


def test_low_precision_data_are_numbers_of_that_precision() -> None:
    x = drawn(dtype="float16")
    assert np.array_equal(x, x.astype(np.float16).astype(np.float32))
    assert drawn(dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 7, 3)), "expected an array of shape (3, 7, 2) for the input input, got (3, 7, 3)"),
        (np.full((3, 7, 2), np.nan), "expected finite numbers, got nan"),
        (np.full((3, 7, 2), "x"), "expected numbers, got an array of <U1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, array: Array, message: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError) as caught:
        drawn(data={"file": str(tmp_path / "x.npy")})
    assert message in str(caught.value)


@pytest.mark.parametrize(("value", "message"), [(9, "from 0 to 8"), (-1, "from 0 to 8"), (0.5, "whole token ids")])
def test_ids_that_the_embedding_lacks_are_refused(tmp_path: Path, value: float, message: str) -> None:
    np.save(tmp_path / "x.npy", np.full((3, 7), value))
    with pytest.raises(DataError, match=message):
        drawn(EMBEDDING, data={"file": str(tmp_path / "x.npy")})


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "u8", "?", ">f4"])
def test_arrays_of_every_dtype_are_read_without_a_warning(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "x.npy", np.ones((3, 7, 2), dtype=dtype))
    np.save(tmp_path / "ids.npy", np.ones((3, 7), dtype=dtype))
    assert np.all(drawn(data={"file": str(tmp_path / "x.npy")}) == 1)
    assert np.all(drawn(data={"file": str(tmp_path / "x.npy")}, dtype="float64") == 1)
    assert np.all(drawn(EMBEDDING, data={"file": str(tmp_path / "ids.npy")}) == 1)


@pytest.mark.parametrize("kind", ["one_hot", "chars"])
def test_one_hot_takes_no_more_memory_than_the_data(kind: str) -> None:
    """A matrix of D by D would be 3.2 GB."""
    alphabet = "".join(chr(0x4E00 + index) for index in range(20_000))
    data: Any = "one_hot" if kind == "one_hot" else {"chars": {"alphabet": alphabet, "texts": [alphabet[-2:]]}}
    spec = spec_from_mapping({"N": 1, "T": 2, "D": 20_000, "data": data, "layers": RNN})
    tracemalloc.start()
    x = draw_inputs(spec, spec.inputs, {})["input"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(x.sum(axis=-1), [[1, 1]])
    assert most < 100 * x.size
