"""Text from outside, as it is shown; and errors, which clean what they quote."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.errors import RequestError, SpecError
from rnnverify.text import LONGEST, cleaned, shape_text, shapes_text


@pytest.mark.parametrize(
    "text", ["", "lstm_1", "größe.yaml", "モデル", "a b", "C:\\new\\x", "std::bad_alloc", "tcp://[::1]:8786"]
)
def test_what_nobody_obeys_stays_as_it_is(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x07\x9b2J", r"\x1b[31mred\x07\x9b2J"),
        ("a\u2028b\u0085c\x0bd", r"a\u2028b\x85c\x0bd"),
        ("evil\u202efdp.yaml\u2066", r"evil\u202efdp.yaml\u2066"),
        ("\udc80\ud800 \x00", r"\udc80\ud800 \x00"),
        ("::error::gone", r"\x3a:error::gone"),
        (" ::add-mask::x", r" \x3a:add-mask::x"),
        (":::stop-commands::x", r":\x3a:stop-commands::x"),
        ("x##[error]y ##vso[task.complete]", r"x\x23#[error]y \x23#vso[task.complete]"),
        ("a\n::error::b", r"a\n::error::b"),
    ],
)
def test_what_a_terminal_or_a_ci_server_obeys_is_written_out(text: str, shown: str) -> None:
    assert cleaned(text) == shown


@given(st.text(st.characters(codec=None), max_size=30) | st.text(alphabet=":#[e\n \x1b", max_size=12))
def test_clean_text_is_printable_and_stays_as_it_is(text: str) -> None:
    once = cleaned(text)
    assert once.isprintable()
    assert cleaned(once) == once
    for start in range(len(once)):
        if not start or not (once[start - 1].isalnum() or once[start - 1] == "_"):
            assert not (
                once.startswith("::", start) and once[start + 2 : start + 3].isalpha() and once[start + 2] < "\x7f"
            )


def test_what_nobody_can_read_to_its_end_is_cut() -> None:
    once = cleaned("\x1b" * 1_000_000)
    assert len(once) == LONGEST
    assert once.endswith("...")
    assert cleaned(once) == once


def test_an_error_is_a_line_for_each_thing_that_is_wrong_whatever_it_quotes() -> None:
    error = SpecError("a.yaml:1: one\n::error::two", "a.yaml:2: three\x1b[2J")
    assert str(error).splitlines() == [r"a.yaml:1: one\n::error::two", r"a.yaml:2: three\x1b[2J"]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (SpecError, str(error))
    assert isinstance(again, RequestError)


def test_shapes_are_written_as_people_write_them() -> None:
    assert shape_text((4, 10, 3)) == "(4, 10, 3)"
    assert shape_text(("N", *(10, 3))) == "(N, 10, 3)"
    assert shape_text((5,)) == "(5,)"
    assert shape_text(()) == "()"
    assert shapes_text([(4, 3), (4, 5)]) == "(4, 3) and (4, 5)"
    assert shapes_text([]) == "none"
