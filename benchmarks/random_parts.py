"""Parts of random models that are models themselves: stacks of cells, and models inside a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.random_graphs import Drawn


def of_cells(drawn: Drawn, x: Any) -> Any:
    """An RNN over one cell, or over several on top of each other."""
    layers = drawn.layers

    def cell() -> Any:
        made = drawn.one(layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell)
        given: dict[str, Any] = {
            "activation": drawn.activation(),
            "use_bias": drawn.flag(),
            "recurrent_initializer": "glorot_uniform",  # there is no orthogonal in bfloat16
        }
        if made is layers.GRUCell:
            given["reset_after"] = drawn.flag()
        return made(drawn.size(), **given)

    cells = [cell() for _ in range(drawn.one(2, 3))] if drawn.flag() else cell()  # Keras fails on one alone in a list
    return layers.RNN(cells, return_sequences=True, go_backwards=drawn.flag())(x)


def nested(drawn: Drawn, x: Any) -> Any:
    """A model inside, called once or twice."""
    given = drawn.keras.Input(x.shape[1:], dtype=x.dtype)
    y = given
    for _ in range(drawn.one(1, 2)):
        y = drawn.sequence(y)
    inner = drawn.keras.Model(given, y)
    if drawn.flag():
        return inner(x)
    return drawn.layers.Add()([inner(x), inner(drawn.layers.Rescaling(0.5)(x))])
