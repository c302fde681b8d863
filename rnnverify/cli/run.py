"""rnnverify run"""

from __future__ import annotations

import click

from rnnverify.cli.options import console, overrides, show, spec_options


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@spec_options
@click.option("-q", "--quiet", is_flag=True, help="Print the verdicts only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every row, residuals, versions and times.")
@click.pass_context
def run(
    ctx: click.Context,
    specs: tuple[str, ...],
    form: str,
    settings: tuple[str, ...],
    seed: int | None,
    atol: float | None,
    rtol: float | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Build, predict, extract the weights, replay, and print the table of differences.

    SPEC is a YAML spec, or a saved model (.keras, .h5).

    \b
    Examples:
      rnnverify run configs/simple_rnn.yaml
      rnnverify run configs/lstm.yaml --set M=64 --set data.uniform.high=2 --seed 3
      rnnverify run model.keras --set N=8 --atol 1e-5
      rnnverify run a.yaml b.yaml --format json > report.json
    """
    from rnnverify.spec import load_spec

    replaced = overrides(settings, seed, atol, rtol)
    loaded = [load_spec(path, replaced) for path in specs]  # a wrong one is refused before any is built

    from rnnverify.library import verify
    from rnnverify.report import records, table

    results = []
    for spec in loaded:
        results.append(verify(spec))
        if form == "table":
            show(console(), *([table.quiet_line(results[-1])] if quiet else table.render(results[-1], verbose)))
    if form == "json":
        click.echo(records.report_json(results))
    ctx.exit(0 if all(result.passed for result in results) else 1)
