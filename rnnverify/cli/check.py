"""rnnverify check"""

from __future__ import annotations

from typing import Any

import click

from rnnverify.cli.options import console, overrides, show, spec_options
from rnnverify.cli.output import refuse_unwritable, write_report

FORMATS = ["table", "json", "junit", "github"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", metavar="FILE", help="Write the report to FILE; the lines still go to the terminal.")
@spec_options
@click.option("-q", "--quiet", is_flag=True, help="Print only what does not match.")
@click.option("-v", "--verbose", is_flag=True, help="Print the tables of what does not match.")
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[str, ...],
    form: str,
    output: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    atol: float | None,
    rtol: float | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """The CI check: verify every spec under the paths, a line each, and a summary.

    A spec that cannot be run counts as an error and does not hide the others. The exit code is 1 where a verdict is
    mismatch, else 2 where there was an error, else 0.

    \b
    Examples:
      rnnverify check configs/
      rnnverify check configs/ --format junit --output report.xml
      rnnverify check configs/ --format github
    """
    from rnnverify import suite

    refuse_unwritable(output)
    specs = suite.find_specs(paths)
    replaced = overrides(settings, seed, atol, rtol)
    lines = console() if form == "table" or output else None
    outcomes = list(watched(specs, replaced, lines, quiet, verbose))
    if form != "table" or output:
        write_report(outcomes, form, output)
    ctx.exit(1 if any(o.verdict == "mismatch" for o in outcomes) else 2 if any(o.error for o in outcomes) else 0)


def watched(specs: list[str], replaced: list[Any], lines: Any, quiet: bool, verbose: bool) -> Any:
    """Check each spec, and print its line as soon as it is known, then the summary."""
    from rnnverify.api import verify
    from rnnverify.report import table
    from rnnverify.report.lines import outcome_line, summary_line
    from rnnverify.suite import check

    outcomes = []
    width = max(map(len, specs))
    for outcome in check(specs, replaced, verify):
        outcomes.append(outcome)
        yield outcome
        if lines is not None and not (quiet and outcome.passed):
            lines.print(outcome_line(outcome, width), soft_wrap=True)
            if verbose and outcome.result is not None and not outcome.passed:
                show(lines, *table.render(outcome.result))
    if lines is not None:
        lines.print(summary_line(outcomes))
