"""Shapes in letters: what a layer's own code makes of T, D and M."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.dense import Dense
from rnnverify.layers.layer import Layer, Shape
from rnnverify.layers.time_distributed import TimeDistributed
from rnnverify.text import shape_text

UNITS: Mapping[str, str] = {"units": "M", "filters": "F", "output_dim": "D", "input_dim": "V"}


class Letter(int):
    """A size that knows its letter."""

    text: str

    @classmethod
    def of(cls, text: str, value: int) -> Letter:
        made = cls(value)
        made.text = text
        return made

    def __mul__(self, other: int) -> Any:
        return (
            Letter.of(f"{other}{self.text}", int(self) * other)
            if type(other) is int and other != 1
            else self.kept(other)
        )

    __rmul__ = __mul__

    def __add__(self, other: int) -> Any:
        same = isinstance(other, Letter) and self.text == other.text
        return Letter.of(f"2{self.text}", 2 * int(self)) if same else int(self) + int(other)

    def kept(self, other: int) -> Any:
        return self if type(other) is int and other == 1 else int(self) * int(other)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def in_letters(layer: Layer) -> Layer:
    """The layer with letters for its sizes."""
    if isinstance(layer, Bidirectional):
        return replace(layer, layer=in_letters(layer.layer), backward_layer=in_letters(layer.backward_layer))  # type: ignore[arg-type]
    if isinstance(layer, TimeDistributed):
        return replace(layer, layer=in_letters(layer.layer))
    letters = {**UNITS, "units": "K"} if isinstance(layer, Dense) else UNITS
    own = {field.name: getattr(layer, field.name) for field in fields(layer) if field.name in letters}
    return replace(
        layer, **{name: Letter.of(letters[name], size) for name, size in own.items() if isinstance(size, int)}
    )


def shapes_in_letters(layer: Layer, inputs: Sequence[Shape]) -> tuple[dict[str, str], str]:
    """The shapes of its weights, and of what goes in and comes out; empty where they cannot be said so."""
    if len(inputs) != 1 or not inputs[0]:
        return {}, ""
    *around, features = inputs[0]
    letters = {1: ["T"], 0: []}.get(len(around))
    if letters is None:
        return {}, ""
    last = "M" if isinstance(layer, Dense) or not around else "D"
    named = [Letter.of(letter, size) for letter, size in zip(letters, around, strict=True)]
    shape = (*named, Letter.of(last if layer.vocabulary is None else "T", features))
    try:
        lettered = in_letters(layer)
        weights = {name: shape_text(one) for name, one in lettered.weight_shapes([shape]).items()}
        made = " and ".join(shape_text(("N", *one)) for one in lettered.output_shapes([shape]))
    except (TypeError, ValueError, AttributeError):
        return {}, ""
    return weights, f"{shape_text(('N', *shape))} -> {made}"
