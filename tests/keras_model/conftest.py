"""Models that Keras 2 saved, once for all tests and all of their processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 300  # seconds


@pytest.fixture(scope="session")
def of_keras_2(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder with every kind of `by_tf_keras`: KIND.h5 and KIND.keras, and in KIND.npz what was fed and predicted."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "of_keras_2"
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:  # another process of these tests is at it
        until = time.monotonic() + PATIENCE
        while not done.exists() and time.monotonic() < until:
            time.sleep(0.2)
        assert done.exists(), "tf-keras did not save its models"
        return folder
    words = [sys.executable, "-m", "tests.keras_model.by_tf_keras", str(folder)]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    done.touch()
    return folder
