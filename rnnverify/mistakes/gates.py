"""Which block of the kernels is which gate, and which way each is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations

import numpy as np

from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.conv_lstm import LSTMS, RECURRENT
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Layer
from rnnverify.mistakes.changes import reading
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.weights import on_weights

SEEN_ORDERS = {
    "i-f-o-c": "keras-team/keras#3088, tensorflow/tensorflow#29308, apple/coremltools#93",
    "i-o-f-c": "onnx/keras-onnx (the order of ONNX)",
    "i-c-f-o": "keras-team/keras (the order of Keras 1 and of TensorFlow 1)",
    "c-f-o-i": "deeplearning4j (its own order)",
}


def by_gate(order: Sequence[int], *weights: Array) -> list[Array]:
    """The weights of a port that takes the blocks in another order: for each gate the block at its place in that order."""
    places = [list(order).index(gate) for gate in range(len(order))]
    return [np.concatenate([blocks(array, len(order))[place] for place in places], axis=-1) for array in weights]


def gate_orders() -> Iterator[Mistake]:
    for kind, family, letters, first in (
        (LSTMS, "lstm-gate-order", "ifco", tuple(SEEN_ORDERS)),
        (GRU, "gru-gate-order", "zrh", ("r-z-h",)),
    ):
        names = ["-".join(letters[gate] for gate in order) for order in permutations(range(len(letters)))]
        right = "-".join(letters)
        for name in [*first, *(name for name in names if name not in first)]:
            if name == right:
                continue
            order = [letters.index(letter) for letter in name.split("-")]
            words, keras = ", ".join(name.split("-")), ", ".join(letters)
            seen = SEEN_ORDERS.get(name, "") if kind is LSTMS else "keras-team/keras#8720" if name == "r-z-h" else ""
            yield Mistake(
                f"{family}/{name}",
                f"the columns of the kernels and of the bias are taken for the gates in the order {words}; Keras's is {keras}",
                f"split in Keras's order: `{keras} = np.split(z, {len(letters)}, axis=-1)`",
                seen,
                partial(ordered, kind, order),
            )


def ordered(kind: type[Layer] | tuple[type[Layer], ...], order: Sequence[int], layer: Layer) -> Layer | None:
    return reading(layer, partial(by_gate, order)) if isinstance(layer, kind) else None


@on_weights(*RECURRENT)
def transposed_by_gate(kernel: Array, recurrent: Array, *bias: Array) -> list[Array]:
    count = recurrent.shape[-1] // recurrent.shape[-2]
    return [kernel, np.concatenate([np.swapaxes(block, -2, -1) for block in blocks(recurrent, count)], axis=-1), *bias]


GATES = (
    *gate_orders(),
    Mistake(
        "recurrent-kernel-transposed",
        "the recurrent kernel of each gate is transposed",
        "multiply from the left: `h @ recurrent_kernel`, and not `recurrent_kernel @ h`",
        "onnx/onnx (its own specification changed over it)",
        transposed_by_gate,
    ),
)
