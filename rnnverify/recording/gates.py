"""The words for gates."""

from __future__ import annotations

from rnnverify.layers.gru import GRU
from rnnverify.layers.lstm import LSTM


def gate_word(index: int, count: int) -> str:
    """Which gate one of so many is, in Keras's order: those of the two layers that have as many."""
    names = next((layer.gate_names for layer in (LSTM, GRU) if len(layer.gate_names) == count), ())
    if not names:
        return f"gate {index}"
    return names[index] if names[index] == "candidate" else f"{names[index]} gate"
