"""Two operations of which TensorFlow makes one, and a quotient of which it makes a reciprocal: none is a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import observe, verify, write_script
from rnnverify.layers.array_functions import quotient
from rnnverify.rounding import PRECISIONS, Rounded

T, D = 50, 20
X = np.random.default_rng(1).standard_normal((16, T, D)).astype(np.float32)

RIGHT: dict[str, Callable[[Any, Any, Any], Any]] = {
    "1 / x": lambda ops, L, x: 1 / x,
    "1.0 / x": lambda ops, L, x: ops.divide(1.0, x),
    "ones_like(x) / x": lambda ops, L, x: ops.ones_like(x) / x,
    "1 / dense": lambda ops, L, x: 1 / L.Dense(3)(x),
    "x (1 / x)": lambda ops, L, x: x * (1 / x),
    "1 / sqrt(x)": lambda ops, L, x: 1 / ops.sqrt(ops.abs(x)),
    "2 / sqrt(x)": lambda ops, L, x: 2 / ops.sqrt(ops.abs(x)),
    "y / sqrt(x)": lambda ops, L, x: ops.tanh(x) / ops.sqrt(ops.abs(x)),
    "log(1 + x)": lambda ops, L, x: ops.log(1 + ops.abs(x)),
    "log(x + ones_like(x))": lambda ops, L, x: ops.log(ops.abs(x) + ops.ones_like(x)),
    "log(1 + exp(x))": lambda ops, L, x: ops.log(1 + ops.exp(x)),
    "log of a Rescaling": lambda ops, L, x: ops.log(L.Rescaling(0.5, 1.0)(ops.abs(x))),
    "log of an Add": lambda ops, L, x: ops.log(L.Add()([ops.abs(x), ops.ones_like(x)])),
    "exp(x) - 1": lambda ops, L, x: ops.exp(x) - 1,
    "exp(x) - ones_like(x)": lambda ops, L, x: ops.exp(x) - ops.ones_like(x),
    "Activation - 1": lambda ops, L, x: L.Activation("exponential")(x) - 1,
    "Subtract": lambda ops, L, x: L.Subtract()([ops.exp(x), ops.ones_like(x)]),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", RIGHT)
def test_what_an_optimiser_makes_of_operations_is_no_mistake(keras: Any, name: str, jit: bool) -> None:
    given = keras.Input((T, D))
    model = keras.Model(given, RIGHT[name](keras.ops, keras.layers, given))
    model.compile(jit_compile=jit)
    result = verify(model, X)
    assert result.verdict == "match", result.first_divergence


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["1 / x", "y / sqrt(x)", "log(1 + x)", "exp(x) - 1"])
def test_nor_in_other_precisions(keras: Any, name: str, dtype: str) -> None:
    given = keras.Input((T, D), dtype=dtype)
    model = keras.Model(given, RIGHT[name](keras.ops, keras.layers, given))
    result = verify(model, X)
    assert result.verdict == "match", result.first_divergence


@pytest.mark.parametrize("name", ["1 / x", "y / sqrt(x)", "log(1 + x)", "exp(x) - 1"])
def test_what_is_off_by_more_is_a_mistake(keras: Any, name: str) -> None:
    given = keras.Input((T, D))
    observed = observe(keras.Model(given, RIGHT[name](keras.ops, keras.layers, given)), X)
    (ref,) = observed.outputs
    wrong = observed.emitted[ref].copy()
    wrong[3, 7, 5] += 20 * 2.0**-24 * (np.abs(wrong[3, 7, 5]) + (np.exp(X[3, 7, 5]) if "exp" in name else 1))
    changed = replace(observed, emitted={**observed.emitted, ref: wrong}, predictions=(wrong,))
    found = verify(changed).first_divergence
    assert found is not None
    assert (found.sample, found.timestep, found.unit) == (3, 7, 5)


def test_other_sums_and_quotients_are_held_to_one_rounding(keras: Any) -> None:
    ops, given = keras.ops, keras.Input((T, D))
    for made in (3 / given, ops.log(2 + ops.abs(given)), ops.exp(given) - 2):
        observed = observe(keras.Model(given, made), X)
        (ref,) = observed.outputs
        (first,) = [one for one in observed.nodes if one.name == ref.node]
        before = observed.emitted.get(first.inputs[0], X)
        limit = 9 * 2.0**-24 * np.abs(observed.emitted[ref])  # a logarithm's own; of the others it is one
        wrong = np.where(before == before.flat[70], observed.emitted[ref] + 1.2 * limit, observed.emitted[ref])
        changed = replace(
            observed,
            emitted={**observed.emitted, ref: wrong.astype(np.float32)},
            predictions=(wrong.astype(np.float32),),
        )
        assert verify(changed).verdict == "mismatch"


def test_a_reciprocal_is_written_into_a_script(keras: Any, tmp_path: Path) -> None:
    given = keras.Input((T, D))
    write_script(keras.Model(given, 1 / given), tmp_path / "script.py", X)
    assert "np.reciprocal(x)" in (tmp_path / "script.py").read_text(encoding="utf-8")


def test_a_quotient_of_one_is_a_reciprocal() -> None:
    x: Any = Rounded.exact(np.array([[3.0, -7.0]]), PRECISIONS["float32"])
    units = [quotient(one, x).bound / np.abs(one / x.value) * 2**24 for one in (1, 1.0, 2, np.ones((1, 2)))]
    assert [unit.round(1).tolist() for unit in units] == [[[4, 4]], [[4, 4]], [[1, 1]], [[5, 5]]]
    assert quotient(1, np.array([[4, 8]])).tolist() == [[0.25, 0.125]]  # whole numbers are none of NumPy's reciprocals
