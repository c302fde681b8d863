"""A model that was written as a NumPy script."""

from __future__ import annotations

from dataclasses import dataclass

from rnnverify.results.shown import Shown


@dataclass(frozen=True, repr=False)
class NumpyScript(Shown):
    """A model as a script that needs NumPy alone; run, it prints the outputs and how far they are from Keras's."""

    spec: str
    path: str  # of the script
    arrays: str  # of the file beside it: weights, inputs, Keras's outputs, how far off they may be
    text: str
