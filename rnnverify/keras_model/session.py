"""The only module that imports Keras. A session builds or loads a model, predicts, and writes down what it saw."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnverify.errors import RequestError
from rnnverify.keras_model.build import built_of_spec, with_open_time
from rnnverify.keras_model.built import Built
from rnnverify.keras_model.copied import Copy
from rnnverify.keras_model.fed import with_batch
from rnnverify.keras_model.in_a_row import check_calls
from rnnverify.keras_model.inputs import draw_calls
from rnnverify.keras_model.loading import load_model
from rnnverify.keras_model.models import built_of_model
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.saved import checked_copy
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.keras_model.weights import set_weights
from rnnverify.observation import SAVED_BY, Asked, Observation
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import is_function

Array = npt.NDArray[Any]

log = logging.getLogger(__name__)


class Session:
    """The way from specs to observations. The model of the last architecture is kept for the next spec.

    Specs that differ only in N, T, data, weights or seed share a Keras model, and what TensorFlow traced of it. Tracing is
    what costs: some tenths of a second. Everything else about a small spec takes milliseconds, as TensorFlow traces once for
    all sizes (see `trace_for_any_size`), and the data-set machinery of `predict` is left out (see `predicting.predict`).
    """

    def __init__(self, known: Collection[str]) -> None:
        """Start without a model.

        Args:
            known: the classes of layers that have a replay: a saved model of others is refused before Keras loads it.
        """
        self.known = known
        self.architecture: object = None
        self.built: Built | None = None
        self.tried: dict[Any, bool] = {}  # what came of loops that a walk might share
        self.seed: int | None = None
        self.initial: dict[str, list[Array]] | None = None  # weights, as that seed draws them
        self.drawn: object = None  # what the model's weights are now: the seed, and what the spec says of them

    def observe(self, spec: Spec) -> Observation:
        """Build the spec's model, feed it, and write down everything it did.

        Raises:
            RequestError: the model cannot be built, loaded or fed; a layer has a call that cannot be replayed.
        """
        in_file = spec.model is not None and not is_function(spec.model)
        started = time.perf_counter()
        with checked_copy(spec, self.known) if in_file else nullcontext() as copy, quiet():
            keras = load_keras()
            with precision(keras, spec.dtype):
                log.info("building the model" if spec.model is None else "loading the model")
                if spec.model is None:
                    built = self.model_for(keras, spec)
                    self.draw_weights(keras, built, spec)
                else:
                    built = loaded(keras, spec, copy)
                # A model of its own may leave open how many timesteps there are; a spec does not.
                check_calls(spec, built)
                spec = with_batch(keras, spec, built.model, bool(built.kept))
                calls = spec.calls_of(bool(built.kept))
                x = draw_calls(spec, spec.inputs or built.inputs, built.vocabularies(), calls)
                asked = Asked(spec.path, spec.seed, spec.dtype, spec.tolerance)
                old = {SAVED_BY: f"Keras {copy.old.version}"} if copy is not None and copy.old is not None else {}
                return watched(keras, built, asked, x, time.perf_counter() - started, old, spec.reset)

    def model_for(self, keras: Any, spec: Spec) -> Built:
        """The model that is at hand, or a new one in its place."""
        inputs = with_open_time(spec)
        batch = spec.N if spec.stateful else None
        wanted = repr((spec.layers, inputs, spec.outputs, spec.dtype, spec.opaque, batch))
        if self.built is None or wanted != self.architecture or not fits(self.built, spec):
            before, self.built = self.built, None
            self.architecture = self.seed = self.initial = self.drawn = None
            keras.utils.clear_session(free_memory=False)  # a full collection here would cost every run a quarter second
            if before is not None:
                del before
                gc.collect()  # what TensorFlow traced hangs in cycles
            self.built = replace(built_of_spec(keras, spec, trace_for_any_size), tried=self.tried)
            self.architecture = wanted
        return self.built

    def draw_weights(self, keras: Any, built: Built, spec: Spec) -> None:
        """The weights that a model built for this spec alone would have."""
        if (spec.seed, spec.weights) == self.drawn:
            return
        if self.initial is None or spec.seed != self.seed:
            fresh = built
            if self.seed is not None:  # Keras draws a layer's weights once, when it is built
                fresh = built_of_spec(keras, spec)
            self.seed = spec.seed
            self.initial = {name: layer.get_weights() for name, layer in fresh.layers.items()}
        self.drawn = None  # nothing that can be relied on, should what follows be refused
        for name, layer in built.layers.items():
            layer.set_weights(self.initial[name])
        set_weights(built.layers, spec)
        self.drawn = spec.seed, spec.weights


def fits(built: Built, spec: Spec) -> bool:
    """Whether a model takes inputs of the spec's shapes."""
    return all(
        want in (None, have)
        for taken, given in zip(built.inputs, spec.inputs, strict=True)
        for want, have in zip(taken.shape, given.shape, strict=True)
    )


