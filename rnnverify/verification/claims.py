"""What somebody else's implementation gave, told apart by the names of the model's tensors.

They are those of the reports: `dense`, `lstm.c`. Beside a layer's outputs there may be its states, `gru.h`, after the last step
(N, M) or after every step (N, T, M), in the order in which the layer puts its steps out; both where the layer returns its states,
as `gru.h` and `gru.h after every step`. A layer's own name does for h at every step where the layer itself returns the last
alone, and that is not what the model returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.verification.outputs import label

TIMELESS = 2  # axes of an output (N, K)
EVERY_STEP = " after every step"  # behind the name of a state that is an output of its layer, too


class Tensor(NamedTuple):
    """A tensor that may be given: an output of a node, or one of the states of its walks."""

    node: str
    output: int | None
    state: int | None  # over all its walks: those of the forward one first
    every_step: bool
    shape: tuple[int, ...]
    timed: bool


class Claim(NamedTuple):
    """A tensor as it was given."""

    name: str
    tensor: Tensor
    array: Array  # in float64


class Given(NamedTuple):
    """What can be judged, and what is wrong with the rest."""

    claims: tuple[Claim, ...]
    findings: tuple[str, ...]
    misfits: tuple[Claim, ...] = ()  # the model's outputs in another shape: a mistake may explain that, too


def claims_of(observed: Observation, graph: Graph, arrays: Mapping[str, Any]) -> Given:
    """Tell apart what was given, by name and shape."""
    known: dict[str, list[Tensor]] = {}
    for name, tensor in tensors_of(observed, graph):
        known.setdefault(name, []).append(tensor)
    claims, findings, misfits = [], [], []
    wanted = [label(graph, ref) for ref in observed.outputs]
    for name, given in arrays.items():
        if name not in known:
            findings.append(f"{name!r} is no tensor of this model; those that may be given: {', '.join(known)}")
            continue
        array = numbers_of(given)
        if isinstance(array, str):
            findings.append(f"{name}: expected an array of numbers, got {array}")
            continue
        fitting = next((tensor for tensor in known[name] if tensor.shape == array.shape), None)
        if fitting is None:
            shapes = " or ".join(str(tensor.shape) for tensor in known[name])
            findings.append(f"{name}: expected the shape {shapes}, got {array.shape}{shape_advice(known[name], array)}")
            if name in wanted and np.isfinite(array).all():
                misfits.append(
                    Claim(name, known[name][0]._replace(shape=array.shape, timed=array.ndim > TIMELESS), array)
                )
            continue
        claims.append(Claim(name, fitting, array))
        lost = array.size - int(np.count_nonzero(np.isfinite(array)))
        if lost:
            findings.append(f"{name}: {lost} of {array.size} elements are NaN or infinite")
    findings.extend(f"the model's output {name!r} is missing" for name in wanted if name not in arrays)
    return Given(tuple(claims), tuple(findings), tuple(misfits))


def numbers_of(given: Any) -> Array | str:
    """An array in float64; or what there is instead of real numbers."""
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        return "a masked array, of which some elements are no numbers"
    try:
        array = np.asarray(given)
        if array.dtype.kind in "fiub" or array.dtype.name == "bfloat16":
            return array.astype(np.float64)
    except (TypeError, ValueError):  # a ragged list, say
        return type(given).__name__
    return f"one of {array.dtype}" if array.dtype.kind not in "O" else type(given).__name__


def shape_advice(known: list[Tensor], array: Array) -> str:
    """What may have happened to an array of another shape."""
    wanted = known[0].shape
    if array.shape[1:] == wanted[1:]:
        return f": {array.shape[0] if array.ndim else 0} samples in place of {wanted[0]}"
    if array.size == np.prod(wanted):
        return ": as many numbers in another shape; reshape or transpose them"
    return ""


def tensors_of(observed: Observation, graph: Graph) -> Iterator[tuple[str, Tensor]]:
    """All that may be given, by name; where a name stands for several, the layer's own output first."""
    for node in observed.nodes:
        layer = graph.declared[node.name]
        own = {label(graph, Ref(node.name, output)) for output in range(len(layer.output_names))}
        for output in range(len(layer.output_names)):
            ref = Ref(node.name, output)
            if ref in observed.emitted:
                shape = observed.emitted[ref].shape
                yield (
                    label(graph, ref),
                    Tensor(node.name, output, None, False, shape, layer.has_time(output, shape[1:])),
                )
        number = 0
        walks = observed.walks.get(node.name, ())
        for walk in walks:
            for sequence in (walk.sequence, *walk.others):
                name = f"{node.name}.{layer.walked_names[number]}"
                every = Tensor(node.name, None, number, True, sequence.shape, True)
                yield name, every
                if name in own:
                    yield f"{name}{EVERY_STEP}", every
                last = (sequence.shape[0], *sequence.shape[2:])
                yield name, Tensor(node.name, None, number, False, last, False)
                if len(walks) == 1 and number == 0 and Ref(node.name) not in observed.outputs:
                    yield node.name, Tensor(node.name, None, 0, True, sequence.shape, True)
                number += 1
