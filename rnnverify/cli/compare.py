"""rnnverify compare"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from rnnverify.cli.options import Options, allow_code, html, show, show_record, spec_options
from rnnverify.cli.output import refuse_no_page, refuse_unwritable, write_page, writing
from rnnverify.cli.run import target_of
from rnnverify.errors import RequestError
from rnnverify.text import cleaned

if TYPE_CHECKING:
    from rnnverify.results import Comparison


@click.command()
@click.argument("spec", metavar="SPEC|MODEL")
@click.option(
    "--candidate", required=True, metavar="WHAT", help="A function, a file of outputs, or a program; see above."
)
@click.option(
    "--candidate-dtype",
    type=click.Choice(["float16", "bfloat16", "tf32", "float32", "float64"]),
    default="float32",
    show_default=True,
    help="What it computes in.",
)
@click.option(
    "--candidate-weights",
    type=click.Choice(["float16", "bfloat16", "tf32", "int8", "int8-per-channel"]),
    help="How its weights are stored, if that rounds them.",
)
@click.option(
    "--candidate-format",
    type=click.Choice(["npz", "raw"]),
    default="npz",
    show_default=True,
    help="How a program is given its files: one .npz, or a folder of raw little-endian numbers.",
)
@click.option("--per-sample", is_flag=True, help="Call it once for each sample.")
@click.option("--per-step", is_flag=True, help="Call it once for each step, with the states before it.")
@click.option(
    "--why", is_flag=True, help="Ask it more: what every right port does, and the smallest call that differs."
)
@click.option("--script", metavar="FILE.py", help="Keep that call as a script that needs NumPy alone; implies --why.")
@click.option(
    "--probes/--no-probes",
    default=None,
    help="Ask it for other calls, too: other N and T, another order, padding on each side, the same twice. By default where"
    " it is a file that an engine runs, or Keras itself elsewhere.",
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds that it may take.")
@click.option("--effort", type=float, default=60.0, show_default=True, help="Seconds to look for two mistakes at once.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@html
@allow_code
@spec_options(quiet="Print the verdict only.", verbose="Print every row, and what could not be told.")
def compare(
    ctx: click.Context,
    options: Options,
    spec: str,
    candidate: str,
    form: str,
    script: str | None,
    html: str | None,
    **how: Any,
) -> None:
    """Hold your own implementation against the replay, and say which known mistake it made.

    SPEC is a YAML spec, a saved model (.keras, .h5), or a saved observation (.npz). WHAT is a function in a Python file,
    called as forward(x, weights), where weights has for each layer's name its get_weights() list; or a file of outputs, .npy, or
    .npz with arrays named as in the report (dense, lstm, lstm.c); or a program, which reads the inputs and weights from one file
    and writes its outputs to another; or a file that an engine runs: .onnx (ONNX Runtime; with onnxref:, openvino: or tract:
    before it another one), .tflite (LiteRT). Or it is made from the model itself: export:onnx, export:onnx@torch, export:litert
    put Keras's own exporters on trial; backend:jax, backend:torch, backend:numpy is Keras on another backend.

    \b
    Examples:
      rnnverify compare configs/simple_rnn.yaml --candidate port.py:forward
      rnnverify compare configs/simple_rnn.yaml --candidate port.py:forward --why --script smallest.py
      rnnverify compare configs/simple_rnn.yaml --candidate port.py:forward --html why.html
      rnnverify compare model.keras --candidate outputs.npz --set N=4
      rnnverify compare model.keras --candidate model.onnx
      rnnverify compare model.keras --candidate export:onnx@torch
      rnnverify compare model.keras --candidate backend:jax
      rnnverify compare configs/lstm_softmax.yaml --candidate 'cmd:./port {inputs} {outputs}' --candidate-format raw
    """
    from rnnverify import api
    from rnnverify.report import records

    read = [spec, candidate, candidate.rpartition(":")[0]]
    refuse_unwritable(script, "--script", beside=read)
    refuse_no_page(html, beside=read)
    target = target_of(spec, options, how["allow_code"])
    result = api.compare(
        target,
        candidate,
        dtype=how["candidate_dtype"],
        weights=how["candidate_weights"],
        form=how["candidate_format"],
        per_sample=how["per_sample"],
        per_step=how["per_step"],
        why=how["why"] or script is not None,
        probes=how["probes"],
        timeout=how["timeout"],
        effort=how["effort"],
        allow_code=how["allow_code"],
        pictures=html is not None,
        progress=pairs_tried,
    )
    problem = kept_script(script, result)
    if form == "json":
        click.echo(records.compare_json(result))
    else:
        shown(result, options)
    write_page(result, html)
    if problem is not None:
        raise RequestError(problem)
    ctx.exit(0 if result.passed and result.keras.passed else 1)


def shown(result: Comparison, options: Options) -> None:
    """Print the table and the diagnosis, or with -q the verdict; and of what is no match that there is more to see."""
    from rnnverify.report import comparison

    if options.quiet:
        show_record(comparison.quiet(result))
        return
    show(*comparison.render(result, options.verbose))
    if result.outputs and not (result.passed or options.verbose):
        show(comparison.hint(result))


def kept_script(path: str | None, result: Any) -> str | None:
    """Write the smallest call that differs, where there is one; what is wrong with that."""
    from rnnverify.report import script

    if path is None:
        return None
    if result.why is None or result.why.case is None:
        click.echo(cleaned(f"--script {path}: not written, as no call was found that differs"), err=True)
        return None
    try:
        with writing(path, "--script") as file:
            file.write(script.script(result, result.why.case))
    except RequestError as error:
        return str(error)
    return None


def pairs_tried(done: int, total: int) -> None:
    """Progress, beside what the library says itself."""
    logging.getLogger("rnnverify").info("no single mistake explains it; trying pairs: %s of %s", done, total)
