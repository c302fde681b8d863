"""Points that differ only in N, T, data, weights or seed share a Keras model, and what TensorFlow traced of it.

Tracing is what costs: some tenths of a second. Everything else about a small point takes milliseconds, if TensorFlow
traces once for all sizes, and if the data-set machinery of `predict` is left out; see `keras_model.trace_for_any_size` and
`watcher.predict`.
"""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from typing import Any

from rnnverify.keras_model.built import Built
from rnnverify.keras_model.inputs import draw_inputs
from rnnverify.keras_model.session import asked_by, load_keras, observe, precision, quiet, trace_for_any_size, watched
from rnnverify.keras_model.weights import set_weights
from rnnverify.layers.arrays import Array
from rnnverify.observation import Observation
from rnnverify.spec.arguments import NestedLayer
from rnnverify.spec.model import Spec

# Layers whose weights, or those of the layers after them, depend on T; and one that fails where T is open: as measured with
# Keras 3.15, TimeDistributed then gives (N, N, M), or an error, in place of (N, T, M).
TIED_TO_T = ("Flatten", "TimeDistributed")


class Models:
    """The model of the last architecture seen, kept for the next point."""

    def __init__(self) -> None:
        self.architecture: object = None
        self.built: Built | None = None
        self.seed: int | None = None
        self.initial: dict[str, list[Array]] | None = None  # weights, as that seed draws them
        self.drawn: object = None  # what the model's weights are now: the seed, and what the spec says of them

    def observe(self, spec: Spec) -> Observation:
        """What `keras_model.observe` gives, at a fraction of its cost where the architecture is that of the point before.

        Raises:
            RequestError: as there.
        """
        if spec.model is not None:
            return observe(spec)
        started = time.perf_counter()
        with quiet():
            keras = load_keras()
            with precision(keras, spec.dtype):
                built = self.model_for(keras, spec)
                self.draw_weights(keras, built, spec)
                built.inputs = spec.inputs  # those of the model may leave T open
                x = draw_inputs(spec, built.inputs, built.vocabularies())
                return watched(keras, built, asked_by(spec), x, time.perf_counter() - started)

    def model_for(self, keras: Any, spec: Spec) -> Built:
        """The model that is at hand, or a new one in its place."""
        wanted = architecture(spec)
        if self.built is None or wanted != self.architecture:
            self.architecture = self.built = self.seed = self.initial = self.drawn = None
            keras.utils.clear_session(free_memory=False)
            gc.collect()  # what TensorFlow traced hangs in cycles
            self.built = Built.of_spec(keras, with_open_time(spec), trace_for_any_size, at_once=True)
            self.architecture = wanted
        return self.built

    def draw_weights(self, keras: Any, built: Built, spec: Spec) -> None:
        """The weights that a model built for this spec alone would have."""
        if (spec.seed, spec.weights) == self.drawn:
            return
        if self.initial is None or spec.seed != self.seed:
            fresh = built
            if self.seed is not None:  # Keras draws a layer's weights once, when it is built
                fresh = Built.of_spec(keras, with_open_time(spec))
            self.seed = spec.seed
            self.initial = {name: layer.get_weights() for name, layer in fresh.layers.items()}
        self.drawn = None  # nothing that can be relied on, should what follows be refused
        for name, layer in built.layers.items():
            layer.set_weights(self.initial[name])
        set_weights(built.layers, spec)
        self.drawn = spec.seed, spec.weights


def architecture(spec: Spec) -> object:
    """What a model is built from: the same for specs that may share one."""
    open_time = with_open_time(spec)
    return repr((open_time.layers, open_time.inputs, open_time.outputs, spec.dtype))


def with_open_time(spec: Spec) -> Spec:
    """The spec with the number of timesteps left open, where no layer is tied to it."""
    if any(tied(layer.class_name, layer.arguments) for layer in spec.layers):
        return spec
    any_number: Any = None
    inputs = tuple(
        replace(given, shape=(any_number, *given.shape[1:]))
        if given.shape[:1] == (spec.T,) and given.role != "state"
        else given
        for given in spec.inputs
    )
    return replace(spec, inputs=inputs)


def tied(class_name: str, arguments: Any) -> bool:
    """Whether a layer, or one inside it, is built for one number of timesteps."""
    inner = [value for value in vars(arguments).values() if isinstance(value, NestedLayer)]
    return (
        class_name in TIED_TO_T
        or bool(getattr(arguments, "unroll", False))
        or any(tied(one.class_name, one.arguments) for one in inner)
    )
