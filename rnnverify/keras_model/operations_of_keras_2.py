"""Operations between layers as Keras 2 saved them, layers of TensorFlow's functions, in the words of Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnverify.keras_model.flattening import is_leaf
from rnnverify.observation.arguments import SLICE

CLASSES = ("TFOpLambda", "SlicingOpLambda")
CONSTANT = "_CONSTANT_VALUE"  # what stands in place of a layer's name before a number
NUMPY, NN = "keras.src.ops.numpy", "keras.src.ops.nn"
INERT = {"name"}


@dataclass(frozen=True)
class Word:
    """Keras 3's word for one of TensorFlow's functions."""

    name: str
    module: str = NUMPY
    beside: tuple[str, ...] = ()  # parameters that are arguments of the call, behind the first
    options: Mapping[str, str] = field(default_factory=dict)  # those that belong to the config, and their names there
    default: Mapping[str, Any] = field(default_factory=dict)  # of the config
    off: tuple[str, ...] = ()  # those that must be false


REDUCED = {"axis": "axis", "keepdims": "keepdims"}
BOTH = ("transpose_a", "transpose_b", "adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse")
WORDS: Mapping[str, Word] = {
    "__operators__.getitem": Word("GetItem", beside=("slice_spec",)),
    "concat": Word("Concatenate", options={"axis": "axis"}),
    "stack": Word("Stack", options={"axis": "axis"}, default={"axis": 0}),
    "expand_dims": Word("ExpandDims", options={"axis": "axis"}),
    "compat.v1.squeeze": Word("Squeeze", options={"axis": "axis"}, default={"axis": None}),
    "reshape": Word("Reshape", options={"shape": "newshape"}),
    "compat.v1.transpose": Word("Transpose", options={"perm": "axes"}, default={"axes": None}, off=("conjugate",)),
    "tile": Word("Tile", options={"multiples": "repeats"}),
    "reverse": Word("Flip", options={"axis": "axis"}),
    "clip_by_value": Word("Clip", options={"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "linalg.matmul": Word("Matmul", beside=("b",), off=BOTH),
    "nn.softmax": Word("Softmax", NN, options={"axis": "axis"}, default={"axis": -1}),
    **{
        f"math.reduce_{name}": Word(keras, options=REDUCED, default={"axis": None, "keepdims": False})
        for name, keras in {"mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min"}.items()
    },
    **{
        name: Word(keras, beside=("y",))
        for name, keras in {
            "__operators__.add": "Add",
            "math.add": "Add",
            "math.subtract": "Subtract",
            "math.multiply": "Multiply",
            "math.divide": "TrueDivide",
            "math.truediv": "TrueDivide",
            "math.maximum": "Maximum",
            "math.minimum": "Minimum",
            "math.pow": "Power",
        }.items()
    },
    **{
        name: Word(keras)
        for name, keras in {
            "math.abs": "Absolute",
            "math.exp": "Exp",
            "math.log": "Log",
            "math.negative": "Negative",
            "math.sqrt": "Sqrt",
            "math.square": "Square",
            "math.tanh": "Tanh",
            "nn.tanh": "Tanh",
        }.items()
    },
    **{
        name: Word(keras, NN)
        for name, keras in {
            "math.sigmoid": "Sigmoid",
            "nn.sigmoid": "Sigmoid",
            "nn.relu": "Relu",
            "nn.relu6": "Relu6",
            "nn.selu": "Selu",
            "nn.softsign": "Softsign",
            "math.softplus": "Softplus",
        }.items()
    },
}


def operation_of(entry: Mapping[str, Any], tensor: Callable[[list[Any]], Any]) -> dict[str, Any] | None:
    """An entry of a graph as Keras 3 has it, without its names; None where it is no such operation, or one without a word.

    Args:
        entry: a layer with its calls, see above.
        tensor: makes Keras 3's reference of [layer, call, output].
    """
    config, calls = entry.get("config"), entry.get("inbound_nodes")
    function = config.get("function") if isinstance(config, Mapping) else None
    word = WORDS.get(function) if isinstance(function, str) else None
    if entry.get("class_name") not in CLASSES or word is None or not isinstance(calls, list):
        return None
    made = [one for call in calls if (one := called(word, call, tensor)) is not None]
    if not made or len(made) < len(calls) or any(options != made[0][0] for options, _ in made):
        return None
    nodes = [{"args": arguments, "kwargs": {}} for _, arguments in made]
    return {"module": word.module, "class_name": word.name, "config": made[0][0], "inbound_nodes": nodes}


def called(word: Word, call: Any, tensor: Callable[[list[Any]], Any]) -> tuple[dict[str, Any], list[Any]] | None:
    """The config and the arguments of one call; None where it has something that there is no word for."""
    first, given = taken_apart(call)
    if first is None:
        return None
    options = {**word.default}
    beside: dict[str, Any] = {}
    for key, value in given.items():
        if key in word.beside:
            beside[key] = argument(value, tensor)
        elif key in word.options:
            options[word.options[key]] = value
        elif value not in (None, False) and key not in INERT:
            return None
    if beside.keys() != set(word.beside) or set(word.options.values()) - options.keys():
        return None
    return options, [argument(first, tensor), *(beside[key] for key in word.beside)]


def taken_apart(call: Any) -> tuple[Any, dict[str, Any]]:
    """What an operation is called on first, a tensor, a number or a list of tensors; and the rest by name."""
    leaves = list(call) if isinstance(call, list) else []
    if len(leaves) == 4 and isinstance(leaves[0], str):
        return first_of(leaves), dict(leaves[3]) if isinstance(leaves[3], dict) else {}
    if len(leaves) == 1 and isinstance(leaves[0], list):
        return taken_apart(leaves[0])
    if leaves and all(isinstance(one, list) and len(one) == 4 for one in leaves):
        return [first_of(one) for one in leaves], dict(leaves[0][3]) if isinstance(leaves[0][3], dict) else {}
    return None, {}


def first_of(leaf: list[Any]) -> Any:
    return leaf[2] if leaf[0] == CONSTANT else leaf[:3]


def argument(value: Any, tensor: Callable[[list[Any]], Any]) -> Any:
    """A tensor, a slice, a number, or a list of such."""
    if is_leaf(value):
        return tensor(value[:3])
    if isinstance(value, Mapping) and value.keys() == {"start", "stop", "step"}:
        return {"class_name": SLICE, "config": dict(value)}
    if isinstance(value, list):
        return [argument(one, tensor) for one in value]
    return value
