"""The names and comments of the layers' own source: which local variable a value was, in the function that made it."""

from __future__ import annotations

import sys
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from rnnverify.layers.activations import sigmoid
from rnnverify.layers.registered import REGISTERED
from rnnverify.recording.recorded import Name, Recorded

UNWATCHED = {function.__code__ for function in (sigmoid,)}  # what stands around every activation
LAYERS = "rnnverify.layers."
OF_GATES = "every_gate"  # the method of a cell that returns its gates in Keras's order


@contextmanager
def names_noted() -> Iterator[None]:
    """Note, while layers compute with recorded arrays, what their functions call them, and those that users registered."""
    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(before)


def entered(frame: FrameType, event: str, argument: Any) -> Any:
    """What Python calls when a function is entered: those of the layers are watched."""
    code = frame.f_code
    ours = str(frame.f_globals.get("__name__", "")).startswith(LAYERS) and code not in UNWATCHED
    if code.co_name.startswith("<") or not (ours or code in map(code_of, REGISTERED.values())):
        return None
    return Watch(frame).seen


def code_of(function: Any) -> Any:
    """The code of a function that a user registered."""
    return getattr(function, "__code__", None)


class Watch:
    """One function as it runs, line by line."""

    def __init__(self, frame: FrameType) -> None:
        self.line = frame.f_lineno
        self.known: dict[str, int] = {}
        self.note(frame, own=False)

    def seen(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            self.note(frame, own=True)
            self.line = frame.f_lineno
        if event == "return" and frame.f_code.co_name == OF_GATES and isinstance(argument, tuple):
            for index, gate in enumerate(argument):
                if isinstance(gate, Recorded):
                    gate.gate = index, len(argument)
        return self.seen

    def note(self, frame: FrameType, own: bool) -> None:
        """Take down the names that have a new value since the line before."""
        for name, value in frame.f_locals.items():
            if isinstance(value, Recorded) and self.known.get(name) != value.order:
                self.known[name] = value.order
                if name != "self":
                    value.names.append(Name(name, own, comments(frame.f_code.co_filename).get(self.line, "")))


@cache
def comments(path: str) -> dict[int, str]:
    """The comments at the ends of lines of a source file."""
    try:
        with tokenize.open(path) as file:
            tokens = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    except (OSError, SyntaxError, tokenize.TokenError):
        return {}
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.line[: token.start[1]].strip()}
