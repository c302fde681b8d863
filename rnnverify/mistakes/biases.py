"""Biases read wrongly: left out, added twice, merged, or given to the wrong gate."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.conv_lstm import LSTMS, RECURRENT
from rnnverify.layers.dense import Dense
from rnnverify.layers.gru import GRU
from rnnverify.layers.layer import Layer
from rnnverify.layers.simple_rnn import SimpleRNN
from rnnverify.layers.walk import Walk, kept
from rnnverify.mistakes.changes import stepping, with_fields
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.walks import Taken, in_parts, rewalking
from rnnverify.mistakes.weights import on_weights
from rnnverify.observation import Walked


def has_two_biases(layer: Any) -> bool:
    return bool(layer.reset_after and layer.use_bias)


@on_weights(*RECURRENT, Dense, biased=True)
def without_bias(*weights: Array) -> list[Array]:
    *kernels, bias = weights
    return [*kernels, np.zeros_like(bias)]


@on_weights(*LSTMS, SimpleRNN, biased=True)
def bias_twice(*weights: Array) -> list[Array]:
    *kernels, bias = weights
    return [*kernels, 2 * bias]


@on_weights(*LSTMS, biased=True)
def output_bias_reused(kernel: Array, recurrent: Array, bias: Array) -> list[Array]:
    _, _, c, o = blocks(bias, 4)
    return [kernel, recurrent, np.concatenate([o, o, c, o])]


@on_weights(*LSTMS, biased=True)
def forget_bias_added(kernel: Array, recurrent: Array, bias: Array) -> list[Array]:
    i, f, c, o = blocks(bias, 4)
    return [kernel, recurrent, np.concatenate([i, f + 1, c, o])]


@on_weights(GRU, only=has_two_biases)
def without_recurrent_bias(kernel: Array, recurrent: Array, bias: Array) -> list[Array]:
    return [kernel, recurrent, np.stack([bias[0], np.zeros_like(bias[1])])]


@on_weights(GRU, only=has_two_biases)
def biases_merged(kernel: Array, recurrent: Array, bias: Array) -> list[Array]:
    return [kernel, recurrent, np.stack([bias[0] + bias[1], np.zeros_like(bias[1])])]


@on_weights(GRU, only=has_two_biases)
def biases_swapped(kernel: Array, recurrent: Array, bias: Array) -> list[Array]:
    return [kernel, recurrent, bias[::-1]]


def bare_cell(cell: Any) -> Any:
    """Without the recurrent bias, which is all that is left of that half where h is zero; another mistake may have lost it."""
    return with_fields(cell, recurrent_bias=0.0) if hasattr(cell, "recurrent_bias") else cell


def first_step_bare(walk: Walk, taken: Taken, every_step: bool) -> Walked:
    """The recurrent half is skipped in the first step of samples whose state is zero; its bias goes with it."""
    started = np.any([np.asarray(state).reshape(len(state), -1).any(axis=1) for state in walk.states], axis=0)
    if started.all():
        return taken().run(every_step)
    bare = stepping(walk.layer, bare_cell)
    made = in_parts(walk, taken, [(bare, slice(0, 1)), (walk.layer, slice(1, None))])
    if not started.any():
        return made
    right = taken().run(every_step=True)
    sequence, *others = (
        kept(started, one, other)
        for one, other in zip((right.sequence, *right.others), (made.sequence, *made.others), strict=True)
    )
    states = tuple(kept(started, one, other) for one, other in zip(right.states, made.states, strict=True))
    return Walked(sequence, states, tuple(others))


def without_recurrent_bias_at_first(layer: Layer) -> Layer | None:
    if not isinstance(layer, GRU) or not has_two_biases(layer):
        return None
    return rewalking(layer, first_step_bare)  # type: ignore[no-any-return]


BIASES = (
    Mistake(
        "bias-missing",
        "the bias is left out",
        "add it: `z = x @ kernel + h @ recurrent_kernel + bias`",
        "frugally-deep#96",
        without_bias,
    ),
    Mistake(
        "bias-doubled",
        "the bias is added twice, as where it was copied to both b_ih and b_hh",
        "set one of the two to zero: `b_ih, b_hh = bias, np.zeros_like(bias)`",
        "onnx/keras-onnx#98",
        bias_twice,
    ),
    Mistake(
        "bias-of-one-gate-reused",
        "the output gate's bias is used for the input and the forget gate, too",
        "give each gate its own: `bi, bf, bc, bo = np.split(bias, 4)`",
        "ddbourgin/numpy-ml#42",
        output_bias_reused,
    ),
    Mistake(
        "gru-recurrent-bias-missing",
        "the second row of the bias, which belongs to h @ recurrent_kernel, is left out",
        "add it there: `zh = h @ recurrent_kernel + bias[1]`",
        "tensorflow/tfjs#2442, fastmachinelearning/hls4ml#594",
        without_recurrent_bias,
    ),
    Mistake(
        "gru-biases-merged",
        "both rows of the bias are added to x @ kernel, outside of the reset gate",
        "keep them apart: `candidate = np.tanh(xh + bias_xh + r * (h @ Uh + bias_hh))`",
        "apple/coremltools#1124",
        biases_merged,
    ),
    Mistake(
        "gru-biases-swapped",
        "the two rows of the bias are exchanged",
        "row 0 belongs to x, row 1 to h: `zx = x @ kernel + bias[0]; zh = h @ recurrent_kernel + bias[1]`",
        "keras-team/keras#14120",
        biases_swapped,
    ),
    Mistake(
        "gru-recurrent-bias-missing-first-step",
        "in the first step, where the state is zero, the recurrent half is skipped, and its bias with it",
        "compute it there, too: `zh = h @ recurrent_kernel + bias[1]` with `h = np.zeros(M)`",
        "ml-explore/mlx#3250",
        without_recurrent_bias_at_first,
    ),
    Mistake(
        "lstm-forget-bias-added",
        "1 is added to the forget gate's bias, which holds it already",
        "use the bias as it is: unit_forget_bias only says how it is first drawn",
        "tensorflow/tensorflow#5090, tensorflow/tensorflow#29622",
        forget_bias_added,
    ),
)
