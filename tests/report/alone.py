"""Scripts run where there is nothing but Python and NumPy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# Imports of anything else are refused, as in an environment that has nothing else.
BARE = """
import contextlib, io, json, runpy, sys

class NumPyAlone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, NumPyAlone())
for path in sys.stdin:
    said = io.StringIO()
    code = 0
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(json.loads(path), run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        code = f"{type(error).__name__}: {error}"
    print(json.dumps([code, said.getvalue()]), flush=True)
"""


class Ran(NamedTuple):
    """How a script ended, and what it printed."""

    code: int | str
    text: str


class Bare:
    """One Python for many scripts, which finds NumPy and itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, path: str | Path) -> Ran:
        """Run a script."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(str(path))}\n")
        self.process.stdin.flush()
        return Ran(*json.loads(self.process.stdout.readline()))


@contextmanager
def bare_python() -> Iterator[Bare]:
    with subprocess.Popen(
        [sys.executable, "-I", "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Bare(process)
