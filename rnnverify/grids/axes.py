"""The values along the axes of a grid: read, made whole numbers where the key wants those, and tried."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rnnverify.errors import SpecError
from rnnverify.report.records import written
from rnnverify.spec.problems import Problems, shown
from rnnverify.spec.source import Path

if TYPE_CHECKING:
    from rnnverify.grids.grid import Grid

MOST_VALUES = 100_000  # along one axis
RANGES = ("logspace", "linspace", "range")
FORMS = "a list of values, or one of {range: [start, stop, step]}, {linspace: [from, to, count]}, {logspace: [from, to, count]}"
TRYING = 2.0  # seconds in which values are tried; those that are left then show as points whether they go
MOST_REFUSED = 10  # that are told


def identity(value: Any) -> str:
    """A value as text: the same for the same values, also where one of them was read from a file of results."""
    if type(value) is int:  # as JSON writes it; grids have many of them
        return repr(value)
    return json.dumps(written(value), sort_keys=True)


def each_once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({identity(value): value for value in values}.values())


def values_of(problems: Problems, key: str, given: Any) -> tuple[Any, ...]:
    """The values along one axis, each once."""
    path: Path = ("grid", key)
    if isinstance(given, list) and given:
        return each_once(given)
    if isinstance(given, dict) and len(given) == 1 and next(iter(given)) in RANGES:
        ((form, numbers),) = given.items()
        return each_once(spread(problems, (*path, form), form, numbers))
    problems.add(path, f"expected {FORMS}; got {shown(given)}")
    return ()


def spread(problems: Problems, path: Path, form: str, numbers: Any) -> list[Any]:
    """The values of a range."""
    count = (2, 3) if form == "range" else (3,)
    names = {"range": "[start, stop, step]", "linspace": "[from, to, count]", "logspace": "[from, to, count]"}[form]
    real = isinstance(numbers, list) and all(
        isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e300 for n in numbers
    )
    if not real or len(numbers) not in count:
        problems.add(path, f"expected {names}, numbers below 1e300; got {shown(numbers)}")
        return []
    if form == "range":
        start, stop, step = (*numbers, 1)[:3]
        steps = 0.0 if step == 0 else (stop - start) / step
        length = math.ceil(steps) if 0 < steps <= MOST_VALUES else 0
        if not length:
            problems.add(path, f"expected between 1 and {MOST_VALUES} values from start to below stop, got {numbers}")
            return []
        return [start + index * step for index in range(length)]
    first, last, length = numbers
    if not isinstance(length, int) or not 1 <= length <= MOST_VALUES:
        problems.add(path, f"expected a count from 1 to {MOST_VALUES}, got {shown(length)}")
        return []
    if form == "logspace" and not (first > 0 and last > 0):
        problems.add(path, f"expected bounds above 0, got {shown(first)} and {shown(last)}")
        return []
    shares = [index / max(1, length - 1) for index in range(length)]
    if form == "linspace":
        values = [first + share * (last - first) for share in shares]
    else:
        values = [math.exp(math.log(first) + share * (math.log(last) - math.log(first))) for share in shares]
    values[0] = first
    if length > 1:
        values[-1] = last
    return values


def settled(problems: Problems, grid: Grid) -> Grid:
    """The grid with whole numbers on the axes whose keys want those."""
    problems.refuse()  # an axis without values has no first one
    first = first_point(grid)
    axes = dict(grid.axes)
    for key, values in axes.items():
        real = next((value for value in values if isinstance(value, float) and math.isfinite(value)), None)
        if real is None or not refusal_of(grid, {**first, key: real}):
            continue
        if not refusal_of(grid, {**first, key: round(real)}):
            axes[key] = each_once(map(rounded, values))
            first[key] = axes[key][0]
    return replace(grid, axes=axes)


def rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) and math.isfinite(value) else value


def try_values(problems: Problems, grid: Grid) -> None:
    """Try every value with the first of the other axes; of very many, as many as time allows, the ends before all else."""
    first = first_point(grid)
    deadline = time.monotonic() + TRYING
    for order, (key, values) in enumerate(grid.axes.items()):
        refused = 0
        ends = (0, len(values) - 1)
        for index in sorted(range(len(values)), key=lambda index: index not in ends):
            value = values[index]
            if refused == MOST_REFUSED or (index not in ends and time.monotonic() > deadline):
                break
            if order and not index:
                continue  # all first ones together have been tried, with the first axis
            if problem := refusal_of(grid, {**first, key: value}):
                refused += 1
                problems.add(("grid", key), f"{shown(value)} does not go: {problem}")


def first_point(grid: Grid) -> dict[str, Any]:
    return {key: values[0] for key, values in grid.axes.items()}


def refusal_of(grid: Grid, point: Mapping[str, Any]) -> str | None:
    try:
        grid.spec(point)
    except SpecError as error:
        return str(error).splitlines()[0]
    return None
