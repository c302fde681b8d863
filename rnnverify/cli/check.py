"""rnnverify check"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from rnnverify.cli.ending import FoundBugError
from rnnverify.cli.options import Options, allow_code, html, show, show_record, spec_options
from rnnverify.cli.output import refuse_no_page, refuse_unwritable, write_page, write_report, write_summary
from rnnverify.text import cleaned

if TYPE_CHECKING:
    from rnnverify.results import CheckResult, Outcome

FORMATS = ["table", "json", "junit", "github"]
EXIT_CODES = {"match": 0, "mismatch": 1, "untested": 1, "error": 2}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", metavar="FILE", help="Write the report to FILE; the lines still go to the terminal.")
@click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Pass over files and folders whose path or name fits, such as 'old*'; repeatable.",
)
@click.option(
    "--min-kill",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Each spec must be able to show this share of the known mistakes, or it is untested: 1.0 for all of them.",
)
@html
@allow_code
@spec_options(quiet="Print only what does not match.", verbose="Print the tables of what does not match.", opaque=True)
def check(
    ctx: click.Context,
    options: Options,
    paths: tuple[str, ...],
    form: str,
    output: str | None,
    exclude: tuple[str, ...],
    min_kill: float | None,
    html: str | None,
    allow_code: bool,
) -> None:
    """The CI check: verify every spec under the paths, a line each, and a summary.

    A spec that cannot be run counts as an error and does not hide the others. The exit code is 1 where a verdict is
    mismatch or untested, else 2 where there was an error, else 0.

    \b
    Examples:
      rnnverify check configs/
      rnnverify check configs/ --format junit --output report.xml
      rnnverify check configs/ --format github
      rnnverify check configs/ --min-kill 0.9
      rnnverify check configs/ --html configs.html
    """
    from rnnverify import api

    refuse_unwritable(output)
    refuse_no_page(html, beside=paths)
    verify = partial(
        api.check,
        paths,
        options.overrides,
        exclude=exclude,
        allow_code=allow_code,
        min_kill=min_kill,
        pictures=html is not None,
    )
    if form == "table" or output:
        lines = Lines(options)
        result = verify(begin=lines.begin, each=lines.add)
        lines.end(result.outcomes)
    else:
        result = verify()
    if form != "table" or output:
        write_report(result.outcomes, form, output)
    if form == "github":
        write_summary(result.outcomes)
    write_page(result, html)
    refuse_bugs(result)
    ctx.exit(EXIT_CODES[result.verdict])


def refuse_bugs(result: CheckResult) -> None:
    """Have the command end as one that met a bug, unless something is a mismatch beside it."""
    bugs = [outcome for outcome in result.outcomes if outcome.bug is not None]
    if result.verdict == "error" and bugs:
        raise FoundBugError({outcome.spec: str(outcome.bug) for outcome in bugs})


class Lines:
    """A line for each spec, printed as soon as its outcome is known."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.width = 0

    def begin(self, specs: Sequence[str]) -> None:
        """Know how wide the column of the specs is."""
        self.width = max(len(cleaned(spec)) for spec in specs)

    def add(self, outcome: Outcome) -> None:
        """Print a line; below it, if asked, the tables of what does not match."""
        from rnnverify.report import lines, table

        if self.options.quiet and outcome.passed:
            return
        show_record(lines.outcome_line(outcome, self.width))
        if self.options.verbose and outcome.result is not None and not outcome.passed:
            show(*table.render(outcome.result))

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """Print the summary, and that there is more to see where something is no match."""
        from rnnverify.report import lines

        show(lines.summary_line(outcomes))
        seen = self.options.verbose or self.options.quiet
        if not seen and any(outcome.result is not None and not outcome.passed for outcome in outcomes):
            show(lines.hint())
