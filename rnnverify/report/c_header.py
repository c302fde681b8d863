"""Golden vectors as a C header: plain C99, constants only, and what the harness needs to call a port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from rnnverify import __version__
from rnnverify.report.parameters import gate_words
from rnnverify.results import Expected, LayerWeights, Vectors
from rnnverify.text import cleaned

KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    linux unix stdin stdout stderr errno call_port is_number print_place
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while port main
"""


def header(vectors: Vectors) -> str:
    """The text of vectors.h."""
    names = Names()
    inputs = {name: names.of(name) for name in vectors.inputs}
    outputs = {
        one.name: names.of(one.name if one.name not in inputs else f"{one.name}_output") for one in vectors.outputs
    }
    lines = [
        f"/* Golden vectors of {comment(vectors.spec)}, by rnnverify {__version__}.",
        "   Arrays are laid out as Keras has them: x[sample][timestep][feature], kernel[row][column].",
        "   Fill in port() below for one sample, and compile it with harness.c, which holds it against what is expected:",
        "   cc -std=c99 harness.c port.c -lm && ./a.out */",
        "#ifndef RNNVERIFY_VECTORS_H",
        "#define RNNVERIFY_VECTORS_H",
        "#include <stdint.h>",
        "",
        f"#define SAMPLES {len(vectors.rows)}",
        "",
        *prototype(vectors, inputs, outputs),
        "",
    ]
    for layer in vectors.weights:
        lines += weights(layer, names)
    lines += ["/* ---- what the harness reads ---- */", "#ifdef RNNVERIFY_HARNESS"]
    lines += [f"/* sample {index}: {comment(words)} */" for index, words in enumerate(vectors.rows)]
    for name, array in vectors.inputs.items():
        lines.append(constant(f"input_{inputs[name]}", array))
    for one in vectors.outputs:
        lines.append(constant(f"expected_{outputs[one.name]}", one.values.astype(np.float32)))
        lines.append(constant(f"limit_{outputs[one.name]}", upward(one.limits)))
    lines += harnessed(vectors, inputs, outputs)
    lines += [
        "#endif",
        "",
        "/* ---- every gate and state on the way, by sample and timestep; NAN at masked steps ---- */",
    ]
    lines += ["#ifdef RNNVERIFY_TRACE", "#include <math.h>"]
    lines += [constant(f"trace_{names.of(name)}", array.astype(np.float32)) for name, array in vectors.trace.items()]
    return "\n".join([*lines, "#endif", "#endif", ""])


class Names:
    """Names of a model's tensors as identifiers of C, each only once."""

    def __init__(self) -> None:
        self.taken = set(KEYWORDS.split())

    def of(self, name: str) -> str:
        plain = re.sub(r"\W", "_", name.replace("~", "_candidate"), flags=re.ASCII)
        if plain[:1].isdigit():
            plain = f"_{plain}"
        made = plain = (
            f"{plain}_" if plain.isupper() and len(plain) > 1 else plain
        )  # SAMPLES, NAN and the like are macros
        count = 1
        while made in self.taken:
            count += 1
            made = f"{plain}_{count}"
        self.taken.add(made)
        return made


def comment(text: str) -> str:
    """Text that does not end a comment."""
    return cleaned(text).replace("*/", "* /").replace("/*", "/ *")


def prototype(vectors: Vectors, inputs: dict[str, str], outputs: dict[str, str]) -> Iterator[str]:
    """What the user writes."""
    taken = [f"const {kind(array)} {inputs[name]}{axes(array.shape[1:])}" for name, array in vectors.inputs.items()]
    given = [f"float {outputs[one.name]}{axes(one.values.shape[1:])}" for one in vectors.outputs]
    yield "/* Yours: from the inputs of one sample its outputs. */"
    yield f"void port({', '.join([*taken, *given])});"


def weights(one: LayerWeights, names: Names) -> Iterator[str]:
    """The constants of one layer."""
    for name, array in one.arrays.items():
        columns = gate_words(one.gates.get(name, {}))
        yield f"/* {comment(f'{one.layer} {name}')} {array.shape}{': ' * bool(columns)}{columns} */"
        yield constant(names.of(f"{one.layer}_{name}"), array.astype(np.float32))
    if one.ends:
        yield f"/* {comment(one.layer)}: {one.ends} */"


def harnessed(vectors: Vectors, inputs: dict[str, str], outputs: dict[str, str]) -> Iterator[str]:
    """How the harness calls a port, and where it finds what came of it."""
    for one in vectors.outputs:
        yield f"static float got_{outputs[one.name]}{axes(one.values.shape[1:])};"
    yield "static const struct output {"
    yield "    const char *name;"
    yield "    int timesteps, size; /* of one sample, as [timesteps][size / timesteps] where there is time */"
    yield "    float *got;"
    yield "    const float *expected, *limit;"
    yield "} OUTPUTS[] = {"
    for one in vectors.outputs:
        yield f"    {record(one, outputs[one.name])},"
    yield "};"
    arguments = [f"input_{inputs[name]}[n]" for name in vectors.inputs]
    arguments += [f"got_{outputs[one.name]}" for one in vectors.outputs]
    yield "static void call_port(int n) {"
    yield f"    port({', '.join(arguments)});"
    yield "}"


def record(one: Expected, name: str) -> str:
    """Its entry in the table of outputs."""
    shape = one.values.shape[1:]
    first = "[0]" * (len(shape) - 1)
    text = cleaned(one.name).replace("\\", "\\\\").replace('"', '\\"')
    counts = f"{shape[0] if one.timed else 0}, {prod(shape)}"
    return f'{{"{text}", {counts}, got_{name}{first}, expected_{name}[0]{first}, limit_{name}[0]{first}}}'


def kind(array: Any) -> str:
    return "int32_t" if array.dtype.kind in "iub" else "float"


def axes(shape: Sequence[int]) -> str:
    return "".join(f"[{size}]" for size in shape)


def constant(name: str, array: Any) -> str:
    """A static array with its numbers."""
    size = axes([len(array), *array.shape[1:]])
    return f"static const {kind(array)} {name}{size} = {numbers(array)};"


def numbers(array: Any) -> str:
    if array.ndim > 1:
        return "{" + ",\n".join(numbers(part) for part in array) + "}"
    return "{" + ", ".join(number(value) for value in array) + "}"


def number(value: Any) -> str:
    """One number, to all its digits: nine tell any two float32 apart."""
    if value.dtype.kind in "iub":
        return str(int(value))
    if not np.isfinite(value):
        return "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    text = f"{float(value):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def upward(limits: Any) -> Any:
    """In float32, and not below: a limit is not narrowed by its own rounding."""
    return np.nextafter(limits.astype(np.float32), np.float32(np.inf))
