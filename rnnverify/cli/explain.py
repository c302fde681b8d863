"""rnnverify explain"""

from __future__ import annotations

import click

from rnnverify.cli.options import Options, allow_code, show, spec_options
from rnnverify.cli.run import target_of


@click.command()
@click.argument("spec", metavar="SPEC|MODEL")
@click.option("--layer", metavar="NAME", help="Of which layer; the first recurrent one and the last, otherwise.")
@click.option("--sample", type=int, default=0, show_default=True, help="Which sample, from 0.")
@click.option("--timestep", type=int, help="Which timestep, from 0; the last that is not masked, otherwise.")
@click.option("--unit", type=int, default=0, show_default=True, help="Which unit, from 0.")
@click.option("--script", metavar="FILE.py", help="Write the model as a NumPy script instead, its arrays beside it.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@allow_code
@spec_options(quiet="Print nothing; for --script.", opaque=True)
def explain(
    ctx: click.Context,
    options: Options,
    spec: str,
    layer: str | None,
    sample: int,
    timestep: int | None,
    unit: int,
    script: str | None,
    form: str,
    allow_code: bool,
) -> None:
    """Explain a model: every shape, every parameter count, and one step worked out with the real numbers.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz). The step starts from the states that Keras
    left before it, and ends in the number that Keras gave. With --script the model is written as a script that needs NumPy
    alone, from the same equations that verify it; run, it prints the outputs, and how far they are from Keras's.

    \b
    Examples:
      rnnverify explain configs/lstm_softmax.yaml
      rnnverify explain configs/gru_state.yaml --sample 2 --timestep 3 --unit 1
      rnnverify explain configs/lstm_softmax.yaml --script lstm.py
    """
    from rnnverify import api
    from rnnverify.report import explained

    target = target_of(spec, options, allow_code)
    if script is not None:
        written = api.write_script(target, script, allow_code=allow_code)
        if not options.quiet:
            click.echo(f"{written.path} and {written.arrays} are written; next: python {written.path}", err=True)
        return
    result = api.explain(target, layer=layer, sample=sample, timestep=timestep, unit=unit, allow_code=allow_code)
    if form == "json":
        click.echo(explained.explanation_json(result))
    elif not options.quiet:
        show(*explained.render(result))
    ctx.exit(0 if result.passed else 1)
