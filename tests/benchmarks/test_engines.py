"""The models and the tables of benchmarks/engines.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine_models import KINDS, made
from benchmarks.engine_tables import in_tables
from benchmarks.engines import ENGINES, Cell, chosen, told_of
from rnnverify import compare, verify
from rnnverify.keras_model.session import load_keras


@pytest.mark.parametrize("kind", ["GRU gelu", "Embedding LSTM one empty", "LSTM initial states", "stateful GRU"])
def test_keras_computes_a_kind_right_and_no_bias_is_zero(kind: str) -> None:
    model, x = made(load_keras(), kind, 1)
    assert verify(model, x).verdict == "match"
    biases = [weight for layer in model.layers for weight in layer.get_weights() if weight.ndim == 1]
    assert biases
    assert all(np.abs(bias).min() > 0 for bias in biases)


def test_a_kind_is_the_same_again_and_another_with_another_seed() -> None:
    keras = load_keras()
    first, again, other = (made(keras, "LSTM", seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(KINDS) == 38


def test_what_is_said_of_a_right_a_wrong_and_a_missing_answer() -> None:
    model, x = made(load_keras(), "LSTM T open", 1)
    right = model.predict(x, verbose=0)
    what, why, error, share = told_of(compare(model, right, x))
    assert (what, why) == ("ok", "")
    assert error is not None
    assert share is not None
    assert error < 1e-5
    assert share < 1
    assert told_of(compare(model, right[:, ::-1], x))[0] == "wrong"
    assert told_of(compare(model, lambda x, weights: None, x))[0] == "refuses"


def test_the_tables_say_a_reason_once_and_give_the_worst_of_the_seeds() -> None:
    said = [Cell("LSTM", "A, b", seed, "ok", "", 1e-7 * seed, 0.1 * seed) for seed in (1, 2)]
    said += [Cell("GRU", "A, b", seed, "wrong", f"no known mistake in gru_{seed}", 1.0, 9.0) for seed in (1, 2)]
    said += [Cell("LSTM", "C", 1, "refuses", "no such operation"), Cell("LSTM", "C", 2, "ok", "", 1e-7, 0.1)]
    lines = list(in_tables(said, ["LSTM", "GRU"], ["A, b", "C"]))
    assert "LSTM                        ok 2e-07 0.20    refuses 1 (1 of 2)" in lines
    assert "GRU                         wrong 1          -" in lines
    assert lines[-2:] == ["refuses 1   no such operation", "wrong 1     no known mistake in gru_1"]


def test_the_page_shows_what_was_measured() -> None:
    root = Path(__file__).parents[2]
    measured = (root / "benchmarks/results/engines.txt").read_text().splitlines()
    lines = [line for line in measured if line.startswith("|")]
    assert len(lines) == 2 + len(ENGINES)
    assert "\n".join(lines) in (root / "docs/how-to/exports.md").read_text()


def test_a_choice_is_by_parts_of_names() -> None:
    assert chosen(None, ["ORT", "tract"]) == ["ORT", "tract"]
    assert chosen("tr", ["ORT", "tract"]) == ["tract"]
