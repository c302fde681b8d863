"""Many specs: all that are found under some paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from rnnverify import suite
from rnnverify.api.blind import START, Patience
from rnnverify.api.observing import observe
from rnnverify.api.verifying import verified
from rnnverify.errors import RequestError
from rnnverify.results import CheckResult, Outcome, Verification
from rnnverify.spec import Spec
from rnnverify.spec.consent import check_consent
from rnnverify.spec.overrides import Override

StrPath = str | os.PathLike[str]


def unnoticed(event: object) -> None:
    """What a caller does on an event who does not want to know."""


def check(
    paths: StrPath | Sequence[StrPath],
    overrides: Sequence[Override] = (),
    *,
    exclude: Sequence[str] = (),
    allow_code: bool = False,
    min_kill: float | None = None,
    pictures: bool = False,
    begin: Callable[[Sequence[str]], None] = unnoticed,
    each: Callable[[Outcome], None] = unnoticed,
) -> CheckResult:
    """Verify every spec under some paths, one after the other. A spec that cannot be run does not hide the others.

    Args:
        paths: specs, and folders with specs, whose grids are passed over.
        overrides: (key, value) pairs that replace parts of every spec, such as ("T", 50) or ("tolerance.atol", 1e-6).
        exclude: patterns of the shell for files and folders that are passed over, by path or name.
        allow_code: whether what specs name may be run, where it is code: candidates, functions that return models.
        min_kill: the share of the known mistakes that each spec must be able to show, or its verdict is untested; 1.0 for all.
        pictures: whether what a page draws is kept, see `rnnverify.page`; it takes about as long again.
        begin: is called once, with the specs that were found.
        each: is called with the outcome of each spec as soon as it is known.

    Returns:
        `outcomes`, one for each spec, with its `result` or its `error`; `passed`; and the `verdict` on all of them.

    Raises:
        RequestError: a path does not exist, there is no spec under any of them, or min_kill is no share.
    """
    if min_kill is not None and not 0 <= min_kill <= 1:
        raise RequestError(f"min_kill: expected a share, from 0 to 1, got {min_kill}")
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    specs = suite.find_specs([os.fspath(path) for path in several], exclude)
    begin(specs)
    patience = Patience(START)

    def verify(spec: Spec) -> Verification:
        check_consent(spec, allow_code)
        return verified(spec, observe(spec, allow_code=allow_code), patience, min_kill, pictures)

    outcomes = []
    for outcome in suite.check(specs, overrides, verify):
        outcomes.append(outcome)
        each(outcome)
    return CheckResult(tuple(outcomes))
