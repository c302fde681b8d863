"""The CI check: every spec under some paths, one after the other, none hiding the others."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rnnverify.errors import RequestError, limit_of_the_machine
from rnnverify.observation.opening import opened
from rnnverify.results import Outcome, Verification
from rnnverify.spec import Spec, load_spec
from rnnverify.spec.loading import is_grid
from rnnverify.spec.overrides import Override
from rnnverify.spec.source import LARGEST_FILE, read_source
from rnnverify.text import cleaned

SUFFIXES = (".yaml", ".yml")
NONE = f"no spec here; expected files ending in {' or '.join(SUFFIXES)}"


def find_specs(paths: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """The files named, and every YAML file in the folders named, in order of name.

    Args:
        paths: files and folders.
        exclude: patterns of the shell (`old*`, `*/drafts`) for what is passed over: a file or a folder whose path or name fits.

    Returns:
        Among the files also folders, which `check` refuses: those that cannot be read, and those named that hold no spec.

    Raises:
        RequestError: a path does not exist, or there is no spec under any of them.
    """
    found: list[str] = []
    empty: list[str] = []
    for path in paths:
        if not os.path.exists(path):
            raise RequestError(f"{path}: no such file or folder; give specs, or folders with specs")
        own = [one for one in (in_folder(path) if os.path.isdir(path) else [path]) if not excluded(one, exclude)]
        found += own
        empty += [] if own else [path]
    if not found:
        raise RequestError(f"{', '.join(paths)}: {NONE}")
    return list(dict.fromkeys([*found, *empty]))


def excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path is passed over, or a folder that it is in."""
    parts = [Path(path), *Path(path).parents]
    names = [name for part in parts for name in (str(part), part.name) if name]
    return any(fnmatchcase(name, pattern.rstrip("/")) for name in names for pattern in patterns)


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
            yield Outcome(path, error=cleaned(f"{path}: {told}"), bug=bug)


def refuse_folder(path: str) -> None:
    """Refuse a folder among the specs: it cannot be read, or there is none in it.

    Raises:
        RequestError: with the reason.
    """
    if not os.path.isdir(path):
        return
    try:
        os.scandir(path).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(f"{path}: this folder cannot be read: {reason}; what specs are in it is not known") from None
    raise RequestError(f"{path}: {NONE}")
