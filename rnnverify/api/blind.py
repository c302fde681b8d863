"""The known mistakes that a spec, or a model as it is fed, could not have shown."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from rnnverify.api.observing import observation_of, read
from rnnverify.diagnosis import blind_spots as search
from rnnverify.diagnosis.variations import Free
from rnnverify.observation import Observation
from rnnverify.results import BlindSpots, Verification
from rnnverify.spec.data import File
from rnnverify.spec.model import Spec
from rnnverify.verification.given import refuse_opaque

SHARE = 0.2  # of the time that runs take, which their blind spots may take beside them
START = 0.3  # of what a command takes to load Keras, which nobody else has counted
WORTH = 3.0  # verdicts that they are worth at least: not begun where there is not the time for so many


class Patience:
    """The time that is left to look for blind spots.

    Args:
        left: in seconds, before any run.
    """

    def __init__(self, left: float = 0.0) -> None:
        self.left = left

    def with_blind_spots(
        self, result: Verification, target: Any, observed: Observation, min_kill: float | None
    ) -> Verification:
        """The result, with its blind spots where there is time to find them, or where they are asked for."""
        self.left += SHARE * sum(result.seconds.values())
        # Where Keras itself is not right there is nothing to be blind to; where a layer is not replayed, it is not known.
        if (
            observed.opaque
            or result.keras_verdict != "match"
            or (min_kill is None and WORTH * result.seconds["replay"] > self.left)
        ):
            return result
        started = time.monotonic()
        found = search.blind_spots(observed, free(target), None if min_kill is not None else self.left)
        self.left -= time.monotonic() - started
        return replace(result, blind=found)


def blind_spots(target: Any, x: Any = None, *, allow_code: bool = False) -> BlindSpots:
    """The known mistakes whose outputs could not be told from the right ones.

    Args:
        target: a Spec, a built keras.Model, one built Keras layer, what Keras was observed to do, or the path of a file.
        x: the input of a model or layer, (N, ...), an array or lists of numbers; several in a list, or for a model in a mapping
            by name. A Spec draws its own.
        allow_code: whether a function that a spec names, to return the model, may be run.

    Returns:
        `spots`, each with the reason and the smallest change of the spec that shows it; `equivalent`, those that nothing shows,
        as they are no mistakes for this model; `known`, how many of them can be made in it; `killed`, the share that shows.

    Raises:
        RequestError: the target cannot be built, fed or replayed; the message says what to do.
    """
    target = read(target)
    observed = observation_of(target, x, allow_code)
    refuse_opaque(observed, "blind spots")
    found = search.blind_spots(observed, free(target))
    assert found is not None  # it had all the time it takes
    return found


def free(target: Any) -> Free:
    """What may be changed of a target, so that it shows more: all of a spec that draws it, nothing of a model."""
    if not isinstance(target, Spec):
        return Free(weights=None, data=False, states=False)
    data = target.data
    return Free(
        weights=target.weights.scale if target.model is None and target.weights.file is None else None,
        data=not isinstance(data, File) and not (data is not None and data.letters()),
        states=target.model is None,
    )
