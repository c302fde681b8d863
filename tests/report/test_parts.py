"""Lines, which wrap at words."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rnnverify.report.parts import WORD, Line, in_pieces, wrapped
from tests.report.by_hand import lines

MESSAGE = (
    "mismatch: layer lstm, timestep 4: Keras -0.140457854 (it is `h = np.zeros(M)`), shape (4, 10, 3) = 120, i 0-4"
)
words = st.lists(st.text("abcé日-_/.[]0123456789", min_size=1, max_size=20), max_size=12).map(" ".join)


@given(words, st.integers(10, 60), st.integers(0, 8))
def test_what_is_longer_than_a_line_is_one_word_and_no_word_is_broken(text: str, width: int, inset: int) -> None:
    made = list(wrapped(text, width, inset))
    assert " ".join(made).split() == text.split()
    assert all(cell_len(line) <= width or len(WORD.findall(line.strip())) == 1 for line in made)
    assert all(line.startswith(" " * inset) for line in made[1:])


def test_the_rest_of_a_message_stands_further_in() -> None:
    text = lines([Line(("note", "bold"), ": the second line, and the third", indent=2, further_in=4)], width=22)
    assert text.lstrip("\n") == "  note: the second\n      line, and the\n      third"


def test_what_belongs_together_is_not_broken() -> None:
    for width in range(30, 100):
        text = " ".join(wrapped(MESSAGE, width, 0))
        assert all(len(line) <= width for line in wrapped(MESSAGE, width, 0))
        for kept in ("-0.140457854", "`h = np.zeros(M)`", "(4, 10, 3)", "= 120", "i 0-4"):
            assert any(kept in line for line in wrapped(MESSAGE, width, 0)), (kept, width)
        assert text == MESSAGE


def test_a_path_longer_than_a_line_is_kept_to_be_copied() -> None:
    path = "/" + "x" * 90 + "/a.yaml"
    assert f"\n  {path}\n  is" in "\n" + lines([Line(f"file {path} is not there")], width=40)


def test_a_command_is_left_to_the_terminal_to_break() -> None:
    command = "rnnverify run grid.yaml --set N=1 --set layer=GRU"
    assert (
        lines([Line(f"the worst point alone: {command}", whole=True)], width=40) == f"the worst point alone: {command}"
    )


def test_a_line_is_clean() -> None:
    line = Line("layer ", ("lstm\n::error::gone\x1b[2J", "bold"))
    assert line.plain == r"layer lstm\n::error::gone\x1b[2J"
    assert lines([line]) == line.plain


@given(st.text("abc_./-[]0123456789:e", min_size=1, max_size=60), st.integers(12, 30))
def test_a_name_in_pieces_is_whole_again_and_its_numbers_never_cut(name: str, width: int) -> None:
    pieces = list(in_pieces(name, width))
    whole = "".join(pieces)
    assert whole.replace("\\x3a", ":") == name
    short = [number for number in re.findall(r"\d+", name) if len(number) < width // 2]
    for number in short:
        assert any(number in piece for piece in pieces)


def test_a_piece_does_not_start_with_what_a_name_had_inside() -> None:
    assert list(in_pieces(f"{'x' * 20}::error::{'y' * 30}", 20))[1:] == [r"\x3a:error::yyyyyyyyyyy", "y" * 19]


def test_a_very_long_name_takes_no_time() -> None:
    assert len(list(in_pieces("a_b1" * 50_000, 20))) >= 10_000
    assert len(lines([Line("a 1 (b) `c` " * 20_000)], width=80)) > 19_000


def test_a_name_is_broken_at_its_joints() -> None:
    assert list(in_pieces("a_layer_with_a_long_name[14]", 22)) == ["a_layer_with_a_long_", "name[14]"]
    assert list(in_pieces("activation-approximated/pade-7", 16)) == ["activation-", "approximated/", "pade-7"]
    assert list(in_pieces("x" * 30, 20)) == ["x" * 20, "x" * 10]
