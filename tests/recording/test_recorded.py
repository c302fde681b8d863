"""Arrays that know how they came about: the same numbers, the layers' names, and a refusal where nothing can be written."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import softmax
from rnnverify.layers.gru import GRUResetAfterCell
from rnnverify.layers.lstm import LSTMCell
from rnnverify.recording.gates import gate_word
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Recorded

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def given(numbers: Any = X, name: str = "x") -> Any:
    return Recorded.given(name, numbers)


def test_the_numbers_are_those_of_numpy() -> None:
    x = given()
    np.testing.assert_array_equal((x @ x.reshape(3, 2) - 1).value, [[6.0, -7.0], [7.5, 1.0]])
    np.testing.assert_array_equal(np.where(x > 0, x, 0).value, [[1, 0, 3], [0.5, 4, 0]])
    np.testing.assert_array_equal(np.concatenate([x, x[:, ::-1]], axis=1).value[0], [1, -2, 3, 3, -2, 1])
    assert [one.value.tolist() for one in np.split(x, 3, axis=-1)][1] == [[-2.0], [4.0]]
    assert softmax(x).made_by.kind == "activation"


@pytest.mark.parametrize(
    "same",
    [lambda x: x + 0.0, lambda x: 1.0 * x, lambda x: x.reshape(2, 3), lambda x: x[:, :], lambda x: x.astype(float)],
)
def test_what_changes_nothing_is_no_operation(same: Any) -> None:
    x = given()
    assert same(x) is x


def test_what_takes_the_numbers_out_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"np\.asarray"):
        np.asarray(given())
    with pytest.raises(UnsupportedError, match=r"np\.norm is not implemented"):
        np.linalg.norm(given())


def test_values_have_the_names_and_the_words_of_the_layers_own_source() -> None:
    rng = np.random.default_rng(1)
    cell = LSTMCell(
        *(given(rng.standard_normal(shape), name) for name, shape in (("kernel", (3, 8)), ("u", (2, 8)), ("b", (8,)))),
        np.tanh,
        lambda x: 1 / (1 + np.exp(-x)),
    )
    with names_noted():
        gates = cell.every_gate(cell.project(given()), given(X[:, :2], "h"))
    assert [gate.names[0].text for gate in gates] == ["i", "f", "candidate", "o"]  # type: ignore[attr-defined]
    assert [gate.gate for gate in gates] == [(0, 4), (1, 4), (2, 4), (3, 4)]  # type: ignore[attr-defined]


def test_the_comment_of_a_line_comes_along() -> None:
    rng = np.random.default_rng(2)
    arrays = [given(rng.standard_normal(shape), "w") for shape in ((3, 6), (2, 6), (6,), (6,))]
    cell = GRUResetAfterCell(*arrays[:3], np.tanh, np.tanh, arrays[3])
    with names_noted():
        z, _, _ = cell.every_gate(cell.project(given()), given(X[:, :2], "h"))
    total: Any = z
    (argument,) = total.args
    part = argument.args[0]
    assert part.names[0] == ("xz", True, "Keras's gate order: update z, reset r, candidate h")


def test_a_debugger_or_a_coverage_tool_is_left_as_it_was() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError), names_noted():
        _ = 1 / 0
    assert sys.gettrace() is before


def test_gates_are_called_what_they_are() -> None:
    assert [gate_word(index, 4) for index in range(4)] == ["input gate", "forget gate", "candidate", "output gate"]
    assert [gate_word(index, 3) for index in range(3)] == ["update gate", "reset gate", "candidate"]
    assert gate_word(1, 2) == "gate 1"
