"""A grid: a spec, and for some of its keys the values to try. Its points are the product, or a sample of it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any

from rnnverify.errors import SpecError
from rnnverify.spec import Spec, spec_from_mapping
from rnnverify.spec.consent import check_models
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.overrides import Override
from rnnverify.spec.paths import located
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path, read_source
from rnnverify.spec.types import LARGEST_SIZE, Arguments, Check, Seed, integer

Point = Mapping[str, Any]  # the grid's keys and their values, in its order

MOST_VALUES = 100_000  # along one axis
MOST_POINTS = 10_000_000
RANGES = ("logspace", "linspace", "range")
FORMS = "a list of values, or one of {range: [start, stop, step]}, {linspace: [from, to, count]}, {logspace: [from, to, count]}"
COUNT = integer(1, f"a whole number from 1 to {LARGEST_SIZE}", or_letter=False)


class GridKeys(Arguments):
    """The keys of a grid file."""

    base: Any = None
    grid: Any = None
    sample: Annotated[int | None, Check(COUNT.validate, COUNT.schema)] = None
    seed_of_sample: Seed = 0


@dataclass(frozen=True)
class Grid:
    """A validated grid."""

    path: str
    base: Mapping[str, Any]  # the spec, as a mapping
    base_path: str  # the file that it stands in: relative paths start there
    axes: Mapping[str, tuple[Any, ...]]
    sample: int | None
    seed_of_sample: int
    overrides: tuple[Override, ...] = ()  # from the command line

    @property
    def product(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def __len__(self) -> int:
        return self.product if self.sample is None else min(self.sample, self.product)

    def points(self) -> Iterator[Point]:
        """Every point, the last axis fastest; of a sample in the same order."""
        total = self.product
        numbers: Sequence[int] = range(total)
        if self.sample is not None and self.sample < total:
            numbers = sorted(random.Random(self.seed_of_sample).sample(numbers, self.sample))
        for number in numbers:
            yield self.point(number)

    def point(self, number: int) -> Point:
        """The point with that number in the product."""
        values = {}
        for key, choices in reversed(list(self.axes.items())):
            number, index = divmod(number, len(choices))
            values[key] = choices[index]
        return dict(reversed(values.items()))

    def spec(self, point: Point) -> Spec:
        """The spec of a point.

        Raises:
            SpecError: the base and the point's values do not go together.
        """
        return spec_from_mapping(self.base, self.base_path, [*self.overrides, *point.items()])

    def check_consent(self, allow_code: bool) -> None:
        """Refuse a grid that names functions as models, unless they may run.

        Raises:
            RequestError: it names one.
        """
        named = [self.base.get("model"), *self.axes.get("model", ())]
        check_models([*named, *(value for key, value in self.overrides if key == "model")], self.path, allow_code)

    def description(self) -> dict[str, Any]:
        """What makes this grid this grid, as JSON: results of another must not be mixed with its own."""
        return {
            "base": self.base,
            "grid": {key: list(values) for key, values in self.axes.items()},
            "sample": self.sample,
            "seed_of_sample": self.seed_of_sample,
            "overrides": [[key, value] for key, value in self.overrides],
        }


def identity(point: Point) -> str:
    """A point as text: the same for the same values."""
    return json.dumps(point, sort_keys=True)


def load_grid(path: str, overrides: Sequence[Override] = ()) -> Grid:
    """Read and validate a grid.

    Args:
        path: a YAML file with `base`, a spec or the path of one, and `grid`, the values of some of its keys.
        overrides: (key, value) pairs that replace parts of the base.

    Raises:
        SpecError: with a line for every problem found: file:line: key: expected ..., got ...
    """
    source = read_source(path)
    problems = Problems(source)
    if not isinstance(source.value, dict):
        problems.add((), f"expected a mapping with `base` and `grid`, got {shown(source.value)}")
        problems.refuse()
    if not {"base", "grid"} & source.value.keys() and set(source.value) & SpecKeys.model_fields.keys():
        problems.add(
            (),
            f"a spec, and no grid; `rnnverify run {path}` verifies it. A grid is such as"
            f" `{{base: {path}, grid: {{T: [1, 10]}}}}`",
        )
        problems.refuse()
    keys = problems.validate(GridKeys, source.value, (), None)
    problems.refuse()
    assert keys is not None
    base, base_path = read_base(problems, keys.base, path)
    axes = {key: values_of(problems, key, given) for key, given in entries(problems, keys.grid)}
    if {"candidate"} & {*base, *axes, *(key for key, _ in overrides)}:
        told: Path = ("base",) if "candidate" in base else ("grid",)
        problems.add(
            told, "expected no candidate: a sweep verifies Keras alone, and `rnnverify compare` one spec's candidate"
        )
    problems.refuse()
    grid = Grid(path, base, base_path, axes, keys.sample, keys.seed_of_sample, tuple(overrides))
    return checked(problems, grid)


def read_base(problems: Problems, base: Any, path: str) -> tuple[Mapping[str, Any], str]:
    """The base as a mapping, and the file that it stands in."""
    if isinstance(base, dict):
        return base, path
    if not isinstance(base, str) or not base.strip():
        problems.add(("base",), f"expected the path of a spec, or a spec as a mapping; got {shown(base)}")
        problems.refuse()
    file = located(path, base)
    if not FilePath(file).is_file():
        problems.add(("base",), f"expected the path of a spec; there is no file {file}")
        problems.refuse()
    value = read_source(file).value
    if not isinstance(value, dict):
        raise SpecError(f"{file}: expected a mapping such as `N: 1`, got {shown(value)}")
    return value, file


def entries(problems: Problems, grid: Any) -> Iterator[tuple[str, Any]]:
    """The keys of `grid` with what stands under them."""
    if not isinstance(grid, dict) or not grid:
        problems.add(
            ("grid",), f"expected a mapping of spec keys to values, such as `T: [1, 10, 100]`; got {shown(grid)}"
        )
        return
    known = list(SpecKeys.model_fields)
    for key, given in grid.items():
        first = key.replace("[", ".").split(".")[0]
        if first not in known:
            problems.add(("grid", key), f"no key of a spec{near(first, known)}; those are {', '.join(known)}")
            continue
        yield key, given


def values_of(problems: Problems, key: str, given: Any) -> tuple[Any, ...]:
    """The values along one axis, each once."""
    path: Path = ("grid", key)
    if isinstance(given, list) and given:
        values = list(given)
    elif isinstance(given, dict) and len(given) == 1 and next(iter(given)) in RANGES:
        ((form, numbers),) = given.items()
        values = spread(problems, (*path, form), form, numbers)
    else:
        problems.add(path, f"expected {FORMS}; got {shown(given)}")
        return ()
    return tuple({identity({"": value}): value for value in values}.values())


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
        length = 0 if step == 0 else max(0, math.ceil((stop - start) / step))
        if not 1 <= length <= MOST_VALUES:
            problems.add(path, f"expected between 1 and {MOST_VALUES} values from start to below stop, got {numbers}")
            return []
        return [start + index * step for index in range(length)]
    first, last, length = numbers
    if not isinstance(length, int) or not 1 <= length <= MOST_VALUES:
        problems.add(path, f"expected a count from 1 to {MOST_VALUES}, got {shown(length)}")
        return []
    if form == "logspace" and not (first > 0 and last > 0):
        problems.add(path, f"expected bounds above 0, got {first} and {last}")
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


def checked(problems: Problems, grid: Grid) -> Grid:
    """Every value tried once, with the first of the other axes; whole numbers where the key wants them."""
    first = {key: values[0] for key, values in grid.axes.items()}
    axes: dict[str, tuple[Any, ...]] = {}
    for key, values in grid.axes.items():
        kept = []
        for value in values:
            problem = refusal_of(grid, {**first, key: value})
            if problem and isinstance(value, float) and not refusal_of(grid, {**first, key: round(value)}):
                value, problem = round(value), None
            if problem and not (value == first[key] and axes):  # told once, with the first axis
                problems.add(("grid", key), f"{shown(value)} does not go: {problem}")
            kept.append(value)
        axes[key] = tuple(dict.fromkeys(kept)) if all(isinstance(value, int | float) for value in kept) else tuple(kept)
        first[key] = axes[key][0]
    problems.refuse()
    if len(grid) > MOST_POINTS:
        problems.add(("grid",), f"expected at most {MOST_POINTS} points, got {len(grid)}; set `sample`")
        problems.refuse()
    return Grid(grid.path, grid.base, grid.base_path, axes, grid.sample, grid.seed_of_sample, grid.overrides)


def refusal_of(grid: Grid, point: Point) -> str | None:
    try:
        grid.spec(point)
    except SpecError as error:
        return str(error).splitlines()[0]
    return None
