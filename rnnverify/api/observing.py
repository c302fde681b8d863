"""Have Keras predict, and write down what it did."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.grids.elsewhere import observed_by
from rnnverify.keras_model.from_memory import observe_model
from rnnverify.keras_model.session import Session
from rnnverify.layers.registry import REPLAYED
from rnnverify.observation import Observation, file
from rnnverify.spec import load_spec
from rnnverify.spec.consent import check_consent
from rnnverify.spec.model import Spec
from rnnverify.verification.fitting import check_fits


def read(target: Any) -> Any:
    """What stands in a file, where a path is given: a spec, or of an .npz what Keras was observed to do.

    Raises:
        RequestError: it cannot be read.
    """
    if not isinstance(target, str | os.PathLike):
        return target
    path = os.fspath(target)
    return file.load_observation(path) if path.lower().endswith(".npz") else load_spec(path)


def observe(
    target: Any,
    x: Any = None,
    allow_code: bool = False,
    opaque: Sequence[str] = (),
    *,
    mask: Any = None,
    initial_state: Any = None,
    reset: Sequence[int] = (),
) -> Observation:
    """Have Keras predict, and write down everything that it did. What `verify` verifies.

    Args:
        target: a Spec or its path, a built keras.Model (Sequential or functional), or one built Keras layer.
        x: the input of a model or layer, (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping
            by name. A Spec draws its own. For a stateful model a list of those, which are fed in turn.
        allow_code: whether a function that a spec names, to return the model, may be run.
        opaque: layers that are not to be replayed, by name or class, or `all` for all that have no replay: what they put out is
            taken as given. In place of those that a spec names.
        mask, initial_state: beside x, as `verify` takes them.
        reset: of a stateful model the numbers of the calls, from 1, before which its states are reset.

    Returns:
        Plain NumPy arrays and JSON, which `save_observation` keeps in a file.

    Raises:
        RequestError: the target cannot be built or fed; the message says what to do.
    """
    target = read(target)
    if isinstance(target, Observation):
        raise RequestError("expected something to observe: a spec, a model or a layer; got an observation")
    if isinstance(target, Spec):
        if (beside := named_first(x=x, mask=mask, initial_state=initial_state)) is not None:
            raise RequestError(f"expected no {beside} beside a spec: a spec says what to feed it (data)")
        if reset:
            raise RequestError(
                "reset: expected none beside a spec, which says it itself (calls: {count: 3, reset: [3]})"
            )
        check_consent(target, allow_code, candidate=False)
        return observed_by(Session(REPLAYED), replace(target, opaque=named(opaque) or target.opaque))
    if x is None:
        raise RequestError(
            "expected the inputs x of the model: an array (N, ...), a list of them, or a mapping by name"
        )
    return observe_model(target, x, named(opaque), mask, states_in(initial_state), tuple(reset))


def states_in(initial_state: Any) -> list[Any]:
    """The states that a layer is given to start from: one, or a list of them."""
    if initial_state is None:
        return []
    return list(initial_state) if isinstance(initial_state, list | tuple) else [initial_state]


def named_first(**given: Any) -> str | None:
    """The first of these that there is."""
    return next((name for name, value in given.items() if value is not None), None)


def named(opaque: Sequence[str]) -> tuple[str, ...]:
    """The names of layers or classes, of which one may stand by itself.

    Raises:
        RequestError: they are something else.
    """
    names = (opaque,) if isinstance(opaque, str) else tuple(opaque)
    if not all(isinstance(name, str) for name in names):
        raise RequestError(f"opaque: expected names of layers or classes, or all; got {str(list(names))[:80]}")
    return names


def load_observation(path: str) -> Observation:
    """Read an observation that `save_observation` wrote. TensorFlow is not needed.

    Args:
        path: of the .npz file.

    Raises:
        RequestError: the file is missing, damaged, not an observation, too large, or of another version; a layer in it has no
            replay.
    """
    observed = file.load_observation(path)
    try:
        check_fits(observed, path)
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: {error}") from None
    return observed


def observation_of(
    target: Any,
    x: Any,
    allow_code: bool,
    opaque: Sequence[str] = (),
    mask: Any = None,
    initial_state: Any = None,
    reset: Sequence[int] = (),
) -> Observation:
    """What Keras was observed to do, where the target is that already; or else what it does.

    Raises:
        RequestError: as `observe`; or there is an x, or an opaque layer named, beside an observation.
    """
    target = read(target)
    if not isinstance(target, Observation):
        return observe(target, x, allow_code, opaque, mask=mask, initial_state=initial_state, reset=reset)
    if (beside := named_first(x=x, mask=mask, initial_state=initial_state)) is not None:
        raise RequestError(f"expected no {beside} beside an observation, which has its inputs")
    if opaque or reset:
        raise RequestError(
            f"{'opaque' if opaque else 'reset'}: an observation is what it is; observe the model once more"
        )
    return target
