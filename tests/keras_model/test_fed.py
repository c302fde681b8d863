"""A model is fed numbers that its inputs take, and token ids that every Embedding has which they reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import DataError
from rnnverify.keras_model.fed import as_fed, check_whole, range_of

WHOLE = ("int8", "uint8", "int32", "bool")
FLOATS = ("float16", "bfloat16", "float64")


def model_of(keras: Any, dtype: str) -> Any:
    x = keras.Input((5, 3), dtype=dtype, name="x")
    return keras.Model(x, keras.layers.LSTM(4)(x))


@pytest.mark.parametrize("dtype", [*WHOLE, *FLOATS])
def test_a_saved_model_is_fed_what_its_input_takes(keras: Any, tmp_path: Path, dtype: str) -> None:
    model_of(keras, dtype).save(tmp_path / "m.keras")
    observed = rnnverify.observe(rnnverify.load_spec(str(tmp_path / "m.keras")))
    assert rnnverify.verify(observed).verdict == "match"
    x = observed.inputs["x"]
    assert len(np.unique(x)) > 1
    if dtype in WHOLE:
        assert x.dtype == np.int32
        assert range_of(dtype)[0] <= x.min() <= x.max() <= range_of(dtype)[1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_are_rounded_to_what_the_input_takes(keras: Any, dtype: str) -> None:
    x = np.random.default_rng(7).standard_normal((2, 5, 3))
    assert rnnverify.verify(model_of(keras, dtype), x).verdict == "match"


def test_whole_numbers_are_rounded_to_the_floats_that_an_input_takes(keras: Any) -> None:
    for x in (np.full((2, 5, 3), 2**24 + 1), np.full((2, 5, 3), 2**63, dtype=np.uint64), np.ones((2, 5, 3), bool)):
        observed = rnnverify.observe(model_of(keras, "float32"), x)
        assert observed.inputs["x"].dtype == np.float32
        assert observed.inputs["x"].flat[0] == np.float32(x.flat[0])


@pytest.mark.parametrize(
    ("dtype", "x", "fragment"),
    [
        (
            "int8",
            0.5,
            "takes int8, and the layers compute in float32: expected whole numbers from -128 to 127, got 0.5",
        ),
        ("int8", 128, "expected whole numbers from -128 to 127, got 128"),
        ("int8", np.nan, "expected whole numbers from -128 to 127, got nan"),
        ("uint8", -1, "expected whole numbers from 0 to 255, got -1"),
        ("bool", 2, "expected whole numbers from 0 to 1, got 2"),
        ("int64", -(2**63), "expected whole numbers from -16777216 to 16777216, got -9223372036854775808"),
        ("int32", 2**24 + 1, "expected whole numbers from -16777216 to 16777216, got 16777217"),
        ("float16", 1e6, "expected finite numbers in the input 'x'"),
    ],
)
def test_what_an_input_does_not_take_is_refused_and_not_called_a_mismatch(
    keras: Any, dtype: str, x: float, fragment: str
) -> None:
    with pytest.raises(DataError) as caught:
        rnnverify.verify(model_of(keras, dtype), np.full((2, 5, 3), x))
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "given", "held"),
    [("float16", 2049, 2048), ("bfloat16", 377, 376), ("bfloat16", 499, 500), ("float32", 7, 7)],
)
def test_whole_ids_are_rounded_to_the_floats_that_an_input_takes(keras: Any, dtype: str, given: int, held: int) -> None:
    x = keras.Input((2,), dtype=dtype, name="x")
    embedding = keras.layers.Embedding(3000, 2)
    model = keras.Model(x, embedding(x))
    ids = np.array([[given, 3]])
    rows = model.predict(ids, verbose=0)
    assert np.array_equal(rows[0, 0], embedding.get_weights()[0][held])
    for array in (ids, ids.astype(np.uint16), ids.astype(np.float32)):
        assert rnnverify.observe(model, array).inputs["x"].tolist() == [[held, 3]]
        assert rnnverify.verify(model, array).verdict == "match"


@pytest.mark.parametrize(
    ("dtype", "given", "fragment"),
    [
        ("bfloat16", 699, "expected token ids below 700 in the input 'x' as bfloat16 has them, got 700"),
        ("int8", 200, "the input 'x' takes int8: expected token ids from -128 to 127, got 200"),
    ],
)
def test_ids_that_an_input_turns_into_others_are_refused_where_there_is_no_such_row(
    keras: Any, dtype: str, given: int, fragment: str
) -> None:
    x = keras.Input((2,), dtype=dtype, name="x")
    model = keras.Model(x, keras.layers.Embedding(700, 2)(x))
    with pytest.raises(DataError) as caught:
        rnnverify.verify(model, np.array([[given, 3]]))
    assert fragment in str(caught.value)


def test_ids_beyond_the_range_of_an_input_are_refused(keras: Any) -> None:
    x = keras.Input((1,), dtype="float16", name="x")
    model = keras.Model(x, keras.layers.Embedding(80000, 1)(x))
    with pytest.raises(DataError, match=r"takes float16: expected token ids up to 65504, got 70000"):
        rnnverify.verify(model, np.array([[70000]]))


def test_whole_numbers_must_be_among_those_of_the_coarsest_layer() -> None:
    with pytest.raises(DataError, match="compute in bfloat16: expected whole numbers from -256 to 256, got 257"):
        as_fed("x", np.array([257]), "int32", (), "bfloat16")
    assert as_fed("x", np.array([256.0]), "int32", (), "bfloat16").tolist() == [256]
    with pytest.raises(DataError, match="takes string, which is not implemented"):
        as_fed("x", np.array([257]), "string", (), "float32")


def test_the_smallest_number_of_a_dtype_is_not_taken_for_small() -> None:
    for dtype in (np.int8, np.int64):
        with pytest.raises(DataError):
            check_whole(np.array([np.iinfo(dtype).min], dtype=dtype), (-100, 100), "expected")


def test_data_that_the_input_of_a_saved_model_does_not_take_are_refused(keras: Any, tmp_path: Path) -> None:
    model_of(keras, "int8").save(tmp_path / "m.keras")
    for data, found in (("normal", "refused"), ("one_hot", "match")):
        spec = rnnverify.load_spec(str(tmp_path / "m.keras"), [("data", data)])
        if found == "match":
            assert rnnverify.verify(spec).verdict == "match"
            continue
        with pytest.raises(DataError, match="the input x takes int8: expected whole numbers from -128 to 127, got"):
            rnnverify.verify(spec)


def flattened(layers: Any, x: Any) -> Any:
    return layers.Flatten()(x)


def repeated(layers: Any, x: Any) -> Any:
    return layers.RepeatVector(2)(layers.Flatten()(x))


def joined(layers: Any, x: Any) -> Any:
    return layers.Concatenate()([layers.Dropout(0.5)(x), x])


@pytest.mark.parametrize("way", [flattened, repeated, joined])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_ids_are_held_against_an_embedding_that_they_reach_by_way_of_others(
    keras: Any, tmp_path: Path, way: Callable[[Any, Any], Any], dtype: str
) -> None:
    layers = keras.layers
    x = keras.Input((4, 2), dtype=dtype, name="x")
    y = layers.Embedding(5, 3)(way(layers, x))
    model = keras.Model(x, [layers.Flatten()(y), layers.Flatten()(layers.Embedding(9, 3)(x))])
    model.save(tmp_path / "m.keras")
    observed = rnnverify.observe(rnnverify.load_spec(str(tmp_path / "m.keras")))
    assert rnnverify.verify(observed).verdict == "match"
    ids = observed.inputs["x"]
    assert (ids.dtype, ids.min() >= 0, ids.max() < 5) == (np.int32, True, True)  # below the smaller of the two
    for wrong, limit in ((5, "below 5"), (8, "below 5"), (-1, "of at least 0"), (-(2**63), "of at least 0")):
        with pytest.raises(DataError, match=f"expected token ids {limit} in the input 'x', got"):
            rnnverify.verify(model, np.full((2, 4, 2), wrong))
        np.save(tmp_path / "x.npy", np.full((3, 4, 2), wrong))
        spec = rnnverify.load_spec(str(tmp_path / "m.keras"), [("data", {"file": "x.npy"})])
        with pytest.raises(DataError, match=r"x.npy: .*(expected token ids from 0 to 4|expected whole token ids)"):
            rnnverify.verify(spec)


def test_ids_that_a_layer_computes_are_held_against_its_embedding(keras: Any) -> None:
    x = keras.Input((4,), name="x")
    y = keras.layers.Embedding(5, 3)(keras.layers.Activation("relu")(x))
    model = keras.Model(x, y)
    assert rnnverify.verify(model, np.full((2, 4), 4.0)).verdict == "match"
    with pytest.raises(rnnverify.RequestError):  # by Keras itself, or by the replay
        rnnverify.verify(model, np.full((2, 4), 5.0))


def test_the_replay_alone_refuses_ids_that_an_embedding_has_not(keras: Any) -> None:
    x = keras.Input((4,), dtype="int32", name="x")
    model = keras.Model(x, keras.layers.Embedding(5, 3)(x))
    assert rnnverify.replay(model, np.full((2, 4), 4)).shape == (2, 4, 3)
    for wrong in (-1, 5):
        with pytest.raises(DataError, match=f"expected token ids from 0 to 4 for an Embedding; got {wrong} to {wrong}"):
            rnnverify.replay(model, np.full((2, 4), wrong))
