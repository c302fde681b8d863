"""What a user gives as inputs: arrays of any library, lists of numbers, several in a list or by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify import RequestError, observe, replay, trace, verify
from rnnverify.keras_model.given import as_array

A = np.float32([[[1, 2], [3, 4], [5, 6]]])  # (N, T, D) = (1, 3, 2)
B = np.float32([[7, 8, 9, 10]])


@pytest.fixture(scope="module")
def single(keras: Any) -> Any:
    given = keras.Input((None, 2), name="a")
    return keras.Model(given, keras.layers.GRU(2)(given), name="single")


@pytest.fixture(scope="module")
def double(keras: Any) -> Any:
    a, b = keras.Input((3, 2), name="a"), keras.Input((4,), name="b")
    return keras.Model([a, b], keras.layers.Concatenate()([keras.layers.LSTM(2)(a), b]), name="double")


@pytest.fixture(scope="module")
def layer(keras: Any) -> Any:
    made = keras.layers.SimpleRNN(2, name="rnn")
    made(A)
    return made


ONE: dict[str, Any] = {
    "lists": A.tolist(),
    "tuples": tuple(tuple(map(tuple, sample)) for sample in A.tolist()),
    "a list of one array": [A],
    "a list of lists": [A.tolist()],
    "a tuple of one array": (A,),
}


@pytest.mark.parametrize("kind", ONE)
@pytest.mark.parametrize("target", ["single", "layer"])
def test_one_input_is_read(request: pytest.FixtureRequest, target: str, kind: str) -> None:
    model, x = request.getfixturevalue(target), ONE[kind]
    assert [fed.tolist() for fed in observe(model, x).inputs.values()] == [A.tolist()]
    assert replay(model, x).tolist() == replay(model, A).tolist()
    assert verify(model, x).passed


def test_two_samples_are_not_two_inputs(single: Any, layer: Any) -> None:
    two = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert replay(single, two).shape == replay(layer, two).shape == (2, 2)


@pytest.mark.parametrize(
    "x",
    [
        {"a": A, "b": B},
        {"b": B.tolist(), "a": A.tolist()},
        [A, B],
        (A.tolist(), B.tolist()),
    ],
)
def test_several_inputs_are_read_by_name_or_in_order(double: Any, x: Any) -> None:
    fed = observe(double, x).inputs
    assert {name: array.tolist() for name, array in fed.items()} == {"a": A.tolist(), "b": B.tolist()}
    assert replay(double, x)[0, 2:].tolist() == [7, 8, 9, 10]
    assert [name for name in trace(double, x) if name.startswith("lstm")]


def test_a_file_of_numpy_is_a_mapping(double: Any, tmp_path: Any) -> None:
    np.savez(tmp_path / "x.npz", b=B, a=A)
    with np.load(tmp_path / "x.npz") as file:
        assert verify(double, file).passed


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict:UserWarning")
def test_a_model_that_wants_other_names_is_fed_by_them_or_by_its_inputs_own(keras: Any) -> None:
    a, b = keras.Input((3, 2), name="a"), keras.Input((3, 2), name="b")
    difference = keras.layers.Concatenate()([keras.layers.Dense(1)(a), b])
    model = keras.Model({"right": a, "left": b}, difference)
    seen = [observe(model, x) for x in ({"right": A, "left": 2 * A}, {"a": A, "b": 2 * A})]
    for one in seen:
        assert {name: array.tolist() for name, array in one.inputs.items()} == {"a": A.tolist(), "b": (2 * A).tolist()}
        assert one.predictions[0][..., 1:].tolist() == (2 * A).tolist()


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(RequestError) as caught:
        call()
    return str(caught.value)


BY_NAME = "expected the inputs of the model 'double' by their names, 'a', 'b'; "


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ({"a": A}, f"{BY_NAME}missing: 'b'"),
        ({"a": A, "b": B, "c": B}, f"{BY_NAME}unknown: 'c'"),
        ({"a": A, "B": B, 3: B}, f"{BY_NAME}missing: 'b'; unknown: 'B', 3"),
        ({}, f"{BY_NAME}missing: 'a', 'b'"),
        (A, "expected 2 inputs for the model 'double', got 1; give them in this order, a, b, or as a mapping by name"),
        (
            [A, B, B],
            "expected 2 inputs for the model 'double', got 3; give them in this order, a, b, or as a mapping by name",
        ),
        ([A, B[:, 1:]], "expected the input 'b' as (N, 4), got an array of shape (1, 3)"),
    ],
)
@pytest.mark.parametrize("call", [verify, replay])
def test_inputs_of_other_names_or_numbers_are_refused(double: Any, call: Any, x: Any, words: str) -> None:
    assert told(lambda: call(double, x)) == words


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([A, A], "expected 1 input for the model 'single', got 2; give one array"),
        ([], "expected 1 input for the model 'single', got 0; give one array"),
        (np.ones((2, 7, 4)), "expected the input 'a' as (N, T, 2), got an array of shape (2, 7, 4)"),
        ([1, 2], "expected the input 'a' as (N, T, 2), got an array of shape (2,)"),
        (
            [[[1, 2], [3, 4]], [[5, 6]]],
            "expected lists of one length in the input 'a', got some of 1 and some of 2; pad them to one"
            " (keras.utils.pad_sequences does)",
        ),
        ([[["x", "y"]]], "expected numbers for the input 'a', got an array of <U1"),
        ([[[1, None]]], "expected numbers for the input 'a', got an array of object"),
        ("x.npy", "expected numbers for the input 'a', got str"),
        ({1, 2}, "expected numbers for the input 'a', got set"),
    ],
)
def test_what_is_no_input_is_refused(single: Any, x: Any, words: str) -> None:
    assert told(lambda: verify(single, x)) == words


def test_a_layer_has_no_names(layer: Any) -> None:
    words = "expected the input of the layer 'rnn' as an array, or a list of them: it has no name; got a mapping"
    assert told(lambda: verify(layer, {"x": A})) == words


class Tensor:
    """Of another library."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __array__(self, *_: Any, **__: Any) -> Any:
        if self.error is not None:
            raise self.error
        return A


def test_tensors_of_other_libraries_are_read(single: Any) -> None:
    assert replay(single, Tensor()).tolist() == replay(single, A).tolist()


def test_a_tensor_that_numpy_cannot_read_is_refused(single: Any) -> None:
    error = TypeError("can't convert cuda:0 device type tensor to numpy.\nUse Tensor.cpu() first")
    words = "got a Tensor, of which NumPy makes no array (TypeError: can't convert cuda:0 device type tensor to numpy.)"
    assert words in told(lambda: verify(single, Tensor(error)))


def test_bfloat16_is_read() -> None:
    import ml_dtypes

    read = as_array(np.ones(2, ml_dtypes.bfloat16), "x")
    assert (read.dtype, read.tolist()) == (np.float32, [1, 1])


def test_states_of_a_replay_are_read_from_lists(layer: Any) -> None:
    given = replay(layer, A.tolist(), initial_state=[[[0.5, -0.5]]])
    assert given.tolist() == replay(layer, A, initial_state=np.float32([[0.5, -0.5]])).tolist()
    assert re.match(
        "expected lists of one length in initial_state", told(lambda: replay(layer, A, None, [[[1, 2], [1]]]))
    )
