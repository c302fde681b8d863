"""The library's calls: observe, verify and replay a model, a layer or a spec; check many specs; sweep a grid of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from pathlib import PurePath
from typing import Any

import numpy as np

from rnnverify import suite
from rnnverify.diagnosis.explanation import explained
from rnnverify.errors import DataError, RequestError
from rnnverify.grids.grid import load_grid
from rnnverify.grids.sweep import Progress
from rnnverify.grids.sweep import sweep as sweep_grid
from rnnverify.keras_model.session import Session, describe_model, observe_model
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Observation
from rnnverify.results import CheckResult, Outcome, SweepResult, Verification
from rnnverify.spec.model import Spec
from rnnverify.spec.overrides import Override
from rnnverify.verification.verdict import judge

StrPath = str | os.PathLike[str]


def unnoticed(event: object) -> None:
    """What a caller does on an event who does not want to know."""


@contextmanager
def unseen(total: int, done: int) -> Iterator[Callable[[int], None]]:
    """Progress that nobody sees."""
    yield unnoticed


def observe(target: Any, x: Any = None) -> Observation:
    """Have Keras predict, and write down everything that it did. What `verify` verifies.

    Args:
        target: a Spec, a built keras.Model (Sequential or functional), or one built Keras layer.
        x: the inputs of a model or layer, (N, ...), or a list of them; a Spec draws its own.

    Returns:
        Plain NumPy arrays and JSON, which `save_observation` keeps in a file.

    Raises:
        RequestError: the target cannot be built or fed; the message says what to do.
    """
    if isinstance(target, Spec):
        if x is not None:
            raise RequestError("expected no x beside a spec: a spec says what to feed it (data)")
        return Session(LAYERS).observe(target)
    if x is None:
        raise RequestError("expected the inputs x of the model, an array (N, ...) or a list of them")
    return observe_model(target, x)


def verify(target: Any, x: Any = None, *, atol: float | None = None, rtol: float | None = None) -> Verification:
    """Verify that plain arithmetic computes what Keras computes.

    Args:
        target: a Spec, a built keras.Model (Sequential or functional), one built Keras layer, or what Keras was observed to
            do, for which Keras is not needed.
        x: the inputs of a model or layer, (N, ...), or a list of them; a Spec draws its own.
        atol, rtol: a further demand on every output, |Keras - replay| <= atol + rtol |Keras|, in place of the spec's.

    Returns:
        The verdict (`passed`, `verdict`) with what it rests on: `outputs`, a row for each unit of each output, end to end;
        `layers`, each step of each layer by itself; `first_divergence`, where Keras and the replay part, or None.

    Raises:
        RequestError: the target cannot be built, fed or replayed; the message says what to do.
    """
    wanted = demanded(atol, rtol)
    if isinstance(target, Observation) and x is not None:
        raise RequestError("expected no x beside an observation, which has its inputs")
    observed = target if isinstance(target, Observation) else observe(target, x)
    return explained(judge(with_tolerance(observed, wanted)))


def demanded(atol: float | None, rtol: float | None) -> dict[str, float]:
    """The parts of a tolerance that are asked for.

    Raises:
        RequestError: one of them is negative, infinite or NaN.
    """
    wanted = {name: value for name, value in (("atol", atol), ("rtol", rtol)) if value is not None}
    for name, value in wanted.items():
        if not 0 <= value < inf:
            raise RequestError(f"{name}: expected a finite number of at least 0, got {value}")
    return wanted


def with_tolerance(observed: Observation, wanted: Mapping[str, float]) -> Observation:
    """The observation, with these parts of the tolerance in place of those that it was made with."""
    asked = observed.asked
    return replace(observed, asked=replace(asked, tolerance=replace(asked.tolerance, **wanted)))


def check(
    paths: StrPath | Sequence[StrPath],
    overrides: Sequence[Override] = (),
    *,
    begin: Callable[[Sequence[str]], None] = unnoticed,
    each: Callable[[Outcome], None] = unnoticed,
) -> CheckResult:
    """Verify every spec under some paths, one after the other. A spec that cannot be run does not hide the others.

    Args:
        paths: specs, and folders with specs, whose grids are passed over.
        overrides: (key, value) pairs that replace parts of every spec, such as ("T", 50) or ("tolerance.atol", 1e-6).
        begin: is called once, with the specs that were found.
        each: is called with the outcome of each spec as soon as it is known.

    Returns:
        `outcomes`, one for each spec, with its `result` or its `error`; `passed`; and the `verdict` on all of them.

    Raises:
        RequestError: a path does not exist, or there is no spec under any of them.
    """
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    specs = suite.find_specs([os.fspath(path) for path in several])
    begin(specs)
    outcomes = []
    for outcome in suite.check(specs, overrides, verify):
        outcomes.append(outcome)
        each(outcome)
    return CheckResult(tuple(outcomes))


def sweep(
    grid: StrPath,
    output: StrPath | None = None,
    *,
    overrides: Sequence[Override] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = unseen,
) -> SweepResult:
    """Verify every point of a grid, in parallel. Run again on the same folder, it goes on where it stopped.

    Args:
        grid: the path of a YAML file with a `base`, which is a spec or the path of one, and a `grid` of values to try.
        output: the folder for the results, a line for each point as soon as it is known; by default the grid's name, with
            -sweep.
        overrides: (key, value) pairs that replace parts of the base.
        workers: how many processes of this machine to run on; by default as many as it has cores.
        scheduler: the address of a Dask cluster to run on instead, such as tcp://host:8786.
        progress: a context manager, called with the number of points and the number of those that are done already; what it
            gives is called with the number of new ones, as they are done.

    Returns:
        `records`, what the JSON report says of each point, in the order of the points; `summary`; `passed`.

    Raises:
        RequestError: the grid is wrong, the folder holds something else or cannot be written, or no cluster answers.
        KeyboardInterrupt: Ctrl-C; every result so far is kept.
    """
    if workers is not None and scheduler is not None:
        raise RequestError("expected either workers, for this machine, or a scheduler, for a cluster; got both")
    loaded = load_grid(os.fspath(grid), overrides)
    folder = os.fspath(output or f"{PurePath(grid).stem}-sweep")
    return sweep_grid(loaded, folder, workers, scheduler, progress)


def replay(model_or_layer: Any, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
    """What a Keras model or layer computes, in float64 NumPy, from its weights and config alone; Keras does not run.

    Args:
        model_or_layer: a built keras.Model (Sequential or functional), or one built Keras layer.
        x: its input (N, ...), or a list of them.
        mask: for one input (N, T, ...): which steps to keep, (N, T) of bool.
        initial_state: for one recurrent layer, its states, (N, M) each: an array, or a list of them.

    Returns:
        A float64 array, or a list of arrays where the model or layer has several outputs.

    Raises:
        RequestError: the model cannot be replayed, or the inputs, the mask or the states do not fit it.
    """
    inputs = [np.asarray(array) for array in (x if isinstance(x, list | tuple) else [x])]
    states = (
        [] if initial_state is None else initial_state if isinstance(initial_state, list | tuple) else [initial_state]
    )
    for name, array in {"x": inputs, "initial_state": states}.items():
        if any(part.dtype.kind == "f" and not np.isfinite(part).all() for part in map(np.asarray, array)):
            raise DataError(f"expected finite numbers in {name}, got NaN or infinity")
    if mask is not None and (len(inputs) > 1 or np.shape(mask) != inputs[0].shape[:2]):
        raise DataError(
            f"expected a mask (N, T) for one input, of shape {inputs[0].shape[:2]}; got one of shape {np.shape(mask)} for"
            f" {len(inputs)} input{'s' if len(inputs) > 1 else ''}"
        )
    names, nodes, outputs = describe_model(model_or_layer, inputs, [np.asarray(state) for state in states])
    fed = dict(zip(names, [*inputs, *map(np.asarray, states)], strict=True))
    masks = {} if mask is None else {names[0]: np.asarray(mask, dtype=bool)}
    if masks:
        nodes = tuple(replace(node, masked=node.masked or node.inputs[0].node in masks) for node in nodes)
    done = Graph(nodes).run(fed, masks=masks)
    arrays = [done[ref].values for ref in outputs]
    return arrays if len(arrays) > 1 else arrays[0]
