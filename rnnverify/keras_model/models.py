"""Models that are there already, or made of one layer; and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from rnnverify.errors import DataError, RequestError, SpecError
from rnnverify.keras_model.built import Built
from rnnverify.keras_model.config_graph import InboundNode, inbound_nodes, output_refs
from rnnverify.keras_model.connection import connect
from rnnverify.keras_model.fed import is_whole
from rnnverify.keras_model.foreign import config_of, foreign_in, unread
from rnnverify.keras_model.given import arrays_of_layer, arrays_of_model, as_array, calls_in
from rnnverify.keras_model.in_a_row import is_stateful
from rnnverify.keras_model.inside import layer_at
from rnnverify.keras_model.masks import Recipes, check_masks
from rnnverify.keras_model.masks_beside import mask_inputs, masks_beside, wrapped
from rnnverify.keras_model.nested import flattened, has_models
from rnnverify.keras_model.of_layer import model_of_layer
from rnnverify.keras_model.opaque import Opaque, members, of_masks, opaque_layers, sealed
from rnnverify.keras_model.operations import Operation, class_name_of
from rnnverify.keras_model.structure import flat, with_flat_inputs
from rnnverify.keras_model.token_ids import vocabularies_of
from rnnverify.observation import Ref
from rnnverify.spec.architecture import Call, check_architecture
from rnnverify.spec.model import Input, Spec
from rnnverify.spec.opaque import check_named
from rnnverify.spec.paths import is_function
from rnnverify.text import shape_text

Array = npt.NDArray[Any]


def built_of_model(
    keras: Any,
    model: Any,
    spec: Spec | None = None,
    opaque: Sequence[str] = (),
    masked: Callable[[Sequence[Input]], Mapping[str, str]] = lambda inputs: {},
) -> Built:
    """Take a built model apart and connect its layers once more, so that every tensor between them can be seen.

    Args:
        keras: the module.
        model: the model.
        spec: that names it, if one does.
        opaque: the layers that are taken as given, by name or class; or all.
        masked: which of its inputs have a mask, with the name of the input that this is.

    Raises:
        RequestError: it has no fixed graph, or one that cannot be replayed.
    """
    if not model.built or not getattr(model, "inputs", None):
        raise RequestError(f"{spec.path}: model: {graphless(keras, model)}" if spec else graphless(keras, model))
    model = with_flat_inputs(keras, model)
    functional = functional_of(keras, model) if isinstance(model, keras.Sequential) else model
    origin = spec.path if spec else f"the model {model.name!r}"
    within = dict(members(functional))
    given = given_in(keras, within, origin, opaque)
    foreign = [part for name, one in within.items() if name not in given for part in foreign_in(one)]
    with unread([*(within[name] for name in given), *foreign]):
        config = functional.get_config()
    config = sealed(config, given)
    if has_models(whole := {"class_name": "Functional", "config": config}):
        config = flattened(whole)
    nodes = inbound_nodes(config, given)
    layers = {node.layer: called(keras, layer_at(functional, node.layer), node) for node in nodes}
    check_named(origin, opaque, {name: class_name_of(layer) for name, layer in layers.items()})
    feed = config["input_layers"]
    names = [ref.node for ref in output_refs(feed)]
    ids = vocabularies_of(names, nodes, layers)
    inputs = tuple(described_input(functional.get_layer(name), name in ids, spec) for name in names)
    calls = [
        Call(n.name, class_name_of(layers[n.layer]), config_of(layers[n.layer]), n.inputs, opaque=n.opaque)
        for n in nodes
        if not n.spare
    ]
    if spec is not None and is_function(spec.model or ""):  # what is in a file was judged before it was loaded
        check_architecture(spec.path, {one.name: one.shape for one in inputs}, calls, spec.N or 1)
    fixed = any(is_stateful(layer) for layer in layers.values())  # a stateful layer is one for so many samples
    symbols = {
        Ref(one.name): keras.Input(
            one.shape,
            batch_size=functional.get_layer(one.name).batch_shape[0] if fixed else None,
            name=one.name,
            dtype=functional.get_layer(one.name).dtype,
        )
        for one in inputs
    }
    calls_of_layers = [(node, layers[node.layer]) for node in nodes]
    worn = {Ref(name): Ref(mask) for name, mask in masked(inputs).items()}
    for ref, mask in worn.items():
        symbols[mask] = symbols[ref]._keras_mask = keras.Input(symbols[ref].shape[1:2], name=mask.node, dtype="bool")
        inputs += (Input(mask.node, tuple(symbols[mask].shape[1:]), "features", "bool"),)
    tensors, connected = connect(keras, symbols, calls_of_layers, model.name, config.get("fed", ()), worn)
    check_masks(config, Recipes({node.name: (node, layers[node.layer]) for node in nodes}, tensors))
    if spec is not None and given:  # how large what comes behind them is, is known now
        shapes = {ref: tensor.shape[1:] for ref, tensor in tensors.items()}
        found = {ref: tuple((spec.T or 1) if size is None else size for size in shape) for ref, shape in shapes.items()}
        check_architecture(spec.path, {one.name: one.shape for one in inputs}, calls, spec.N or 1, found)
    return Built(
        keras=keras,
        inputs=inputs,
        tensors=tensors,
        nodes=connected,
        layers={node.layer: layers[node.layer] for node in connected},
        outputs=output_refs(config["output_layers"]),
        model=model,
        feed={key: output_refs(value)[0].node for key, value in feed.items()} if isinstance(feed, dict) else None,
    )


def given_in(keras: Any, there: Mapping[str, Any], origin: str, opaque: Sequence[str]) -> frozenset[str]:
    """The names of the layers that are taken as given."""
    operations = {
        name: one
        for name, one in there.items()
        if not isinstance(one, keras.layers.InputLayer) and (isinstance(one, keras.Layer) or not of_masks(one))
    }
    return (
        opaque_layers(origin, opaque, operations, lambda one: isinstance(one, keras.Layer)) if opaque else frozenset()
    )


def called(keras: Any, layer: Any, node: InboundNode) -> Any:
    """A layer or an operation, to be called as in the model."""
    if node.opaque:
        return Opaque(layer, node.arguments, isinstance(layer, keras.Layer))
    return layer if node.arguments is None else Operation(layer, node.arguments)


def graphless(keras: Any, model: Any) -> str:
    """What to say of a model whose graph is not known."""
    if isinstance(model, keras.Sequential):
        step = "call it once on data, or give it a keras.Input as its first layer"
        return f"expected a model that is built, got the Sequential {model.name!r}, which is not: {step}"
    step = "verify keras.Model(x, model.call(x)), with x = keras.Input(...), in its place"
    kind = f"{model.name!r} of the class {type(model).__name__}, which has no fixed graph"
    return f"expected a Sequential or functional model, got {kind}; {step}"


def functional_of(keras: Any, sequential: Any) -> Any:
    """A Sequential model as a functional one, of the same layers."""
    x = inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in sequential.inputs]
    for layer in sequential.layers:
        x = layer(x[0] if isinstance(x, list) else x)
    return keras.Model(inputs, x)


def described_input(layer: Any, ids: bool, spec: Spec | None) -> Input:
    """One input of a model, which takes token ids or other numbers; a free number of timesteps becomes the spec's T."""
    shape = layer.batch_shape[1:]
    if spec is not None:
        timed = len(shape) > 1 or (len(shape) == 1 and ids)
        if "T" not in spec.assumed and spec.T is not None and timed and shape[0] not in (None, spec.T):
            raise SpecError(
                f"{spec.path}: T: expected {shape[0]}, which the model's input {layer.name!r} has fixed, or no T; got {spec.T}"
            )
        free_timesteps = [spec.T if axis == 0 and size is None else size for axis, size in enumerate(shape)]
        if None in free_timesteps:
            raise SpecError(
                f"{spec.path}: expected a model of which only N and T are open; its input {layer.name!r} has shape"
                f" {shape_text(('N', *('open' if size is None else size for size in shape)))}: build it with the other sizes"
            )
        shape = tuple(free_timesteps)
    whole = layer.dtype if is_whole(layer.dtype) else None
    return Input(layer.name, tuple(shape), "ids" if ids else "features", whole)


