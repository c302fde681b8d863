"""Where a report goes: a file or stdout; and other files that are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from rnnverify.cli.streams import LostOutputError
from rnnverify.errors import RequestError

if TYPE_CHECKING:
    from rnnverify.results import Outcome
    from rnnverify.results.shown import Shown


def refuse_unwritable(path: str | None, option: str = "--output", beside: Sequence[str] = ()) -> None:
    """Find out before the work is done, not after.

    Args:
        path: where something is to be written.
        option: which asks for it.
        beside: files that are read, and must not be lost.

    Raises:
        RequestError: the file cannot be written.
    """
    if path is None:
        return
    if not path:
        raise RequestError(f"{option}: expected the path of a file, got nothing")
    if any(os.path.exists(one) and os.path.exists(path) and os.path.samefile(one, path) for one in beside):
        raise RequestError(f"{option} {path}: that file is read here, and would be lost; give another one")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise RequestError(f"{option} {path}: the folder {folder} does not exist; make it first")
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise RequestError(f"{option} {path}: cannot be written; give the path of a file")


def refuse_no_page(path: str | None, beside: Sequence[str] = ()) -> None:
    """Find out whether a page can be made, and written, before the work is done.

    Raises:
        RequestError: it cannot.
    """
    if path is None:
        return
    from rnnverify.report.page import document

    refuse_unwritable(path, "--html", beside)
    document.refuse_unavailable("--html")


def write_page(result: Shown | Sequence[Shown], path: str | None, sample: int = 0) -> None:
    """Write the page of what was found, if one is asked for.

    Raises:
        RequestError: it cannot be written after all.
    """
    if path is not None:
        from rnnverify import api

        api.page(result, path, sample=sample)


def write_report(outcomes: Sequence[Outcome], form: str, path: str | None) -> None:
    """Write the report in one of the formats to a file, or to stdout.

    Raises:
        RequestError: the file cannot be written after all.
    """
    from rnnverify.report import github, junit, lines, records

    width = max(len(outcome.spec) for outcome in outcomes)
    formatters: dict[str, Callable[[Sequence[Outcome]], str]] = {
        "json": records.check_json,
        "junit": junit.junit_xml,
        "github": github.github_commands,
        "table": lambda found: "\n".join(
            [*(lines.outcome_line(outcome, width).plain for outcome in found), lines.summary_line(found).plain]
        ),
    }
    text = formatters[form](outcomes)
    if path is None:
        click.echo(text)
        return
    with writing(path, "--output") as file:
        file.write(text + "\n")


def write_summary(outcomes: Sequence[Outcome]) -> None:
    """Add a table to the page of the job, where GitHub says which file that is.

    Raises:
        RequestError: that file cannot be written.
    """
    from rnnverify.report import github

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with writing(path, "GITHUB_STEP_SUMMARY", "a") as file:
            file.write(github.step_summary(outcomes) + "\n")


@contextmanager
def writing(path: str, option: str, mode: str = "w") -> Iterator[IO[Any]]:
    """A file to write to, which an option asks for.

    Raises:
        RequestError: it cannot be written.
    """
    from rnnverify.observation.opening import opened_to_write

    try:
        with opened_to_write(path, mode) as file:
            yield file
    except BrokenPipeError as error:  # /dev/stdout, say
        raise LostOutputError(error) from None
    except OSError as error:
        raise RequestError(f"{option} {path}: cannot be written: {error.strerror or error}") from None
