"""Names from outside in a C header: text in comments and in strings, and never code."""

from __future__ import annotations

import numpy as np

from rnnverify.report.c_header import comment, record
from rnnverify.results import Expected

EVIL = 'a"\n*/ int evil; /*\\\x1b'


def test_a_name_in_a_string_ends_neither_the_string_nor_the_line() -> None:
    one = Expected(EVIL, timed=False, values=np.zeros((2, 3)), limits=np.zeros((2, 3)))
    assert record(one, "a") == (r'{"a\"\\n*/ int evil; /*\\\\x1b", 0, 3, got_a, expected_a[0], limit_a[0]}')


def test_a_name_in_a_comment_does_not_end_it() -> None:
    assert comment(EVIL) == r'a"\n* / int evil; / *\\x1b'
