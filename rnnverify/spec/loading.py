"""The way from a file, or a mapping, to a Spec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from rnnverify.errors import SpecError
from rnnverify.observation import Tolerance
from rnnverify.spec.checks import check_files, check_inputs, check_model_keys, check_opaque, check_use
from rnnverify.spec.data import File
from rnnverify.spec.graph import Assembly
from rnnverify.spec.keys import (
    SAVED_MODEL_LETTERS,
    SpecKeys,
    ToleranceKeys,
    default_shapes,
    layer_entries,
    read_calls,
    read_data,
    read_letters,
    read_weights,
)
from rnnverify.spec.memory import check_memory
from rnnverify.spec.model import Spec
from rnnverify.spec.overrides import Override, apply_overrides
from rnnverify.spec.paths import candidate_located, located
from rnnverify.spec.problems import Problems, shown
from rnnverify.spec.source import Source, check_plain, read_source
from rnnverify.spec.types import LETTERS

SAVED_MODELS = (".keras", ".h5", ".hdf5")


def load_spec(path: str, overrides: Sequence[Override] = ()) -> Spec:
    """Read and validate a spec.

    Args:
        path: a YAML file (of a grid, its `base`), or a saved model (.keras, .h5), which stands for a spec that names nothing
            else.
        overrides: (key, value) pairs that replace parts of it, with keys such as `layers.0.LSTM.units`.

    Raises:
        SpecError: with a line for every problem found: file:line: key: expected ..., got ...
    """
    source = source_of(path)
    try:
        return validated(apply_overrides(source, overrides))
    except SpecError as error:
        if not source.of_grid:
            raise
        more = f"{path}: this is the base of a grid, whose points `rnnverify sweep {path}` tries"
        raise SpecError(*str(error).splitlines(), more) from None


def source_of(path: str) -> Source:
    """What is in a file, or stands for it."""
    if not path.lower().endswith(SAVED_MODELS):
        return base_of(read_source(path))
    if not os.path.isfile(path):
        raise SpecError(f"{path}: no such file; give the path of a saved model or of a YAML spec")
    return Source(path, {"model": FilePath(path).name})


def document_of(path: str, overrides: Sequence[Override] = ()) -> dict[str, Any]:
    """A spec as a mapping, with the overrides in place; nothing but its syntax is looked at.

    Raises:
        SpecError: it cannot be read.
    """
    return dict(apply_overrides(source_of(path), overrides).value)


def base_of(source: Source) -> Source:
    """Of a grid for `rnnverify sweep` the spec that its points have in common; anything else as it is.

    Raises:
        SpecError: the grid names a file for it.
    """
    if not is_grid(source.value):
        return source
    base = source.value["base"]
    if isinstance(base, str):
        raise SpecError(f"{source.file}: a grid for `rnnverify sweep`; its spec is {located(source.file, base)}")
    lines = {path[1:]: line for path, line in source.lines.items() if path[:1] == ("base",)}
    return Source(source.file, base, lines, of_grid=True)


def is_grid(value: Any) -> bool:
    """Whether a YAML document is a grid for `rnnverify sweep`, and no spec."""
    return isinstance(value, Mapping) and {"base", "grid"} <= value.keys()


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
    assumed = {} if keys.model is None else {k: v for k, v in SAVED_MODEL_LETTERS.items() if k not in letters}
    letters |= assumed
    calls = read_calls(problems, keys.calls, letters)
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
        candidate=keys.candidate and candidate_located(source.file, keys.candidate),
        opaque=keys.opaque,
        backend=keys.backend,
        document=source.value,
        calls=calls.count if calls else None,
        reset=calls.reset if calls else (),
        assumed=tuple(assumed),
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
    check_opaque(problems, spec)
    if spec.calls is not None and spec.calls > 1 and not spec.stateful:
        problems.add(
            ("calls",), "expected a layer with stateful: true, which alone makes a call depend on the one before"
        )
    check_inputs(problems, spec)
    problems.refuse()
    check_memory(problems, spec, graph.shapes)
    return spec


def named_layer(arguments: Any) -> bool:
    return isinstance(arguments, dict) and isinstance(arguments.get("name"), str)
