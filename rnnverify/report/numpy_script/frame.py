"""What stands around the layers in a script: its head, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from rnnverify import __version__
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.observation import Ref
from rnnverify.text import cleaned, shape_text

WIDTH = 100  # columns of the words at the top
WEIGHTS = """

def weights_of(layer):
    \"\"\"The weights of a layer, in Keras's order, in float64.\"\"\"
    return [data[key].astype(np.float64) for key in data.files if key.startswith(f"{layer}/")]
"""
COMPARED = """
for name, output in outputs.items():
    away = np.abs(output - data[f"keras/{name}"])
    limit = data[f"limit/{name}"]  # how far apart two right runs may be, each number; inf: not known
    print(name, output.shape)
    print(output)
    print(f"largest difference from Keras {away.max():.3g}; rounding explains up to {limit.max():.3g}")
    if not ((away <= limit) | np.isinf(limit)).all():
        raise SystemExit(f"{name} is not what Keras computes")
"""
# Names that a variable of the model must not have.
TAKEN = frozenset(
    {*ACTIVATIONS, "erf", "x", "outputs", "output", "name", "away", "limit", "inputs", "keras", "given", "weights_of"}
)


class Output(NamedTuple):
    """What the model returns, beside Keras's, and how far apart two right runs may be."""

    name: str
    ref: Ref
    keras: Any
    limit: Any


class Script(NamedTuple):
    """The text, and the arrays of the file beside it."""

    text: str
    arrays: Mapping[str, Any]


def head(title: str, inputs: Mapping[str, tuple[int, ...]], file: str, lines: Sequence[str]) -> list[str]:
    """What the script is, for whom it may concern, and what its lines need."""
    fed = ", ".join(f"{name} {shape_text(shape)}" for name, shape in inputs.items())
    imports = ["import math"] if any("math." in line for line in lines) else []
    weights = WEIGHTS.rstrip().split("\n") if any("weights_of(" in line for line in lines) else []
    words = [
        f"Fed with {escaped(fed)}: samples first, then timesteps, then features.",
        f"Weights, inputs and Keras's own outputs are in {escaped(file)}. Keras rounds as it goes; this computes in float64.",
    ]
    return [
        f'"""{escaped(title)} in NumPy: what Keras computes, layer by layer.',
        "",
        *(line for one in words for line in wrap(one, WIDTH)),
        "",
        f"Written by rnnverify {__version__}; yours to change.",
        '"""',
        "",
        *imports,
        "from pathlib import Path",
        "",
        "import numpy as np",
        "",
        f"data = np.load(Path(__file__).with_name({json.dumps(file)}))",
        *weights,
    ]


def compared(outputs: Mapping[str, str]) -> list[str]:
    """What is printed: the outputs, and how far they are from Keras's."""
    pairs = [f'"{key}": {variable}' for key, variable in outputs.items()]
    listed = (
        [f"outputs = {{{pairs[0]}}}"] if len(pairs) == 1 else ["outputs = {", *(f"    {pair}," for pair in pairs), "}"]
    )
    return [*listed, *COMPARED.strip().split("\n")]


def free_of(name: str, taken: Collection[str] = ()) -> str:
    """A name for a variable of the model."""
    a_function = name.endswith(("_layer", "_over_time"))
    return f"{name}_out" if a_function or name in TAKEN or name in taken else name


def narrow(x: Any) -> Any:
    """Numbers in the narrowest of NumPy's types that holds them."""
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        return x
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        single = wide.astype(np.float32)
    return single if np.array_equal(single.astype(np.float64), wide, equal_nan=True) else wide


def escaped(text: str) -> str:
    """Text from outside, inside a docstring."""
    return cleaned(text).replace("\\", "\\\\").replace('"', '\\"')
