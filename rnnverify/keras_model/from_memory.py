"""Models and layers that the user has in memory: looked at, or described without a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from rnnverify.keras_model.in_a_row import check_reset, described_in_a_row
from rnnverify.keras_model.models import taken_apart
from rnnverify.keras_model.session import load_keras, watched
from rnnverify.keras_model.settings import quiet
from rnnverify.keras_model.structure import as_returned
from rnnverify.observation import Asked, Node, Observation, Ref, Tolerance

Array = npt.NDArray[Any]


def observe_model(
    model: Any,
    x: Any,
    opaque: Sequence[str] = (),
    mask: Any = None,
    states: Sequence[Any] = (),
    reset: Sequence[int] = (),
) -> Observation:
    """Feed a built keras.Model, or one built layer, and write down everything it did.

    Args:
        x: its inputs, see `given`; of a stateful one perhaps those of several calls, which are made in turn.
        opaque: the layers that are taken as given, by name or class; or all.
        mask: of its inputs, see `masks_beside`.
        states: those that a single recurrent layer starts from.
        reset: the numbers of the calls, from 1, that start anew.

    Raises:
        RequestError: the model is not built, or the inputs do not fit it.
    """
    with quiet():
        keras = load_keras()
        built, fed = taken_apart(keras, model, x, states, opaque, mask)
        asked = Asked(str(model.name), None, str(model.dtype_policy.name), Tolerance())
        check_reset(built, reset, len(fed))
        return watched(keras, built, asked, fed, 0.0, reset=reset)


def describe_model(
    model: Any, x: Any, states: Sequence[Any], mask: Any = None
) -> tuple[dict[str, Array], tuple[Node, ...], tuple[Ref, ...], Callable[[Sequence[Array]], Any]]:
    """The graph of a model or layer, without running it: what it would be fed, by input; its nodes; its outputs, and what makes
    of their arrays what Keras returns, of several calls a list of that.

    Arguments and errors are those of `observe_model`.
    """
    with quiet():
        keras = load_keras()
        built, fed = taken_apart(keras, model, x, states, mask=mask)
        built.check_weights()
        whole = built.model if isinstance(model, keras.Model) else None  # a layer returns a list
        count = len(built.outputs)

        def returned(arrays: Sequence[Array]) -> Any:
            made = [as_returned(keras, whole, arrays[at : at + count]) for at in range(0, len(arrays), count)]
            return made if len(fed) > 1 else made[0]

        return *described_in_a_row(built, fed), returned