def taken_apart(
    keras: Any, model: Any, x: Any, states: Sequence[Any], opaque: Sequence[str] = (), mask: Any = None
) -> tuple[Built, list[dict[str, Array]]]:
    """A model, or a layer made into one, taken apart; and what it is fed in each call, by the names of its inputs, if that fits.

    Args:
        keras: the module.
        model: the model, or the layer.
        x: its inputs, see `given`; of a stateful one perhaps those of several calls.
        states: those that a layer starts from, which are inputs, too.
        opaque: layers of a model that are taken as given, by name or class; or all.
        mask: of its inputs, which are inputs, too; see `masks_beside`.

    Raises:
        RequestError: it is neither, or not built; or the inputs do not fit.
    """
    if not isinstance(model, keras.Layer):  # a keras.Model is one too
        raise RequestError(f"expected a keras.Model, a Keras layer or a spec, got {type(model).__name__}")
    states = [as_array(state, "initial_state") for state in states]
    if isinstance(model, keras.Model):
        if states:
            raise RequestError("expected a single recurrent layer beside initial_state, got a model")
        title = f"the model {model.name!r}"
        built = built_of_model(keras, model, None, opaque)
        calls = calls_in(x, [len(one.shape) + 1 for one in built.inputs]) if built.kept else [x]
        check_one(calls, mask)
        rows = [arrays_of_model(flat(keras, model, one), title, built.inputs, built.feed) for one in calls]
        masks = masks_beside(flat(keras, model, mask), title, rows[0], [one.name for one in built.inputs], built.feed)
        if names := mask_inputs(built.inputs, masks):
            dtypes = {one.name: built.tensors[Ref(one.name)].dtype for one in built.inputs}
            called = wrapped(keras, built.model, built.inputs, dtypes, names, built.feed)
            built = replace(built_of_model(keras, model, None, opaque, lambda _: names), model=called, feed=None)
            rows[0] += [one for one in masks if one is not None]
    else:
        if not model.built:
            raise RequestError(f"the layer {model.name!r} has no weights yet: call it once, or build it")
        axes = [spec.ndim for spec in keras.tree.flatten(model.input_spec) if getattr(spec, "ndim", None)]
        calls = calls_in(x, [axes[0] if axes else 3]) if is_stateful(model) else [x]
        check_one(calls, mask)
        title = f"the layer {model.name!r}"
        rows = [arrays_of_layer(one, title, axes[0] if axes else None) for one in calls]
        names_of_inputs = [f"input {index}" for index in range(len(rows[0]))] if rows[0][1:] else ["the input"]
        masks = masks_beside(mask, title, rows[0], names_of_inputs)
        built = built_of_model(keras, model_of_layer(keras, model, rows[0], states, masks), None, opaque)
        beside = [*states, *(one for one in masks if one is not None)]
        rows = [arrays_of_model([*arrays, *beside], title, built.inputs, None) for arrays in rows]
    if not built.nodes:
        raise DataError(
            f"expected a model with at least one layer, {model.name!r} has none: there is nothing to verify"
        )
    fed = [{given.name: array for given, array in zip(built.inputs, arrays, strict=True)} for arrays in rows]
    for call in fed:
        if len({len(array) for array in call.values()}) > 1:
            each = ", ".join(f"{len(array)} for {name!r}" for name, array in call.items())
            raise DataError(f"expected the same number of samples for every input, got {each}")
    return built, fed


def check_one(calls: Sequence[Any], mask: Any) -> None:
    """Refuse a mask beside several calls.

    Raises:
        DataError: it is not known of which call it is.
    """
    if mask is not None and len(calls) > 1:
        raise DataError(f"expected one call beside a mask, got {len(calls)}; give the model the mask as an input")
