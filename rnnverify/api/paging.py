"""A page to look at, of anything that was found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rnnverify import suite
from rnnverify.api.blind import Patience
from rnnverify.api.observing import load_observation, observe
from rnnverify.api.verifying import demanded, verified, with_tolerance
from rnnverify.errors import RequestError
from rnnverify.grids.reading import is_sweep, load_sweep
from rnnverify.observation.opening import opened, opened_to_write
from rnnverify.report.page import document
from rnnverify.report.page.blocks import Section
from rnnverify.report.page.sections import sections_of
from rnnverify.report.page.traces import trace_section
from rnnverify.report.reread import Reread, results_in
from rnnverify.results import CheckResult, Outcome, Page, Trace, Verification
from rnnverify.results.shown import Shown
from rnnverify.spec import Spec
from rnnverify.spec.consent import check_consent
from rnnverify.spec.overrides import Override

LARGEST = 256 << 20  # bytes that are read of a JSON report
TIME = 10.0  # seconds that may be spent on blind spots

StrPath = str | os.PathLike[str]


def unseen(title: str, verdict: str) -> None:
    """What a caller does who does not want to know."""


def page(
    what: Shown | StrPath | Sequence[Shown | StrPath],
    output: StrPath,
    *,
    overrides: Sequence[Override] = (),
    exclude: Sequence[str] = (),
    allow_code: bool = False,
    sample: int = 0,
    each: Callable[[str, str], None] = unseen,
) -> Page:
    """Write a page to look at: one HTML file with everything in it, which asks no network for anything.

    Args:
        what: results, as `verify`, `compare`, `check`, `sweep` and `trace` give them, or paths, one or several: specs and saved
            models, saved observations (.npz), JSON reports, folders with specs, the folder of a sweep. Of results all is drawn
            that was kept: ask `verify`, `compare` or `check` for `pictures=True`. What is named by a path has its pictures; a
            JSON report has none.
        output: the path of the page.
        overrides: (key, value) pairs that replace parts of every spec, such as ("T", 50).
        exclude: patterns of the shell for files and folders that are passed over, by path or name.
        allow_code: whether what specs name may be run, where it is code.
        sample: which one is drawn of a trace.
        each: is called with the title and the verdict of each part of the page as soon as it is known.

    Returns:
        What stands on it: `verdicts`, how many of each, `verdict`, the worst, `passed`, and its `path`.

    Raises:
        RequestError: there is nothing under a path, a report or a sweep cannot be read, the page cannot be written, or what
            draws it is not installed. A spec that cannot be run stands on the page.
    """
    document.refuse_unavailable()
    several = [what] if isinstance(what, Shown | str | os.PathLike) else list(what)
    if not several:
        raise RequestError("expected something to show: results, or paths of specs, reports, sweeps, observations")
    found: list[Section] = []
    bugs: dict[str, str] = {}
    patience = Patience(TIME)
    for one in several:
        results = [one] if isinstance(one, Shown) else under(os.fspath(one), overrides, exclude, allow_code, patience)
        for result in results:
            bugs |= bugs_in(result)
            for section in [trace_section(result, sample)] if isinstance(result, Trace) else sections_of(result):
                found.append(section)
                each(section.title, section.verdict)
    write(document.page(found), output)
    return Page(os.fspath(output), Counter(section.verdict for section in found if section.verdict), bugs)


def bugs_in(result: object) -> dict[str, str]:
    """The specs that could not be run because of a bug of ours, with its traceback."""
    outcomes = result.outcomes if isinstance(result, CheckResult) else [result]
    return {one.spec: one.bug for one in outcomes if isinstance(one, Outcome) and one.bug is not None}


def write(text: str, output: StrPath) -> None:
    """Write a page.

    Raises:
        RequestError: it cannot be written.
    """
    path = os.fspath(output)
    try:
        with opened_to_write(path) as file:
            file.write(text)
    except OSError as error:
        raise RequestError(f"{path}: cannot be written: {error.strerror or error}") from None


def under(
    path: str, overrides: Sequence[Override], exclude: Sequence[str], allow_code: bool, patience: Patience
) -> Iterator[Shown | Outcome | Reread]:
    """What there is to show under a path."""
    if os.path.isdir(path) and is_sweep(path):
        yield load_sweep(path)
    elif path.lower().endswith(".json"):
        yield from read_report(path)
    elif path.lower().endswith(".npz"):
        yield of_observation(path, overrides, patience)
    else:
        verify = partial(of_spec, allow_code=allow_code, patience=patience)
        yield from suite.check(suite.find_specs([path], exclude), overrides, verify)


def of_spec(spec: Spec, allow_code: bool, patience: Patience) -> Verification:
    check_consent(spec, allow_code)
    return verified(spec, observe(spec, allow_code=allow_code), patience, pictures=True)


def of_observation(path: str, overrides: Sequence[Override], patience: Patience) -> Verification:
    """A saved observation, of which a tolerance alone may be asked anew.

    Raises:
        RequestError: it cannot be read, or something else is to be set.
    """
    demands = {"tolerance.atol": "atol", "tolerance.rtol": "rtol"}
    if any(key not in demands for key, _ in overrides):
        raise RequestError(f"{path}: a saved observation is what it is; what is to be set needs a spec")
    observed = load_observation(path)
    wanted = demanded(**{"atol": None, "rtol": None, **{demands[key]: value for key, value in overrides}})
    return verified(observed, with_tolerance(observed, wanted), patience, pictures=True)


def read_report(path: str) -> list[Reread]:
    """The results in a JSON report.

    Raises:
        RequestError: it cannot be read, or is no report.
    """
    try:
        with opened(path) as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise RequestError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(text) > LARGEST:
        raise RequestError(f"{path}: larger than {LARGEST >> 20} MB; make the page of the specs themselves")
    try:
        found = results_in(text)
    except ValueError as error:
        raise RequestError(
            f"{path}: expected a JSON report, as `run`, `check` and `compare` write it with --format json; of a sweep give the"
            f" folder ({error})"
        ) from None
    if not found:
        raise RequestError(f"{path}: this report has no results, so there is nothing to show")
    return found
