"""Golden vectors: chosen, computed, held against Keras, and written to a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import yaml

from rnnverify.api.blind import free
from rnnverify.api.observing import observe
from rnnverify.diagnosis import blind_spots as search
from rnnverify.diagnosis.chosen import Chosen, choose, seen
from rnnverify.diagnosis.explanation import explained
from rnnverify.diagnosis.fed import Data
from rnnverify.diagnosis.replays import Replays
from rnnverify.errors import RequestError
from rnnverify.layers.gate_map import ends, gate_columns
from rnnverify.layers.graph import Graph
from rnnverify.layers.trace import trace
from rnnverify.layers.walking import is_stateful
from rnnverify.observation import Observation
from rnnverify.observation.arrays_file import plain, write_arrays
from rnnverify.results import Expected, Kill, LayerWeights, Vectors
from rnnverify.spec.loading import document_of, spec_from_mapping
from rnnverify.spec.model import Spec
from rnnverify.spec.overrides import Override
from rnnverify.spec.paths import is_function
from rnnverify.verification.claimed import computed_in
from rnnverify.verification.given import refuse_opaque
from rnnverify.verification.verdict import judge

FILES = (
    *("inputs.npz", "weights.npz", "spec.yaml", "vectors.npz"),
    *("vectors.json", "vectors.h", "harness.c", "manifest.json"),
)
MOST = 2_000_000  # numbers in all: as text some 40 MB
USUAL = 8  # samples


def vectors(
    spec: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    overrides: Sequence[Override] = (),
    allow_code: bool = False,
) -> Vectors:
    """Make golden vectors for a port: inputs, weights, every gate and state, outputs, and how far off rounding may take them.

    The inputs, and where a spec draws them the weights and initial states, are chosen so that as many known mistakes as can be
    show by at least 1,000 times the limit. What is written is held against Keras first.

    Args:
        spec: the path of a spec or of a saved model.
        folder: where to write them; a new folder, an empty one, or one with vectors, which are replaced.
        overrides: (key, value) pairs that replace parts of the spec.
        allow_code: whether a function that the spec names, to return the model, may be run.

    Returns:
        What was written, with `kills`, the mistakes that show and by how much, `survivors`, those that do not, and `keras`, the
        verdict on Keras: unless that is a match, nothing is written.

    Raises:
        RequestError: the spec cannot be built, fed or replayed, or is too large, or the folder holds something else.
    """
    from rnnverify.report.vectors import write  # results in, text out

    if not isinstance(spec, str | os.PathLike) or not isinstance(folder, str | os.PathLike):
        raise RequestError(
            "expected the path of a spec or of a saved model, and the path of a folder; save a model first"
        )
    path, target = os.fspath(spec), os.path.realpath(os.fspath(folder))
    check_folder(os.fspath(folder), target)
    document = document_of(path, overrides)
    try:
        with tempfile.TemporaryDirectory(prefix=".vectors-", dir=os.path.dirname(target)) as making:
            made = made_in(making, os.fspath(folder), path, document, allow_code)
            if made.keras.passed:
                write(made, making)
                put_in_place(making, target)
    except OSError as error:
        raise RequestError(f"-o {folder}: cannot be written: {error.strerror or error}") from None
    return made


def made_in(making: str, folder: str, path: str, document: Mapping[str, Any], allow_code: bool) -> Vectors:
    """Choose, observe and judge; `making` gets the spec with its inputs and weights."""
    base, chosen = chosen_for(path, document, allow_code)
    spec = written_spec(making, path, document, base, chosen)
    seen_by_keras = observe(spec, allow_code=allow_code)
    observed = replace(seen_by_keras, asked=replace(seen_by_keras.asked, spec=path))
    graph = Graph(observed.nodes)
    single = computed_in(observed, "float32")
    singles = Graph(single.nodes)
    replays = Replays(single, singles, search.outputs_of(single, singles))
    found = [Kill(one.mistake.id, one.node, float(one.rows.max())) for one in seen(replays)]
    blind = search.blind_spots(observed, free(base))
    assert blind is not None  # it had all the time it takes
    traced = trace(graph, observed.inputs)
    return Vectors(
        spec=path,
        folder=folder,
        rows=chosen.rows,
        inputs={name: plain(x) for name, x in observed.inputs.items()},
        weights=tuple(
            LayerWeights(
                node.layer,
                node.class_name,
                {name: plain(array) for name, array in node.weights.items()},
                gate_columns(layer),
                ends(layer),
            )
            for node in {node.layer: node for node in reversed(observed.nodes)}.values()
            for layer in [graph.layers[node.name]]
        )[::-1],
        outputs=tuple(
            Expected(claim.name, claim.tensor.timed, right, limit + np.abs(right) * 2.0**-24)
            for claim, right, limit in zip(replays.claims, replays.right, replays.limits, strict=True)
        ),
        trace={f"{layer}.{name}": array for layer, own in traced.items() for name, array in own.items()},
        kills=tuple(one for one in found if one.limits > 1),
        survivors=tuple(one for one in found if not one.limits > 1),
        spots=blind.spots,
        keras=explained(judge(observed)),
    )


def chosen_for(path: str, document: Mapping[str, Any], allow_code: bool) -> tuple[Spec, Chosen]:
    """Inputs and weights for a spec, whose layers start from states that are not zero where that is possible."""
    asked = {key: value for key, value in document.items() if key != "candidate"}
    spec = spec_from_mapping(asked, path)
    observed = observe(spec, allow_code=allow_code)
    refuse_opaque(observed, "vectors")
    check_size(path, observed)
    graph = Graph(observed.nodes)
    unsaid = spec.model is None and "initial_state" not in document
    # Keras hands no mask to a layer that is given states.
    if unsaid and not Data(observed, graph).maskable and starts_anywhere(spec):
        spec = spec_from_mapping({**asked, "initial_state": "random"}, path)
        observed = observe(spec, allow_code=allow_code)
    return spec, choose(observed, free(spec).weights is not None)


def starts_anywhere(spec: Spec) -> bool:
    """Whether some layer can be given initial states."""
    return any(
        layer.layer.takes_initial_state and not layer.initial_state and not is_stateful(layer.layer)
        for layer in spec.layers
    )


def written_spec(making: str, path: str, document: Mapping[str, Any], base: Spec, chosen: Chosen) -> Spec:
    """Write the spec of the vectors, with its inputs and weights, and read it as anybody would."""
    observed = chosen.observed
    # Those of calls in a row are `input`, `input:2`, and so on: one after the other.
    calls = [(name.partition(":")[0], x) for name, x in observed.inputs.items()]
    joined = {name: np.concatenate([x for own, x in calls if own == name]) for name, _ in calls}
    write_arrays(os.path.join(making, "inputs.npz"), joined)
    made = {key: value for key, value in document.items() if key not in ("candidate", "data", "weights")}
    made["N"] = len(chosen.rows)
    if base.model is not None and not is_function(base.model):
        made["model"] = os.path.relpath(base.model, making)
    first = next(iter(observed.inputs.values()))
    sizes = dict(zip("TD", first.shape[1:], strict=False))
    made.update({letter: size for letter, size in sizes.items() if getattr(base, letter) is not None})
    if base.model is None:
        made["initial_state"] = base.initial_state
    made["data"] = {"file": "inputs.npz"}
    if base.model is None or "weights" in document:
        arrays = {f"{node.layer}/{name}": plain(one) for node in observed.nodes for name, one in node.weights.items()}
        write_arrays(os.path.join(making, "weights.npz"), arrays)
        made["weights"] = {"file": "weights.npz"}
    with open(os.path.join(making, "spec.yaml"), "w", encoding="utf-8") as file:
        yaml.safe_dump(made, file, sort_keys=False)
    return spec_from_mapping(made, os.path.join(making, "spec.yaml"))


def check_size(path: str, observed: Observation) -> None:
    """Refuse what no text file should hold, before the choice is made.

    Raises:
        RequestError: it is too large.
    """
    numbers = sum(array.size for node in observed.nodes for array in node.weights.values())
    samples = [*observed.inputs.values(), *observed.emitted.values()]
    samples += 6 * [one.sequence for walks in observed.walks.values() for one in walks]  # their gates and states
    numbers += USUAL * sum(array[:1].size for array in samples)
    if numbers > MOST:
        raise RequestError(
            f"{path}: vectors of about {numbers:,} numbers, expected at most {MOST:,}; make the model smaller, with --set T=8"
            " --set M=16, say"
        )


def check_folder(folder: str, target: str) -> None:
    """Nothing but vectors is overwritten.

    Args:
        folder: as it was asked for.
        target: where it is.

    Raises:
        RequestError: the folder holds something else, or cannot be made.
    """
    if not folder:
        raise RequestError("-o: expected the path of a folder, got nothing")
    parent = os.path.dirname(target)
    if not os.path.isdir(parent):
        raise RequestError(f"-o {folder}: the folder {parent} does not exist; make it first")
    if not os.path.exists(target):
        return
    if not os.path.isdir(target):
        raise RequestError(f"-o {folder}: expected a folder, got a file")
    try:
        there = sorted(os.listdir(target))
    except OSError as error:
        raise RequestError(f"-o {folder}: cannot be read: {error.strerror or error}") from None
    others = [name for name in there if name not in FILES or os.path.isdir(os.path.join(target, name))]
    if others:
        raise RequestError(f"-o {folder}: expected a new folder, or one with vectors only; it holds {others[0][:80]!r}")


def put_in_place(making: str, folder: str) -> None:
    """Move what was made to where it belongs: all of it, or nothing."""
    os.makedirs(folder, exist_ok=True)
    before = os.path.join(making, "before")
    os.mkdir(before)
    moved: list[str] = []
    try:
        for name in FILES:
            old, new = os.path.join(folder, name), os.path.join(making, name)
            if os.path.exists(old):
                shutil.move(old, os.path.join(before, name))
            moved.append(name)
            if os.path.exists(new):
                shutil.move(new, old)
    except OSError:
        for name in moved:
            kept = os.path.join(before, name)
            if os.path.exists(kept):
                shutil.move(kept, os.path.join(folder, name))
        raise
