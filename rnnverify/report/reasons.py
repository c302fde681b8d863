"""What a verdict rests on, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import inf

from rnnverify.results import Comparison, Divergence, LayerResult, OutputResult, Suspect, Verification

MOST_NAMED = 5  # layers in a sentence


def reason_of(result: Verification) -> str:
    """What the verdict rests on: Keras's, or if Keras is right what is wrong with the candidate beside it."""
    if result.candidate is not None and not result.candidate.passed and result.keras_verdict == "match":
        return f"candidate {result.candidate.candidate}: {reason_for_candidate(result.candidate)}"
    matches, checked = result.keras_verdict == "match", checked_text(result)
    reasons = {"match": reason_for_match, "mismatch": reason_for_mismatch, "untested": reason_for_untested}
    return reasons[result.keras_verdict](result) + (f"; {checked}" if checked and not matches else "")


def reason_for_match(result: Verification) -> str:
    worst = max((layer.worst_ratio for layer in result.layers), default=0.0)
    demand = tolerance_text(result)
    further = f"; within {demand} too" if demand else ""
    checked = f"{checked_text(result)}; " if result.given else ""
    return f"{checked}every step is right within rounding, the worst at {worst:.2g} of its limit{further}"


def checked_text(result: Verification) -> str:
    """How many layers were checked, and which were not: `5 of 6 layers checked; attention_1 (Lambda) taken as given`."""
    if not result.given:
        return ""
    named = [f"{layer.layer} ({layer.class_})" for layer in result.given]
    names = ", ".join(
        named if len(named) <= MOST_NAMED else [*named[: MOST_NAMED - 1], f"{len(named) - MOST_NAMED + 1} more"]
    )
    checked = len(result.layers)
    return f"{checked} of {checked + len(named)} layers checked; {names} taken as given"


def worst_first(outputs: Sequence[OutputResult]) -> list[OutputResult]:
    return sorted(outputs, key=lambda output: (output.passed, -output.max_abs_error))


def reason_for_mismatch(result: Verification) -> str:
    """Where it first goes wrong, or which demand is not met."""
    if result.first_divergence is not None:
        return place_of(result.first_divergence)
    worst = next(output for output in worst_first(result.outputs) if not output.passed)
    return (
        f"{worst.output} differs by {worst.max_abs_error:.3g}, not within {tolerance_text(result)},"
        " though every step is right within rounding"
    )


def reason_for_untested(result: Verification) -> str:
    """What could not have shown a fault, and what to change."""
    if not result.untested and result.blind is not None:
        from rnnverify.report import blind

        return f"{blind.unseen(result.blind)}; --min-kill asks for {percent(result.min_kill or 0.0)} of them"
    return (
        f"no element of {', '.join(result.untested)} could have shown a change of 10%: they are zero, or rounding alone may"
        f" move them by more ({result.dtype}); give the model other data or weights, or a finer dtype"
    )


def reason_for_candidate(result: Comparison) -> str:
    """What the verdict on somebody else's implementation rests on."""
    if result.verdict == "match":
        worst = worst_first(result.outputs)[0]
        judged = (
            f"every step of {', '.join(result.by_step)} is right within rounding"
            if result.by_step
            else "every element is within what rounding does end to end"
        )
        return f"{judged}; max |error| {worst.max_abs_error:.2g} in {worst.output}"
    if result.first_divergence is not None:
        first = result.first_divergence
        return place_of(first, "candidate", "layer" if first.layer in result.by_step else "output")
    if result.verdict == "untested":
        return f"no element of {', '.join(result.untested)} could have shown a change of 10%"
    if not result.outputs:
        return f"it gave nothing that can be compared{''.join(f': {one}' for one in result.findings[:1])}"
    wrong = [one.probe for one in result.probes if one.verdict == "mismatch"]
    if wrong and not result.findings and all(output.passed for output in result.outputs):
        return f"right in this call, and wrong in others: {', '.join(wrong)}"
    return "what it gave is incomplete" if result.findings else "it is not within the tolerance"


def place_of(first: Divergence, whose: str = "Keras", what: str = "layer") -> str:
    """Where it is wrong: in a step of a layer, or in an output of which only the end is known."""
    when = "" if first.timestep is None else f", timestep {first.timestep}"
    gate = "" if first.gate is None else f", {first.gate} gate"
    return (
        f"{what} {first.layer}{when}, sample {first.sample}, unit {first.unit}{gate}: {whose} {first.keras:.9g},"
        f" replay {first.replay:.9g}, {difference(first)}"
    )


def difference(first: Divergence) -> str:
    """How far off it is, and how far off it might be."""
    if not first.residual < inf:
        one = math.isfinite(first.keras) != math.isfinite(first.replay)
        return "of which only one is finite" if one else "which are not the same"
    certain = "; no order of summation can excuse it" if first.certain else ""
    if not first.allowed:
        return f"a difference of {first.residual:.3g} where nothing is rounded{certain}"
    return f"a difference of {first.residual:.3g} where rounding gives at most {first.allowed:.3g}{certain}"


def parting_text(result: Verification) -> str:
    """Where two right runs have nothing in common any more, and why."""
    assert result.parting is not None
    return (
        f"The errors end to end are no fault: the recurrence amplifies rounding {result.amplification:.2g} times, and"
        f" from timestep {result.parting.timestep} of {result.parting.layer} on the two runs have parted."
    )


def resolution(layer: LayerResult) -> str:
    """How small a fault could have been seen: `lstm: a relative change of 0.001 would show in 97% of the elements, of ...`."""
    first, *others = [(f"{float(size):g}", percent(share)) for size, share in layer.resolution.items()]
    further = "".join(f", of {size} in {share}" for size, share in others)
    return f"{layer.layer}: a relative change of {first[0]} would show in {first[1]} of the elements{further}"


def ledger(layer: LayerResult) -> str:
    """What became of every option of its config; empty where nothing is known of them."""
    if not layer.options:
        return ""
    used, inert = (", ".join(layer.options[what]) for what in ("used", "inert"))
    return f"{layer.layer}: used {used or 'no option'}" + (f"; no effect at inference: {inert}" if inert else "")


def percent(share: float) -> str:
    """Never more than there is: 100% are all of them."""
    return f"{math.floor(1000 * share) / 10:g}%"


def suspicion(layer: str, suspect: Suspect) -> str:
    """What is wrong, if it is this one weight: `lstm recurrent_kernel[0, 37], forget gate: ...`."""
    place = f"{suspect.weight}[{', '.join(map(str, suspect.index))}]"
    gate = "" if suspect.gate is None else f", {suspect.gate} gate"
    size = f"{abs(suspect.change):.3g} {'more' if suspect.change > 0 else 'less'}"
    return (
        f"{layer} {place}{gate}: Keras computes as if it were {size} than reported,"
        f" which explains {suspect.explains:.1%} of what is wrong with this unit"
    )


def tolerance_text(result: Verification) -> str:
    parts = {"atol": result.tolerance.atol, "rtol": result.tolerance.rtol}
    return ", ".join(f"{name}={value:g}" for name, value in parts.items() if value is not None)
