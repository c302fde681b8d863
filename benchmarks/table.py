"""Rows of ratios measured side by side, and the table of them, with the machine and the versions they are of."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Row:
    """Ratios of two times, or of two sizes, taken in turn."""

    what: str  # of what to what: `check / predict, LSTM`
    ratios: Sequence[float]
    aim: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        spread = (
            f"{min(self.ratios):.2f} to {max(self.ratios):.2f} in {len(self.ratios)}" if self.ratios[1:] else "once"
        )
        return f"{self.what:<72}{self.median:>8.2f}   {spread:<24}{self.aim}".rstrip()


def seconds(command: Sequence[str]) -> float:
    """How long a command takes, run in the project's folder."""
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def machine(packages: Sequence[str] = PACKAGES) -> str:
    """What it was measured on."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else platform.machine()}, {cores} cores\nPython {platform.python_version()}, {', '.join(found)}"


def show(rows: Iterable[Row]) -> list[str]:
    """Print a table as its rows are known."""
    lines = []
    for row in rows:
        lines.append(str(row))
        print(lines[-1], flush=True)
    return lines
