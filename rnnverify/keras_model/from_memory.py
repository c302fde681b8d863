"""Models and layers that the user has in memory: looked at, or described without a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.keras_model.given import as_array
from rnnverify.keras_model.in_a_row import check_reset, described_in_a_row
from rnnverify.keras_model.models import taken_apart
from rnnverify.keras_model.session import load_keras, watched
from rnnverify.keras_model.settings import quiet
from rnnverify.observation import Asked, Node, Observation, Ref, Tolerance

Array = npt.NDArray[Any]


def observe_model(model: Any, x: Any, opaque: Sequence[str] = (), reset: Sequence[int] = ()) -> Observation:
    """Feed a built keras.Model, or one built layer, and write down everything it did.

    Args:
        x: its inputs, see `given`; of a stateful one perhaps those of several calls, which are made in turn.
        opaque: the layers that are taken as given, by name or class; or all.
        reset: the numbers of the calls, from 1, that start anew.

    Raises:
        RequestError: the model is not built, or the inputs do not fit it.
    """
    with quiet():
        keras = load_keras()
        built, fed = taken_apart(keras, model, x, [], opaque)
        asked = Asked(str(model.name), None, str(model.dtype_policy.name), Tolerance())
        check_reset(built, reset, len(fed))
        return watched(keras, built, asked, fed, 0.0, reset=reset)


def describe_model(
    model: Any, x: Any, states: Sequence[Any]
) -> tuple[dict[str, Array], tuple[Node, ...], tuple[Ref, ...]]:
    """The graph of a model or layer, without running it: what it would be fed, by input; its nodes; its outputs.

    Args:
        x: its inputs, see `given`.
        states: those that a single recurrent layer starts from.

    Raises:
        RequestError: as `observe_model`.
    """
    with quiet():
        built, fed = taken_apart(load_keras(), model, x, [as_array(state, "initial_state") for state in states])
        built.check_weights()
        return described_in_a_row(built, fed)
