"""The layers a spec may name: Keras's own arguments, and what shapes go in and come out.

Shapes leave out the samples: (T, D) is one sequence. Only arguments that the replay accounts for stand here.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar

from rnnverify.observation.precision import POLICIES
from rnnverify.spec.types import (
    Arguments,
    Axis,
    Flag,
    MaybeName,
    MaybeSeed,
    Rate,
    Real,
    References,
    Size,
    Sizes,
    one_of,
    refuse,
)

Shape = tuple[int, ...]

ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]
INITIALIZERS = [
    "zeros",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "identity",
    "uniform",
    "normal",
]

Activation = Annotated[str, one_of(*ACTIVATIONS)]
MaybeActivation = Annotated[str | None, one_of(*ACTIVATIONS, None)]
Initializer = Annotated[str, one_of(*INITIALIZERS)]
Regularizer = Annotated[str | None, one_of("l1", "l2", "l1l2", None)]
Constraint = Annotated[str | None, one_of("max_norm", "non_neg", "unit_norm", None)]
Policy = Annotated[str | None, one_of(*POLICIES, None)]
MergeMode = Annotated[str | None, one_of("concat", "sum", "mul", "ave", None)]
UseCudnn = Annotated[str | bool, one_of("auto", True, False)]


class LayerArguments(Arguments):
    """What every entry takes, and what there is to know about it."""

    name: MaybeName = None

    ours: ClassVar[frozenset[str]] = frozenset({"inputs", "initial_state"})  # keys that are not Keras's arguments
    rank: ClassVar[tuple[int, str] | None] = None  # how many axes the input has, and in words

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        """The shape of each output; raises what `refuse` makes where the inputs do not fit."""
        return [inputs[0]]

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        """The shapes of the weights, for the estimate of memory."""
        return []

    def output_names(self) -> tuple[str, ...]:
        """A name for each output: the first is the layer itself, others are its states."""
        return ("",)

    def keras_arguments(self) -> dict[str, Any]:
        """The arguments that the spec sets, for Keras's constructor."""
        return {key: getattr(self, key) for key in self.model_fields_set if key not in self.ours}


class Called(LayerArguments):
    """What every layer takes that is called on something, which is every one but an InputLayer."""

    trainable: Flag = True
    dtype: Policy = None
    inputs: References = None


class Recurrent(Called):
    units: Size
    activation: MaybeActivation = "tanh"
    use_bias: Flag = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: MaybeSeed = None
    return_sequences: Flag = False
    return_state: Flag = False
    go_backwards: Flag = False
    unroll: Flag = False
    zero_output_for_mask: Flag = False
    initial_state: References = None

    gates: ClassVar[int] = 1
    state_names: ClassVar[tuple[str, ...]] = ("h",)
    rank = (2, "a sequence (timesteps, features)")

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        timesteps = inputs[0][0]
        y = (timesteps, self.units) if self.return_sequences else (self.units,)
        return [y, *self.state_shapes()] if self.return_state else [y]

    def state_shapes(self) -> list[Shape]:
        return [(self.units,) for _ in self.state_names]

    def output_names(self) -> tuple[str, ...]:
        return ("", *self.state_names) if self.return_state else ("",)

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        width = self.gates * self.units
        return [(inputs[0][1], width), (self.units, width), (width,)]


class SimpleRNN(Recurrent):
    pass


class LSTM(Recurrent):
    recurrent_activation: MaybeActivation = "sigmoid"
    unit_forget_bias: Flag = True
    use_cudnn: UseCudnn = "auto"

    gates = 4
    state_names = ("h", "c")


class GRU(Recurrent):
    recurrent_activation: MaybeActivation = "sigmoid"
    reset_after: Flag = True
    use_cudnn: UseCudnn = "auto"

    gates = 3


class Bidirectional(Called):
    layer: Any
    backward_layer: Any = None
    merge_mode: MergeMode = "concat"
    initial_state: References = None

    rank = Recurrent.rank
    nested: ClassVar[tuple[str, ...]] = ("layer", "backward_layer")
    inner: ClassVar[tuple[str, ...]] = ("SimpleRNN", "LSTM", "GRU")

    def directions(self) -> tuple[Recurrent, Recurrent]:
        forward = self.layer.arguments
        return forward, self.backward_layer.arguments if self.backward_layer else forward

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        forward, backward = self.directions()
        ys = [forward.output_shapes(inputs)[0], backward.output_shapes(inputs)[0]]
        if self.merge_mode == "concat":
            ys = [(*ys[0][:-1], ys[0][-1] + ys[1][-1])]
        elif self.merge_mode is not None:
            ys = ys[:1]
        return [*ys, *self.state_shapes()] if forward.return_state else ys

    def state_shapes(self) -> list[Shape]:
        forward, backward = self.directions()
        return [*forward.state_shapes(), *backward.state_shapes()]

    def output_names(self) -> tuple[str, ...]:
        merged = ("forward", "backward") if self.merge_mode is None else ("",)
        return (*merged, *self.joint_state_names()) if self.directions()[0].return_state else merged

    def joint_state_names(self) -> tuple[str, ...]:
        forward, backward = self.directions()
        return (*(f"forward_{n}" for n in forward.state_names), *(f"backward_{n}" for n in backward.state_names))

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        forward, backward = self.directions()
        return [*forward.weight_shapes(inputs), *backward.weight_shapes(inputs)]


