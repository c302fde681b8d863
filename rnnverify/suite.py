"""The CI check: every spec under some paths, one after the other, none hiding the others."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rnnverify.errors import RequestError, limit_of_the_machine
from rnnverify.observation.opening import opened
from rnnverify.results import Outcome, Verification
from rnnverify.spec import Spec, load_spec
from rnnverify.spec.loading import is_grid
from rnnverify.spec.overrides import Override
from rnnverify.spec.source import LARGEST_FILE, read_source

SUFFIXES = (".yaml", ".yml")


def find_specs(paths: Sequence[str]) -> list[str]:
    """The files named, and every YAML file in the folders named, in order of name; and folders that cannot be read.

    Raises:
        RequestError: a path does not exist, or there is no spec under any of them.
    """
    found: list[str] = []
    for path in paths:
        if not os.path.exists(path):
            raise RequestError(f"{path}: no such file or folder; give specs, or folders with specs")
        found += in_folder(path) if os.path.isdir(path) else [path]
    if not found:
        raise RequestError(f"{', '.join(paths)}: no spec here; expected files ending in {' or '.join(SUFFIXES)}")
    return list(dict.fromkeys(found))


def in_folder(path: str) -> list[str]:
    """The specs in a folder and in those in it, and those of the folders that cannot be read: who knows what is in them."""
    unread: list[OSError] = []
    walk = os.walk(path, onerror=unread.append)
    # What is there under such a name and is no file, a link that leads nowhere say, is refused as a spec.
    files = [Path(folder, name) for folder, _, names in walk for name in names if Path(name).suffix in SUFFIXES]
    specs = [str(file) for file in files if not holds_grid(file)]
    return sorted([*specs, *(str(Path(error.filename)) for error in unread)])


def holds_grid(file: Path) -> bool:
    """Whether a file is a grid for `rnnverify sweep`, and not a spec."""
    try:
        with opened(file) as content:
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
            refuse_folder(path)
            yield Outcome(path, verify(load_spec(path, overrides)))
        except RequestError as error:
            yield Outcome(path, error=str(error))
        except Exception as error:  # it must not hide the specs after it
            limit = limit_of_the_machine(error)
            bug = None if limit else "".join(traceback.format_exception(error))
            told = limit or f"a bug of rnnverify, not of the spec: {type(error).__name__}: {error}"
            yield Outcome(path, error=f"{path}: {told}", bug=bug)


def refuse_folder(path: str) -> None:
    """Refuse a folder, which is among the specs because it could not be read.

    Raises:
        RequestError: with the reason.
    """
    if not os.path.isdir(path):
        return
    reason = "it is there again now"
    try:
        os.scandir(path).close()
    except OSError as error:
        reason = error.strerror or str(error)
    raise RequestError(f"{path}: this folder cannot be read: {reason}; what specs are in it is not known")
