"""rnnverify report"""

from __future__ import annotations

import click

from rnnverify.cli.ending import FoundBugError
from rnnverify.cli.options import Options, allow_code, spec_options
from rnnverify.cli.output import refuse_unwritable
from rnnverify.text import cleaned

EXIT_CODES = {"match": 0, "mismatch": 1, "untested": 1, "error": 2}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o", "--output", metavar="FILE.html", default="report.html", show_default=True, help="Where the page goes."
)
@click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Pass over files and folders whose path or name fits, such as 'old*'; repeatable.",
)
@allow_code
@spec_options(quiet="Do not say what is on the page.", opaque=True)
def report(
    ctx: click.Context,
    options: Options,
    paths: tuple[str, ...],
    output: str,
    exclude: tuple[str, ...],
    allow_code: bool,
) -> None:
    """Make a page to look at: the verdicts, the layers, every residual, the errors over time, what was wrong.

    PATH is a YAML spec, a folder with specs, a saved model (.keras, .h5), a saved observation (.npz), a JSON report, or the
    folder of a sweep. The page is one file that needs no network. The exit code is 1 where a verdict on the page is mismatch or
    untested, else 2 where a spec could not be run, else 0.

    \b
    Examples:
      rnnverify report configs/lstm_softmax.yaml
      rnnverify report configs/ -o configs.html
      rnnverify report shapes-sweep -o shapes.html
      rnnverify report report.json seen.npz -o both.html
    """
    from rnnverify import api

    refuse_unwritable(output, "-o", beside=paths)

    def each(title: str, verdict: str) -> None:
        if not options.quiet:
            click.echo(cleaned(f"{verdict}  {title}"), err=True)

    page = api.page(paths, output, overrides=options.overrides, exclude=exclude, allow_code=allow_code, each=each)
    if not options.quiet:
        click.echo(cleaned(f"{output} is written"), err=True)
    if page.verdict == "error" and page.bugs:
        raise FoundBugError(page.bugs)
    ctx.exit(EXIT_CODES[page.verdict])
