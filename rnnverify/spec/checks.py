"""What must fit together in a spec that is right in each of its parts."""

from __future__ import annotations

import os

from rnnverify.spec.data import File, Text
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.model import Spec
from rnnverify.spec.opaque import unmatched
from rnnverify.spec.paths import is_function, parts_of_candidate
from rnnverify.spec.problems import Problems
from rnnverify.spec.source import Source


def check_files(problems: Problems, spec: Spec) -> None:
    """The files that a spec names must be there; what is in them is seen when they are read."""
    named = {
        ("model",): None if spec.model is None or is_function(spec.model) else spec.model,
        ("data", "file"): spec.data.path if isinstance(spec.data, File) else None,
        ("weights", "file"): spec.weights.file,
        ("candidate",): parts_of_candidate(spec.candidate or "")[1] or None,
    }
    for path, file in named.items():
        if file is not None and not os.path.isfile(file):
            got = "is no regular file" if os.path.exists(file) else "does not exist"
            problems.add(path, f"expected the path of a file; {file} {got}")


def check_use(problems: Problems, spec: Spec, used: set[str]) -> None:
    """What a spec asks for must have an effect."""
    for given in spec.inputs:
        if given.name not in used:
            problems.add(("layers",), f"expected every InputLayer to feed a layer; {given.name} feeds none")
    if spec.initial_state == "random" and not any(given.role == "state" for given in spec.inputs):
        problems.add(
            ("initial_state",), "expected zeros: no recurrent layer here is without an initial_state of its own"
        )


def check_opaque(problems: Problems, spec: Spec) -> None:
    """What is taken as given must be there, and not all there is."""
    layers = {layer.name: layer.class_name for layer in spec.layers}
    for name in spec.opaque:
        if problem := unmatched(name, layers):
            problems.add(("opaque",), problem)
    if all(any(name in one for name in spec.opaque) for one in layers.items()):
        problems.add(("opaque",), "expected a layer that is left to check; all of them are taken as given")


def check_inputs(problems: Problems, spec: Spec) -> None:
    """Data that cannot fill every input, or that an Embedding cannot read."""
    fed = [given for given in spec.inputs if given.role != "state"]
    if spec.data is not None and not spec.data.several and len(fed) > 1:
        problems.add(
            ("data",),
            f"expected data for {len(fed)} inputs ({', '.join(given.name for given in fed)}); this kind feeds one",
        )
    for layer in spec.layers:
        limit = layer.layer.vocabulary
        if limit is None:
            continue
        sources = {given.name: given for given in fed}
        given = sources.get(layer.inputs[0].node)
        if given is None:
            problems.add(("layers",), f"expected token ids as input of {layer.name}; {layer.inputs[0].node} gives none")
        elif spec.data is not None and not spec.data.ids and not isinstance(spec.data, File):
            problems.add(
                ("data",),
                f"expected tokens, text or file, since the {layer.class_name} {layer.name} reads ids; got another kind",
            )
        else:
            size = getattr(spec.data, "vocabulary", None)
            if isinstance(spec.data, Text) and limit < 2:
                problems.add(("data",), f"expected an input_dim of at least 2 of {layer.name}: id 0 is the padding")
            if size is not None and size > limit:
                problems.add(
                    ("data",), f"expected a vocabulary of at most {limit}, the input_dim of {layer.name}; got {size}"
                )
    vocabulary = getattr(spec.data, "vocabulary", None)
    embedded = any(layer.layer.vocabulary is not None for layer in spec.layers)
    if spec.data is not None and spec.data.ids and vocabulary is None and not embedded:
        problems.add(("data",), "expected a vocabulary, as there is no Embedding to take it from")


def check_model_keys(problems: Problems, keys: SpecKeys, source: Source) -> None:
    """A saved model knows its own layers, sizes and precision."""
    for key in ("D", "M", "K", "layer", "layers", "dtype", "initial_state"):
        if key in keys.model_fields_set:
            problems.add((key,), f"expected no `{key}` beside `model`, which has its own; remove one")
