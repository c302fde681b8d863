"""The CI check: every spec under some paths, one after the other, none hiding the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rnnverify.errors import RequestError
from rnnverify.results import Outcome, Verification
from rnnverify.spec import Spec, load_spec
from rnnverify.spec.loading import is_grid
from rnnverify.spec.overrides import Override
from rnnverify.spec.source import LARGEST_FILE, read_source
from rnnverify.text import cleaned

SUFFIXES = (".yaml", ".yml")


def find_specs(paths: Sequence[str]) -> list[str]:
    """The files named, and every YAML file in the folders named, in order of name.

    Raises:
        RequestError: a path does not exist, or there is no spec under any of them.
    """
    found: list[str] = []
    for path in paths:
        if not os.path.exists(path):
            raise RequestError(f"{path}: no such file or folder; give specs, or folders with specs")
        if os.path.isdir(path):
            files = (file for file in Path(path).rglob("*") if file.suffix in SUFFIXES and file.is_file())
            found += sorted(str(file) for file in files if not holds_grid(file))
        else:
            found.append(path)
    if not found:
        raise RequestError(f"{', '.join(paths)}: no spec here; expected files ending in {' or '.join(SUFFIXES)}")
    return list(dict.fromkeys(found))


def holds_grid(file: Path) -> bool:
    """Whether a file is a grid for `rnnverify sweep`, and not a spec."""
    try:
        with file.open("rb") as content:
            if b"grid" not in content.read(LARGEST_FILE):  # most are not, and need not be parsed twice
                return False
        return is_grid(read_source(str(file)).value)
    except (OSError, RequestError):
        return False  # the reason is given when it is read as a spec


def check(
    specs: Sequence[str], overrides: Sequence[Override], verify: Callable[[Spec], Verification]
) -> Iterator[Outcome]:
    """Verify each spec in turn, in this process."""
    for path in specs:
        try:
            yield Outcome(path, verify(load_spec(path, overrides)))
        except RequestError as error:
            yield Outcome(path, error=str(error))
        except Exception as error:  # a bug of ours must not hide the specs after it
            yield Outcome(
                path, error=cleaned(f"{path}: {type(error).__name__}: {error}; `rnnverify run {path}` shows where")
            )
