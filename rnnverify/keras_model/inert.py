"""The parts of a saved layer that have no effect on a model that has its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INITIALIZERS = {
    *("Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform"),
    *(
        "Ones",
        "Orthogonal",
        "OrthogonalInitializer",
        "RandomNormal",
        "RandomUniform",
        "TruncatedNormal",
        "VarianceScaling",
    ),
    *("IdentityInitializer", "Zeros"),
}
# By the end of their keys: the parts of a layer without effect, what they may be, and what is put in their place.
INERT: Mapping[str, tuple[str, set[str], Any]] = {
    "_initializer": ("keras.initializers", INITIALIZERS, "zeros"),
    "_regularizer": ("keras.regularizers", {"L1", "L1L2", "L2", "OrthogonalRegularizer"}, None),
    "_constraint": ("keras.constraints", {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}, None),
}
