"""rnnverify run"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rnnverify.cli.options import Options, allow_code, html, show, show_record, spec_options
from rnnverify.cli.output import refuse_no_page, refuse_unwritable, write_page
from rnnverify.errors import RequestError

if TYPE_CHECKING:
    from rnnverify.api.blind import Patience
    from rnnverify.observation import Observation
    from rnnverify.results import Verification
    from rnnverify.spec import Spec


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--save-observation", metavar="FILE.npz", help="Keep what Keras did, to verify it without TensorFlow.")
@html
@allow_code
@spec_options(quiet="Print the verdicts only.", verbose="Print every row, residuals, versions and times.", opaque=True)
def run(
    ctx: click.Context,
    options: Options,
    specs: tuple[str, ...],
    form: str,
    save_observation: str | None,
    html: str | None,
    allow_code: bool,
) -> None:
    """Build, predict, extract the weights, replay, and print the table of differences.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz).

    \b
    Examples:
      rnnverify run configs/simple_rnn.yaml
      rnnverify run configs/lstm_softmax.yaml --set M=64 --set data.uniform.high=2 --seed 3
      rnnverify run model.keras --set N=8 --atol 1e-5
      rnnverify run model.keras --opaque norm
      rnnverify run a.yaml b.yaml --format json > report.json
      rnnverify run configs/lstm_softmax.yaml --save-observation lstm.npz
      rnnverify run lstm.npz
      rnnverify run configs/lstm_softmax.yaml --html lstm.html
    """
    refuse_no_page(html, beside=specs)
    loaded = targets(specs, options, save_observation, allow_code)  # a wrong spec is refused before any is built
    from rnnverify.api import blind
    from rnnverify.report import records

    patience = blind.Patience(blind.START)
    results = []
    for target in loaded:
        result = verified(target, options, save_observation, patience, html is not None)
        results.append(result)
        if form == "table":
            shown(result, options)
    if form == "json":
        click.echo(records.report_json(results))
    write_page(results, html)
    ctx.exit(0 if all(result.passed for result in results) else 1)


def shown(result: Verification, options: Options) -> None:
    """Print the tables, or with -q the verdict; and of what is no match that there is more to see."""
    from rnnverify.report import table

    if options.quiet:
        show_record(table.quiet_line(result))
        return
    show(*table.render(result, options.verbose))
    if not (result.passed or options.verbose):
        show(table.hint(result))


def targets(
    specs: tuple[str, ...], options: Options, save_observation: str | None, allow_code: bool, candidate: bool = True
) -> list[str | Spec]:
    """What to verify: the paths of saved observations as they are, all else as specs.

    Raises:
        RequestError: a spec is wrong, or the options do not go with what is to be verified.
    """
    from rnnverify.spec import load_spec
    from rnnverify.spec.consent import check_consent

    overrides = options.overrides
    refuse_unwritable(save_observation, "--save-observation")
    if save_observation is not None and (len(specs) > 1 or is_observation(specs[0])):
        raise RequestError("--save-observation: expected one spec, which Keras is to run")
    if any(map(is_observation, specs)) and (options.settings or options.opaque or options.seed is not None):
        raise RequestError("--set, --seed, --opaque, --backend: a saved observation is what it is; they need a spec")
    loaded = [path if is_observation(path) else load_spec(path, overrides) for path in specs]
    for target in loaded:
        if not isinstance(target, str):
            check_consent(target, allow_code, candidate)
    return loaded


def target_of(spec: str, options: Options, allow_code: bool) -> Observation | Spec:
    """A spec, whose candidate is not asked, or what Keras was observed to do."""
    from rnnverify import api

    (target,) = targets((spec,), options, None, allow_code, candidate=False)
    return api.load_observation(target) if isinstance(target, str) else target


def verified(
    target: str | Spec, options: Options, save_observation: str | None, patience: Patience, pictures: bool = False
) -> Verification:
    """Verify a saved observation, or a spec, and save what was observed of it if that is asked for."""
    from rnnverify import api
    from rnnverify.observation import file

    if isinstance(target, str):
        return api.verify(api.load_observation(target), atol=options.atol, rtol=options.rtol, pictures=pictures)
    observed = api.observe(target, None, True)  # as `targets` has made sure
    if save_observation is not None:
        file.save_observation(observed, save_observation)
    return api.verified(target, observed, patience, pictures=pictures)


def is_observation(path: str) -> bool:
    return path.lower().endswith(".npz")
