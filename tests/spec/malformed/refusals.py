"""Bad input gets one clear message and exit code 2: no traceback, nothing executed, nothing on stdout."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rnnverify.cli import main

LETTERS = "N: 2\nT: 3\nD: 2\nM: 4\nK: 2\n"  # lines 1 to 5


def case(name: str, text: str, *fragments: str) -> Any:
    """A spec and what its message must contain."""
    return pytest.param(text, fragments, id=name)


def layers(*entries: str) -> str:
    """A spec with these layers, the first on line 7."""
    return LETTERS + "layers:\n" + "".join(f"  - {entry}\n" for entry in entries)


def plus(line: str) -> str:
    """A spec with one more key, on line 6."""
    return f"{LETTERS}{line}\n"


def tokens(embedding: str, data: str) -> str:
    """A spec whose only layer is an Embedding."""
    return f"N: 2\nT: 3\ndata: {data}\nlayers:\n  - Embedding: {embedding}\n"


def npy_bytes(shape: str) -> bytes:
    """A .npy file that claims this shape and holds nothing."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["run", *arguments])


def check_refusal(result: Any, *fragments: str) -> None:
    """What every refusal has in common, and the wording of this one."""
    message = result.stderr
    assert result.exit_code == 2, result.exception or result.output
    assert result.stdout == ""
    assert 1 <= len(message.splitlines()) < 25
    assert "Traceback" not in message
    assert not re.search("[^\\n -\\uffff]", message), "no control characters"
    for fragment in fragments:
        assert fragment in message
    assert not Path("executed").exists()


def check_spec(text: str, *fragments: str) -> None:
    """A spec of this text must be refused, and soon."""
    Path("spec.yaml").write_text(text, encoding="utf-8")
    started = time.perf_counter()
    result = run("spec.yaml")
    assert time.perf_counter() - started < 60  # seconds; the slowest takes less than one on a quiet machine
    check_refusal(result, *fragments)
