"""Inputs and weights that show as many known mistakes as can be, and as clearly: what golden vectors are made of.

Rows of many sizes are drawn, for several draws of the weights. Each mistake is made in each layer by itself, and one replay
tells for every row how far it takes the outputs from the right ones, in limits of what rounding does end to end. The weights
are kept with which most mistakes are seen from afar, and of the rows as few as show them all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.blind_spots import outputs_of
from rnnverify.diagnosis.fed import Data
from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.reruns import Made
from rnnverify.diagnosis.variations import with_weights
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, Mistake
from rnnverify.observation import Observation, Ref
from rnnverify.results.vectors import FAR

log = logging.getLogger(__name__)

SCALES = (0.5, 1.0, 2.0, 4.0)  # of the rows that are drawn
ROWS = 24  # of each, of small models
NUMBERS = 200_000  # steps times units of all rows of a scale, at most
MOST, LEAST = 12, 3  # rows that are kept, beside those that are masked
EMBEDDED = 20.0  # times that embeddings are made larger
NEARLY = 0.9  # of how far any row shows a mistake: what is enough
ORDERS = 7  # of the rows that are tried
WEIGHTS = ((1.0, 0), (1.5, 1), (2.0, 2), (2.0, 3), (3.0, 4), (3.0, 5))  # scales and seeds of weights that are tried
SEED = 21
BIAS = 0.5  # standard deviation of biases: large enough that a lost one shows
MASKS = ("at the end", "in front", "in between", "everywhere")


class Chosen(NamedTuple):
    """What golden vectors are made of."""

    observed: Observation  # of which inputs and nodes are used
    rows: tuple[str, ...]  # what each sample is, in words


class Seen(NamedTuple):
    """By how much a mistake shows in each row, in limits."""

    mistake: Mistake
    node: str
    rows: Array  # (N,); infinite where the shapes are others


def seen(replays: Replays, mistakes: Sequence[Mistake] = MISTAKES) -> Iterator[Seen]:
    """Every known mistake in each layer by itself."""
    samples = len(replays.right[0])
    for mistake in mistakes:
        for node in replays.nodes_of(mistake):
            wrong = replays.wrong((Made(mistake, (node.name,)),))
            rows = np.full(samples, np.inf) if wrong is None else by_row(replays, wrong.values, samples)
            yield Seen(mistake, node.name, rows)


def by_row(replays: Replays, values: Sequence[Array], samples: int) -> Array:
    rows = np.zeros(samples)
    for one, right, limit in zip(values, replays.right, replays.limits, strict=True):
        if one.shape != right.shape:
            return np.full(samples, np.inf)
        with np.errstate(all="ignore"):
            off = np.abs(one - right) / limit
        rows = np.maximum(rows, np.nan_to_num(off, nan=np.inf).reshape(samples, -1).max(axis=1, initial=0.0))
    return rows


def choose(observed: Observation, free_weights: bool) -> Chosen:
    """Inputs, and weights where they are free, for a model.

    Args:
        observed: the model, and what it takes.
        free_weights: whether its weights were drawn, and not loaded, so that others may be.
    """
    log.info("choosing what shows the known mistakes")
    graph = Graph(observed.nodes)
    data = Data(observed, graph)
    drawn, words = pool(observed, graph, data)
    tried = [weighted(drawn, *how) for how in WEIGHTS] if free_weights else [drawn]
    best = max((Looked(one) for one in tried), key=lambda looked: looked.score)
    if not best.finite.size:
        raise RequestError(
            f"{observed.asked.spec}: whatever it is fed, the outputs overflow, or rounding may move them without limit; give it"
            " smaller weights, or other activations"
        )
    rows = best.fewest(required=[index for index, word in enumerate(words) if "masked" in word])
    # Some mistakes mix samples: what shows of them depends on which follows which.
    rng = np.random.default_rng(SEED)
    orders = [rows, *(list(rng.permutation(rows)) for _ in range(ORDERS))]
    made = [best.of_rows(order) for order in orders]
    scores = [Looked(one).score for one in made]
    index = scores.index(max(scores))
    return Chosen(made[index], tuple(words[row] for row in orders[index]))


class Looked:
    """What is seen of the mistakes in the rows of a pool."""

    def __init__(self, observed: Observation) -> None:
        self.observed = observed
        graph = Graph(observed.nodes)
        replays = Replays(observed, graph, outputs_of(observed, graph))
        parts = [*replays.right, *replays.limits]
        finite = np.all([np.isfinite(one).reshape(len(one), -1).all(axis=1) for one in parts], axis=0)
        self.finite = np.flatnonzero(finite)
        found = list(seen(replays))
        rows = [one.rows for one in found] or [np.zeros(len(finite))]
        self.by_row = np.where(finite, np.stack(rows), 0)  # (mistakes in a layer, rows)

    def of_rows(self, rows: Sequence[int]) -> Observation:
        """These rows of the pool, in this order."""
        return replace(self.observed, inputs={name: x[rows] for name, x in self.observed.inputs.items()})

    @property
    def score(self) -> tuple[int, float]:
        """How many mistakes are seen from afar, and how far the others are seen."""
        top = self.by_row.max(axis=1)
        if not self.finite.size:
            return -1, 0.0
        return int((top >= FAR).sum()), float(np.log10(np.clip(top, 1e-2, FAR)).sum())

    def fewest(self, required: Sequence[int]) -> list[int]:
        """As few rows as show each mistake from afar, or nearly as far as any row does."""
        wanted = self.by_row >= np.minimum(FAR, NEARLY * self.by_row.max(axis=1, keepdims=True))
        wanted &= self.by_row > 1
        rows = [row for row in required if row in self.finite]
        open_ = ~wanted[:, rows].any(axis=1) & wanted.any(axis=1)
        while open_.any() and len(rows) < MOST + len(required):
            rows.append(int(np.argmax(wanted[open_].sum(axis=0))))
            open_ &= ~wanted[:, rows[-1]]
        ranked = np.argsort(-wanted.sum(axis=0), kind="stable")
        others = [row for row in ranked if row not in rows and row in self.finite]
        return sorted(rows + [int(row) for row in others[: max(0, LEAST + len(required) - len(rows))]])


def pool(observed: Observation, graph: Graph, data: Data) -> tuple[Observation, list[str]]:
    """Rows of every scale, and where there are masks one of each kind; and what each is, in words."""
    units = sum(prod(observed.emitted[Ref(node.name)].shape[1:]) for node in observed.nodes)
    rows = max(4, min(ROWS, NUMBERS // max(units, 1)))
    parts = [data.drawn(observed, SEED + index, rows, scale=scale) for index, scale in enumerate(SCALES)]
    words = [f"random, {scale:g} times the size of the spec's data" for scale in SCALES for _ in range(rows)]
    if not data.floats:
        words = ["random"] * len(words)
    if data.maskable:
        masked = data.drawn(observed, SEED - 1, len(MASKS))
        one_each = [data.masked(masked, SEED, place).inputs for place in MASKS]
        inputs = {name: np.stack([one[name][index] for index, one in enumerate(one_each)]) for name in observed.inputs}
        parts.append(replace(observed, inputs=inputs))
        words += [f"masked {place}" for place in MASKS]
    names = list(observed.inputs)
    made = {name: np.concatenate([one.inputs[name] for one in parts]) for name in names}
    for name in data.states:  # a sample in four starts from zero: there are mistakes that only these show
        made[name][3::4] = 0
    return replace(observed, inputs=made), words


def weighted(observed: Observation, scale: float, seed: int) -> Observation:
    """The same model with other weights: kernels so many times as large, biases drawn anew."""
    rng = np.random.default_rng(seed)

    def made(name: str, array: Array) -> Array:
        if name.endswith("bias"):
            return (BIAS * rng.standard_normal(array.shape)).astype(array.dtype)
        if name == "embeddings":  # Keras draws them within 0.05, where nothing shows that bends
            return (EMBEDDED * scale * array).astype(array.dtype)
        return (scale * array).astype(array.dtype) if name.endswith("kernel") else array

    return with_weights(observed, made)
