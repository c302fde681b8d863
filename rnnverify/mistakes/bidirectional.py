"""Bidirectional: which end of the backward walk is which, and how the directions are put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from rnnverify.layers.bidirectional import MERGES, Bidirectional
from rnnverify.layers.layer import Call, Layer
from rnnverify.layers.walk import Walk
from rnnverify.mistakes.changes import altered, called
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.walks import Taken, rewalking
from rnnverify.observation import Walked


def not_rereversed(layer: Any) -> Layer | None:
    if not isinstance(layer, Bidirectional) or not layer.layer.return_sequences:
        return None
    return altered(layer, in_order_of_time=lambda self, backward: backward)  # type: ignore[no-any-return]


def input_not_reversed(in_order: bool, layer: Any) -> Layer | None:
    """The backward layer walks forwards; what it puts out is reversed all the same, or is not."""
    if not isinstance(layer, Bidirectional):
        return None
    walking_forwards = replace(layer, backward_layer=replace(layer.backward_layer, go_backwards=False))
    if in_order and layer.layer.return_sequences:
        return altered(walking_forwards, in_order_of_time=lambda self, backward: backward)  # type: ignore[no-any-return]
    return walking_forwards if in_order or layer.layer.return_sequences else None


def first_step_of_it(walk: Walk, taken: Taken, every_step: bool) -> Walked:
    """What the walk put out at its first step stands for what it put out at its last."""
    done = taken().run(every_step=True)
    return replace(done, sequence=done.sequence[:, :1])


def final_step_of_time(layer: Any) -> Layer | None:
    if not isinstance(layer, Bidirectional) or layer.layer.return_sequences:
        return None
    return replace(layer, backward_layer=rewalking(layer.backward_layer, first_step_of_it))


def states_by_kind(layer: Any) -> Layer | None:
    """Initial states [hf, cf, hb, cb], read as [hf, hb, cf, cb]."""
    if not isinstance(layer, Bidirectional) or len(layer.state_names) != 4:
        return None

    def reordered(call: Call) -> Call:
        return call._replace(
            initial_state=[call.initial_state[place] for place in (0, 2, 1, 3)] if call.initial_state else ()
        )

    return called(layer, reordered)  # type: ignore[no-any-return]


def merged_as(mode: str, layer: Any) -> Layer | None:
    if not isinstance(layer, Bidirectional) or layer.merge_mode in (None, mode):
        return None
    return replace(layer, merge_mode=mode)


def held_at_masked_steps(layer: Any) -> Layer | None:
    """Inside a Bidirectional Keras puts out zero at masked steps."""
    if not isinstance(layer, Bidirectional) or not layer.layer.zero_output_for_mask:
        return None
    inside = {name: replace(one, zero_output_for_mask=False) for name, one in inner(layer)}
    return replace(layer, **inside)


def inner(layer: Bidirectional) -> Iterator[tuple[str, Any]]:
    yield "layer", layer.layer
    yield "backward_layer", layer.backward_layer


BIDIRECTIONAL = (
    Mistake(
        "backward-not-rereversed",
        "what the backward layer puts out is not put back in order before it is joined to the forward one's",
        "reverse it: `np.concatenate([forward, backward[:, ::-1]], axis=-1)`",
        "keras-team/keras#3163",
        not_rereversed,
    ),
    Mistake(
        "backward-input-not-reversed",
        "the backward layer walks forwards",
        "reverse its input, and what it puts out: `backward = rnn(x[:, ::-1])[:, ::-1]`",
        "",
        partial(input_not_reversed, True),
    ),
    Mistake(
        "backward-input-not-reversed/output-reversed",
        "the backward layer walks forwards, and what it puts out is reversed",
        "reverse its input, too: `backward = rnn(x[:, ::-1])[:, ::-1]`",
        "",
        partial(input_not_reversed, False),
    ),
    Mistake(
        "backward-final-step",
        "the backward output is taken at the last timestep, where the backward walk has only begun",
        "take it where that walk ends, at timestep 0: `np.concatenate([forward[:, -1], backward[:, 0]], axis=-1)`",
        "onnx/keras-onnx#85",
        final_step_of_time,
    ),
    Mistake(
        "bidirectional-initial-state-order",
        "the initial states are read as forward h, backward h, forward c, backward c",
        "Keras's order is forward h, forward c, backward h, backward c: `hf, cf, hb, cb = initial_state`",
        "tensorflow/tensorflow#37017",
        states_by_kind,
    ),
    *(
        Mistake(
            f"merge-mode/{mode}",
            f"the directions are merged by {mode}",
            "merge them as merge_mode says",
            "",
            partial(merged_as, mode),
        )
        for mode in MERGES
    ),
    Mistake(
        "bidirectional-masked-output-held",
        "at masked steps the output before them is repeated; inside a Bidirectional Keras puts out zero",
        "put out zero there: `y[t] = np.where(mask[t], h, 0)`",
        "tensorflow/tensorflow#49738",
        held_at_masked_steps,
    ),
)
