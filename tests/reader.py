"""A reader of a page, who does what it says: writes its files, runs its commands, and compares what it shows."""

from __future__ import annotations

import gc
import io
import re
import runpy
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from click.testing import CliRunner

from rnnverify.cli import main
from rnnverify.keras_model.session import load_keras
from tests.pages import Block, blocks_on, skeleton


def read(page: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Do what a page says, in this folder, which is the current one.

    Yields:
        Each block that shows what is printed, and what was printed since the last of them.
    """
    printed = ""
    for block in blocks_on(page):
        if block.title:
            (folder / block.title).write_text(block.text)
        elif block.language == "sh":
            printed += "".join(map(run, block.text.splitlines()))
        else:
            yield block, printed
            printed = ""


def run(line: str) -> str:
    """What a command prints, in this process, where Keras is loaded already."""
    program, *words = shlex.split(line)
    if program == "python":
        load_keras().utils.clear_session()  # a process of its own would name its first layer without a number, too
        before = set(sys.modules)
        sys.path.insert(0, str(Path.cwd()))
        sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode  # a file may be written again within the second
        try:
            with redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", ResourceWarning
                )  # a script may leave its files to the end of the process
                runpy.run_path(words[0], run_name="__main__")
                gc.collect()
        finally:
            sys.path.pop(0)
            sys.dont_write_bytecode = kept
            for name in {path.stem for path in Path().glob("*.py")} - before:
                sys.modules.pop(name, None)
        return printed.getvalue()
    if program == "cat":
        return "".join(Path(name).read_text() for name in words)
    assert program == "rnnverify", line
    result = CliRunner().invoke(main, words)
    assert result.exit_code in (0, 1), f"{line}\n{result.output}"  # a match or a mismatch, and no wrong request
    return result.output  # what a person sees, notes on stderr among it


def shows(block: Block, printed: str) -> bool:
    """Whether the block is what was printed, but for figures; `...` on a line of its own stands for what is left out."""
    rest = skeleton(printed)
    for part in re.split(r"^\.\.\.$", block.text, flags=re.MULTILINE):
        wanted = skeleton(part)
        if wanted not in rest:
            return False
        rest = rest[rest.index(wanted) + len(wanted) :]
    return True
