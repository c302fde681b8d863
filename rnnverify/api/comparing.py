"""Somebody else's implementation: held against the replay, and told which mistake it made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnverify.api.observing import observation_of, read
from rnnverify.api.own_model import OwnModel, check_own, is_own, is_shipped
from rnnverify.candidates.candidate import each_sample
from rnnverify.candidates.exchange import FORMS
from rnnverify.candidates.registry import Options, can_be_called, candidate_of
from rnnverify.candidates.stepping import each_step, steps_of
from rnnverify.diagnosis.comparison import compared
from rnnverify.diagnosis.explanation import explained
from rnnverify.diagnosis.mistaken import EFFORT
from rnnverify.errors import DataError, RequestError
from rnnverify.layers.graph import Graph
from rnnverify.observation.precision import UNIT_ROUNDOFF
from rnnverify.observation.stored import WEIGHT_FORMS
from rnnverify.results import Comparison, Diagnosis
from rnnverify.verification.claimed import TF32
from rnnverify.verification.given import refuse_opaque
from rnnverify.verification.verdict import judge

TIMEOUT = Options.seconds
DTYPES = (*UNIT_ROUNDOFF, TF32)
LONGEST = 1_000_000  # seconds


def unseen_pairs(done: int, total: int) -> None:
    """Progress of a diagnosis that nobody sees."""


def compare(
    target: Any,
    candidate: Any,
    x: Any = None,
    *,
    dtype: str = "float32",
    weights: str | None = None,
    form: str = "npz",
    per_sample: bool = False,
    per_step: bool = False,
    why: bool = False,
    probes: bool | None = None,
    timeout: float = TIMEOUT,
    effort: float = EFFORT,
    allow_code: bool = False,
    pictures: bool = False,
    progress: Callable[[int, int], None] = unseen_pairs,
) -> Comparison:
    """Hold somebody else's implementation against the replay, and say which known mistake it made. Keras is verified beside it.

    Args:
        target: a Spec, a built keras.Model, one built Keras layer, what Keras was observed to do, or the path of a file.
        candidate: a function of (x, weights), called with the inputs and, by layer, lists as get_weights() gives
            them, which returns the model's output, a list of its outputs, or a mapping of tensors by name; such
            arrays themselves; or as on the command line `port.py:forward`, `outputs.npz`, `model.onnx`, `cmd:./port
            {inputs} {outputs}`. Names are those of the report, `dense` or `lstm.c`, or those under which the model
            returns its outputs; a state may be given after the last step (N, M) or after every step (N, T, M).
        x: the input of a model or layer, (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping
            by name. A Spec draws its own.
        dtype: what the candidate computes in, a Keras precision or `tf32`: float32 with products of operands of 10 bits.
        weights: the form that its weights are stored in, if that rounds them: `float16`, `bfloat16`, `tf32`, `int8`, or
            `int8-per-channel`. The replay then computes with what is left of the model's own.
        form: of the files that a process is given, `npz` or `raw`.
        per_sample: call it once for each sample.
        per_step: call it once for each step, as `step(x, weights, states)`: x is (N, D), and states have names such as `lstm.c`,
            (N, M) each; it returns its output and the new states, a mapping by the same names. Each step is judged by itself.
        why: ask it more, where it can be called: for what every right implementation does, and for the smallest call that
            differs.
        probes: ask it for other calls, too: other numbers of samples and timesteps, another order, padding on each side, the
            same twice; by default where it is a file that an engine runs, or Keras itself elsewhere.
        timeout: seconds that a process may take.
        effort: seconds for which pairs of mistakes are tried, where no single one explains what is wrong.
        allow_code: whether a function that a spec names, to return the model, may be run; the candidate is.
        pictures: whether what a page draws is kept, of Keras as well; see `rnnverify.page`.
        progress: is called with how many pairs were tried, and of how many.

    Returns:
        The candidate's `verdict`, `passed`, `first_divergence` and `diagnosis`; `keras`, what was found of Keras itself.

    Raises:
        RequestError: the target cannot be built, fed or replayed, or the candidate is none; the message says what to do.
    """
    if dtype not in DTYPES:
        raise RequestError(f"expected the candidate's dtype to be one of {', '.join(DTYPES)}, got {dtype!r}")
    if weights is not None and weights not in WEIGHT_FORMS:
        raise RequestError(f"expected the candidate's weights to be one of {', '.join(WEIGHT_FORMS)}, got {weights!r}")
    if form not in FORMS:
        raise RequestError(f"expected the form of files to be one of {', '.join(FORMS)}, got {form!r}")
    if not 0 < timeout <= LONGEST or not 0 <= effort <= LONGEST:
        raise RequestError(
            f"expected a timeout above 0 and an effort of at least 0 seconds, both up to {LONGEST:,}; got {timeout} and {effort}"
        )
    if (why or probes or per_step or per_sample) and not (is_own(candidate) or can_be_called(candidate)):
        wanted = {
            "--why (why=True)": why,
            "--probes (probes=True)": probes,
            "--per-step": per_step,
            "--per-sample": True,
        }
        asked_for = next(name for name, is_wanted in wanted.items() if is_wanted)
        raise RequestError(
            f"{asked_for}: expected a candidate that can be called, a function or a program; got outputs"
        )
    if why and per_step:
        raise RequestError("--why (why=True): expected a candidate for a whole call, not for each step (--per-step)")
    target = read(target)
    if is_own(candidate):
        check_own(candidate, target)
    given = None if is_own(candidate) else candidate_of(candidate, Options(form, timeout))
    observed = observation_of(target, x, allow_code)
    refuse_opaque(observed, "compare")
    keras = explained(judge(observed, pictures))
    probing = is_shipped(candidate) if probes is None else probes
    with OwnModel(target, x, observed, timeout) as own:
        name, asked = given or (candidate, own.candidate(candidate))
        if per_step:
            asked = each_step(asked, steps_of(observed, Graph(observed.nodes)))
        asked = each_sample(asked) if per_sample else asked
        found = compared(
            observed,
            keras,
            name,
            asked,
            dtype=dtype,
            weights=weights,
            effort=effort,
            progress=progress,
            why=why,
            probing=probing,
            pictures=pictures,
        )
        return own.settled(name, found)


def diagnose(
    target: Any,
    x: Any,
    yhat: Any,
    *,
    dtype: str = "float32",
    weights: str | None = None,
    effort: float = EFFORT,
    why: bool = False,
) -> Diagnosis:
    """Which known mistakes reproduce what your own code computed.

    Args:
        target: a built keras.Model, one built Keras layer, a Spec or an observation; the last two have their inputs, and x is
            None.
        x: the inputs, as `verify` takes them.
        yhat: what your code made of them: an array, a list where there are several outputs, or a mapping of tensors by name. Or
            your code itself, as `compare` takes it.
        dtype: what it computes in.
        weights: the form that its weights are stored in; both as for `compare`.
        effort: seconds for which pairs of mistakes are tried, where no single one explains it.
        why: ask your code more, as `compare` does, for `why`.

    Returns:
        `verdict`; `mistakes`, best first, of which those with `explains` reproduce yhat within rounding; `tied`, their ids;
        `precision`, where it is right in another one.

    Raises:
        DataError: yhat does not fit the model.
        RequestError: the target cannot be built, fed or replayed.
    """
    result = compare(target, {} if yhat is None else yhat, x, dtype=dtype, weights=weights, effort=effort, why=why)
    if result.diagnosis is None or not (result.outputs or result.diagnosis.tied):
        raise DataError("; ".join(result.findings))
    return result.diagnosis
