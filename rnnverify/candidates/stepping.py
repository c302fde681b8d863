"""Candidates that take one step at a time, with its states, as ports for small devices do: called once for each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Task
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.layers.layer import Layer
from rnnverify.layers.walking import Walking
from rnnverify.observation import Node, Observation


class Steps(NamedTuple):
    """How a model is walked step by step."""

    timesteps: int
    starts: Mapping[str, Array]  # by name, `lstm.c`, the states before the first step, (N, M) each
    fed: tuple[str, ...]  # the inputs that have time


def steps_of(observed: Observation, graph: Graph) -> Steps:
    """How a model is walked step by step.

    Args:
        observed: the model and its inputs.
        graph: its replays.

    Raises:
        RequestError: it cannot be: a layer looks at several steps at once, or at masks.
    """
    starts: dict[str, Array] = {}
    for node in observed.nodes:
        layer = graph.layers[node.name]
        refuse_unless_by_step(node, layer, observed)
        if isinstance(layer, Walking):
            walk = observed.walks[node.name][0]
            states = walk.others if layer.puts_out else (walk.sequence, *walk.others)
            shapes = [one.shape[:1] + one.shape[2:] for one in states]
            arrays = [observed.inputs[ref.node] for ref in node.initial_state]
            arrays = arrays or [np.zeros(shape, dtype=np.float32) for shape in shapes]
            starts.update({f"{node.name}.{name}": array for name, array in zip(layer.state_names, arrays, strict=True)})
    fed = tuple(name for name in observed.inputs if name not in observed.states_fed)
    lengths = {observed.inputs[name].shape[1] for name in fed if observed.inputs[name].ndim > 1}
    if not starts or len(lengths) != 1:
        raise RequestError(
            "--per-step: expected a model with recurrent layers, whose inputs are sequences of one length"
        )
    return Steps(lengths.pop(), starts, fed)


def refuse_unless_by_step(node: Node, layer: Layer, observed: Observation) -> None:
    """A layer that can be computed step by step, from what stands before it alone.

    Raises:
        RequestError: it cannot.
    """
    reasons = {
        "makes a mask": getattr(layer, "mask_zero", False) or node.class_name == "Masking",
        "walks backwards": getattr(layer, "go_backwards", False),
        "starts from another layer's states": any(ref.node not in observed.inputs for ref in node.initial_state),
        "looks at more than one step": not (layer.pointwise or isinstance(layer, Walking)),
    }
    for reason, holds in reasons.items():
        if holds:
            raise RequestError(
                f"--per-step: {node.name} {reason}, so that the model is no sequence of steps; leave --per-step away"
            )


def each_step(candidate: Candidate, steps: Steps) -> Candidate:
    """A candidate that takes one step, asked for all of them, each with the states that it gave for the one before."""

    def asked(task: Task) -> Answer:
        states = {name: starts_of(task, name, start) for name, start in steps.starts.items()}
        kept: dict[str, list[Array]] = {}
        for t in range(steps.timesteps):
            inputs = {name: task.inputs[name][:, t] for name in steps.fed}
            answer = candidate(replace(task, inputs=inputs, states=states))
            if missing := [name for name in states if name not in answer]:
                raise CandidateError(
                    f"step {t}: expected the new states beside the output, and {missing[0]!r} is missing"
                )
            for name, array in answer.items():
                kept.setdefault(name, []).append(fitted(array, states.get(name), name, t))
            states = {name: kept[name][-1] for name in states}
        return {name: of_all_steps(task, name, arrays) for name, arrays in kept.items()}

    return asked


def of_all_steps(task: Task, name: str, arrays: Sequence[Array]) -> Array:
    """A tensor that has time from all its steps; of any other what the last step gave."""
    if any(array.shape != arrays[0].shape for array in arrays):
        raise CandidateError(f"{name}: it has another shape in one step than in another")
    stacked = np.stack(arrays, axis=1) if arrays[0].ndim else arrays[0]
    return stacked if stacked.shape in task.tensors.get(name, ()) else arrays[-1]


def starts_of(task: Task, name: str, start: Array) -> Array:
    """The state before the first step: of all samples, or of the one that is asked for."""
    return start if task.first is None else start[task.first : task.first + 1]


def fitted(array: object, before: Array | None, name: str, t: int) -> Array:
    """What a step gave, of the shape that the state had before it.

    Raises:
        CandidateError: it has another shape, or is no array.
    """
    made = np.asarray(array)
    if before is not None and made.shape != before.shape:
        raise CandidateError(f"step {t}: expected {name} of shape {before.shape}, as before the step; got {made.shape}")
    return made
