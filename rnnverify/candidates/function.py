"""A function of this process: forward(x, weights)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Task, named


def of_function(function: Callable[..., Any]) -> Candidate:
    """A candidate from a function of the inputs (N, ...), of the weights, lists by the layers' names, and of a step's states."""

    def asked(task: Task) -> Answer:
        try:
            with redirect_stdout(sys.stderr):  # stdout is the report's
                returned = function(*task.arguments)
        except (Exception, SystemExit) as error:
            raise CandidateError(raised(error, task)) from error
        return named(returned, task)

    return asked


def raised(error: BaseException, task: Task) -> str:
    """An exception of the user's code in one line: what, in which line of it, and what it was called with if that may be why."""
    trace = error.__traceback__
    deepest = trace
    while deepest is not None and deepest.tb_next is not None:
        deepest = deepest.tb_next
    text = f"it raised {type(error).__name__}: {one_line(str(error))}"
    called = f"it is called with {' and '.join(task.words)}"
    if deepest is trace:  # not in the user's code: it cannot be called so
        return f"{text}; {called}"
    assert deepest is not None
    where = f" ({deepest.tb_frame.f_code.co_filename}, line {deepest.tb_lineno})"
    return text + where + (f"; {called}" if len(task.inputs) > 1 else "")


def one_line(text: str) -> str:
    """A message that may run over several lines, on one."""
    return " ".join(text.split())
