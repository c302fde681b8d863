"""The ways in which a layer can be changed. What comes out is of its class still, so that one change may follow another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rnnverify.layers.arrays import Array
from rnnverify.layers.cell import Cell, CellInParts, Gates, States
from rnnverify.layers.layer import Call, Layer, Masked
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking


def altered(layer: Any, **methods: Any) -> Any:
    """The same layer with methods of ours in place of some of its own."""
    own = type(layer)
    made: Any = type(own)
    return made(own.__name__, (own,), methods)(**vars(layer))


def called(layer: Layer, change: Callable[[Call], Call]) -> Any:
    """...called on something else: other inputs, states or weights; its mask withheld."""
    own: Any = type(layer)
    if own.outputs is Layer.outputs:  # one without a walk
        return altered(layer, __call__=lambda self, call: own.__call__(self, change(call)))
    return altered(
        layer,
        walks=lambda self, call: own.walks(self, change(call)),
        outputs=lambda self, call, walked: own.outputs(self, change(call), walked),
    )


def reading(layer: Layer, weights: Callable[..., Sequence[Array]]) -> Any:
    """...that reads its get_weights() otherwise: they are handed over one by one."""
    own: Any = type(layer)
    return altered(layer, weights_from=lambda self, arrays: list(weights(*own.weights_from(self, arrays))))


def stepping(layer: Walking, changed: Callable[[Cell], Cell]) -> Any:
    """...around another cell."""
    own: Any = type(layer)
    return altered(layer, cell_with=lambda self, weights: changed(own.cell_with(self, weights)))


def walking(layer: Walking, change: Callable[[Walk], Walk]) -> Any:
    """...that walks through time and samples otherwise."""
    own: Any = type(layer)
    return altered(layer, walks=lambda self, call: tuple(map(change, own.walks(self, call))))


def putting_out(layer: Layer, change: Callable[[Masked], Masked]) -> Any:
    """...whose first output is another; its states stay."""
    own: Any = type(layer)

    def outputs(self: Any, call: Call, walked: Any) -> Any:
        first, *rest = own.outputs(self, call, walked)
        return (change(first), *rest)

    return altered(layer, outputs=outputs)


def with_values(make: Callable[[Array], Array]) -> Callable[[Masked], Masked]:
    """A change of a tensor's values; its mask stays."""
    return lambda tensor: tensor._replace(values=make(tensor.values))


class Changed(CellInParts):
    """A cell like another, of which a subclass changes one part."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def __getattr__(self, name: str) -> Any:
        """Its weights and activations, which are the other's."""
        if name == "cell":
            raise AttributeError(name)
        return getattr(self.cell, name)

    def project(self, x: Array) -> Array:
        made: Array = self.cell.project(x)
        return made

    def gates(self, zx: Array, h: Array) -> Gates:
        made: Gates = self.cell.gates(zx, h)
        return made

    def carry(self, gates: Gates, carried: States) -> States:
        made: States = self.cell.carry(gates, carried)
        return made

    def output(self, gates: Gates, states: States) -> Array:
        made: Array = self.cell.output(gates, states)
        return made


def with_fields(cell: Any, **changes: Any) -> Any:
    """A cell, changed or not, of which some weights are others."""
    return type(cell)(with_fields(cell.cell, **changes)) if isinstance(cell, Changed) else replace(cell, **changes)
