"""What Keras did of each of the models: recorded once, in a process of its own, and read from then on without Keras."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rnnverify import load_observation
from rnnverify.observation import Observation

HERE = Path(__file__).parent


def folder() -> Path:
    """Where the recordings of these models are, by these versions."""
    made_of = [(HERE / name).read_bytes() for name in ("models.py", "__main__.py")]
    versions = [version(name).encode() for name in ("keras", "numpy", "tensorflow")]
    return HERE / "cache" / hashlib.sha256(b"".join(made_of + versions)).hexdigest()[:12]


@cache
def recorded(name: str) -> Observation:
    """What Keras did of the model of that name."""
    if not folder().exists():
        subprocess.run(
            [sys.executable, "-m", "tests.recorded"], cwd=HERE.parent.parent, check=True, capture_output=True
        )
    return load_observation(str(folder() / f"{name}.npz"))
