"""Calls in a row of a model with stateful layers, which start from the states that the call before left.

Several calls are one graph: each layer has a node for every call, and those of a stateful one start from what the node of the
call before put out as its states. What Keras keeps for the next call, its own variables, is what counts as put out. Works on
Keras's objects without importing Keras.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.errors import DataError, RequestError, SpecError, UnsupportedError
from rnnverify.keras_model.opaque import check_seen
from rnnverify.keras_model.operations import Operation
from rnnverify.keras_model.probe import Seen, Watcher
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.row_graph import Called, Unrolled
from rnnverify.keras_model.states import copies, put, same_start, variables_of
from rnnverify.observation import Asked, Node, Observation, Ref
from rnnverify.spec.model import Spec

Array = npt.NDArray[Any]
Inputs = Mapping[str, Array]

log = logging.getLogger(__name__)


def is_stateful(layer: Any) -> bool:
    """Whether a layer keeps its states from one call to the next."""
    return not isinstance(layer, Operation) and any(getattr(one, "stateful", False) for one in directions(layer))


def directions(layer: Any) -> list[Any]:
    """A layer, or both of a Bidirectional."""
    return [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [layer]


def check_batch(name: str, array: Array, batch: int | None) -> None:
    """Refuse another number of samples than the one that a stateful model is built for.

    Raises:
        DataError: it is another.
    """
    if batch is not None and len(array) != batch:
        raise DataError(
            f"expected {batch} samples for the input {name!r}, as many as the stateful model is built for; got {len(array)}"
        )


class Row(NamedTuple):
    """What is needed to call a model several times."""

    predict: Callable[[Inputs], list[Array]] | None  # of a model that was there before the watcher
    watcher: Watcher
    kept: Mapping[str, Sequence[Any]]  # the variables of each stateful node
    variables: Sequence[Any]  # all that the model may change

    def called(self, calls: Sequence[Inputs], reset: Collection[int]) -> list[Called]:
        """Call it with each of these inputs; anew where the number of the call, from 1, is in `reset`.

        The states that the model had before are put back at the end.

        Raises:
            RequestError: Keras cannot predict.
        """
        made = []
        with same_start(self.variables):
            try:
                for number, x in enumerate(calls, 1):
                    if number in reset:
                        for one in (one for own in self.kept.values() for one in own):
                            one.assign(np.zeros(one.shape))
                    made.append(self.one_call(x, number in reset))
            except Exception as error:  # whatever it is, this model cannot be run on these inputs
                raise RequestError(f"Keras cannot predict: {first_line(error)}") from None
        return made

    def one_call(self, x: Inputs, reset: bool) -> Called:
        samples, states = len(next(iter(x.values()))), self.states()
        fed = {**x, **{f"{name} {index}": one for name, own in states.items() for index, one in enumerate(own)}}
        started = time.perf_counter()
        if self.predict is None:
            seen = self.watcher.look(fed, samples)
            return Called(x, states, self.states(), seen.outputs, seen, time.perf_counter() - started, reset)
        before = copies(self.variables)
        started = time.perf_counter()
        predictions = self.predict(x)
        seconds, left, after = time.perf_counter() - started, self.states(), copies(self.variables)
        put(self.variables, before)  # once more, to see it all
        seen = self.watcher.look(fed, samples)
        put(self.variables, after)
        return Called(x, states, left, predictions, seen, seconds, reset)

    def states(self) -> dict[str, list[Array]]:
        return {name: copies(own) for name, own in self.kept.items()}


def kept_in(keras: Any, nodes: Sequence[Any], layers: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each stateful node the variables in which it keeps its states.

    Raises:
        UnsupportedError: a stateful layer is called twice within the model.
    """
    found: dict[str, list[Any]] = {}
    of_layers = [node.layer for node in nodes if is_stateful(layers[node.layer])]
    for node in nodes:
        if node.layer in of_layers:
            if of_layers.count(node.layer) > 1:
                raise UnsupportedError(
                    f"layer {node.layer!r} is stateful and called twice in one model, which is not implemented"
                )
            found[node.name] = keras.tree.flatten([one.states for one in directions(layers[node.layer])])
    return found


