"""A grid: a spec, and for some of its keys the values to try. Its points are the product, or a sample of it."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any

from rnnverify.errors import SpecError
from rnnverify.grids.axes import settled, try_values, values_of
from rnnverify.spec import Spec, spec_from_mapping
from rnnverify.spec.consent import check_models
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.overrides import Override
from rnnverify.spec.paths import located
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path, read_source
from rnnverify.spec.types import LARGEST_SIZE, Arguments, Check, Seed, integer

Point = Mapping[str, Any]  # the grid's keys and their values, in its order

MOST_POINTS = 1_000_000  # a result takes some 8 KB of memory until the sweep ends
MOST_KEYS = 100
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

    @property
    def count(self) -> int:
        """How many points there are; `len` takes no number that is larger than the machine's."""
        return self.product if self.sample is None else min(self.sample, self.product)

    def __len__(self) -> int:
        return self.count

    def points(self) -> Iterator[Point]:
        """Every point, the last axis fastest; of a sample in the same order."""
        return map(self.point, self.numbers())

    def numbers(self) -> Sequence[int]:
        """The number that each point has in the product, in ascending order."""
        if self.count == self.product:
            return range(self.product)
        return drawn(random.Random(self.seed_of_sample), self.product, self.count)

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


def drawn(rng: random.Random, total: int, count: int) -> list[int]:
    """So many different numbers below a total, in ascending order."""
    if total <= sys.maxsize:
        return sorted(rng.sample(range(total), count))
    chosen: set[int] = set()
    while len(chosen) < count:  # of so many that hardly one comes twice
        chosen.add(rng.randrange(total))
    return sorted(chosen)


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
    grid = settled(problems, Grid(path, base, base_path, axes, keys.sample, keys.seed_of_sample, tuple(overrides)))
    if grid.count > MOST_POINTS:
        problems.add(("grid",), f"expected at most {MOST_POINTS} points, got {grid.count}; set `sample`")
    problems.refuse()
    try_values(problems, grid)
    problems.refuse()
    return grid


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
    if len(grid) > MOST_KEYS:
        problems.add(("grid",), f"expected at most {MOST_KEYS} keys, got {len(grid)}; put what is the same into `base`")
        return
    known = list(SpecKeys.model_fields)
    for key, given in grid.items():
        first = key.replace("[", ".").split(".")[0]
        if first not in known:
            problems.add(("grid", key), f"no key of a spec{near(first, known)}; those are {', '.join(known)}")
            continue
        yield key, given
