"""The library's calls: verify and replay a model, a layer or a spec."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import inf
from typing import Any

import numpy as np

from rnnverify.errors import RequestError
from rnnverify.keras_model.saved import check_saved_classes
from rnnverify.keras_model.session import describe_model, observe, observe_model
from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import REPLAYS
from rnnverify.observation import Tolerance
from rnnverify.observation.file import load_observation, save_observation
from rnnverify.report.display import shown
from rnnverify.results import Verification
from rnnverify.spec.loading import is_function
from rnnverify.spec.model import Spec
from rnnverify.verification.verdict import verify_observation


def verify(
    target: Any,
    x: Any = None,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    save_to: str | None = None,
) -> Verification:
    """Verify that plain arithmetic computes what Keras computes.

    Args:
        target: a Spec, a built keras.Model (Sequential or functional), or one built Keras layer.
        x: the inputs of a model or layer, (N, ...), or a list of them; a Spec draws its own.
        save_to: for a Spec, a .npz file to keep what Keras was observed to do; see `verify_file`.
        atol, rtol: a further demand on every output, |Keras - replay| <= atol + rtol |Keras|.

    Raises:
        RequestError: the target cannot be built, fed or replayed; the message says what to do.
    """
    if isinstance(target, Spec):
        if x is not None:
            raise RequestError("expected no x beside a spec: a spec says what to feed it (data)")
        if target.model is not None and not is_function(target.model):
            check_saved_classes(target.model, REPLAYS)  # before Keras executes anything in the file
        tolerance = demanded(target.tolerance, atol, rtol)
        observed = observe(target)
        if save_to is not None:
            about = {"spec": target.path, "seed": target.seed, "dtype": target.dtype, "tolerance": asdict(tolerance)}
            save_observation(observed, save_to, about)
        return shown(verify_observation(observed, target.path, target.seed, target.dtype, tolerance))
    if x is None:
        raise RequestError("expected the inputs x of the model, an array (N, ...) or a list of them")
    observed = observe_model(target, x)
    name = str(getattr(target, "name", type(target).__name__))
    return shown(verify_observation(observed, name, 0, policy_of(target), demanded(Tolerance(), atol, rtol)))


def demanded(kept: Tolerance, atol: float | None, rtol: float | None) -> Tolerance:
    """The tolerance of a spec, with what the caller asks in its place.

    Raises:
        RequestError: a tolerance is negative, infinite or no number.
    """
    for name, value in (("atol", atol), ("rtol", rtol)):
        if value is not None and not 0 <= value < inf:
            raise RequestError(f"{name}: expected a finite number of at least 0, got {value}")
    return Tolerance(kept.atol if atol is None else atol, kept.rtol if rtol is None else rtol)


def policy_of(model: Any) -> str:
    """The name of a Keras model's or layer's dtype policy."""
    return str(model.dtype_policy.name)


def verify_file(path: str, *, atol: float | None = None, rtol: float | None = None) -> Verification:
    """Verify a saved observation. TensorFlow is not needed.

    Raises:
        RequestError: the file is damaged, no observation, or of another version.
    """
    observed, about = load_observation(path)
    try:
        tolerance = demanded(Tolerance(**about["tolerance"]), atol, rtol)
        return shown(verify_observation(observed, about["spec"], about["seed"], about["dtype"], tolerance))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RequestError(f"{path}: not a saved observation, or damaged: {error!r}; save it anew") from None


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
        RequestError: the model cannot be replayed, or the inputs do not fit it.
    """
    inputs = [np.asarray(array) for array in (x if isinstance(x, list | tuple) else [x])]
    states = (
        [] if initial_state is None else initial_state if isinstance(initial_state, list | tuple) else [initial_state]
    )
    names, nodes, outputs = describe_model(model_or_layer, inputs, [np.asarray(state) for state in states])
    fed = dict(zip(names, [*inputs, *map(np.asarray, states)], strict=True))
    masks = {} if mask is None else {names[0]: np.asarray(mask, dtype=bool)}
    if masks:
        nodes = tuple(replace(node, masked=node.masked or node.inputs[0].node in masks) for node in nodes)
    done = Graph(nodes).run(fed, masks=masks)
    arrays = [done[ref].values for ref in outputs]
    return arrays if len(arrays) > 1 else arrays[0]
