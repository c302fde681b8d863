"""Layers, walks and activations as functions of NumPy arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.gate_map import ends, gate_columns
from rnnverify.lessons.sentences import sentence_of
from rnnverify.recording.models import Parameter, RecordedLayer
from rnnverify.recording.names import names_noted
from rnnverify.recording.recorded import Op, Recorded
from rnnverify.recording.walks import Loop
from rnnverify.report.numpy_script.blocks import Block
from rnnverify.report.numpy_script.layout import INDENT, Said, laid_out
from rnnverify.report.numpy_script.reads import leaves_of, reachable
from rnnverify.report.numpy_script.scope import Scope, identifier, unique
from rnnverify.report.parameters import gate_words
from rnnverify.text import cleaned, shape_text

SHARED = f"{INDENT}Several layers are computed by this; the shapes are those of the first."
WIDTH = 100  # columns of a docstring


class Function(NamedTuple):
    """A function of the script."""

    name: str
    code: str  # without words, by which two that are the same are known
    lines: tuple[str, ...]


class Functions:
    """The functions of a script, each written once, after those that it calls."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}  # of activations
        self.written: dict[str, Function] = {}  # by their code
        self.activations: dict[str, Function] = {}

    def activation(self, function: Any, call: Recorded) -> str:
        """The name of an activation of `layers.activations`."""
        if function not in self.names:
            name = next((name for name, one in ACTIVATIONS.items() if one is function), function.__name__)
            self.names[function] = name
            x = Recorded.given("x", call.args[0].value)
            with names_noted():
                made = function.__wrapped__(x)
            scope = Scope(-1, self)
            scope.bind(x, "x")
            doc = [function.__doc__.splitlines()[0]] if function.__doc__ else []
            body = [Said(line.text) for line in finished(scope, [made])]
            self.activations[name] = self.made(name, ["x"], doc, body)
        return self.names[function]

    def walk(
        self, loop: Loop, scope: Scope, arguments: Sequence[tuple[str, Recorded]], parts: Sequence[Recorded]
    ) -> str:
        """The name of a function that takes a walk."""
        layer = loop.walk.layer
        body = finished(scope, parts)
        names = [name for name, _ in arguments]
        title = f"Over time: {sentence_of(layer)}"
        weights = [name for name in names if name in layer.weight_names]
        doc = documented(title, arguments, weights, gate_columns(layer), parts)
        return self.kept(
            self.made(
                f"{identifier(snake(type(layer).__name__))}_over_time", names, doc, with_samples(scope, names, body)
            )
        )

    def layer(self, recorded: RecordedLayer, roots: Sequence[Recorded], name: str) -> tuple[str, list[Parameter]]:
        """The name of a function that computes one call of a layer, and which of its parameters it takes."""
        read = leaves_of(roots)
        used = [one for one in recorded.parameters if one.kind == "weight" or one.given.order in read]
        loops = [node for node in reachable(roots, set()) if node.made_by.kind == "loop"]
        scope = Scope(samples_of(recorded), self, apart=len(loops) > 1)
        names = unique([identifier(own_name(one)) for one in used])
        for one, own in zip(used, names, strict=True):
            scope.bind(one.given, own)
        body = with_samples(scope, names, finished(scope, roots))
        back = ends(recorded.layer)
        more = f"It {back}." if back and back.startswith("walks") else f"{back[0].upper()}{back[1:]}." if back else ""
        title, name_of_class = sentence_of(recorded.layer), cleaned(recorded.node.class_name)
        title = title if title.startswith(name_of_class) else f"{name_of_class}: {title}"
        arguments = [(own, one.given) for own, one in zip(names, used, strict=True)]
        weights = [own for own, one in zip(names, used, strict=True) if one.kind == "weight"]
        columns = {} if scope.apart else gate_columns(recorded.layer)
        doc = documented(title, arguments, weights, columns, roots, more)
        return self.kept(self.made(name, names, doc, body)), used

    def kept(self, function: Function) -> str:
        """The name of the function, or of one with the same code that is there."""
        known = self.written.setdefault(function.code, function)
        if known.lines != function.lines and SHARED not in known.lines:
            place = next((place for place, line in enumerate(known.lines) if not line.strip()), 1)
            lines = (*known.lines[:place], "", SHARED, *known.lines[place:])
            self.written[function.code] = known = Function(known.name, known.code, lines)
        elif known is function:
            taken = [other.name for other in self.written.values() if other is not function]
            (name,) = unique([function.name], taken)
            if name != function.name:
                lines = (function.lines[0].replace(f"def {function.name}(", f"def {name}(", 1), *function.lines[1:])
                self.written[function.code] = known = Function(name, function.code, lines)
        return known.name

    @staticmethod
    def made(name: str, parameters: Sequence[str], doc: Sequence[str], body: Sequence[Said]) -> Function:
        """A function of these lines."""
        head = Said(f"def {name}({', '.join(parameters)}):")
        words = [INDENT + line if line else "" for line in quoted(doc)]
        lines = laid_out([Said(INDENT + line.text, line.comment) for line in body])
        code = "\n".join([*parameters, *(line.text for line in body)])
        return Function(name, code, (*laid_out([head]), *words, *lines))


