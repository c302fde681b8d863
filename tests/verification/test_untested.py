"""No match where nothing was tested; and how small a fault could have been seen, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnverify import verify
from rnnverify.layers.arrays import Array
from rnnverify.observation.precision import LARGEST
from rnnverify.report.table import reason_of
from rnnverify.rounding import PRECISIONS, Rounded
from rnnverify.verification.tally import Tally

T, D, M = 6, 3, 5


def sequence(seed: int = 3) -> Array:
    return np.random.default_rng(seed).standard_normal((4, T, D)).astype(np.float32)


def test_the_resolution_is_the_share_of_elements_in_which_a_change_exceeds_the_limit() -> None:
    value = np.array([[1.0, 0.0, -2.0, 100.0]])
    tally = Tally("dense", LARGEST["float32"])
    tally.add(value, Rounded(value, np.full((1, 4), 0.15), np.full((1, 4), 1.0), PRECISIONS["float32"]))
    assert tally.resolution == {"1e-3": 0.0, "1e-2": 0.25, "1e-1": 0.5}
    assert tally.untested == ()
    tally.add(
        value[:, :2], Rounded(value[:, :2], np.ones((1, 2)), np.ones((1, 2)), PRECISIONS["float32"]), None, (0, 1)
    )
    assert tally.untested == ((0, 1),)
    assert tally.resolution == {"1e-3": 0.0, "1e-2": 1 / 6, "1e-1": 2 / 6}


def test_of_an_infinity_and_of_nan_no_change_can_be_seen() -> None:
    value = np.array([[np.inf, np.nan, -np.inf, 1e39]])
    tally = Tally("dense", LARGEST["float32"])
    tally.add(np.where(np.isnan(value), value, np.sign(value) * np.inf), value)
    assert tally.first is None
    assert tally.untested == ((None, 0),)


@pytest.mark.parametrize("units", [50, 5000])
def test_a_softmax_over_too_many_units_in_half_precision_is_untested(keras: Any, units: int) -> None:
    given = keras.Input((D,))
    model = keras.Model(given, keras.layers.Dense(units, activation="softmax", dtype="float16", name="head")(given))
    result = verify(model, sequence()[:, 0])
    if units == 5000:
        assert (result.verdict, result.passed, result.untested) == ("untested", False, ("head",))
        assert result.layers[0].resolution["1e-1"] == 0
        assert reason_of(result).startswith("no element of head could have shown a change of 10%")
    else:
        assert result.passed


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_a_sequence_that_is_masked_altogether_tests_nothing(keras: Any, name: str) -> None:
    given = keras.Input((T, D))
    model = keras.Model(given, getattr(keras.layers, name)(M)(keras.layers.Masking()(given)))
    assert verify(model, np.zeros((2, T, D), np.float32)).verdict == "untested"
    assert verify(model, sequence()).passed


def test_dead_units_test_nothing(keras: Any) -> None:
    given = keras.Input((D,))
    model = keras.Model(given, keras.layers.Dense(M, activation="relu")(given))
    model.set_weights([-np.ones((D, M)), np.zeros(M)])
    assert verify(model, np.abs(sequence()[:, 0])).verdict == "untested"


def test_where_nothing_rounds_every_change_would_be_seen(keras: Any) -> None:
    given = keras.Input((T, D))
    result = verify(keras.Model(given, keras.layers.Flatten()(given)), sequence())
    assert result.passed
    assert result.layers[0].resolution == {"1e-3": 1.0, "1e-2": 1.0, "1e-1": 1.0}
