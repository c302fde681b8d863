"""The walk through time and samples: what is carried, skipped, or started from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rnnverify.layers.conv_lstm import LSTMS
from rnnverify.layers.layer import Layer
from rnnverify.layers.walk import Walk
from rnnverify.layers.walking import Walking
from rnnverify.mistakes.changes import walking
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.walks import Run, Taken, padded, rewalking, sample_by_sample
from rnnverify.observation import Walked

Kind = type[Walking] | tuple[type[Walking], ...]


def on_walk(
    run: Run,
    kind: Kind = Walking,
    only: Callable[[Any], bool] = lambda layer: True,
) -> Any:
    """A change of layers of a class from the way in which they take their walks."""

    def change(layer: Any) -> Layer | None:
        return rewalking(layer, run) if isinstance(layer, kind) and only(layer) else None

    return change


def carrying(states: Sequence[bool]) -> Run:
    """The states of these places are carried from sample to sample; all of them where there are no more places."""

    def run(walk: Walk, taken: Taken, every_step: bool) -> Walked:
        return sample_by_sample(walk, taken, [*states, *[states[-1]] * len(walk.states)])

    return run


def over(part: slice, before: int = 0, after: int = 0) -> Run:
    """Only a part of the steps is taken."""

    def run(walk: Walk, taken: Taken, every_step: bool) -> Walked:
        if walk.x.shape[1] < 2:
            return taken().run(every_step)
        mask = None if walk.mask is None else walk.mask[:, part]
        return padded(taken(x=walk.x[:, part], mask=mask).run(every_step=True), before, after)

    return run


def begun(
    change: Callable[[Walk], Walk], kind: Kind = Walking, only: Callable[[Any], bool] = lambda layer: True
) -> Any:
    """A change of layers of a class from what their walks begin with: x, or the states."""
    return lambda layer: walking(layer, change) if isinstance(layer, kind) and only(layer) else None


def first_held(walk: Walk) -> Walk:
    """Every step reads the first step's input."""
    return replace(walk, x=walk.x[:, [0] * walk.x.shape[1]])


def from_zero(places: Sequence[int] | None = None) -> Callable[[Walk], Walk]:
    """These of the initial states are taken as zero; by default all are."""
    return lambda walk: replace(
        walk,
        states=tuple(
            0 * state if places is None or index in places else state for index, state in enumerate(walk.states)
        ),
    )


def states_swapped(walk: Walk) -> Walk:
    return replace(walk, states=walk.states[::-1])


RESET = "start every sample from zero: `h = np.zeros(M)` inside the loop over samples, before the loop over time"


GIVEN = "start from the states that are given: `h, c = initial_state`"


WALK = (
    Mistake(
        "state-carried-across-samples",
        "the state is not reset when the next sample starts",
        RESET,
        "tensorflow/tensorflow#47813, alibaba/MNN#4447",
        on_walk(carrying([True])),
    ),
    Mistake(
        "state-carried-across-samples/h-only",
        "h is not reset when the next sample starts; c is",
        RESET,
        "",
        on_walk(carrying([True, False]), LSTMS),
        late=True,
    ),
    Mistake(
        "state-carried-across-samples/c-only",
        "c is not reset when the next sample starts; h is",
        "start every sample from zero: `c = np.zeros(M)` beside `h = np.zeros(M)`",
        "",
        on_walk(carrying([False, True]), LSTMS),
        late=True,
    ),
    Mistake(
        "initial-state-ignored",
        "the initial states are taken as zero",
        GIVEN,
        "",
        begun(from_zero(), only=lambda layer: not layer.stateful),  # of one that is, see `calls`
    ),
    Mistake(
        "initial-state-ignored/c-only",
        "the initial c is taken as zero; h is not",
        GIVEN,
        "",
        begun(from_zero((1,)), LSTMS),
    ),
    Mistake(
        "initial-states-swapped",
        "the initial h is taken for c, and c for h",
        "Keras's order is h, then c: `h, c = initial_state`",
        "keras-team/keras#11726",
        begun(states_swapped, LSTMS),
    ),
    Mistake(
        "only-first-step",
        "only the first step is taken",
        "take all: `for t in range(T)`",
        "Keras's export to ONNX on PyTorch, with T open",
        on_walk(over(slice(0, 1)), only=lambda layer: not layer.return_sequences),
    ),
    Mistake(
        "only-first-step/held",
        "every step reads the input of the first one",
        "read each step's own: `x[n, t]`, not `x[n, 0]`",
        "",
        begun(first_held),
    ),
    Mistake(
        "first-step-skipped",
        "the first step is left out",
        "begin at 0: `for t in range(T)`",
        "",
        on_walk(over(slice(1, None), before=1)),
    ),
    Mistake(
        "last-step-skipped",
        "the last step is left out",
        "go on to T - 1: `for t in range(T)`",
        "",
        on_walk(over(slice(None, -1), after=1), only=lambda layer: layer.return_sequences),
    ),
    Mistake(
        "last-step-skipped/output",
        "the last step is left out, and the output is that of the one before it",
        "go on to T - 1: `for t in range(T)`",
        "",
        on_walk(over(slice(None, -1)), only=lambda layer: not layer.return_sequences),
    ),
)