def loaded(keras: Any, spec: Spec, copy: Copy | None) -> Built:
    """The model that a spec names, from the copy of its file if it has one, with the weights that it asks for."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(spec.seed % 2**32)  # a function of the user's may draw weights
    built = built_of_model(keras, load_model(keras, spec, copy), spec, spec.opaque)
    set_weights({layer.name: layer for layer in built.model.layers if layer.name in built.layers}, spec)
    return built


def watched(
    keras: Any,
    built: Built,
    asked: Asked,
    calls: Sequence[Mapping[str, Array]],
    building: float,
    old: Mapping[str, str] = MappingProxyType({}),
    reset: Collection[int] = (),
) -> Observation:
    """What a model does in one call, or in several in a row."""
    return built.observe(asked, calls, {"build": building}, {**environment(keras), **old}, may_use_tf32(keras), reset)


def load_keras() -> Any:
    """Import Keras, on TensorFlow unless the user's environment says otherwise.

    Raises:
        RequestError: it is not installed, or its backend is not.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    imported = "keras" in sys.modules
    collecting = gc.isenabled()
    if not imported:
        log.info("importing %s", {"tensorflow": "TensorFlow"}.get(os.environ["KERAS_BACKEND"], "Keras"))
    gc.disable()  # the import makes a million objects that stay: looking through them for garbage, now or later, is vain
    try:
        import keras
    except (
        Exception
    ) as error:  # besides ImportError what Keras makes of a KERAS_BACKEND or a keras.json that it does not know
        backend = os.environ["KERAS_BACKEND"]
        missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else backend
        raise RequestError(
            f"Keras cannot be imported ({first_line(error)}) with KERAS_BACKEND={backend};"
            f" unset it, or install what is missing with: pip install {missing}"
        ) from None
    finally:
        if not imported:
            gc.freeze()
        if collecting:
            gc.enable()
    return keras


def trace_for_any_size(model: Any, x: Any) -> None:
    """Have TensorFlow trace `predict` once for every N, and for every T where the model's inputs leave it open.

    By itself it traces the first sizes it meets, then the second ones, and only then for all. Its optimiser makes use of
    sizes that it knows, so that the last bits of a prediction would also depend on what was predicted before.
    """
    if load_keras().backend.backend() != "tensorflow":
        return
    import tensorflow

    arrays = x if isinstance(x, list) else [x]
    specs = [tensorflow.TensorSpec(given.shape, array.dtype) for given, array in zip(model.inputs, arrays, strict=True)]
    model.make_predict_function()
    model.predict_function.get_concrete_function([(specs if isinstance(x, list) else specs[0],)])


def may_use_tf32(keras: Any) -> bool:
    """Whether float32 products may run on a GPU's TF32 units: on NVIDIA's since Ampere, unless it was switched off."""
    if keras.backend.backend() != "tensorflow" or not any("gpu" in name for name in devices(keras)):
        return False
    import tensorflow

    return bool(tensorflow.config.experimental.tensor_float_32_execution_enabled())


@cache
def environment(keras: Any) -> Mapping[str, str]:
    """Versions and device, for the report."""
    return {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "tensorflow": version_of("tensorflow"),
        "numpy": np.__version__,
        "python": python_version(),
        "device": device_of(keras),
    }


def device_of(keras: Any) -> str:
    """What Keras computes on; on another backend than TensorFlow with that and its version."""
    backend, found = keras.backend.backend(), ", ".join(devices(keras)) or "cpu"
    return found if backend == "tensorflow" else f"{found} ({backend} {version_of(backend)})"


def version_of(package: str) -> str:
    """The version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def devices(keras: Any) -> list[str]:
    """What Keras computes on, as far as its backend says."""
    try:
        return [str(one) for one in keras.distribution.list_devices()]
    except (AttributeError, NotImplementedError):  # of some it does not know
        return []
