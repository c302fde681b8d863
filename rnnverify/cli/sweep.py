"""rnnverify sweep"""

from __future__ import annotations

import click

from rnnverify.cli.deferral import deferred
from rnnverify.cli.options import Options, allow_code, html, show, spec_options
from rnnverify.cli.output import refuse_no_page, refuse_unwritable, write_page
from rnnverify.cli.progress import watched


@click.command()
@click.argument("grid", metavar="GRID")
@click.option("--output", metavar="DIR", help="The folder for the results; by default the grid's name, with -sweep.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; by default as many as cores.")
@click.option("--scheduler", metavar="URL", help="Run on a Dask cluster instead, such as tcp://host:8786; see below.")
@click.option("--tls-ca-file", metavar="PEM", help="For a scheduler at tls://host:8786: whom to trust.")
@click.option("--tls-cert", metavar="PEM", help="The certificate to show it.")
@click.option("--tls-key", metavar="PEM", help="The key of that.")
@click.option(
    "--timeout",
    type=float,
    metavar="SECONDS",
    default=1800,
    show_default=True,
    help="A point that takes longer is recorded as an error; it is run again when it is given more.",
)
@click.option("--export", metavar="FILE", help="Write the results as a table, too: FILE.csv or FILE.parquet.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@html
@allow_code
@spec_options(quiet="No progress, and only the summary.")
def sweep(
    ctx: click.Context,
    options: Options,
    grid: str,
    output: str | None,
    workers: int | None,
    scheduler: str | None,
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    timeout: float,
    export: str | None,
    form: str,
    html: str | None,
    allow_code: bool,
) -> None:
    """Verify every point of a grid of shapes and options, in parallel.

    Each result is written to DIR/results.jsonl as soon as it is known. Run again on the same DIR it goes on where it
    stopped. The exit code is 0 where every point is a match, else 1. What is lost with a worker that dies, or with a
    scheduler, is no result: the same command runs it again.

    A Dask scheduler can run code on its clients and its workers, with all rights that you have there, and so can whoever
    reaches its port: name your own, on a network that you trust, or with TLS (the --tls options are those of `dask
    scheduler` and `dask worker`).

    \b
    Examples:
      rnnverify sweep configs/grids/shapes.yaml
      rnnverify sweep configs/grids/shapes.yaml --workers 8 --export shapes.csv --html shapes.html
      rnnverify sweep configs/grids/shapes.yaml --scheduler tcp://127.0.0.1:8786
      rnnverify sweep configs/grids/shapes.yaml --scheduler tls://host:8786 --tls-ca-file ca.pem --tls-cert me.pem
    """
    from rnnverify import api
    from rnnverify.grids import export as tables

    tables.refuse_unknown(export)
    refuse_unwritable(export, "--export")
    refuse_no_page(html, beside=[grid])
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers is for this machine and --scheduler for a cluster; give one of them")
    with deferred() as pulse, watched(options.quiet) as watch:
        result = api.sweep(
            grid,
            output,
            overrides=options.overrides,
            workers=workers,
            scheduler=scheduler,
            tls_ca_file=tls_ca_file,
            tls_cert=tls_cert,
            tls_key=tls_key,
            timeout=timeout,
            allow_code=allow_code,
            progress=watch.points,
            say=watch.say,
            pulse=pulse,
        )
    if lost := sum("lost" in record for record in result.records):
        click.echo(
            f"{lost} of the errors are no results, as their workers died: the same command tries them again", err=True
        )
    from rnnverify.report import records, sweep_table  # the workers have not waited for it

    if export is not None:
        tables.write(result, export)
    write_page(result, html)
    if form == "json":
        click.echo(records.sweep_json(result))
    elif options.quiet:
        show(sweep_table.summary_text(result.summary))
    else:
        show(*sweep_table.render_sweep(result))
    ctx.exit(0 if result.passed else 1)