def starts_for(keras: Any, node: str, states: Sequence[Any], taken: set[str]) -> list[Any]:
    """Inputs for the states of a stateful node, of names that are not taken, to which theirs are added."""
    made = []
    for index, one in enumerate(states):
        name = f"start_{index}_of_{node.replace('/', '_').replace(':', '_')}"
        while name in taken:
            name += "_"
        taken.add(name)
        made.append(keras.Input(batch_shape=one.shape, dtype=one.dtype, name=name))
    return made


def observe_in_a_row(
    built: Any,
    asked: Asked,
    calls: Sequence[Mapping[str, Array]],
    reset: Collection[int],
    seconds: Mapping[str, float],
    environment: Mapping[str, str],
    tf32: bool,
) -> Observation:
    """Predict once for each of these inputs, from the states that the call before left; and look at every tensor each time.

    Args:
        built: the model, see `built`.
        asked: what is demanded of it.
        calls: for each call and input an array, (N, *shape).
        reset: the numbers of the calls, from 1, that start anew.

    Raises:
        RequestError: as `Built.observe`.
    """
    watcher = built.watcher()
    model = built.model if built.model is not None else watcher.model
    fed = [built.fed(x, model) for x in calls]
    weights = built.check_weights()
    log.info("predicting")
    variables = variables_of(built.layers.values())
    called = Row(None if built.model is None else built.predicted, watcher, built.kept, variables).called(fed, reset)
    for call in called:
        check_seen(built.opaque, call.seen.tensors, call.seen.masks, len(next(iter(call.inputs.values()))))
    nodes = built.described_nodes(weights, called[0].seen.tensors)
    whole = Unrolled(called, nodes, built.outputs, counted(built))
    return Observation(
        asked=asked,
        inputs=whole.inputs,
        nodes=tuple(whole.nodes),
        outputs=tuple(whole.outputs),
        predictions=tuple(whole.predictions),
        emitted=whole.emitted,
        walks=whole.walks,
        tf32=tf32,
        environment=environment,
        seconds={**seconds, "predict": sum(call.seconds for call in called)},
        masks=whole.masks,
        turns=tuple(whole.turns),
    )


def described_in_a_row(
    built: Any, calls: Sequence[Mapping[str, Array]]
) -> tuple[dict[str, Array], tuple[Node, ...], tuple[Ref, ...]]:
    """The graph of one call, or of several in a row, without running any: its inputs, nodes and outputs."""
    if not built.kept:
        return dict(calls[0]), built.described_nodes(), built.outputs
    states = {name: copies(own) for name, own in built.kept.items()}
    called = [Called(x, states, states, [], Seen([], {}, {}, {}), 0.0, False) for x in calls]
    whole = Unrolled(called, built.described_nodes(), built.outputs, counted(built))
    return whole.inputs, tuple(whole.nodes), tuple(whole.outputs)


def counted(built: Any) -> dict[str, int]:
    """How many outputs each node has."""
    return Counter(ref.node for ref in built.tensors)


def check_reset(built: Any, reset: Collection[int], calls: int) -> None:
    """Refuse numbers of calls that are not made, or of a model that keeps nothing.

    Raises:
        RequestError: there are some.
    """
    if reset and not built.kept:
        raise RequestError("reset: expected a model with stateful layers, got one without")
    if wrong := [number for number in reset if type(number) is not int or not 1 <= number <= calls]:
        raise RequestError(f"reset: expected numbers of calls, from 1 to {calls}, got {wrong[0]!r}")


def check_calls(spec: Spec, built: Any) -> None:
    """Refuse calls in a row of a model that keeps nothing.

    Raises:
        SpecError: the spec asks for some.
    """
    if not built.kept and (spec.calls or 1) > 1:
        raise SpecError(
            f"{spec.path}: calls: expected a model with a stateful layer, which alone makes a call depend on the one before;"
            f" got {spec.calls} calls of one without"
        )
