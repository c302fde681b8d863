"""Commands in a process of their own, as people and scripts run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])
# In a job that a shell runs in the background Ctrl-C would be ignored.
AS_IN_FRONT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
from rnnverify.cli import main
main(sys.argv[1:])
"""


def environment(**variables: str) -> dict[str, str]:
    """This process's, with the package to be found from any folder, and Python's own way to buffer its output."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**inherited, "PYTHONPATH": ROOT, **variables}


def words(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "rnnverify", *map(str, arguments)]


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it prints is kept unless `stdout` or `stderr` say otherwise."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **options}
    return subprocess.run(words(*arguments), text=True, timeout=120, check=False, **options)


def started(*arguments: Any, before: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start a command in a process that hears Ctrl-C.

    Args:
        before: what that process does first.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **options}
    code = AS_IN_FRONT.format(before=before)
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, **options)
