"""rnnverify run"""

from __future__ import annotations

import click

from rnnverify.cli.options import console, overrides, show, spec_options
from rnnverify.errors import RequestError


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--save-observation", metavar="FILE.npz", help="Keep what Keras did, to verify it without TensorFlow.")
@spec_options
@click.option("-q", "--quiet", is_flag=True, help="Print the verdicts only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every row, residuals, versions and times.")
@click.pass_context
def run(
    ctx: click.Context,
    specs: tuple[str, ...],
    form: str,
    save_observation: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    atol: float | None,
    rtol: float | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Build, predict, extract the weights, replay, and print the table of differences.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz).

    \b
    Examples:
      rnnverify run configs/simple_rnn.yaml
      rnnverify run configs/lstm_softmax.yaml --set M=64 --set data.uniform.high=2 --seed 3
      rnnverify run model.keras --set N=8 --atol 1e-5
      rnnverify run a.yaml b.yaml --format json > report.json
      rnnverify run configs/lstm_softmax.yaml --save-observation lstm.npz
      rnnverify run lstm.npz
    """
    from rnnverify.cli.output import refuse_unwritable
    from rnnverify.spec import load_spec

    replaced = overrides(settings, seed, atol, rtol)
    refuse_unwritable(save_observation, "--save-observation")
    if save_observation is not None and (len(specs) > 1 or is_observation(specs[0])):
        raise RequestError("--save-observation: expected one spec, which Keras is to run")
    if any(map(is_observation, specs)) and (settings or seed is not None):
        raise RequestError("--set, --seed: a saved observation is what it is; they need a spec")
    # A wrong spec is refused before any is built.
    loaded = [path if is_observation(path) else load_spec(path, replaced) for path in specs]

    from rnnverify import api
    from rnnverify.observation.file import load_observation, reading
    from rnnverify.observation.file import save_observation as save
    from rnnverify.report import records, table

    results = []
    for spec in loaded:
        if isinstance(spec, str):
            with reading(spec):  # a file may be whole, and what stands in it not fit together
                results.append(api.verify(load_observation(spec), atol=atol, rtol=rtol))
        else:
            observed = api.observe(spec)
            if save_observation is not None:
                save(observed, save_observation)
            results.append(api.verify(observed))
        if form == "table":
            show(console(), *([table.quiet_line(results[-1])] if quiet else table.render(results[-1], verbose)))
    if form == "json":
        click.echo(records.report_json(results))
    ctx.exit(0 if all(result.passed for result in results) else 1)


def is_observation(path: str) -> bool:
    return path.lower().endswith(".npz")
