"""The states inside an .onnx file: its LSTM, GRU and RNN nodes have them at every step, if their outputs are made the file's.

A node knows nothing of Keras's layers. It is taken for one of them only where the file has as many walks through time as the
model, of the same kinds and sizes, one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnverify.candidates.candidate import Walk
from rnnverify.layers.arrays import Array

STATES = {"RNN": 1, "GRU": 1, "LSTM": 2}  # of a node, by its operator
LENGTHS = 4  # which of a node's inputs says how long each sample is
Y, Y_H, Y_C = range(3)  # which of a node's outputs is which


class Inside(NamedTuple):
    """A walk through time in a file."""

    whole: str  # the output with h at every step, (T, directions, N, units)
    last_c: str | None  # that with c after the last one
    direction: int
    reverse: bool
    units: int


def inside(graph: Any) -> list[Inside]:
    """The walks of a graph, whose nodes get names for all their outputs; none where one of them cannot be told apart."""
    found: list[Inside] = []
    for index, node in enumerate(one for one in graph.node if one.op_type in STATES):
        options = {one.name: one for one in node.attribute}
        lengths = len(node.input) > LENGTHS and node.input[LENGTHS]
        if lengths or ("layout" in options and options["layout"].i):
            return []
        names = [*node.output, *[""] * (1 + STATES[node.op_type] - len(node.output))]
        names = [name or f"state_{index}_{which}" for which, name in enumerate(names)]
        del node.output[:]
        node.output.extend(names)
        way = options["direction"].s.decode() if "direction" in options else "forward"
        units = options["hidden_size"].i if "hidden_size" in options else 0
        for direction in range(2 if way == "bidirectional" else 1):
            last_c = names[Y_C] if node.op_type == "LSTM" else None
            found.append(Inside(names[Y], last_c, direction, way == "reverse" or direction == 1, units))
    return found


def with_states(path: str, walks: Sequence[Walk], folder: str) -> tuple[str, list[tuple[Walk, Inside]]]:
    """The file with its states as further outputs, and which they are; the file as it is where they cannot be told apart."""
    import onnx

    model = onnx.load(path)
    found = inside(model.graph)
    alike = len(found) == len(walks) and all(
        one.units == walk.units
        and len(walk.names) == 1 + (one.last_c is not None)
        and (walk.runs != "forward" or not one.reverse)
        for walk, one in zip(walks, found, strict=True)
    )
    if not found or not alike:
        return path, []
    pairs = list(zip(walks, found, strict=True))
    if {one.name for one in model.graph.output} & set(states_of(pairs)):
        return path, []  # they are given as it is
    for name in states_of(pairs):
        kind = onnx.TensorProto.FLOAT
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    other = os.path.join(folder, "with_states.onnx")
    onnx.save(model, other)
    return other, pairs


def states_of(pairs: Sequence[tuple[Walk, Inside]]) -> list[str]:
    """The further outputs, in their order."""
    return list(dict.fromkeys(name for _, one in pairs for name in (one.whole, one.last_c) if name is not None))


def told(pairs: Sequence[tuple[Walk, Inside]], outputs: Mapping[str, Array]) -> dict[str, Array]:
    """The states by their names, (N, T, units) and (N, units), in the order in which the layers put their steps out."""
    made = {}
    for walk, one in pairs:
        sequence = np.swapaxes(outputs[one.whole][:, one.direction], 0, 1)
        # What runs in reverse stands in the order of time already; what is fed a sequence that was turned does not.
        turned = (walk.runs == "backward" and one.reverse) or (walk.runs == "aligned" and not one.reverse)
        made[walk.names[0]] = sequence[:, ::-1] if turned else sequence
        if one.last_c is not None and walk.names[1]:
            made[walk.names[1]] = outputs[one.last_c][one.direction]
    return made
