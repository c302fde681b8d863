"""A plugin of pytest: with --rnnverify every spec that is found is a test of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rnnverify.suite import SUFFIXES, holds_grid

if TYPE_CHECKING:
    from rnnverify.results import Verification


class MismatchError(Exception):
    """What was found of a spec is no match."""

    def __init__(self, result: Verification) -> None:
        super().__init__(f"{result.verdict}\n{result!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options: without the first this plugin does nothing."""
    group = parser.getgroup("rnnverify")
    group.addoption("--rnnverify", action="store_true", help="Verify every spec (.yaml, .yml) as a test of its own.")
    group.addoption("--rnnverify-allow-code", action="store_true", help="Run the code that specs name.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A spec is a file of one test; grids are passed over."""
    if not parent.config.getoption("--rnnverify") or file_path.suffix not in SUFFIXES or holds_grid(file_path):
        return None
    made: pytest.Collector = SpecFile.from_parent(parent, path=file_path)
    return made


class SpecFile(pytest.File):
    """A file with a spec in it."""

    def collect(self) -> Iterator[pytest.Item]:
        """The spec."""
        yield SpecItem.from_parent(self, name="spec")


class SpecItem(pytest.Item):
    """A spec, as a test that fails where the verdict is no match."""

    def runtest(self) -> None:
        """Verify it."""
        import rnnverify

        allow_code = bool(self.config.getoption("--rnnverify-allow-code"))
        here = self.config.invocation_params.dir
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        result = rnnverify.verify(rnnverify.load_spec(str(path)), allow_code=allow_code)
        if not result.passed:
            raise MismatchError(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the command would print: of a wrong spec its message, else the tables."""
        from rnnverify.errors import RequestError

        if isinstance(excinfo.value, RequestError | MismatchError):
            return str(excinfo.value).replace("--allow-code (", "--rnnverify-allow-code (")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"spec {self.path.name}"
