from __future__ import annotations

from typing import Any

import pytest

from rnnverify.errors import SpecError
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Source, parse

KNOWN = ["units", "activation", "use_bias", "LSTM", "N"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("unit", "units"),
        ("unts", "units"),
        ("Units", "units"),
        ("activaton", "activation"),
        ("lstm", "LSTM"),
        ("n", "N"),
    ],
)
def test_a_near_spelling_is_named(word: str, meant: str) -> None:
    assert near(word, KNOWN) == f", did you mean {meant!r}?"


@pytest.mark.parametrize("word", ["", "zzz", "x" * 100_000, 3, None, 10**5000], ids=[f"word {i}" for i in range(6)])
def test_nothing_is_named_where_nothing_is_near(word: Any) -> None:
    assert near(word, KNOWN) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        ("a\nb", r"'a\nb'"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (10**400, "a huge number"),
        (-(10**5000), "a huge number"),
        ([1, 2], "a list of 2"),
        ({}, "a mapping without keys"),
        ({"a": 1, "b": 2}, "a mapping with a, b"),
    ],
    ids=[f"value {i}" for i in range(11)],  # Python itself refuses to show 5000 digits
)
def test_a_received_value_is_shown_in_short(value: Any, text: str) -> None:
    assert shown(value) == text


def test_problems_come_in_the_order_of_their_lines_and_each_once() -> None:
    problems = Problems(parse("N: 0\nT: 0\n", "spec.yaml"))
    for key in ("T", "N", "T"):
        problems.add((key,), "expected more")
    with pytest.raises(SpecError) as caught:
        problems.refuse()
    assert str(caught.value) == "spec.yaml:1: N: expected more\nspec.yaml:2: T: expected more"


def test_many_problems_are_counted_and_the_first_are_shown() -> None:
    problems = Problems(Source("spec", {}))
    for index in range(30):
        problems.add((index,), "wrong")
    with pytest.raises(SpecError) as caught:
        problems.refuse()
    lines = str(caught.value).splitlines()
    assert len(lines) == 9
    assert lines[-1] == "spec: and 22 more"


def test_no_problems_are_no_refusal() -> None:
    Problems(Source("spec", {})).refuse()
