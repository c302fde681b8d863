"""rnnverify trace"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from rnnverify.cli.options import Options, allow_code, html, show, spec_options
from rnnverify.cli.output import refuse_no_page, refuse_unwritable, write_page, writing
from rnnverify.cli.run import target_of


@click.command()
@click.argument("spec", metavar="SPEC|MODEL")
@click.option("--sample", type=click.IntRange(0), default=0, show_default=True, help="Which sample, from 0.")
@click.option("--unit", type=click.IntRange(0), default=0, show_default=True, help="Which unit, from 0.")
@click.option("-o", "--output", metavar="FILE.npz", help="Keep all of it, arrays such as lstm.i (N, T, M), in float64.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@html
@allow_code
@spec_options(quiet="Print nothing; for -o.", verbose="Print every step, however many.", opaque=True)
def trace(
    ctx: click.Context,
    options: Options,
    spec: str,
    sample: int,
    unit: int,
    output: str | None,
    form: str,
    html: str | None,
    allow_code: bool,
) -> None:
    """Print every gate and state of a recurrent layer, step by step, for one sample and one unit.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz). The numbers are those of the float64 replay.
    An LSTM has the gates i, f, c~ (the candidate) and o, and the states c and h; a GRU z, r, h~ and h; a SimpleRNN h.

    \b
    Examples:
      rnnverify trace configs/lstm_softmax.yaml
      rnnverify trace configs/gru_state.yaml --sample 2 --unit 1 --format json
      rnnverify trace model.keras --set N=4 -o trace.npz
      rnnverify trace configs/lstm_softmax.yaml --html gates.html
    """
    from rnnverify import api
    from rnnverify.report import traced

    refuse_unwritable(output, "-o", beside=[spec])
    refuse_no_page(html, beside=[spec])
    result = api.trace(target_of(spec, options, allow_code), allow_code=allow_code)
    printed = not options.quiet and (output is None or bool(result.walks))
    if printed:
        traced.walks_of(result, sample, unit)  # a wrong request leaves no file
    if output is not None:
        save(output, result.arrays)
    write_page(result, html, sample)
    if printed and form == "json":
        click.echo(traced.trace_json(result, sample, unit))
    elif printed:
        show(*traced.render(result, sample, unit, options.verbose))


def save(path: str, arrays: Mapping[str, Any]) -> None:
    """Write a .npz."""
    from rnnverify.observation.arrays_file import write_arrays

    with writing(path, "-o", "wb") as file:
        write_arrays(file, arrays)
