"""Gates and states as tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from rnnverify import __version__
from rnnverify.errors import RequestError
from rnnverify.report.parts import Line
from rnnverify.report.records import dumped, listed
from rnnverify.report.tables import Column, Table, row
from rnnverify.results import Trace
from rnnverify.text import shape_text

MOST_STEPS = 40  # rows of a table
WORDS = {
    "i": "i input gate",
    "f": "f forget gate",
    "c~": "c~ candidate",
    "o": "o output gate",
    "z": "z update gate",
    "r": "r reset gate",
    "h~": "h~ candidate",
    "c": "c and h the states after the step",
}


def shapes(trace: Trace) -> Iterator[Line | Table]:
    """What there is: each array with its shape."""
    rows = (row(name, shape_text(array.shape)) for name, array in trace.arrays.items())
    yield Line(trace.spec, style="bold")
    yield Table((Column("array"), Column("shape")), tuple(rows))


def walks_of(trace: Trace, sample: int, unit: int) -> dict[str, dict[str, Any]]:
    """Of each walk through time that has this sample and unit its numbers by step: `{"lstm": {"i": (T,), ...}}`.

    Raises:
        RequestError: there is none.
    """
    found: dict[str, dict[str, Any]] = {}
    sizes = []
    for layer, prefixes in trace.walks.items():
        for prefix, backwards in prefixes.items():
            arrays = {
                name.removeprefix(prefix): array
                for name, array in trace[layer].items()
                if name.startswith(prefix) and not name.startswith("output")
            }
            samples, timesteps, *units = max((array.shape for array in arrays.values()), key=prod)  # of a stack's cells
            sizes.append(f"{layer} {samples} samples and {' x '.join(map(str, units))} units")
            if sample < samples and unit < prod(units):
                title = f"{layer}, {prefix.rstrip('_')}" if prefix else layer + ", backwards" * backwards
                if len(units) > 1:  # those of images are counted row by row, a place's filters next to each other
                    title += f" at {', '.join(str(place) for place in np.unravel_index(unit, units))}"
                flat = {name: array.reshape(samples, timesteps, -1) for name, array in arrays.items()}
                found[title] = {name: array[sample, :, unit] for name, array in flat.items() if unit < array.shape[-1]}
    if not sizes:
        raise RequestError(
            f"{trace.spec}: no recurrent layer here, so there are no gates and states to print; -o keeps the outputs"
        )
    if not found:
        raise RequestError(
            f"--sample {sample} --unit {unit}: no recurrent layer has both; counted from 0, {'; '.join(dict.fromkeys(sizes))}"
        )
    return found


def render(trace: Trace, sample: int, unit: int, verbose: bool = False) -> Iterator[Line | Table]:
    """A table for each walk through time: one sample, one unit, a row for each step."""
    for title, numbers in walks_of(trace, sample, unit).items():
        yield Line((title, "bold"), f"   sample {sample}, unit {unit}")
        yield table_of(numbers, verbose)
        yield Line()
        words = [WORDS[name] for name in numbers if name in WORDS]
        if words:
            yield Line(", ".join(words), style="dim")


def table_of(numbers: Mapping[str, Any], verbose: bool) -> Table:
    timesteps = len(next(iter(numbers.values())))
    shown = list(range(timesteps))
    if timesteps > MOST_STEPS and not verbose:
        half = MOST_STEPS // 2
        shown = [*range(half), *range(timesteps - half, timesteps)]
    rows = []
    for before, t in zip([-1, *shown], shown, strict=False):
        if t != before + 1:
            rows.append(row("...", *[""] * len(numbers)))
        rows.append(row(str(t), *(written(array[t]) for array in numbers.values())))
    columns = (Column(name, right=True) for name in ("timestep", *numbers))
    return Table(tuple(columns), tuple(rows), folds=True)


def written(number: float) -> str:
    """Nine figures: enough to tell any two float32 apart. A masked step has no gates."""
    return "masked" if np.isnan(number) else f"{number:.9g}"


def trace_json(trace: Trace, sample: int, unit: int) -> str:
    """What `trace --format json` prints; gates of masked steps are null."""
    walks = walks_of(trace, sample, unit)
    return dumped(
        {
            "rnnverify": __version__,
            "spec": trace.spec,
            "sample": sample,
            "unit": unit,
            "walks": {title: {name: listed(array) for name, array in own.items()} for title, own in walks.items()},
        }
    )
