"""rnnverify blindspots"""

from __future__ import annotations

import click

from rnnverify.cli.options import Options, allow_code, show, spec_options
from rnnverify.cli.run import target_of


@click.command()
@click.argument("spec", metavar="SPEC|MODEL")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@allow_code
@spec_options(quiet="Print the count only.")
def blindspots(ctx: click.Context, options: Options, spec: str, form: str, allow_code: bool) -> None:
    """Which known mistakes a spec could not have shown, why not, and the smallest change that shows each.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz). Each mistake is made in each layer by itself;
    where no output is off by more than rounding allows, it would not have shown. Those that nothing shows, whatever the model is
    fed, are no mistakes for it, and do not count. The exit code is 0; `rnnverify check --min-kill 1.0` makes a demand of it.

    \b
    Examples:
      rnnverify blindspots configs/simple_rnn.yaml
      rnnverify blindspots configs/simple_rnn.yaml --set N=3 --format json
    """
    from rnnverify import api
    from rnnverify.report import blind

    result = api.blind_spots(target_of(spec, options, allow_code), allow_code=allow_code)
    if form == "json":
        click.echo(blind.blind_spots_json(result))
    else:
        show(*([blind.summary(result)] if options.quiet else blind.render(result)))
