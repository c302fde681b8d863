"""What Keras can compute on."""

from __future__ import annotations

import os
import sys

BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")


def backend_here() -> str:
    """The backend that Keras has in this process, or would have."""
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend())
    return os.environ.get("KERAS_BACKEND", "tensorflow")
