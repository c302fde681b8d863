"""What a layer computes, in its own sentence."""

from __future__ import annotations

import sys

from rnnverify.layers.layer import Layer


def sentence_of(layer: Layer) -> str:
    """From its class, or else its module: `LSTM (Hochreiter & Schmidhuber 1997, ...).`"""
    kind = type(layer)
    text = kind.__doc__ or ""
    if text.startswith(f"{kind.__name__}("):  # what a dataclass says by itself
        text = sys.modules[kind.__module__].__doc__ or ""
    first = " ".join(text.strip().split("\n\n")[0].split())
    return first.rstrip(".") + "."
