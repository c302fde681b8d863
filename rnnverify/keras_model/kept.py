"""A model as a file for others: for Keras's exporters, and for Keras on another backend."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy.typing as npt

from rnnverify.errors import RequestError
from rnnverify.keras_model.build import built_of_spec
from rnnverify.keras_model.models import built_of_model, taken_apart
from rnnverify.keras_model.refusals import first_line
from rnnverify.keras_model.saved import checked_copy
from rnnverify.keras_model.session import load_keras, loaded, watched
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.keras_model.structure import inputs_of
from rnnverify.machine.own_code import module_called
from rnnverify.observation import Asked, Node, Observation, Ref, Turn
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import is_function

Array = npt.NDArray[Any]


class Kept(NamedTuple):
    """A model in a file."""

    path: str
    modules: tuple[str, ...]  # those of the user's own classes in it, which whoever loads it must import


class CannotError(Exception):
    """Keras does not do with a model what was asked for: no fault of the request."""


def keep(target: Any, x: Any, observed: Observation, path: str, known: Collection[str]) -> Kept:
    """Save what was observed as a `.keras` file.

    Args:
        target: the Spec, the model or the layer.
        x: its inputs, where it is no spec.
        observed: what it did, of which the weights are used.
        path: of the file.
        known: the classes of layers that have a replay.

    Raises:
        RequestError: it cannot be saved.
    """
    with quiet():
        keras = load_keras()
        if isinstance(target, Spec):
            with precision(keras, target.dtype):
                model = model_of_spec(keras, target, observed.nodes, known)
        else:
            model = target if isinstance(target, keras.Model) else taken_apart(keras, target, x, [])[0].model
        try:
            model.save(path)
        except Exception as error:
            raise RequestError(f"the model cannot be saved, which is how others get it: {first_line(error)}") from None
        named = [str(target.model).rpartition(":")[0]] if isinstance(target, Spec) and target.model else []
        return Kept(path, tuple(dict.fromkeys([*filter(None, named), *modules_of(model)])))


def model_of_spec(keras: Any, spec: Spec, nodes: Sequence[Node], known: Collection[str]) -> Any:
    """The model of a spec, with the timesteps that the spec says, and weights that were seen."""
    if spec.model is not None and is_function(spec.model):
        return loaded(keras, spec, None).model
    if spec.model is not None:
        with checked_copy(spec, known) as copy:
            return loaded(keras, spec, copy).model
    built = built_of_spec(keras, spec, open_time=False)
    for node in nodes:
        built.layers[node.layer].set_weights(list(node.weights.values()))
    outputs = [built.tensors[ref] for ref in built.outputs]
    inputs = [built.tensors[Ref(given.name)] for given in built.inputs]
    return keras.Model(inputs if inputs[1:] else inputs[0], outputs if outputs[1:] else outputs[0])


def modules_of(model: Any) -> Iterable[str]:
    """Where the classes of its layers are, but for Keras's own and those that nobody else can import."""
    for layer in model._flatten_layers():
        module = type(layer).__module__
        if module.partition(".")[0] not in ("keras", "tensorflow", "__main__", "builtins"):
            yield module


def load(keras: Any, kept: Kept) -> Any:
    """The model that was saved.

    Raises:
        CannotError: Keras cannot load it here.
    """
    try:
        for module in kept.modules:
            module_called(module)
        return keras.models.load_model(kept.path, compile=False)
    except Exception as error:
        raise CannotError(f"Keras cannot load the model there: {first_line(error)}") from None


def observe_kept(
    kept: Kept, inputs: Mapping[str, Array], turns: Sequence[Turn], spec: str, dtype: str, in_float32: bool = False
) -> Observation:
    """What Keras does here, on this process's backend, with a model that was saved.

    Args:
        kept: the model.
        inputs: what it is fed, by the inputs' names; those of several calls in a row by the names in `turns`.
        turns: these calls.
        spec, dtype: of the observation.
        in_float32: whether OpenVINO is told to compute in float32.

    Raises:
        CannotError: Keras cannot load it, or run it.
    """
    with quiet(), openvino_in_float32() if in_float32 else nullcontext():
        keras = load_keras()
        with precision(keras, dtype):
            built = built_of_model(keras, load(keras, kept))
            if len(turns) > 1 and not built.kept:
                raise CannotError("a model without stateful layers keeps nothing from one call to the next")
            names = [given.name for given in built.inputs]
            rows = [[inputs[name] for name in turn.inputs] for turn in turns] or [list(inputs.values())]
            calls = [dict(zip(names, row, strict=True)) for row in rows]
            reset = [number for number, turn in enumerate(turns, 1) if turn.reset]
            try:
                return watched(keras, built, Asked(spec, None, dtype), calls, 0.0, reset=reset)
            except RequestError as error:
                raise CannotError(str(error)) from None
            except Exception as error:  # as for a T that the model does not take
                raise CannotError(f"Keras cannot predict: {first_line(error)}") from None


@contextmanager
def openvino_in_float32() -> Iterator[None]:
    """Whatever Keras has OpenVINO compile is told to compute in float32."""
    import openvino

    compile_model = openvino.compile_model

    def compiled(model: Any, device: str = "CPU", config: Mapping[str, Any] = MappingProxyType({})) -> Any:
        return compile_model(model, device, {"INFERENCE_PRECISION_HINT": "f32", **config})

    openvino.compile_model = compiled
    try:
        yield
    finally:
        openvino.compile_model = compile_model


def export_kept(
    kept: Kept, form: str, sizes: Mapping[str, int], path: str, after: Mapping[str, Array] | None = None
) -> None:
    """Have Keras export a model that was saved.

    Args:
        kept: the model.
        form: Keras's name of the format.
        sizes: of N and T, where they are fixed in what the file takes.
        path: of the file that is made.
        after: what the model is called with before, if it is.

    Raises:
        RequestError: a package that Keras needs for it is not installed.
        CannotError: it does not export it.
    """
    with quiet():
        keras = load_keras()
        model = load(keras, kept)
        whole = inputs_of(model)
        model(model.inputs[0] if whole is None else whole)  # of one that was never called some export nothing
        given = {"input_signature": signature(keras, model, sizes)} if sizes else {}
        try:
            if after is not None:
                model.predict(dict(after) if len(after) > 1 else next(iter(after.values())), verbose=0)
            model.export(path, format=form, verbose=False, **given)
        except ImportError as error:
            step = f"; pip install {error.name}" if error.name else ""
            backend = keras.backend.backend()
            raise RequestError(f"Keras on {backend} cannot export to {form}: {first_line(error)}{step}") from None
        except Exception as error:
            raise CannotError(f"Keras does not export it: {first_line(error)}") from None
        if not os.path.exists(path):
            raise CannotError("Keras exported nothing, and said nothing")


def signature(keras: Any, model: Any, sizes: Mapping[str, int]) -> Any:
    """What the exported file takes, with some sizes fixed: that of the samples, and of the timesteps where they are open."""

    def of(tensor: Any) -> Any:
        samples, *rest = tensor.shape
        if rest and rest[0] is None:
            rest[0] = sizes.get("T")
        return keras.InputSpec(shape=(sizes.get("N", samples), *rest), dtype=tensor.dtype, name=tensor.name)

    whole = inputs_of(model)  # of a Sequential there is none
    return keras.tree.map_structure(of, model.inputs) if whole is None else [keras.tree.map_structure(of, whole)]
