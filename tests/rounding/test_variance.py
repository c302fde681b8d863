"""The variance is that of real arithmetic: inner products in real float32 and float16, summed in various orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.rounding import LIMIT, PRECISIONS, Precision, Rounded

SAMPLES = 2000


def without_wider_sums(dtype: Any) -> Precision:
    """A precision in which every partial sum is rounded: NumPy's arithmetic below."""
    return replace(PRECISIONS[np.dtype(dtype).name], summed=None)


def shuffled(products: Any, rng: np.random.Generator) -> Any:
    """Summed one by one, each sample in an order of its own."""
    order = np.argsort(rng.random(products.shape), axis=-1)
    terms = np.take_along_axis(products, order, axis=-1)
    return np.add.accumulate(terms, axis=-1, dtype=products.dtype)[:, -1]


def pairwise(products: Any, rng: np.random.Generator) -> Any:
    while products.shape[-1] > 1:
        half = products.shape[-1] // 2
        products = np.concatenate([products[:, :half] + products[:, half : 2 * half], products[:, 2 * half :]], axis=-1)
    return products[:, 0]


@pytest.mark.parametrize("order", [shuffled, pairwise])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("terms", [1, 2, 8, 64, 300])
@pytest.mark.parametrize("biased", [False, True])
def test_inner_products_in_real_arithmetic_are_off_by_about_their_standard_deviation(
    order: Any, dtype: Any, terms: int, biased: bool
) -> None:
    rng = np.random.default_rng(terms)
    x = rng.normal(0.5 if biased else 0, 1, (SAMPLES, terms)).astype(dtype)
    w = rng.normal(0.3 if biased else 0, 1, terms).astype(dtype)
    other = order(x * w, rng)
    assert other.dtype == dtype
    ours = Rounded.exact(x, without_wider_sums(dtype)) @ w.astype(np.float64)[:, np.newaxis]
    deviation = np.sqrt(ours.variance[:, 0])
    residuals = (other.astype(np.float64) - ours.value[:, 0]) / deviation
    assert 0.15 < np.sqrt(np.mean(residuals**2)) < 1.3
    assert np.max(np.abs(residuals)) < 8


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("terms", [1, 8, 300, 5000])
def test_in_half_precision_sums_are_rounded_once(dtype: Any, terms: int) -> None:
    rng = np.random.default_rng(terms)
    x, w = rng.normal(0.5, 1, (SAMPLES, terms)).astype(dtype), rng.normal(0.3, 1, terms).astype(dtype)
    other = np.add.accumulate(x.astype(np.float32) * w.astype(np.float32), axis=-1)[:, -1].astype(dtype)
    ours = Rounded.exact(x, PRECISIONS[np.dtype(dtype).name]) @ w.astype(np.float64)[:, np.newaxis]
    residuals = (other.astype(np.float64) - ours.value[:, 0]) / np.sqrt(ours.variance[:, 0])
    assert 0.25 < np.sqrt(np.mean(residuals**2)) < 1.3
    assert np.max(np.abs(residuals)) < 2


@pytest.mark.parametrize("order", [shuffled, pairwise])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("share", [0.01, 1, 100])
def test_pre_activations_in_real_arithmetic_are_off_by_about_their_standard_deviation(
    order: Any, dtype: Any, biased: bool, share: float
) -> None:
    rng = np.random.default_rng(7)
    x, h = (rng.normal(0.5 if biased else 0, 1, (SAMPLES, n)).astype(dtype) for n in (6, 40))
    kernel, recurrent, bias = (
        rng.normal(0.2 if biased else 0, scale, n).astype(dtype) for scale, n in ((share, 6), (0.2, 40), (1, 1))
    )
    ours = Rounded.exact(x, without_wider_sums(dtype)) @ kernel.astype(np.float64)[:, np.newaxis]
    ours = ours + bias.astype(np.float64)
    ours = ours + Rounded.exact(h, ours.precision) @ recurrent.astype(np.float64)[:, np.newaxis]
    a, b = order(x * kernel, rng), order(h * recurrent, rng)
    for other in ((a + bias) + b, (b + bias) + a, (a + b) + bias):
        assert other.dtype == dtype
        residuals = (other.astype(np.float64) - ours.value[:, 0]) / np.sqrt(ours.variance[:, 0])
        assert 0.15 < np.sqrt(np.mean(residuals**2)) < 1.3
        assert np.max(np.abs(residuals)) < 8
        assert (np.abs(other.astype(np.float64) - ours.value[:, 0]) <= ours.bound[:, 0]).all()


FORMULAS = {
    "product": lambda x, y: x * y,
    "square": lambda x, y: (x + y) ** 2,
    "quotient": lambda x, y: x / (1 + np.abs(y)),
    "polynomial": lambda x, y: (x + y) * (x - y) + 0.1 * x,
    "root": lambda x, y: np.sqrt(x * x + y * y + 4),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_in_real_arithmetic_are_off_by_about_their_standard_deviation(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.normal(0, 1, SAMPLES).astype(dtype) for _ in range(2))
    precision = without_wider_sums(dtype)
    ours = FORMULAS[name](Rounded.exact(x, precision), Rounded.exact(y, precision))
    other = FORMULAS[name](x, y)
    assert other.dtype == dtype
    residuals = (other.astype(np.float64) - ours.value) / np.sqrt(ours.variance)
    assert 0.15 < np.sqrt(np.mean(residuals**2)) < 1.3
    assert np.max(np.abs(residuals)) < 8
    assert (np.abs(other.astype(np.float64) - ours.value) <= ours.bound).all()


# Where a number and a function of it are multiplied or added, their errors count as independent though they are not.
SLACK = {"silu": 2.4, "gelu": 2.4, "mish": 1.6, "squareplus": 1.8, "selu": 1.1}


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "exponential", "softsign", "elu", "softplus", *SLACK])
@pytest.mark.parametrize("spread", [1e-6, 1e-3, 0.02, 0.3, 1, 5, 30])
def test_what_a_large_error_of_the_argument_does_to_a_function_is_within_the_limit(name: str, spread: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-30, 30, (2000, 1))
    function = ACTIVATIONS[name]
    with np.errstate(all="ignore"):
        made: Any = function(Rounded(x, np.full(x.shape, 1e3), np.full(x.shape, spread**2), PRECISIONS["float32"]))
        moved = np.abs(function(x + spread * np.linspace(-LIMIT, LIMIT, 41)) - made.value).max(axis=1, keepdims=True)
    assert (moved <= 1.01 * SLACK.get(name, 1) * LIMIT * np.sqrt(made.variance)).all()


@pytest.mark.parametrize("function", [np.log, np.reciprocal, np.sqrt], ids=str)
def test_near_a_pole_of_a_function_it_is_within_the_limit_too(function: Any) -> None:
    spread = np.array([1e-3, 0.05, 0.08, 0.1])
    x = Rounded(np.ones(4), np.full(4, 10.0), spread**2, PRECISIONS["float32"])
    with np.errstate(all="ignore"):
        made: Any = 1 / x if function is np.reciprocal else function(x)
        moved = np.abs(function(np.maximum(1 - LIMIT * spread, 0)) - function(1.0))
    assert (moved <= 1.01 * LIMIT * np.sqrt(made.variance)).all()
    assert np.isinf(made.variance[-1]) == (function is not np.sqrt)
