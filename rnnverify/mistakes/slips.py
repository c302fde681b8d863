"""Slips in an LSTM's step, and around a layer: tried where none of the better known mistakes explains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.cell import Gates, States
from rnnverify.layers.conv_lstm import LSTMS
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Layer
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import Changed, putting_out, stepping, walking, with_values
from rnnverify.mistakes.mistake import Mistake

Made = Callable[[Any, Array, Array, Array, Array], Gates]


def other_gates(made: Made) -> Callable[[Any], Layer | None]:
    """A change of LSTMs from what they make of the four blocks of z: f, what is let in, and o."""

    class OtherGates(Changed):
        def gates(self, zx: Array, h: Array) -> Gates:
            return made(self, *blocks(zx + self.recurrent(h), 4))

    return lambda layer: stepping(layer, OtherGates) if isinstance(layer, LSTMS) else None


def other_step(made: Callable[[Any, Gates, States], States]) -> Callable[[Any], Layer | None]:
    """A change of LSTMs from what they make of their gates and of h and c before the step."""

    class OtherStep(Changed):
        def step(self, zx: Array, states: States) -> States:
            return made(self, self.gates(zx, states[0]), states)

    return lambda layer: stepping(layer, OtherStep) if isinstance(layer, LSTMS) else None


def gated(cell: Any, f: Array, i: Array, candidate: Array, o: Array) -> Gates:
    """As the right step has it, of other sums or another candidate."""
    return cell.recurrent_activation(f), cell.recurrent_activation(i) * candidate, cell.recurrent_activation(o)


def without(cell: Any, place: int, i: Array, f: Array, candidate: Array, o: Array) -> Gates:
    """As the right step has it, but for one gate that is always open."""
    made = list(gated(cell, f, i, cell.activation(candidate), o))
    made[place] = 1 + 0 * made[place]
    return tuple(made)


def of_old_c(cell: Any, gates: Gates, states: States) -> States:
    (c,) = cell.carry(gates, states[1:])
    return cell.output(gates, states), c


def of_old_h(cell: Any, gates: Gates, states: States) -> States:
    h, _ = states
    (c,) = cell.carry(gates, (h,))
    return cell.output(gates, (h, c)), c


def tanh_of_product(cell: Any, gates: Gates, states: States) -> States:
    (c,) = cell.carry(gates, states[1:])
    return cell.activation(gates[-1] * c), c


def pooled(over: Callable[[Array], Array]) -> Callable[[Any], Layer | None]:
    """All steps in place of the last one."""

    def change(layer: Any) -> Layer | None:
        if not isinstance(layer, Walking) or layer.return_sequences:
            return None
        return putting_out(replace(layer, return_sequences=True), with_values(over))  # type: ignore[no-any-return]

    return change


def delayed(layer: Any) -> Layer | None:
    """Every step reads the input of the one before it, the first one zero."""

    def change(walk: Walk) -> Walk:
        return replace(walk, x=np.concatenate([0 * walk.x[:, :1], walk.x[:, :-1]], axis=1))

    return walking(layer, change) if isinstance(layer, Walking) else None


def activated(name: str) -> Callable[[Any], Layer | None]:
    """One more function on what a Dense puts out."""
    function = ACTIVATIONS[name]

    def change(layer: Any) -> Layer | None:
        if not isinstance(layer, Dense) or layer.activation is function:
            return None
        inner = layer.activation
        return replace(layer, activation=lambda x: function(inner(x)))

    return change


SPLIT = "`c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)`, and `h = sigmoid(o) * np.tanh(c)`"


def slip(name: str, says: str, mend: str, change: Callable[[Any], Layer | None]) -> Mistake:
    return Mistake(name, says, mend, "", change, late=True)


SLIPS = (
    slip(
        "lstm-output-from-old-c", "h is made of the c before the step", f"update c first: {SPLIT}", other_step(of_old_c)
    ),
    slip(
        "lstm-forgets-h",
        "the forget gate is applied to h in place of c",
        f"it is c that goes on: {SPLIT}",
        other_step(of_old_h),
    ),
    slip("lstm-output-tanh-of-product", "h is tanh(o c)", f"tanh is of c alone: {SPLIT}", other_step(tanh_of_product)),
    slip(
        "lstm-candidate-activation/sigmoid",
        "the candidate goes through the gates' activation",
        f"it has `activation`: {SPLIT}",
        other_gates(lambda cell, i, f, g, o: gated(cell, f, i, cell.recurrent_activation(g), o)),
    ),
    slip(
        "lstm-candidate-activation/linear",
        "the candidate has no activation",
        f"it has `activation`: {SPLIT}",
        other_gates(lambda cell, i, f, g, o: gated(cell, f, i, g, o)),
    ),
    slip(
        "lstm-gate-missing/forget",
        "c is never forgotten: there is no forget gate",
        f"multiply c with it: {SPLIT}",
        other_gates(lambda cell, i, f, g, o: without(cell, 0, i, f, g, o)),
    ),
    slip(
        "lstm-gate-missing/input",
        "the whole candidate is let in: there is no input gate",
        f"multiply the candidate with it: {SPLIT}",
        other_gates(
            lambda cell, i, f, g, o: (cell.recurrent_activation(f), cell.activation(g), cell.recurrent_activation(o))
        ),
    ),
    slip(
        "lstm-gate-missing/output",
        "all of c is put out: there is no output gate",
        f"multiply with it: {SPLIT}",
        other_gates(lambda cell, i, f, g, o: without(cell, 2, i, f, g, o)),
    ),
    slip(
        "lstm-gates-coupled",
        "the forget gate is one minus the input gate",
        f"it has its own: {SPLIT}",
        other_gates(
            lambda cell, i, f, g, o: (
                1 - cell.recurrent_activation(i),
                cell.recurrent_activation(i) * cell.activation(g),
                cell.recurrent_activation(o),
            )
        ),
    ),
    slip(
        "lstm-gates-sign",
        "the sign of the gates' sums is lost: 1 / (1 + exp(z)) for 1 / (1 + exp(-z))",
        "write `1 / (1 + np.exp(-z))`",
        other_gates(lambda cell, i, f, g, o: gated(cell, -f, -i, cell.activation(g), -o)),
    ),
    slip(
        "pooled-over-time/mean",
        "the mean of all steps is put out",
        "put out the last one: `y[:, -1]`",
        pooled(lambda y: np.sum(y, axis=1) / y.shape[1]),
    ),
    slip(
        "pooled-over-time/max",
        "the largest of all steps is put out",
        "put out the last one: `y[:, -1]`",
        pooled(lambda y: np.max(y, axis=1)),
    ),
    slip("input-delayed", "every step reads the input of the step before it", "read its own: `x[n, t]`", delayed),
    slip(
        "dense-activation-added/relu",
        "a Dense has a relu that it should not have",
        "use its `activation`, and no other",
        activated("relu"),
    ),
    slip(
        "dense-activation-added/softmax",
        "a Dense has a softmax that it should not have",
        "use its `activation`, and no other",
        activated("softmax"),
    ),
    slip(
        "dense-activation-added/sigmoid",
        "a Dense has a sigmoid that it should not have",
        "use its `activation`, and no other",
        activated("sigmoid"),
    ),
)
