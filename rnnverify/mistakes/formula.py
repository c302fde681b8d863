"""The step's formula: its gates, and the recurrent term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Gates, States
from rnnverify.layers.conv_lstm import GATED, LSTMS, RECURRENT
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Layer
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.walk import Walk
from rnnverify.mistakes.changes import Changed, reading, stepping, with_fields
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.walks import Taken, rewalking
from rnnverify.observation import Walked

TANH = ACTIVATIONS["tanh"]


def reset_before(layer: Layer) -> Layer | None:
    if not isinstance(layer, GRU) or not layer.reset_after:
        return None
    before = replace(layer, reset_after=False)
    return reading(before, lambda kernel, recurrent, *bias: (kernel, recurrent, *(one.sum(axis=0) for one in bias)))  # type: ignore[no-any-return]


def reset_after(layer: Layer) -> Layer | None:
    if not isinstance(layer, GRU) or layer.reset_after:
        return None
    after = replace(layer, reset_after=True)
    return reading(  # type: ignore[no-any-return]
        after,
        lambda kernel, recurrent, *bias: (kernel, recurrent, *(np.stack([one, np.zeros_like(one)]) for one in bias)),
    )


def on_cell(kind: Any, changed: type[Changed], only: Callable[[Any], bool] = lambda layer: True) -> Any:
    """A change of layers of a class from one of their cells."""

    def change(layer: Any) -> Layer | None:
        return stepping(layer, changed) if isinstance(layer, kind) and only(layer) else None

    return change


class UpdateGateInverted(Changed):
    def output(self, gates: Gates, states: States) -> Array:
        z, candidate = gates
        return super().output((1 - z, candidate), states)


class OutputWithoutTanh(Changed):
    def output(self, gates: Gates, states: States) -> Array:
        _, c = states
        return gates[-1] * c


class OutputWithTanh(Changed):
    def output(self, gates: Gates, states: States) -> Array:
        _, c = states
        return gates[-1] * np.tanh(c)


class ForgetBiasAfterActivation(Changed):
    def gates(self, zx: Array, h: Array) -> Gates:
        f, *rest = super().gates(zx, h)
        return (f + 1, *rest)


def without_recurrent_term(layer: Any) -> Layer | None:
    """What h is multiplied with is zero; a bias that is added to it stays."""
    if not isinstance(layer, RECURRENT):
        return None
    return reading(layer, lambda kernel, recurrent, *bias: (kernel, 0 * recurrent, *bias))  # type: ignore[no-any-return]


class InPlace(Changed):
    """Each unit reads those before it as they have become already."""

    @cached_property
    def of_units(self) -> list[Any]:
        """For each unit its own cell: it has the unit's columns of every gate's weights."""
        units = len(self.cell.recurrent_kernel)
        return [with_fields(self.cell, **own_columns(self.cell, slice(unit, None, units))) for unit in range(units)]

    def step(self, zx: Array, states: States) -> States:
        h, *before = states
        units = h.shape[-1]
        read = [h[..., unit : unit + 1] for unit in range(units)]
        made: list[States] = []
        for unit, cell in enumerate(self.of_units):
            own = slice(unit, unit + 1)
            gates = cell.gates(zx[..., unit::units], np.concatenate(read, axis=-1))
            carried = cell.carry(gates, tuple(one[..., own] for one in before))
            new = cell.output(gates, (h[..., own], *carried))
            made.append((new, *carried))
            read[unit] = new
        return tuple(np.concatenate(one, axis=-1) for one in zip(*made, strict=True))


class AllInPlace(InPlace):
    """The same where a unit's gates depend on the other units' gates: all are computed for each unit."""

    def step(self, zx: Array, states: States) -> States:
        h, *before = states
        read = [h[..., unit : unit + 1] for unit in range(h.shape[-1])]
        made: list[States] = []
        for unit in range(h.shape[-1]):
            own = slice(unit, unit + 1)
            gates = self.cell.gates(zx, np.concatenate(read, axis=-1))
            carried = self.cell.carry(gates, tuple(before))
            new = self.cell.output(gates, (h, *carried))
            made.append(tuple(one[..., own] for one in (new, *carried)))
            read[unit] = made[-1][0]
        return tuple(np.concatenate(one, axis=-1) for one in zip(*made, strict=True))


def own_columns(cell: Any, columns: slice) -> dict[str, Array]:
    """The recurrent share's weights of one unit."""
    found: dict[str, Any] = {name: getattr(cell, name, 0.0) for name in ("recurrent_kernel", "recurrent_bias")}
    return {name: array[..., columns] for name, array in found.items() if not isinstance(array, float)}


