"""Notebooks, executed as Jupyter does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

# TensorFlow's own chatter on being imported is the user's, who imports Keras.
QUIET = 'import os\nos.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"\nimport keras'


def executed(cells: Sequence[str], folder: Path, patch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The outputs of each cell, in a kernel that runs in a folder."""
    at_home_in(folder, patch)
    notebook = new_notebook(cells=[new_code_cell(text) for text in (QUIET, *cells)])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    nbformat.validate(notebook)
    return [cell.outputs for cell in notebook.cells[1:]]


def at_home_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have Jupyter keep its things in a folder, and nothing in anybody's home."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        patch.setenv(name, str(folder / name.lower()))
