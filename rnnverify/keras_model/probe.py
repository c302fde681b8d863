"""A second look at a Keras model: every tensor between its layers, and every step of its recurrent layers.

Works on Keras's objects without importing Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnverify.keras_model.long_walks import LongWalk
from rnnverify.keras_model.predicting import BATCH, Trace, arguments, predict
from rnnverify.keras_model.shared_loops import loops_of, shared
from rnnverify.keras_model.walks import Watched, walked
from rnnverify.observation import Ref, Walked

Array = npt.NDArray[Any]


class Seen(NamedTuple):
    """What a prediction showed."""

    outputs: list[Array]  # the model's, where they were asked for
    tensors: dict[Ref, Array]  # between the layers
    walks: dict[str, tuple[Walked, ...]]
    masks: dict[Ref, Array]  # that are handed on with what is taken as given


class Watcher:
    """A model that emits every tensor between the layers, and every step of the recurrent ones."""

    def __init__(
        self,
        keras: Any,
        inputs: list[Any],
        outputs: list[Any],
        tensors: Mapping[Ref, Any],
        walks: Mapping[str, list[Watched]],
        long: Mapping[str, list[LongWalk]],
        trace: Trace | None,
        tried: dict[Any, bool],
        masks: Mapping[Ref, Any] = MappingProxyType({}),
    ) -> None:
        self.keras = keras
        self.trace = trace
        self.outputs = len(outputs)
        self.long = long
        self.refs = list(tensors)
        self.widths = {name: [walk.widths for walk in of_one] for name, of_one in walks.items() if of_one}
        walked = [walk.states for of_one in walks.values() for walk in of_one]
        self.loops = loops_of(keras, [walk for of_one in walks.values() for walk in of_one], tried)
        self.masks = list(masks)
        self.model = keras.Model(inputs, [*outputs, *tensors.values(), *walked, *masks.values()])

    def look(self, x: Mapping[str, Array], batch: int = BATCH) -> Seen:
        """Predict once, so many samples at a time, and see it all; but for long walks, which are taken by themselves."""
        samples = len(next(iter(x.values())))
        with shared(self.loops):
            emitted = predict(self.keras, self.model, arguments(x), samples, self.trace, batch)
        arrays = iter([np.asarray(array) for array in self.keras.tree.flatten(emitted)])
        outputs = [next(arrays) for _ in range(self.outputs)]
        tensors = {ref: next(arrays) for ref in self.refs}
        walks = {name: tuple(walked(next(arrays), widths) for widths in of_one) for name, of_one in self.widths.items()}
        masks = {ref: next(arrays) for ref in self.masks}
        fed = {**{Ref(name): array for name, array in x.items()}, **tensors}
        for name, of_one in self.long.items():
            walks[name] = tuple(walk.taken(fed, self.trace) for walk in of_one)
        return Seen(outputs, tensors, walks, masks)
