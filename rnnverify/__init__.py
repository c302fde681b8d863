"""Does this arithmetic compute the same network as this Keras model?"""

from __future__ import annotations

__version__ = "0.1.0"
