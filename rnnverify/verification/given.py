"""What a layer put out that is taken as given, in another run than the one in which it was seen.

There its own roundings are others, and what it makes of its inputs' roundings is not known. So it is allowed as many roundings
as a layer of some size has, and to hand on its inputs' errors in proportion: a guess, which the report mentions. Where the
model returns what was seen step by step, as it usually does, nothing rests on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.errors import UnsupportedError
from rnnverify.layers.layer import Masked
from rnnverify.layers.opaque import given_by
from rnnverify.observation import Node, Observation, Ref
from rnnverify.rounding import Precision, Rounded

ROUNDINGS = 16.0  # of the largest number of an output: the standard deviation that is allowed
WORST = 16.0  # standard deviations: what it may be off at worst


def off_by_rounding(
    node: Node, observed: Observation, done: Mapping[Ref, Masked], precision: Precision
) -> Iterator[tuple[Ref, Masked]]:
    """The outputs of a node that is taken as given, as rounding numbers.

    Args:
        node: the node.
        observed: the run that it was seen in.
        done: what the nodes before it gave, as rounding numbers.
        precision: what it computes in.
    """
    inputs = [done[ref].values for ref in node.reads]
    share = ROUNDINGS * precision.unit + max(map(relative_deviation, inputs), default=0.0)
    for ref, seen in given_by(observed).items():
        if ref.node == node.name:
            yield (
                ref,
                seen if seen.values.dtype.kind in "iub" else Masked(off_by(seen.values, share, precision), seen.mask),
            )


def off_by(values: Any, share: float, precision: Precision) -> Any:
    exact = Rounded.exact(values, precision)
    deviation = np.full(exact.shape, share * np.max(np.abs(exact.value), initial=0.0))
    return exact.off_by(WORST * deviation, deviation * deviation)


def relative_deviation(x: Any) -> float:
    """The largest standard deviation of some numbers, for each unit of the largest of them."""
    if not isinstance(x, Rounded):
        return 0.0
    largest = float(np.max(np.abs(x.value), initial=0.0))
    return float(np.sqrt(np.max(x.variance, initial=0.0))) / largest if largest else 0.0


def part_of(observed: Observation, samples: Any) -> Observation:
    """Some samples of the inputs, and of what is taken as given."""
    names = {node.name for node in observed.opaque}
    return replace(
        observed,
        inputs={name: x[samples] for name, x in observed.inputs.items()},
        emitted={ref: x[samples] for ref, x in observed.emitted.items() if ref.node in names},
        masks={ref: mask[samples] for ref, mask in observed.masks.items()},
    )


def refuse_opaque(observed: Observation, what: str) -> None:
    """Refuse what rests on the replay of the whole model, where a part of it is taken as given.

    Raises:
        UnsupportedError: some layers are; they are named.
    """
    if observed.opaque:
        names = ", ".join(node.name for node in observed.opaque)
        raise UnsupportedError(
            f"{observed.asked.spec}: {what}: expected every layer to be replayed; {names} taken as given (opaque), so what"
            " becomes of a change before it is not known: end the model before it, and verify what comes after by itself"
        )


def allowed_for(opaque: Sequence[Node]) -> str:
    """What is allowed in such a run, in words."""
    if not opaque:
        return ""
    names = ", ".join(node.name for node in opaque)
    guess = f"{ROUNDINGS:g} roundings, and those of their inputs in proportion"
    return f"; how far it takes {names}, which are not replayed, is a guess: {guess}"
