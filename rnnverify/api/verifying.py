"""Verify what Keras did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from rnnverify.api.blind import Patience
from rnnverify.api.observing import observation_of, read
from rnnverify.api.own_model import OwnModel, check_own, is_own, is_shipped
from rnnverify.candidates.registry import Options, candidate_of
from rnnverify.diagnosis.comparison import compared
from rnnverify.diagnosis.explanation import explained
from rnnverify.errors import RequestError
from rnnverify.observation import Observation
from rnnverify.results import Verification
from rnnverify.spec.consent import check_consent
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import folder_of
from rnnverify.verification.given import refuse_opaque
from rnnverify.verification.verdict import judge


def verify(
    target: Any,
    x: Any = None,
    *,
    mask: Any = None,
    initial_state: Any = None,
    atol: float | None = None,
    rtol: float | None = None,
    allow_code: bool = False,
    opaque: Sequence[str] = (),
    reset: Sequence[int] = (),
    pictures: bool = False,
) -> Verification:
    """Verify that plain arithmetic computes what Keras computes.

    Args:
        target: a Spec, a built keras.Model (Sequential or functional), one built Keras layer, or what Keras was observed to
            do, for which Keras is not needed; or the path of a spec, a saved model, a saved observation.
        x: the input of a model or layer, (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping
            by name. A Spec draws its own. For a stateful model a list of those, which are fed in turn: each call starts from
            the states that the one before left, and what Keras keeps of them is verified, too.
        mask: which steps of x count, (N, T) of bool, as in `model(x, mask=mask)`; for several inputs a list of those, None for
            one that has none, or for a model a mapping by name.
        initial_state: for one recurrent layer, its states, (N, M) each: an array, or a list of them.
        atol, rtol: a further demand on every output, |Keras - replay| <= atol + rtol |Keras|, in place of the spec's.
        allow_code: whether what a spec names may be run, where it is code: a candidate, or a function that returns the model.
        opaque: layers that are not to be replayed, by name or class, or `all` for all that have no replay: what they put out is
            taken as given, everything else is verified. In place of those that a spec names.
        reset: of a stateful model the numbers of the calls, from 1, before which its states are reset.
        pictures: whether what a page draws is kept, see `rnnverify.page`; it takes about as long again.

    Returns:
        The verdict (`passed`, `verdict`) with what it rests on: `outputs`, a row for each unit of each output, end to end;
        `layers`, each step of each layer by itself; `first_divergence`, where Keras and the replay part, or None;
        `unchecked`, the names of the layers that were taken as given.

    Raises:
        RequestError: the target cannot be built, fed or replayed; the message says what to do.
    """
    wanted, target = demanded(atol, rtol), read(target)
    if isinstance(target, Spec):
        check_consent(target, allow_code)
        if is_own(target.candidate):
            check_own(target.candidate or "", target)
    observed = with_tolerance(observation_of(target, x, allow_code, opaque, mask, initial_state, reset), wanted)
    return verified(target, observed, pictures=pictures)


def verified(
    target: Any,
    observed: Observation,
    patience: Patience | None = None,
    min_kill: float | None = None,
    pictures: bool = False,
) -> Verification:
    """What is found of what was observed, with its blind spots and the candidate of its spec.

    Args:
        target: what was observed.
        observed: what Keras did.
        patience: the time that may be spent on blind spots; by default a share of what this run takes.
        min_kill: the share of the known mistakes that must show, or the verdict is untested.
        pictures: whether what a page draws is kept.
    """
    if min_kill is not None:
        refuse_opaque(observed, "--min-kill (min_kill)")
    result = explained(judge(observed, pictures))
    if isinstance(target, Spec) and target.assumed:
        result = replace(result, notes=(*result.notes, *fed_by_default(target, observed)))
    patience = patience or Patience()
    result = replace(patience.with_blind_spots(result, target, observed, min_kill), min_kill=min_kill)
    return with_candidate(target, observed, result, pictures) if isinstance(target, Spec) else result


def fed_by_default(spec: Spec, observed: Observation) -> Iterator[str]:
    """What a saved model was fed, as the user said nothing of it; nothing where it leaves nothing open."""
    shapes = {name: x.shape for name, x in observed.inputs.items()}
    found = {
        "N": {shape[0] for shape in shapes.values()},
        "T": {size for shape in shapes.values() for size in shape[1:2]},
    }
    open_ones = [letter for letter in spec.assumed if getattr(spec, letter) in found[letter]]
    if open_ones:
        sizes = " and ".join(f"{letter}={getattr(spec, letter)}" for letter in open_ones)
        fed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        yield (
            f"{sizes} where the model leaves {'it' if len(open_ones) == 1 else 'them'} open, as nothing else was asked for: fed"
            f" were {fed}; --set {open_ones[0]}=4 sets {'it' if len(open_ones) == 1 else 'them'}, say"
        )


def with_candidate(spec: Spec, observed: Observation, result: Verification, pictures: bool) -> Verification:
    """The result, with what is found of the candidate that the spec names."""
    if spec.candidate is None:
        return result
    refuse_opaque(observed, "candidate")
    options = Options(folder=str(folder_of(spec.path)))
    with OwnModel(spec, None, observed, options.seconds) as own:
        name, candidate = (
            (spec.candidate, own.candidate(spec.candidate))
            if is_own(spec.candidate)
            else candidate_of(spec.candidate, options)
        )
        probing = is_shipped(spec.candidate)
        found = compared(observed, result, name, candidate, probing=probing, pictures=pictures)
        found = own.settled(name, found)
    return replace(result, candidate=found)


def demanded(atol: float | None, rtol: float | None) -> dict[str, float]:
    """The parts of a tolerance that are asked for.

    Raises:
        RequestError: one of them is negative, infinite or NaN.
    """
    wanted = {name: value for name, value in (("atol", atol), ("rtol", rtol)) if value is not None}
    for name, value in wanted.items():
        if not 0 <= value < inf:
            raise RequestError(f"{name}: expected a finite number of at least 0, got {value}")
    return wanted


def with_tolerance(observed: Observation, wanted: Mapping[str, float]) -> Observation:
    """The observation, with these parts of the tolerance in place of those that it was made with."""
    asked = observed.asked
    return replace(observed, asked=replace(asked, tolerance=replace(asked.tolerance, **wanted)))
