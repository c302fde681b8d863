"""Whether an observation that comes from a file fits together, so that everything after this may rely on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np

from rnnverify.errors import DataError
from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer, MisfitError, Shape
from rnnverify.layers.walking import Walking
from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.observation.precision import POLICIES


def check_fits(observed: Observation, path: str) -> None:
    """Hold every name and shape of an observation against what its layers make of its inputs.

    Args:
        observed: what was read.
        path: of its file, for messages.

    Raises:
        DataError: its parts do not fit together.
        UnsupportedError: a layer in it has no replay.
    """
    for problem in problems(observed):
        raise DataError(f"{path}: not a saved observation, or damaged: {problem}; save it anew")


def problems(observed: Observation) -> Iterator[str]:
    """What does not fit, first things first; what comes later may rely on what came before."""
    if observed.asked.dtype not in POLICIES:
        yield f"the precision {observed.asked.dtype!r} is not one of {', '.join(POLICIES)}"
    samples = {len(x) if x.ndim else 0 for x in observed.inputs.values()}
    if len(samples) != 1 or 0 in samples:
        yield "expected inputs, and the same number of samples in each"
    names = [*observed.inputs, *(node.name for node in observed.nodes)]
    if len(set(names)) < len(names) or not observed.nodes:
        yield "expected layers, each with a name of its own"
    for name, x in observed.inputs.items():
        yield from not_finite(f"the input {name}", x)
    yield from given_misfits(observed)
    graph = Graph.of(observed)
    (count,) = samples
    known: dict[Ref, Shape] = {Ref(name): x.shape[1:] for name, x in observed.inputs.items()}
    for node in observed.nodes:
        yield from problems_of(node, graph.declared[node.name], known, observed, count)
    emitted = known.keys() - {Ref(name) for name in observed.inputs}
    if emitted != observed.emitted.keys():
        yield "expected every output of every layer, and nothing else"
    if observed.walks.keys() - {node.name for node in observed.nodes}:
        yield "there are walks of layers that are not there"
    if len(observed.outputs) != len(observed.predictions) or not observed.outputs:
        yield "expected a prediction for each output"
    turns = [name for turn in observed.turns for name in turn.inputs]
    if len(set(turns)) < len(turns) or not set(turns) <= observed.inputs.keys():
        yield "expected the inputs of each call to be inputs, and those of no other call"
    if observed.turns and len(observed.outputs) % len(observed.turns):
        yield "expected as many outputs of each call"
    if len(observed.paths) not in (0, len(observed.outputs)):
        yield "expected the place of each output"
    for ref, prediction in zip(observed.outputs, observed.predictions, strict=False):
        yield from misfit(f"the output {ref.node}", prediction, (count, *known[ref]) if ref in known else None)


def problems_of(node: Node, layer: Layer, known: dict[Ref, Shape], observed: Observation, count: int) -> Iterator[str]:
    """What does not fit of one layer; the shapes of its outputs are added to those that are known."""
    if missing := [ref for ref in node.reads if ref not in known]:
        yield f"{node.name} reads {missing[0].node!r}, which gives no such output before it"
    given = [known[ref] for ref in node.inputs]
    states = [known[ref] for ref in node.initial_state]
    yield from masks_misfit(node, known, observed)
    try:
        outputs = layer.output_shapes(given) if given else []
        weights = layer.weight_shapes(given) if given else {}
        wanted = layer.state_shapes(given) if given else []
    except MisfitError as error:
        yield f"{node.name}: {error}"
        return
    if not outputs:
        yield f"{node.name} reads nothing"
    if states and (not layer.takes_initial_state or states != wanted):
        yield f"{node.name}: expected initial states of shapes {wanted}, got {states}"
    for (name, array), shape in zip(
        node.weights.items(), weights.values(), strict=True
    ):  # as many, or there is no replay
        yield from misfit(f"the weight {name} of {node.name}", array, shape)
        yield from not_finite(f"the weight {name} of {node.name}", array)
    for index, shape in enumerate(outputs):
        ref = Ref(node.name, index)
        known[ref] = shape
        yield from misfit(f"the output of {node.name}", observed.emitted.get(ref), (count, *shape))
    yield from walks_misfit(node.name, walking(layer), observed.walks.get(node.name, ()), (count, *given[0]))


def masks_misfit(node: Node, known: Mapping[Ref, Shape], observed: Observation) -> Iterator[str]:
    """Masks that a call was given, and that do not say of every step of its inputs whether it counts."""
    if len(node.mask) not in (0, len(node.inputs)):
        yield f"{node.name}: expected a mask, or none, for each of its {len(node.inputs)} inputs, got {len(node.mask)}"
    for ref, mask in zip(node.inputs, node.mask, strict=False):
        if mask is None:
            continue
        array = observed.inputs.get(mask.node) if mask.node in observed.inputs else observed.emitted.get(mask)
        whole = array is not None and array.dtype.kind in "iub"
        if not whole or known[mask] != known[ref][:1]:
            yield f"{node.name}: expected its mask {mask.node} to say of every step whether it counts"


def given_misfits(observed: Observation) -> Iterator[str]:
    """What does not fit of the layers that are taken as given: of what they put out nothing else is known."""
    given = {node.name for node in observed.opaque}
    outputs = {ref: array for ref, array in observed.emitted.items() if ref.node in given}
    for name in sorted(given):
        if {ref.output for ref in outputs if ref.node == name} != set(range(sum(ref.node == name for ref in outputs))):
            yield f"expected every output of {name}"
        if Ref(name) not in outputs:
            yield f"expected what {name} put out, which is taken as given"
    samples = {len(x) for x in observed.inputs.values()}
    if any(not array.ndim or len(array) not in samples for array in outputs.values()):
        yield "expected as many samples of what is taken as given as were fed in"
    for ref, mask in observed.masks.items():
        if ref not in outputs or mask.dtype != np.bool_ or mask.shape != outputs[ref].shape[:2] or mask.ndim != 2:
            yield f"expected the mask behind {ref.node} to say of every step that was put out whether it counts"


def walking(layer: Layer) -> Sequence[Walking]:
    """The layers whose steps were watched: itself, or those of both directions."""
    if isinstance(layer, Bidirectional):
        return layer.layer, layer.backward_layer
    return (layer,) if isinstance(layer, Walking) else ()


def walks_misfit(name: str, layers: Sequence[Walking], walks: Sequence[Walked], x: Shape) -> Iterator[str]:
    """Walks that are not those of these layers on an input of that shape."""
    if len(walks) != len(layers) and layers:
        yield f"{name}: expected {len(layers)} walks, got {len(walks)}"
    for layer, walk in zip(layers, walks, strict=False):
        states = (walk.sequence, *walk.others)
        wanted = layer.walked_shapes([x[1:]])
        if len(states) != len(wanted):
            yield f"{name}: expected the states {', '.join(layer.walked_names)} of each walk"
        for state, shape in zip(states, wanted, strict=False):  # flat, as they were seen side by side
            yield from misfit(f"a state of {name}", state, (*x[:2], prod(shape)))


def misfit(what: str, array: Array | None, shape: Shape | None) -> Iterator[str]:
    got = None if array is None else array.shape
    if got != shape or shape is None:
        yield f"expected {what} in shape {shape}, got {got}"


def not_finite(what: str, array: Array) -> Iterator[str]:
    if not np.isfinite(array).all():
        yield f"expected finite numbers in {what}"
