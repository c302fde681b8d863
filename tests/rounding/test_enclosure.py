"""The bound holds: no other side, however its roundings fall, is further from the value. Against Arb."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS, ERF
from rnnverify.rounding import PRECISIONS, Rounded, Unsure, arithmetic, functions, products, reductions, storage, table
from tests.rounding.expressions import (
    BINARY,
    ELEMENTWISE,
    UNARY,
    Finding,
    check,
    claim,
    compare,
    inputs_of,
    pre_activation,
    slack_of,
    trial,
)
from tests.rounding.other_side import ARITHMETICS, Drawn, Other, Same, Setting

DTYPES = sorted(ARITHMETICS)
SEED = 20261122


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_random_expression_escapes_its_bound(dtype: str) -> None:
    found = sum((trial((SEED, number), dtype)[1] for number in range(600)), Finding())
    assert found.clean, found
    assert found.results > 20_000
    assert found.unbounded < 0.1 * found.results
    assert found.in_single > 0.01 * found.results


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*ELEMENTWISE, "softmax", "log_softmax"])
def test_no_activation_escapes_its_bound(name: str, dtype: str) -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(3):
        found = check(lambda x, y, z: ACTIVATIONS[name](x), inputs_of(rng, 2, dtype), dtype, rng, adverse=True)
        assert found.clean, found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spread", [0.05, 1, 20])
def test_sparsemax_stays_within_its_bound_also_where_its_support_is_a_tie(spread: float, dtype: str) -> None:
    rng = np.random.default_rng(SEED)
    held = ARITHMETICS[dtype].dtype
    for width in (1, 2, 3, 4):
        x = rng.normal(scale=spread, size=(6, width))
        x[0] = x[0, 0]
        x[1, :2] = [0.5, -0.5][:width]  # 1 + 2 (-0.5) = 0.5 - 0.5
        exact = x.astype(held).astype(np.float64)
        found = check(ACTIVATIONS["sparsemax"], [exact], dtype, rng, adverse=True)
        assert found.clean, found


@pytest.mark.parametrize("name", sorted({*UNARY, *BINARY}))
def test_no_operation_on_rounded_numbers_escapes_its_bound(name: str) -> None:
    rng = np.random.default_rng(SEED)
    function = UNARY[name] if name in UNARY else BINARY[name]
    for dtype in DTYPES:
        for _ in range(5):
            operands = (lambda x, y, z: (x * y + z,)) if name in UNARY else (lambda x, y, z: (x * y, z + 1))
            found = check(lambda *xyz: function(*operands(*xyz)), inputs_of(rng, 2, dtype), dtype, rng, adverse=True)  # noqa: B023
            assert found.clean, (dtype, found)


@pytest.mark.parametrize("terms", [1, 2, 7, 40])
def test_inner_products_stay_within_their_bound_in_any_order_fused_or_not_and_with_tf32_operands(terms: int) -> None:
    rng = np.random.default_rng(SEED)
    x, w = rng.normal(size=(3, terms)).astype(np.float32), rng.normal(size=(terms, 2)).astype(np.float32)
    arithmetic = dataclasses.replace(ARITHMETICS["float32"], operands=2.0**-11)
    precision = dataclasses.replace(PRECISIONS["float32"], operands=2.0**-11)
    ours = np.abs(Rounded.exact(x * 1.0, precision) * 3) @ w.astype(np.float64)
    for plan in (Same(1.0), Same(-1.0), *(Drawn(rng, True) for _ in range(5))):
        other = np.abs(Other.of(x, Setting(arithmetic, plan, rng)) * 3) @ w.astype(np.float64)
        assert compare(ours, other, 1 + 1e-8).escapes == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_pre_activations_stay_within_their_bound_in_whatever_order_their_parts_are_added(dtype: str) -> None:
    rng = np.random.default_rng(SEED)
    found = Finding()
    for _ in range(40):
        width = int(rng.integers(1, 5))
        formula = pre_activation(rng, width, dtype).of
        found += check(formula, inputs_of(rng, width, dtype), dtype, rng, adverse=bool(rng.integers(2)))
    assert found.clean, found
    assert found.worst > 0.5
    held = ARITHMETICS[dtype].dtype
    x, h, kernel, recurrent, bias = (
        rng.normal(size=shape).astype(held).astype(float) for shape in ((3, 4), (3, 6), (4, 5), (6, 5), (5,))
    )
    ours = claim(lambda x, h: (x @ kernel + bias) + h @ recurrent, [x, h], dtype)
    for plan in (Same(1.0), Same(-1.0), Drawn(rng, True), Drawn(rng, True)):
        setting = Setting(ARITHMETICS[dtype], plan, rng)
        a, b, c = Other.of(x, setting) @ kernel, Other.of(h, setting) @ recurrent, Other.of(bias, setting)
        for other in ((a + c) + b, (b + c) + a, (a + b) + c):
            assert compare(ours, other, slack_of(dtype)).escapes == 0


def escapes(function: Any, dtype: str = "float32") -> int:
    """How often an expression in (x, y, z), of ordinary numbers, escapes its bound."""
    rng = np.random.default_rng(SEED)
    inputs = [rng.uniform(0.5, 2, (6, 3)).astype(np.float16).astype(np.float64) for _ in range(3)]
    return check(function, inputs, dtype, rng, adverse=True).escapes


def test_without_the_rounding_of_results_there_are_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = storage.stored
    assert escapes(lambda x, y, z: x * y + z) == 0
    monkeypatch.setattr(arithmetic, "stored", lambda *args, **more: stored(*args[:5], worst=1e-9, typical=1e-9))
    assert escapes(lambda x, y, z: x * y + z) > 0


@pytest.mark.parametrize("function", [np.tanh, np.exp, np.log, np.sqrt, ERF])
def test_with_library_functions_taken_to_be_correctly_rounded_there_are_escapes(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert escapes(lambda x, y, z: function(x)) == 0
    monkeypatch.setattr(functions, "FUNCTION_ULPS", dict.fromkeys(functions.FUNCTION_ULPS, 1.0))
    assert escapes(lambda x, y, z: function(x)) > 0


def test_without_softplus_s_own_error_there_are_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "SOFTPLUS_ULPS", 1.0)
    assert escapes(lambda x, y, z: np.logaddexp(x, y)) > 0


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (reductions, lambda x: np.sum(x, axis=-1, keepdims=True)),
        (products, lambda x: x @ np.eye(3)),
    ],
)
def test_without_the_growth_over_a_sum_there_are_escapes(
    module: Any, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert escapes(lambda x, y, z: function(x)) == 0
    monkeypatch.setattr(module, "growth", lambda n, u: u / 4)
    assert escapes(lambda x, y, z: function(x)) > 0


@pytest.mark.parametrize("factor", [0.5, 2.0**-30])
def test_without_what_underflow_may_lose_there_are_escapes(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def shrunk(x: Any, y: Any, z: Any) -> Any:
        return (x * 1e-30 * 6e-8) * factor

    assert escapes(shrunk) == 0
    nothing = dataclasses.replace(PRECISIONS["float32"], smallest=0.0)
    monkeypatch.setitem(PRECISIONS, "float32", nothing)  # type: ignore[arg-type]
    assert escapes(shrunk) > 0


PROPAGATING = {
    np.add: lambda x, y: x + y,
    np.subtract: lambda x, y: x - y,
    np.multiply: lambda x, y: x * y,
    np.divide: lambda x, y: x / y,
    np.logaddexp: np.logaddexp,
    np.maximum: np.maximum,
    np.minimum: np.minimum,
    np.tanh: lambda x, y: np.tanh(0.01 * x),
    np.exp: lambda x, y: np.exp(x),
    np.log: lambda x, y: np.log(x),
    np.sqrt: lambda x, y: np.sqrt(x),
    ERF: lambda x, y: ERF(0.01 * x),
    np.negative: lambda x, y: -x,
    np.absolute: lambda x, y: np.abs(x),
    np.matmul: lambda x, y: x @ np.eye(3),
}


@pytest.mark.parametrize("ufunc", PROPAGATING)
def test_without_the_errors_of_its_operands_an_operation_has_escapes(
    ufunc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def function(x: Any, y: Any, z: Any) -> Any:
        return PROPAGATING[ufunc](sum_of_many(x, y), sum_of_many(y, z))

    assert escapes(function) == 0
    handler = table.UFUNCS[ufunc]
    monkeypatch.setitem(table.UFUNCS, ufunc, lambda p, *inputs: handler(p, *(forgetful(x) for x in inputs)))
    assert escapes(function) > 0


def sum_of_many(x: Any, y: Any) -> Any:
    """Something whose error is far above one rounding of it: 100 x - 99.5 x, in short."""
    return x * 1000 - x * 999 + y / 16


def forgetful(x: Any) -> Any:
    return Rounded.exact(x.value, x.precision) if isinstance(x, Rounded) else x


def test_where_a_comparison_may_turn_out_otherwise_the_distance_of_the_candidates_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def torn(x: Any, y: Any, z: Any) -> Any:
        return np.where((x * y) * z > x * (y * z), x, x + 1)

    assert escapes(torn) == 0
    monkeypatch.setattr(
        Unsure,
        "__init__",
        lambda self, value, unsure, likely: self.__dict__.update(
            value=value, unsure=np.zeros_like(unsure), likely=likely
        ),
    )
    assert escapes(torn) > 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_four_terms_stay_within_their_bound_in_any_order(dtype: str) -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(10):
        terms = [*inputs_of(rng, 3, dtype), inputs_of(rng, 3, dtype)[0]]
        ours = claim(lambda a, b, c, d: a + b + c + d, terms, dtype)
        for plan in (Same(1.0), Same(-1.0), Drawn(rng, True), Drawn(rng, True)):
            for order in ([0, 1, 2, 3], [1, 2, 3, 0], [3, 2, 1, 0], [2, 0, 3, 1]):
                a, b, c, d = (Other.of(terms[k], Setting(ARITHMETICS[dtype], plan)) for k in order)
                for other in (a + b + c + d, (a + b) + (c + d)):
                    assert compare(ours, other, slack_of(dtype)).escapes == 0
