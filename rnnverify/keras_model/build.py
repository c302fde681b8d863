"""From a spec to Keras's layers, connected."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from rnnverify.errors import SpecError
from rnnverify.keras_model.built import Built
from rnnverify.keras_model.config_graph import InboundNode
from rnnverify.keras_model.connection import connect
from rnnverify.keras_model.predicting import Trace
from rnnverify.keras_model.refusals import refusal
from rnnverify.observation import Ref
from rnnverify.spec.arguments import Called, LayerArguments, NestedLayer, snake_case
from rnnverify.spec.model import Input, Spec
from rnnverify.spec.opaque import chosen

SPREADING = ("MultiHeadAttention",)  # take their inputs as arguments of their own
PARTS = ("cell", "layer", "forward_layer", "backward_layer")  # of a layer, with settings of their own


def built_of_spec(keras: Any, spec: Spec, trace: Trace | None = None, open_time: bool = True) -> Built:
    """Build the layers of a spec, with the number of timesteps left open where no layer is tied to it.

    Args:
        trace: is done to a model before its first prediction.
        open_time: whether that number may be left open.

    Raises:
        SpecError: Keras refuses a layer, or the model.
    """
    layers = []
    opaque = chosen(spec.path, spec.opaque, {layer.name: layer.class_name for layer in spec.layers})
    for layer in spec.layers:
        try:
            made = keras_layer(keras, layer.class_name, layer.arguments, layer.name, spec.dtype)
        except Exception as error:  # Keras raises all kinds; each means that this layer cannot be built
            raise SpecError(refusal(spec.path, layer.name, error)) from None
        seed_initializers(made, Random(f"{spec.seed} {layer.name}"))
        spread, as_given = layer.class_name in SPREADING, layer.name in opaque
        node = InboundNode(layer.name, layer.name, layer.inputs, layer.initial_state, spread=spread, opaque=as_given)
        layers.append((node, made))
    tied = any(layer.layer.tied_to_time for layer in spec.layers)
    inputs = with_open_time(spec) if open_time and not tied else spec.inputs
    batch = spec.N if spec.stateful else None  # a stateful layer is one for so many samples
    floats = "float64" if spec.dtype == "float64" else "float32"
    given = {
        Ref(one.name): keras.Input(
            one.shape, batch_size=batch, name=one.name, dtype="int32" if one.role == "ids" else floats
        )
        for one in inputs
    }
    tensors, nodes = connect(keras, given, layers, spec.path)
    for _, made in layers:
        draw_anew(keras, made, Random(f"{spec.seed} {made.name} inside"))
    return Built(
        keras=keras,
        inputs=inputs,
        tensors=tensors,
        nodes=nodes,
        layers={node.layer: made for node, made in layers},
        outputs=spec.outputs,
        trace=trace,
    )


def with_open_time(spec: Spec) -> tuple[Input, ...]:
    """The inputs of a spec with the number of timesteps left open."""
    any_number: Any = None
    return tuple(
        replace(given, shape=(any_number, *given.shape[1:]))
        if given.shape[:1] == (spec.T,) and given.role != "state"
        else given
        for given in spec.inputs
    )


def keras_layer(keras: Any, class_name: str, given: LayerArguments, name: str, dtype: str) -> Any:
    """One Keras layer from a spec's arguments."""
    made: dict[str, Any] = {}
    for key, value in given.keras_arguments().items():
        if isinstance(value, NestedLayer):
            value = part(keras, value, dtype)
        elif isinstance(value, tuple) and value and isinstance(value[0], NestedLayer):
            own = given.dtype if isinstance(given, Called) and given.dtype is not None else dtype
            value = keras.layers.StackedRNNCells([part(keras, one, own) for one in value], dtype=own)
        made[key] = value
    if "recurrent_initializer" in type(given).model_fields and "bfloat16" in (made.get("dtype", dtype), dtype):
        made.setdefault(
            "recurrent_initializer", "glorot_uniform"
        )  # TensorFlow has no QR, so no orthogonal, in bfloat16
    return getattr(keras.layers, class_name)(**{"dtype": dtype, **made, "name": name})


def part(keras: Any, given: NestedLayer, dtype: str) -> Any:
    """A layer inside another, or a cell."""
    name = given.arguments.name or snake_case(given.class_name)
    return keras_layer(keras, given.class_name, given.arguments, name, dtype)


def draw_anew(keras: Any, layer: Any, random: Random) -> None:
    """Draw those weights anew whose initialisers Keras makes while it builds a layer, where nobody can give them a seed."""
    parts = layer._flatten_layers(include_self=False) if type(layer).__name__ in SPREADING else []
    drawn = [(part.kernel, part.kernel_initializer) for part in parts if hasattr(part, "kernel_initializer")]
    if type(layer).__name__ == "AdditiveAttention" and layer.scale is not None:
        drawn.append((layer.scale, keras.initializers.GlorotUniform()))
    for weight, initializer in drawn:
        config = initializer.get_config()
        if config.get("seed", 0) is None:
            initializer = type(initializer).from_config({**config, "seed": random.randrange(1, 2**31)})
            weight.assign(initializer(weight.shape, dtype=weight.dtype))


def seed_initializers(layer: Any, random: Random) -> None:
    """Give every initialiser a seed that has none.

    Otherwise it takes one from Python's global generator, of which other threads may draw at the same time: on the workers
    of a cluster they do.
    """
    for name, initializer in vars(layer).items():
        if name.endswith("_initializer") and hasattr(initializer, "seed") and initializer.get_config()["seed"] is None:
            initializer.seed = random.randrange(1, 2**31)
    for name in PARTS:
        if name in vars(layer):
            seed_initializers(vars(layer)[name], random)
    for cell in vars(layer).get("cells", ()):
        seed_initializers(cell, random)
