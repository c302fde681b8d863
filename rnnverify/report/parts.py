"""What a report is made of: lines of text, cleaned, and tables (see `tables`). Both fit the width that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from rnnverify.text import cleaned

FURTHER_IN = 2  # columns, for what follows of a message that takes several lines
WORD = re.compile(
    r"(?:[A-Za-z=~]+ (?=-?\d))?(?:\([^()]{1,24}\)|`(?:rnnverify [^`]*|[^`]{1,40})`|\S)+\s*"
)  # `(4, 10, 3)` is one, `unit 3`, a command
JOINT = re.compile(r"[._/-]|.(?=\[)")  # after which a name may be broken
ASCII = {ord(sign): plain for sign, plain in zip("─░▒▓█", "-.:#@", strict=True)}  # for a screen that has no others

Piece = str | tuple[str, str]  # text, or text with a style


class Line:
    """One message, which wraps at words, and goes on further in.

    A word is never broken: a number stays one, and a path or a command can be copied.

    Args:
        pieces: what it says; text, or (text, style).
        style: of all of it.
        indent: how far in it starts.
        further_in: and how much further it goes on.
        whole: it is to be copied, a command, and is left to the terminal to break.
    """

    def __init__(
        self, *pieces: Piece, style: str = "", indent: int = 0, further_in: int = FURTHER_IN, whole: bool = False
    ) -> None:
        parts = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
        self.pieces = [(cleaned(text), own) for text, own in parts]
        self.style = style
        self.indent = indent
        self.further_in = further_in
        self.whole = whole

    @property
    def plain(self) -> str:
        """Its text on one line."""
        return " " * self.indent + "".join(text for text, _ in self.pieces)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text.assemble(*self.pieces, style=self.style)
        if options.ascii_only:
            text.plain = text.plain.translate(ASCII)
        width = options.max_width - self.indent
        ends = [] if self.whole or options.no_wrap else breaks(text.plain, width, self.further_in)
        inset = self.indent
        for part in text.divide(ends):
            part.rstrip()
            yield Text(" " * inset, no_wrap=True, overflow="ignore") + part  # what is longer than a line stays whole
            inset = self.indent + self.further_in


def wrapped(text: str, width: int, further_in: int) -> Iterator[str]:
    """A text in lines of at most so many columns."""
    inset, start = "", 0
    for end in [*breaks(text, width, further_in), len(text)]:
        yield inset + text[start:end].rstrip()
        inset, start = " " * further_in, end


def in_pieces(name: str, width: int) -> Iterator[str]:
    """A name that is longer than so many columns in pieces: at its joints, if there are any, and never inside a number."""
    start = 0
    while cell_len(part := name[start : start + width + 1]) > width:
        fitting = max(end for end in range(1, len(part)) if end == 1 or cell_len(part[:end]) <= width)
        joints = [joint.end() for joint in JOINT.finditer(part) if width // 2 < joint.end() <= fitting]
        apart = [end for end in range(1, fitting + 1) if not part[end - 1 : end + 1].isdigit()]
        end = max(joints or apart or [fitting])
        yield cleaned(part[:end])
        start += end
    yield cleaned(name[start:])


def breaks(text: str, width: int, further_in: int) -> Iterator[int]:
    """Where to break a text so that it fits, between words, if all lines but the first start further in."""
    used = 0
    for word in WORD.finditer(text):
        if used and used + cell_len(word[0].rstrip()) > width:
            yield word.start()
            used = further_in
        used += cell_len(word[0])