def reading_the_first_h(walk: Walk, taken: Taken, every_step: bool) -> Walked:
    """Every step reads the h that the first one was given."""
    h0 = walk.states[0]

    class AtStart(Changed):
        def gates(self, zx: Array, h: Array) -> Gates:
            return super().gates(zx, h0)

    return taken(layer=stepping(walk.layer, AtStart)).run(every_step)


def stale(layer: Layer) -> Layer | None:
    return rewalking(layer, reading_the_first_h) if isinstance(layer, RECURRENT) else None


def from_the_start(walk: Walk, taken: Taken, every_step: bool) -> Walked:
    """Every step starts from the states that the first one was given."""
    start = walk.states

    class AtStart(Changed):
        def step(self, zx: Array, states: States) -> States:
            made: States = self.cell.step(zx, start)
            return made

    return taken(layer=stepping(walk.layer, AtStart)).run(every_step)


def all_stale(layer: Layer) -> Layer | None:
    return rewalking(layer, from_the_start) if isinstance(layer, GATED) else None


def in_place(layer: Layer) -> Layer | None:
    if not isinstance(layer, Recurrent):
        return None
    return stepping(layer, InPlace if layer.columnwise else AllInPlace)  # type: ignore[no-any-return]


FORMULA = (
    Mistake(
        "gru-reset-before",
        "the reset gate is applied to h before the recurrent product, as with reset_after=False",
        "apply it after: `candidate = np.tanh(x @ Wh + bias[0, h] + r * (h @ Uh + bias[1, h]))`",
        "keras-team/keras#9112, microsoft/onnxscript#2852",
        reset_before,
    ),
    Mistake(
        "gru-reset-after",
        "the reset gate is applied after the recurrent product, as with reset_after=True",
        "apply it before: `candidate = np.tanh(x @ Wh + bias_h + (r * h) @ Uh)`",
        "",
        reset_after,
    ),
    Mistake(
        "gru-update-gate-inverted",
        "z and 1 - z are exchanged",
        "keep the old state by z: `h = z * h + (1 - z) * candidate`",
        "keras-team/keras#785",
        on_cell(GRU, UpdateGateInverted),
    ),
    Mistake(
        "lstm-output-tanh-missing",
        "the output is o * c, without the tanh",
        "take it: `h = o * np.tanh(c)`",
        "XiaLiPKU/RESCAN#2",
        on_cell(LSTMS, OutputWithoutTanh),
    ),
    Mistake(
        "recurrent-term-missing",
        "h @ recurrent_kernel is left out",
        "add it: `z = x @ kernel + h @ recurrent_kernel + bias`",
        "",
        without_recurrent_term,
    ),
    Mistake(
        "recurrent-term-stale",
        "every step reads the h from before the first one",
        "hand on the new h: `h = step(x[t], h)` inside the loop over time",
        "tracel-ai/burn#2701",
        stale,
    ),
    Mistake(
        "recurrent-term-stale/all-states",
        "every step starts from the states from before the first one",
        "hand on the new states: `h, c = step(x[t], h, c)` inside the loop over time",
        "tracel-ai/burn#2701",
        all_stale,
    ),
    Mistake(
        "lstm-forget-bias-after-activation",
        "1 is added to the forget gate after its sigmoid",
        "the bias holds it already: `f = sigmoid(zf)`",
        "apache/tvm#3410",
        on_cell(LSTMS, ForgetBiasAfterActivation),
    ),
    Mistake(
        "lstm-output-activation-fixed",
        "tanh is applied to c in the output, whatever the layer's activation is",
        "use the layer's activation there, too: `h = o * activation(c)`",
        "f0uriest/keras2c",
        on_cell(LSTMS, OutputWithTanh, lambda layer: layer.activation is not TANH),
    ),
    Mistake(
        "state-updated-in-place",
        "h is overwritten unit by unit, so that later units read those that are new already",
        "write to another array: `new = np.empty(M)`, and `h = new` after the loop over units",
        "Dobiasd/frugally-deep",
        in_place,
        late=True,
    ),
)