def finished(scope: Scope, roots: Sequence[Any]) -> list[Said]:
    """The lines of a body, with what it returns."""
    lines = Block(scope, roots).lines()
    returned = ", ".join(scope.expressions.write(root).text for root in roots)
    return [*lines, Said(f"return {returned}")]


def with_samples(scope: Scope, names: Sequence[str], body: Sequence[Said]) -> list[Said]:
    """With a line for N, if it is read."""
    counts = scope.expressions.counts_samples
    return [*([Said(f"N = len({names[0]})", "samples")] if counts else []), *body]


def documented(
    title: str,
    arguments: Sequence[tuple[str, Recorded]],
    weights: Sequence[str],
    gates: Mapping[str, Mapping[str, tuple[int, int]]],
    roots: Sequence[Recorded],
    more: str = "",
) -> list[str]:
    """The docstring: what it is, and the shapes of what goes in and comes out."""
    width = max(len(name) for name, _ in arguments)
    rows = [f"{name:<{width}}  {shape_text(one.shape)}" for name, one in arguments]
    words = {gate_words(gates.get(weight, {})) for weight in weights} - {""}
    *others, last = [shape_text(root.shape) for root in roots]
    made = f"{', '.join(others)} and {last}" if others else last
    lines = [*wrap(title, WIDTH), "", *([*wrap(more, WIDTH), ""] if more else []), *rows]
    if words:
        lines.append(f"The gates' columns in the weights: {words.pop()}.")
    return [*lines, f"Returns {made}."]


def quoted(doc: Sequence[str]) -> list[str]:
    """A docstring's lines in their quotes."""
    if not doc:
        return []
    if len(doc) == 1:
        return [f'"""{doc[0]}"""']
    return [f'"""{doc[0]}', *doc[1:], '"""']


def own_name(one: Parameter) -> str:
    """A weight that no config names has the name that the layer gives it."""
    if one.kind == "weight" and one.name.startswith("number_"):
        own = [name.text for name in one.given.names if name.own]
        return own[0] if own else one.name
    return one.name


def samples_of(recorded: RecordedLayer) -> int:
    return next((len(one.given.value) for one in recorded.parameters if one.kind == "input"), -1)


def snake(name: str) -> str:
    """`ConvLSTM2D` as `conv_lstm2d`, and `SimpleRNN` as `simple_rnn`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def definition_of(name: str) -> str | None:
    """An activation's formula, `sigmoid(x) = 1 / (1 + exp(-x))`; None of one that takes more than that, or is NumPy's."""
    function: Any = ACTIVATIONS.get(name)
    if not hasattr(function, "__wrapped__"):
        return None
    x = Recorded.given("x", np.array([0.5]))
    written = Functions()
    written.activation(function, Recorded(None, Op("activation", function), (x,)))
    _, *others, last = written.activations[name].lines
    return None if others else f"{name}(x) = {last.strip().removeprefix('return ').replace('np.', '')}"
