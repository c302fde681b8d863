"""The way from a file, or a mapping, to a Spec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Annotated, Any

from rnnverify.errors import SpecError
from rnnverify.observation import Tolerance
from rnnverify.observation.precision import POLICIES
from rnnverify.spec.data import KINDS, SHORTHANDS, Data, File, Text
from rnnverify.spec.graph import MOST_LAYERS, Assembly
from rnnverify.spec.memory import check_memory
from rnnverify.spec.model import Spec, Weights
from rnnverify.spec.overrides import Override, apply_overrides
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path, Source, check_plain, printable, read_source
from rnnverify.spec.types import (
    LETTERS,
    Arguments,
    Letter,
    MaybeFilePath,
    MaybeNonNegative,
    Positive,
    Seed,
    one_of,
)

SAVED_MODELS = (".keras", ".h5", ".hdf5")
SAVED_MODEL_LETTERS = {"N": 3, "T": 7}  # where a spec for a saved model leaves them out: they differ, and exceed 1


class SpecKeys(Arguments):
    """The keys of a spec."""

    N: Letter = None
    T: Letter = None
    D: Letter = None
    M: Letter = None
    K: Letter = None
    layer: Annotated[str | None, one_of("SimpleRNN", "LSTM", "GRU")] = None
    layers: Any = None
    model: MaybeFilePath = None
    data: Any = "normal"
    weights: Any = None
    initial_state: Annotated[str, one_of("zeros", "random")] = "zeros"
    dtype: Annotated[str, one_of(*POLICIES)] = "float32"
    seed: Seed = 0
    tolerance: Any = None


class WeightKeys(Arguments):
    """The keys of `weights`."""

    bias: Annotated[str, one_of("random", "keras")] = "random"
    file: MaybeFilePath = None
    scale: Positive = 1.0


class ToleranceKeys(Arguments):
    """The keys of `tolerance`."""

    atol: MaybeNonNegative = None
    rtol: MaybeNonNegative = None


def load_spec(path: str, overrides: Sequence[Override] = ()) -> Spec:
    """Read and validate a spec.

    Args:
        path: a YAML file (of a grid, its `base`), or a saved model (.keras, .h5), which stands for a spec that names nothing
            else.
        overrides: (key, value) pairs that replace parts of it, with keys such as `layers.0.LSTM.units`.

    Raises:
        SpecError: with a line for every problem found: file:line: key: expected ..., got ...
    """
    if path.lower().endswith(SAVED_MODELS):
        if not os.path.isfile(path):
            raise SpecError(f"{path}: no such file; give the path of a saved model or of a YAML spec")
        source = Source(path, {"model": FilePath(path).name})
    else:
        source = base_of(read_source(path))
    return validated(apply_overrides(source, overrides))


def base_of(source: Source) -> Source:
    """Of a grid for `rnnverify sweep` the spec that its points have in common; anything else as it is.

    Raises:
        SpecError: the grid names a file for it.
    """
    if not isinstance(source.value, dict) or not {"base", "grid"} <= source.value.keys():
        return source
    base = source.value["base"]
    if isinstance(base, str):
        raise SpecError(f"{source.file}: a grid for `rnnverify sweep`; its spec is {located(source.file, base)}")
    return Source(source.file, base, {path[1:]: line for path, line in source.lines.items() if path[:1] == ("base",)})


def spec_from_mapping(mapping: Mapping[str, Any], name: str = "spec", overrides: Sequence[Override] = ()) -> Spec:
    """Validate a spec given as a mapping; `name` stands for the file in messages, and relative paths start beside it.

    Raises:
        SpecError: as `load_spec`.
    """
    value = dict(mapping)
    check_plain(value, name)
    return validated(apply_overrides(Source(name, value), overrides))


def validated(source: Source) -> Spec:
    problems = Problems(source)
    if not isinstance(source.value, dict):
        problems.add((), f"expected a mapping such as `N: 1`, got {shown(source.value)}")
        problems.refuse()
    keys = problems.validate(SpecKeys, source.value, (), None)
    problems.refuse()
    assert keys is not None  # refuse() has raised otherwise
    data = read_data(problems, source.value.get("data"))
    weights = read_weights(problems, keys)
    tolerance = problems.validate(ToleranceKeys, keys.tolerance, ("tolerance",), None)
    letters = read_letters(problems, keys, data)
    problems.refuse()
    assert weights is not None
    assert tolerance is not None
    spec = Spec(
        path=source.file,
        **{letter: letters.get(letter) for letter in LETTERS},
        inputs=(),
        layers=(),
        outputs=(),
        model=keys.model and located(source.file, keys.model),
        data=data,
        weights=replace(weights, file=weights.file and located(source.file, weights.file)),
        initial_state=keys.initial_state,
        dtype=keys.dtype,
        seed=keys.seed,
        tolerance=Tolerance(tolerance.atol, tolerance.rtol),
    )
    if isinstance(data, File):
        spec = replace(spec, data=data.model_copy(update={"path": located(source.file, data.path)}))
    check_files(problems, spec)
    if keys.model is None:
        spec = with_graph(spec, problems, keys, letters)
    else:
        check_model_keys(problems, keys, source)
    problems.refuse()
    return spec


def with_graph(spec: Spec, problems: Problems, keys: SpecKeys, letters: dict[str, int]) -> Spec:
    """The spec with its layers resolved to a graph."""
    entries, path = layer_entries(problems, keys)
    problems.refuse()
    graph = Assembly(
        problems,
        letters,
        default_shape=default_shapes(spec, letters),
        ids=spec.data is not None and spec.data.ids,
        random_states=keys.initial_state == "random",
    )
    named = {
        str(arguments["name"])
        for e in entries
        if isinstance(e, dict)
        for arguments in e.values()
        if named_layer(arguments)
    }
    graph.add_all(entries, path, named)
    problems.refuse()
    if not graph.layers:
        problems.add(path, "expected at least one layer after the input")
    if spec.N is None:
        problems.add((), "the letter N, the number of samples, is not set; add `N: 4`, say")
    problems.refuse()
    embedded = {layer.inputs[0].node for layer in graph.layers if layer.layer.vocabulary is not None}
    inputs = tuple(
        replace(given, role="ids") if given.name in embedded and given.role == "features" else given
        for given in graph.inputs
    )
    spec = replace(spec, inputs=inputs, layers=tuple(graph.layers), outputs=graph.outputs())
    check_use(problems, spec, graph.used)
    check_inputs(problems, spec)
    problems.refuse()
    check_memory(problems, spec, graph.shapes)
    return spec


def named_layer(arguments: Any) -> bool:
    return isinstance(arguments, dict) and isinstance(arguments.get("name"), str)


def layer_entries(problems: Problems, keys: SpecKeys) -> tuple[list[Any], Path]:
    """The list of layers, and the path it stands at; `layer` and the letters alone are shorthands for one."""
    if "layers" not in keys.model_fields_set:
        for letter in LETTERS:
            if getattr(keys, letter) is None and not (letter in "NTD" and keys.data != "normal"):
                problems.add((), f"the letter {letter} is not set; a spec without `layers` needs N, T, D, M and K")
        return [{keys.layer or "SimpleRNN": {"units": "M"}}, {"Dense": {"units": "K"}}], ()
    if keys.layer is not None:
        problems.add(("layer",), "expected either `layer` or `layers`, got both; remove one")
    if not isinstance(keys.layers, list) or not keys.layers:
        problems.add(
            ("layers",), f"expected a list of layers, such as `- LSTM: {{units: M}}`; got {shown(keys.layers)}"
        )
    elif len(keys.layers) > MOST_LAYERS:
        problems.add(("layers",), f"expected at most {MOST_LAYERS} layers; got {len(keys.layers)}")
    return keys.layers, ("layers",)


def default_shapes(spec: Spec, letters: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """The shape of the input that a list of layers implies, for features and for token ids."""
    shapes: dict[str, tuple[int, ...]] = {}
    if "T" in letters:
        shapes["ids"] = (letters["T"],)
        if "D" in letters:
            shapes["features"] = (letters["T"], letters["D"])
    return shapes


def read_data(problems: Problems, value: Any) -> Data | None:
    """`normal`, or `{normal: {scale: 2}}`, or `{file: x.npy}`; None where the spec does not say."""
    if value is None:
        return None
    mapping = {value: None} if isinstance(value, str) else value
    if not isinstance(mapping, dict) or len(mapping) != 1:
        problems.add(
            ("data",), f"expected one of {', '.join(KINDS)}, or one of them with its details; got {shown(value)}"
        )
        return None
    ((kind, details),) = mapping.items()
    if kind not in KINDS:
        problems.add(("data",), f"expected one of {', '.join(KINDS)}; got {shown(kind)}{near(kind, KINDS)}")
        return None
    if kind in SHORTHANDS and isinstance(details, SHORTHANDS[kind][1]):
        details = {SHORTHANDS[kind][0]: details}
    own = {letter: problems.source.value[letter] for letter in LETTERS if letter in problems.source.value}
    return problems.validate(KINDS[kind], details, ("data", kind), own)


def read_weights(problems: Problems, keys: SpecKeys) -> Weights | None:
    if keys.weights == "keras" or (keys.weights is None and keys.model is not None):
        return Weights(bias="keras")
    if keys.weights is not None and not isinstance(keys.weights, dict):
        problems.add(("weights",), f"expected `keras`, or a mapping of bias, file, scale; got {shown(keys.weights)}")
        return None
    found = problems.validate(WeightKeys, keys.weights, ("weights",), None)
    if found is None:
        return None
    for key in ("bias", "scale"):
        if found.file is not None and key in found.model_fields_set:
            problems.add(("weights", key), f"expected either `file` or `{key}`: a file holds every weight as it is")
    bias = "keras" if found.file is not None or (keys.model and "bias" not in found.model_fields_set) else found.bias
    return Weights(bias, found.file, found.scale)


def read_letters(problems: Problems, keys: SpecKeys, data: Data | None) -> dict[str, int]:
    """The letters that are set, together with those that the data decides."""
    letters = {letter: getattr(keys, letter) for letter in LETTERS if getattr(keys, letter) is not None}
    fixed = data.letters() if data is not None else {}
    if isinstance(data, Text) and "T" not in letters:
        fixed["T"] = max(1, *(len(words) for words in data.words()))
    for letter, value in fixed.items():
        if letters.setdefault(letter, value) != value:
            problems.add(
                (letter,), f"expected {value}, which is what `data` has, or no {letter} at all; got {letters[letter]}"
            )
    if keys.model is not None:
        letters = {**SAVED_MODEL_LETTERS, **letters}
    return letters


def check_files(problems: Problems, spec: Spec) -> None:
    """The files that a spec names must be there; what is in them is seen when they are read."""
    named = {
        ("model",): None if spec.model is None or is_function(spec.model) else spec.model,
        ("data", "file"): spec.data.path if isinstance(spec.data, File) else None,
        ("weights", "file"): spec.weights.file,
    }
    for path, file in named.items():
        if file is not None and not os.path.isfile(file):
            got = "is no regular file" if os.path.exists(file) else "does not exist"
            problems.add(path, f"expected the path of a file; {printable(file)} {got}")


def check_use(problems: Problems, spec: Spec, used: set[str]) -> None:
    """What a spec asks for must have an effect."""
    for given in spec.inputs:
        if given.name not in used:
            problems.add(("layers",), f"expected every InputLayer to feed a layer; {given.name} feeds none")
    if spec.initial_state == "random" and not any(given.role == "state" for given in spec.inputs):
        problems.add(
            ("initial_state",), "expected zeros: no recurrent layer here is without an initial_state of its own"
        )


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


def located(spec_file: str, path: str) -> str:
    """A path in a spec starts at the spec's own folder; `module:function` is left as it is."""
    if is_function(path):
        return path
    return str(FilePath(spec_file).parent / path)


def is_function(model: str) -> bool:
    """Whether `model` names a function, as in `package.module:function`, rather than a file."""
    module, colon, function = model.rpartition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
