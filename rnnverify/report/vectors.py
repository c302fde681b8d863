"""Golden vectors as files: .npz, JSON, a C header with a harness, and the manifest of what they show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from rnnverify import __version__
from rnnverify.observation.arrays_file import write_arrays
from rnnverify.report.c_header import header
from rnnverify.report.parameters import gate_words
from rnnverify.report.parts import Line
from rnnverify.report.records import dumped, listed, of_all, written
from rnnverify.report.table import quiet_line
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import Kill, Vectors
from rnnverify.results.vectors import FAR


def write(vectors: Vectors, folder: str) -> None:
    """Write everything but the spec, which has its inputs and weights in files of their own."""
    place = Path(folder)
    with (place / "vectors.npz").open("wb") as file:
        write_arrays(file, arrays_of(vectors))
    (place / "vectors.json").write_text(vectors_json(vectors) + "\n", encoding="utf-8")
    (place / "manifest.json").write_text(dumped(manifest(vectors)) + "\n", encoding="utf-8")
    (place / "vectors.h").write_text(header(vectors), encoding="utf-8", errors="backslashreplace")
    harness = (files("rnnverify") / "report" / "harness.c").read_text(encoding="utf-8")
    (place / "harness.c").write_text(harness, encoding="utf-8")


def arrays_of(vectors: Vectors) -> dict[str, Any]:
    """All arrays under the names that they have in files."""
    return {
        **vectors.inputs,
        **{f"{one.layer}.{name}": array for one in vectors.weights for name, array in one.arrays.items()},
        **vectors.trace,
        **{f"expected.{one.name}": one.values for one in vectors.outputs},
        **{f"limit.{one.name}": one.limits for one in vectors.outputs},
    }


def vectors_json(vectors: Vectors) -> str:
    """The arrays as nested lists; gates of masked steps, which are not computed, are null."""
    weights = {
        one.layer: {name: listed(array) for name, array in one.arrays.items()} for one in vectors.weights if one.arrays
    }
    document = {
        "inputs": {name: listed(array) for name, array in vectors.inputs.items()},
        "weights": weights,
        "expected": {one.name: listed(one.values) for one in vectors.outputs},
        "limit": {one.name: listed(one.limits) for one in vectors.outputs},
        "trace": {name: listed(array) for name, array in vectors.trace.items()},
    }
    return json.dumps(document, allow_nan=False)


def manifest(vectors: Vectors) -> dict[str, Any]:
    """What stands in the files, what each sample is, which mistakes show and which do not."""
    return {
        "rnnverify": __version__,
        "spec": vectors.spec,
        "environment": of_all(vectors.keras.environment),
        "verdict": vectors.keras.verdict,
        "samples": [{"sample": index, "is": words} for index, words in enumerate(vectors.rows)],
        "inputs": {name: list(array.shape) for name, array in vectors.inputs.items()},
        "weights": {
            one.layer: {
                "class": one.class_name,
                **({"directions": one.ends} if one.ends else {}),
                "arrays": {
                    name: {"shape": list(array.shape), "columns": gate_words(one.gates.get(name, {})) or None}
                    for name, array in one.arrays.items()
                },
            }
            for one in vectors.weights
        },
        "outputs": {one.name: list(one.values.shape) for one in vectors.outputs},
        "trace": {name: list(array.shape) for name, array in vectors.trace.items()},
        "limit": "how far rounding may take an implementation in float32 from `expected`, end to end, element by element",
        "kills": [killed(one) for one in vectors.kills],
        "survivors": [{"mistake": one.id, "layer": one.layer} for one in vectors.survivors],
        "would_show_with": [
            {"mistake": spot.id, "layers": list(spot.layers), "reason": spot.reason, "change": spot.change}
            for spot in vectors.spots
        ],
    }


def killed(one: Kill) -> dict[str, Any]:
    return {"mistake": one.id, "layer": one.layer, "times_the_limit": written(float(one.limits))}


def render(vectors: Vectors) -> Iterator[Line | Table]:
    """What was written, and what it shows."""
    yield Line(f"{vectors.spec}: vectors of {len(vectors.rows)} samples in {vectors.folder}", style="bold")
    rows = (row(str(index), words) for index, words in enumerate(vectors.rows))
    yield Table((Column("sample"), Column("is", words=True)), tuple(rows))
    yield Line()
    near = sorted((one for one in vectors.kills if one.limits < FAR), key=lambda one: one.limits)
    yield Line(
        f"{len(vectors.kills)} known mistakes, each in one layer, are killed; {len(vectors.kills) - len(near)} of them are"
        f" off by at least {FAR:,.0f} times the limit"
    )
    if near:
        yield Line(f"by less: {listed_kills(near)}", style="dim")
    if vectors.survivors:
        yield Line(f"not shown: {', '.join(f'{one.id} in {one.layer}' for one in vectors.survivors)}", style="dim")
    for spot in vectors.spots:
        yield Line(f"{spot.id} would be with {spot.change}, as {spot.reason}", style="dim", indent=2)


def listed_kills(kills: list[Kill]) -> str:
    return ", ".join(f"{one.id} in {one.layer} {one.limits:.2g}" for one in kills)


def refused(vectors: Vectors) -> Line:
    """Why nothing was written."""
    return Line(f"nothing was written, as Keras itself is no match: {quiet_line(vectors.keras).plain}")
