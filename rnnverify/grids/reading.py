"""The results of a sweep, read from its folder without touching it: it may be running still."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rnnverify.errors import RequestError
from rnnverify.grids.grid import Grid
from rnnverify.grids.kept import DEEPEST, deeper, kept_record
from rnnverify.grids.numbering import Numbering
from rnnverify.grids.store import ABOUT, FORMAT, LARGEST_ABOUT, RESULTS
from rnnverify.grids.summary import summary_of
from rnnverify.observation.opening import opened
from rnnverify.results import Record, SweepResult

AXES: TypeAdapter[dict[str, tuple[Any, ...]]] = TypeAdapter(dict[str, tuple[Any, ...]])
OVERRIDES: TypeAdapter[tuple[tuple[str, Any], ...]] = TypeAdapter(tuple[tuple[str, Any], ...])
COUNT: TypeAdapter[int | None] = TypeAdapter(int | None)
SEED: TypeAdapter[int] = TypeAdapter(int)


def is_sweep(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder has the results of a sweep."""
    return all((Path(folder) / name).is_file() for name in (RESULTS, ABOUT))


def load_sweep(folder: str) -> SweepResult:
    """The points that have a result so far.

    Raises:
        RequestError: the folder is damaged, has no results yet, or is of another version.
    """
    grid = read_grid(Path(folder) / ABOUT)
    numbering = Numbering(grid)
    records: dict[int, Record] = {}
    path = Path(folder) / RESULTS
    try:
        with opened(path) as file:
            for number, text in enumerate(file, start=1):
                try:
                    point, record = kept_record(text, numbering)
                except ValueError:
                    if text.endswith(b"\n"):
                        raise RequestError(
                            f"{path}:{number}: damaged: not the result of a point of this grid; remove the line"
                        ) from None
                    break  # torn, or not yet whole
                records[point] = record
    except OSError as error:
        raise RequestError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not records:
        raise RequestError(f"{folder}: no point of this sweep has a result yet; run `rnnverify sweep` first")
    known = [records[number] for number in sorted(records)]
    spec = next((record["spec"] for record in known if isinstance(record.get("spec"), str)), folder)
    named = Grid(grid.path, grid.base, spec, grid.axes, grid.sample, grid.seed_of_sample, grid.overrides)
    known = [{**record, "spec": spec} for record in known]
    return SweepResult(
        folder, grid.axes, tuple(known), summary_of(known, named), grid.overrides, grid.count - len(known)
    )


def read_grid(path: Path) -> Grid:
    """The grid of a sweep, as it was noted when it began."""
    try:
        with opened(path) as file:
            about = json.loads(file.read(LARGEST_ABOUT))
        if about["format"] != FORMAT:
            raise ValueError("another format")
        axes = AXES.validate_python(about["grid"])
        overrides = OVERRIDES.validate_python(about["overrides"])
        sample, seed = COUNT.validate_python(about["sample"]), SEED.validate_python(about["seed_of_sample"])
        if deeper(about, DEEPEST) or not axes or not all(axes.values()) or not isinstance(about["base"], dict):
            raise ValueError("no axes")
    except OSError as error:
        raise RequestError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        raise RequestError(f"{path}: damaged, or not written by this version of rnnverify") from None
    return Grid(str(path), about["base"], str(path), axes, sample, seed, overrides)
