"""A model as a NumPy script that a person would write: the layers as functions, their weights from a file beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnverify.observation import Ref
from rnnverify.recording.models import Parameter, RecordedLayer, RecordedModel
from rnnverify.recording.recorded import Recorded
from rnnverify.report.numpy_script.blocks import Block
from rnnverify.report.numpy_script.frame import Output, Script, compared, free_of, head, narrow
from rnnverify.report.numpy_script.functions import Functions, samples_of
from rnnverify.report.numpy_script.layout import Said, laid_out
from rnnverify.report.numpy_script.reads import leaves_of
from rnnverify.report.numpy_script.scope import Scope, identifier, unique
from rnnverify.text import cleaned, shape_text

WIDEST = 96  # columns of a line of the model
USUAL = ("input", "input_layer")  # what an input is called by Keras and by a spec that does not say
Tensor = tuple[Ref, str]  # a tensor's values or its mask


class Written:
    """A model on its way to become a script.

    Args:
        title: the spec's path, or the model's name.
        model: every layer, recorded.
        outputs: what it returns.
        file: the name of the file that holds the arrays.
    """

    def __init__(self, title: str, model: RecordedModel, outputs: Sequence[Output], file: str) -> None:
        self.title, self.model, self.outputs, self.file = title, model, outputs, file
        self.functions = Functions()
        self.arrays: dict[str, Any] = {}
        self.names: dict[Tensor, str] = {}
        self.needed = self.tensors_needed()
        names = unique([free_of(identifier(recorded.node.name)) for recorded in model.layers])
        self.layer_names = dict(zip((one.node.name for one in model.layers), names, strict=True))
        self.homes: dict[str, str] = {}  # by a layer, under which name its weights are

    def tensors_needed(self) -> set[Tensor]:
        """Which tensors and masks are read by what leads to the outputs."""
        needed: set[Tensor] = {(one.ref, "values") for one in self.outputs}
        for recorded in reversed(self.model.layers):
            roots = self.roots(recorded, needed)
            read = leaves_of(roots)
            needed |= {tensor_of(one) for one in recorded.parameters if one.ref and one.given.order in read}
        return needed

    @staticmethod
    def roots(recorded: RecordedLayer, needed: set[Tensor]) -> list[Recorded]:
        """What a layer makes of which something is read."""
        if recorded.given:
            return []
        made: list[Any] = []
        for index, output in enumerate(recorded.outputs):
            ref = Ref(recorded.node.name, index)
            made += [one for kind, one in zip(("values", "mask"), output, strict=True) if (ref, kind) in needed]
        return [one for one in made if isinstance(one, Recorded)]

    def script(self) -> Script:
        """The whole."""
        fed = self.inputs()
        called = [line for recorded in self.model.layers for line in self.layer(recorded)]
        variables = [self.names[one.ref, "values"] for one in self.outputs]
        keys = unique([identifier(one.name) for one in self.outputs])
        for key, one in zip(keys, self.outputs, strict=True):
            self.arrays[f"keras/{key}"] = narrow(one.keras)
            self.arrays[f"limit/{key}"] = one.limit
        functions = [*self.functions.activations.values(), *self.functions.written.values()]
        defined = [line for function in functions for line in ("", "", *function.lines)]
        body = [
            "",
            "",
            "# What the model is fed, and its layers, each on what those before it gave.",
            *fed,
            *laid_out(called),
            "",
            "# What came out, beside what Keras gave.",
            *compared(dict(zip(keys, variables, strict=True))),
        ]
        lines = [*defined, *body]
        shapes = {name: x.shape for name, x in self.model.inputs.items()}
        return Script("\n".join([*head(self.title, shapes, self.file, lines), *lines]) + "\n", self.arrays)

    def inputs(self) -> list[str]:
        """The inputs that are read."""
        read = [name for name in self.model.inputs if self.needed & {(Ref(name), "values"), (Ref(name), "mask")}]
        taken = self.layer_names.values()
        own_names = ["x" if name in USUAL else free_of(identifier(name), taken) for name in read]
        names = ["x"] if len(read) == 1 else unique(own_names)
        lines = []
        for name, own in zip(read, names, strict=True):
            x = self.model.inputs[name]
            self.names[Ref(name), "values"] = own
            self.arrays[f"inputs/{own}"] = narrow(x)
            wide = "" if x.dtype.kind in "iub" else ".astype(np.float64)"
            lines.append(Said(f'{own} = data["inputs/{own}"]{wide}', shape_text(x.shape)))
            mask = self.model.replay[Ref(name)].mask
            if (Ref(name), "mask") in self.needed and mask is not None:
                self.names[Ref(name), "mask"] = f"{own}_mask"
                self.arrays[f"inputs/{own}_mask"] = mask
                lines.append(Said(f'{own}_mask = data["inputs/{own}_mask"]', "False marks a step to skip"))
        return laid_out(lines)

    def layer(self, recorded: RecordedLayer) -> list[Said]:
        """The call of one layer."""
        name = self.layer_names[recorded.node.name]
        if recorded.given:
            return self.given(recorded, name)
        made: list[tuple[str, Recorded]] = []
        lines = []
        for index, output in enumerate(recorded.outputs):
            suffix = recorded.layer.output_names[index]
            own = identifier(f"{name}_{suffix}") if suffix else name
            for kind, one in (("values", output.values), ("mask", output.mask)):
                if not isinstance(one, Recorded) or (Ref(recorded.node.name, index), kind) not in self.needed:
                    continue
                variable = own if kind == "values" else f"{own}_mask"
                handed_on = self.handed_on(recorded, one)
                if handed_on is not None and kind == "mask":
                    self.names[Ref(recorded.node.name, index), kind] = handed_on
                    continue
                self.names[Ref(recorded.node.name, index), kind] = variable
                made.append((variable, one))
        if not made:
            return []
        call = self.call(recorded, name, [one for _, one in made])
        kinds = shape_text(made[0][1].shape)
        lines.append(
            Said(
                f"{', '.join(variable for variable, _ in made)} = {call}",
                f"{cleaned(recorded.node.class_name)}, {kinds}",
            )
        )
        return lines

    def handed_on(self, recorded: RecordedLayer, one: Recorded) -> str | None:
        """The variable that a value is already, if the layer only hands it on."""
        found = next((p for p in recorded.parameters if p.given is one and p.ref), None)
        return None if found is None else self.names[tensor_of(found)]

    def call(self, recorded: RecordedLayer, name: str, roots: list[Recorded]) -> str:
        """A layer's outputs as one expression: written out where it is short and has no weights, otherwise by a function."""
        weights = [one for one in recorded.parameters if one.kind == "weight"]
        if not weights and (short := self.short(recorded, roots)):
            return short
        function, used = self.functions.layer(recorded, roots, f"{name.rstrip('_')}_layer")
        home = self.homes.setdefault(recorded.node.layer, name)
        for one in weights:
            self.arrays[f"{home}/{one.name}"] = narrow(one.given.value)
        given = [self.names[tensor_of(one)] for one in used if one.kind != "weight"]
        given += [f'*weights_of("{home}")'] if weights else []
        return f"{function}({', '.join(given)})"

    def short(self, recorded: RecordedLayer, roots: list[Recorded]) -> str | None:
        """Its outputs in terms of the model's variables, if that takes no statement."""
        if len(roots) > 1 or any(root.made_by.kind in ("loop", "part") for root in roots):
            return None
        scope = Scope(samples_of(recorded), self.functions)
        for one in recorded.parameters:
            if tensor_of(one) in self.names:
                scope.bind(one.given, self.names[tensor_of(one)])
        block = Block(scope, roots)
        if {node.order for node in block.statements} - {root.order for root in roots}:
            return None
        text = scope.expressions.write(roots[0]).text
        first = next((self.names[tensor_of(one)] for one in recorded.parameters if one.kind == "input"), "x")
        if scope.expressions.counts_samples:
            text = re.sub(r"\bN\b", f"len({first})", text)
        return text if len(text) <= WIDEST else None

    def given(self, recorded: RecordedLayer, name: str) -> list[Said]:
        """A layer whose outputs are taken as given."""
        lines = []
        for index, output in enumerate(recorded.outputs):
            own = name if index == 0 else f"{name}_{index}"
            for kind, array in (("values", output.values), ("mask", output.mask)):
                if array is None or (Ref(recorded.node.name, index), kind) not in self.needed:
                    continue
                variable = own if kind == "values" else f"{own}_mask"
                self.names[Ref(recorded.node.name, index), kind] = variable
                self.arrays[f"given/{variable}"] = array
                wide = ".astype(np.float64)" if np.asarray(array).dtype.kind == "f" else ""
                said = f"what Keras's {cleaned(recorded.node.class_name)} put out, taken as given"
                lines.append(Said(f'{variable} = data["given/{variable}"]{wide}', said))
        return lines


def tensor_of(one: Parameter) -> Tensor:
    assert one.ref is not None or one.kind == "weight"
    return (one.ref or Ref("")), "mask" if one.kind == "mask" else "values"


def written(title: str, model: RecordedModel, outputs: Sequence[Output], file: str) -> Script:
    """The model as a script.

    Raises:
        UnsupportedError: a layer cannot be written.
    """
    return Written(title, model, outputs, file).script()