class Dense(Called):
    units: Size
    activation: MaybeActivation = None
    use_bias: Flag = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(*inputs[0][:-1], self.units)]

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(inputs[0][-1], self.units), (self.units,)]


class Embedding(Called):
    input_dim: Size
    output_dim: Size
    embeddings_initializer: Initializer = "uniform"
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None
    mask_zero: Flag = False

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(*inputs[0], self.output_dim)]

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(self.input_dim, self.output_dim)]


class Masking(Called):
    mask_value: Real = 0.0

    rank = (2, "a sequence (timesteps, features)")


class TimeDistributed(Called):
    layer: Any

    nested: ClassVar[tuple[str, ...]] = ("layer",)
    inner: ClassVar[tuple[str, ...]] = (
        "Activation",
        "Bidirectional",
        "Dense",
        "Dropout",
        "Flatten",
        "GRU",
        "LSTM",
        "RepeatVector",
        "SimpleRNN",
    )

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        if len(inputs[0]) < 2:
            raise refuse(f"a layer before it that gives a sequence (timesteps, ...); what comes in is {inputs[0]}")
        timesteps, *rest = inputs[0]
        return [(timesteps, *shape) for shape in self.layer.arguments.output_shapes([self.checked(tuple(rest))])]

    def checked(self, shape: Shape) -> Shape:
        check_rank(self.layer.class_name, self.layer.arguments, shape)
        return shape

    def weight_shapes(self, inputs: list[Shape]) -> list[Shape]:
        shapes: list[Shape] = self.layer.arguments.weight_shapes([inputs[0][1:]])
        return shapes


class RepeatVector(Called):
    n: Size

    rank = (1, "a vector (features,)")

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(self.n, *inputs[0])]


class Dropout(Called):
    rate: Rate
    seed: MaybeSeed = None


class Flatten(Called):
    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        return [(prod(inputs[0]),)]


class ActivationLayer(Called):
    activation: Activation


class Concatenate(Called):
    axis: Axis = -1

    def output_shapes(self, inputs: list[Shape]) -> list[Shape]:
        if len(inputs) < 2:
            raise refuse("inputs: [a, b], at least two earlier layers to concatenate")
        rank = len(inputs[0])
        axis = self.axis - 1 if self.axis > 0 else rank + self.axis  # Keras counts the samples' axis
        rest = {shape[:axis] + shape[axis + 1 :] for shape in inputs}
        if self.axis == 0 or not 0 <= axis < rank or len(rest) > 1 or any(len(s) != rank for s in inputs):
            shapes = " and ".join(str(shape) for shape in inputs)
            raise refuse(f"inputs that agree on every axis but axis {self.axis}; what comes in is {shapes}")
        return [(*inputs[0][:axis], sum(shape[axis] for shape in inputs), *inputs[0][axis + 1 :])]


class InputLayer(LayerArguments):
    shape: Sizes


LAYERS: dict[str, type[LayerArguments]] = {
    "Activation": ActivationLayer,
    "Bidirectional": Bidirectional,
    "Concatenate": Concatenate,
    "Dense": Dense,
    "Dropout": Dropout,
    "Embedding": Embedding,
    "Flatten": Flatten,
    "GRU": GRU,
    "InputLayer": InputLayer,
    "LSTM": LSTM,
    "Masking": Masking,
    "RepeatVector": RepeatVector,
    "SimpleRNN": SimpleRNN,
    "TimeDistributed": TimeDistributed,
}


def check_rank(class_name: str, arguments: LayerArguments, shape: Shape) -> None:
    """Refuse an input with the wrong number of axes."""
    if arguments.rank and len(shape) != arguments.rank[0]:
        advice = "; return_sequences: true before it gives a sequence, token ids need an Embedding"
        advice = advice if len(shape) < arguments.rank[0] else ""
        raise refuse(f"{arguments.rank[1]} as input of {class_name}; what comes in is {shape}{advice}")
