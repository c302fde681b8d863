"""YAML text to nodes, with PyYAML's parsers, in C where it is there; neither is given what it would choke on."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from rnnverify.errors import SpecError
from rnnverify.text import cleaned

MOST_NODES = 20_000  # after aliases are followed: anchors that explode are stopped here
DEEPEST = 60
MOST_DIRECTIVES = 4  # a parser compares each with all before it
LONGEST_DIRECTIVE = 200  # characters
DIRECTIVE = re.compile("^%.*", re.MULTILINE)


class TooMuch(yaml.MarkedYAMLError):
    """More than a spec can need."""


class Nodes(Composer, Resolver):
    """What makes nodes of a parser's events, stops at too much, and also reads 1e-6 as a number, as YAML 1.2 does."""

    count = 0
    depth = 0

    def __init__(self) -> None:
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        mark = self.peek_event().start_mark  # type: ignore[attr-defined]
        if self.count > MOST_NODES:
            raise TooMuch(problem=f"more than {MOST_NODES} values; put data into a file of its own", problem_mark=mark)
        if self.depth > DEEPEST:
            raise TooMuch(problem=f"nested too deeply; a spec needs fewer than {DEEPEST} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


Nodes.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class InPython(Nodes, Reader, Scanner, Parser):
    """On the parser in Python."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Nodes.__init__(self)


Loader: Any = InPython
if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class InC(Nodes, CParser):
        """On libyaml, which is a hundred times as fast."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Nodes.__init__(self)

    Loader = InC


def composed(text: str, file: str) -> yaml.Node | None:
    """The tree that a YAML document stands for; None where it is empty.

    Raises:
        SpecError: it is not valid YAML, or more than a spec can need.
    """
    check_text(text, file)
    try:
        return yaml.compose(text, Loader=Loader)
    except TooMuch as error:
        raise SpecError(f"{place_of(file, error.problem_mark)}: {error.problem}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = len(f"{text}.".splitlines())  # libyaml's end is on a line of its own
        place = f"{file}:{min(mark.line + 1, lines)}" if mark else file
        reason = ", ".join(filter(None, (error.context, error.problem)))
        raise SpecError(f"{place}: not valid YAML: {cleaned(reason)}{hint(text, mark)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an escape beyond Unicode, a version of 5,000 digits
        raise SpecError(f"{file}: not valid YAML: {cleaned(str(error))[:120]}") from None


def check_text(text: str, file: str) -> None:
    """Refuse what no parser should be given."""
    if (strange := Reader.NON_PRINTABLE.search(text)) is not None:
        line = text.count("\n", 0, strange.start()) + 1
        raise SpecError(
            f"{file}:{line}: not valid YAML: expected text, got the character U+{ord(strange.group()):04X}; remove it"
        )
    directives = DIRECTIVE.findall(text)
    if len(directives) > MOST_DIRECTIVES or any(len(line) > LONGEST_DIRECTIVE for line in directives):
        raise SpecError(f"{file}: expected no YAML directives; remove the lines that begin with %")


def place_of(file: str, mark: yaml.Mark | None) -> str:
    return f"{file}:{mark.line + 1}" if mark else file


def hint(text: str, mark: yaml.Mark | None) -> str:
    """The line that YAML stumbled over."""
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return ""
    return f": {lines[mark.line].strip()[:80]!r}"
