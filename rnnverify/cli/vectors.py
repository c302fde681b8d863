"""rnnverify vectors"""

from __future__ import annotations

import click

from rnnverify.cli.options import Options, allow_code, show, spec_options


@click.command()
@click.argument("spec", metavar="SPEC|MODEL")
@click.option(
    "-o", "--output", required=True, metavar="DIR", help="The folder to write; a new one, or one with vectors."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@allow_code
@spec_options(quiet="Print nothing but what is wrong.")
def vectors(ctx: click.Context, options: Options, spec: str, output: str, form: str, allow_code: bool) -> None:
    """Write golden vectors for a port in any language: inputs, weights, every gate and state, outputs, limits.

    SPEC is a YAML spec or a saved model (.keras, .h5). The inputs, and where a spec draws them the weights and initial
    states, are chosen so that the known mistakes show, by 1,000 times the limit where that can be. DIR gets vectors.npz,
    vectors.json, vectors.h with harness.c, which holds a port in C against them, manifest.json, and spec.yaml, which
    `rnnverify compare` takes.

    \b
    Examples:
      rnnverify vectors configs/lstm_softmax.yaml -o vectors
      rnnverify vectors model.keras -o vectors --set T=8
    """
    from rnnverify import api
    from rnnverify.report import vectors as report
    from rnnverify.report.records import dumped

    made = api.vectors(spec, output, overrides=options.overrides, allow_code=allow_code)
    if not made.keras.passed:
        show(report.refused(made))
        ctx.exit(1)
    if form == "json":
        click.echo(dumped(report.manifest(made)))
    elif not options.quiet:
        show(*report.render(made))
