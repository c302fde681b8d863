"""Which columns of a layer's weights are which gate, and which end of its output is which."""

from __future__ import annotations

from collections.abc import Mapping

from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.layer import Layer
from rnnverify.layers.walking import Walking

Columns = Mapping[str, tuple[int, int]]  # a gate's first and last column


def gate_columns(layer: Layer) -> dict[str, Columns]:
    """For each weight that has gates: `{"kernel": {"i": (0, 4), "f": (5, 9), "c": (10, 14), "o": (15, 19)}, ...}`."""
    if isinstance(layer, Bidirectional):
        return {
            f"{direction}_{name}": columns
            for direction, inner in layer.directions
            for name, columns in gate_columns(inner).items()
        }
    if not isinstance(layer, Walking) or not layer.gate_letters or layer.width is None:
        return {}
    letters, units = [letter.rstrip("~") for letter in layer.gate_letters], layer.width
    columns = {letter: (index * units, (index + 1) * units - 1) for index, letter in enumerate(letters)}
    return dict.fromkeys(layer.weight_names, columns)


def ends(layer: Layer) -> str | None:
    """Which end of an output is which, where a walk goes backwards: None where none does."""
    if isinstance(layer, Bidirectional):
        return of_directions(layer)
    if not isinstance(layer, Walking) or not layer.go_backwards:
        return None
    walks = "walks from the last timestep to the first"
    return (
        f"{walks}, and puts out in that order: its output 0 is the last timestep's" if layer.return_sequences else walks
    )


def of_directions(layer: Bidirectional) -> str:
    """Where the two directions stand in the output, and in which order."""
    forward, backward = layer.layer.width, layer.backward_layer.width
    places = {
        "concat": f"units 0-{forward - 1} are the forward layer's, {forward}-{forward + backward - 1} the backward layer's"
        if forward is not None and backward is not None
        else "the first units are the forward layer's, the others the backward layer's",
        None: "the first output is the forward layer's, the second the backward layer's",
    }
    place = places.get(layer.merge_mode, f"the two directions are merged by {layer.merge_mode}")
    if layer.layer.return_sequences:
        return f"{place}, both in the order of time: the backward layer's last step is at timestep 0"
    return f"{place}: the forward layer's after the last timestep, the backward layer's after timestep 0"
