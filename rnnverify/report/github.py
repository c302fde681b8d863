"""The check's outcomes as GitHub workflow commands, which become annotations on the changed files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rnnverify.report.lines import summary_line, told
from rnnverify.results import Outcome
from rnnverify.text import cleaned


def github_commands(outcomes: Sequence[Outcome]) -> str:
    """An `::error` for every spec that does not match, then the summary."""
    commands = []
    for outcome in outcomes:
        if not outcome.passed:
            file = cleaned(outcome.spec)
            line = re.match(re.escape(file) + r":(\d+):", outcome.error or "")
            where = f"file={escaped(file, ',:')}" + (f",line={line[1]}" if line else "")
            title = f"rnnverify {outcome.verdict}"
            commands.append(f"::error {where},title={title}::{escaped(told(outcome))}")
    return "\n".join([*commands, summary_line(outcomes).plain])


def escaped(text: str, also: str = "") -> str:
    """Percent-encode what would end a command, and in a property what separates properties."""
    for char in "%\r\n" + also:
        text = text.replace(char, f"%{ord(char):02X}")
    return text
