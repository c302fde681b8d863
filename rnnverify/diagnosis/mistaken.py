"""Which known mistakes reproduce what somebody else's implementation gave.

The model is replayed with each mistake in it, wherever it can occur and in each layer alone, and what comes out is held against
what was given: in float64 first, and if that is anywhere near by the same rule as the right replay is, within what rounding
does to the wrong arithmetic. Where no mistake reproduces it by itself, two at once are tried, those first that come nearest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.replays import Replays, ratio
from rnnverify.diagnosis.reruns import Key, Made
from rnnverify.diagnosis.shared import shared
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, QUANTISED, Mistake
from rnnverify.observation import Observation
from rnnverify.results import Diagnosis, Named
from rnnverify.verification.claimed import Judgement, Right, judge_claims
from rnnverify.verification.claims import Claim

NEAR = 1000.0  # how many times the right replay's largest limit off a wrong one is looked at closely
SURE, COARSE = (
    0.5,
    10.0,
)  # limits that a replay in float32 is off with a mistake that changes nothing; or with one that does
PARTIAL = 0.1  # what is left of the difference where a mistake is worth telling though it does not explain all
ROUNDOFF = 2.0**-23
LARGEST = float(np.finfo(np.float32).max)  # where shapes do not fit nothing is explained in part
AT_ONCE = 128  # pairs of which the walks are taken together
EFFORT = 60.0  # seconds for pairs


class Tried(NamedTuple):
    """What came of making some mistakes."""

    made: Key
    graph: Graph
    residual: float  # the largest difference from what was given
    limits: float  # the same, element by element in the right replay's limits


def diagnose(
    observed: Observation,
    graph: Graph,
    claims: Sequence[Claim],
    judged: Judgement,
    *,
    misfits: Sequence[Claim] = (),
    right: Right | None = None,
    effort: float = EFFORT,
    progress: Callable[[int, int], None] = lambda done, total: None,
    mistakes: Sequence[Mistake] = MISTAKES,
) -> Diagnosis:
    """Find the mistakes that were made, if they are known ones.

    Args:
        observed: of which the inputs and nodes are used, in the precision that the claims were computed in.
        graph: the right replays of those nodes.
        claims: what was given.
        judged: what was found of it.
        misfits: what was given in another shape than the right one.
        right: the right replay that the claims were judged by, where it was kept.
        effort: for how many seconds pairs of mistakes are tried, where no single one explains it; 0 for none.
        progress: is called with how many pairs have been tried, and of how many.
        mistakes: the known ones.
    """
    search = Search(observed, graph, [*claims, *misfits], right)
    fine = judged.right and not misfits
    verdict = "mismatch" if not fine else "untested" if judged.untested else "match"
    if fine:
        return Diagnosis(verdict, judged.first, search.before, (), (), (), True)
    singles = list(search.singles([one for one in mistakes if not one.late]))
    explaining = [one for one in singles if search.explains(one)]
    families = {one.made[0].mistake.family for one in explaining}  # the others of these may be ties
    more = list(search.singles([one for one in mistakes if one.late and (not families or one.family in families)]))
    explaining += [one for one in more if search.explains(one)]
    singles += more
    complete, quantised = True, [] if explaining else list(search.singles(QUANTISED))
    explaining += [one for one in quantised if search.explains(one)]
    if not explaining:
        explaining, complete = search.pairs(singles, effort, progress) if effort else ([], False)
    best = min([*singles, *quantised], key=lambda one: one.residual, default=None)
    told = best is not None and not explaining and best.residual <= PARTIAL * min(search.before, LARGEST)
    partial = [best] if told and best is not None else []
    found = [named(one, True) for one in sorted(explaining, key=simplest)] + [named(one, False) for one in partial]
    return Diagnosis(
        verdict,
        judged.first,
        search.before,
        tuple(found),
        tuple(dict.fromkeys(search.unseen)),
        tuple(shared(graph, claims, judged, search.masks)),
        complete,
    )


class Search(Replays):
    """Which mistakes reproduce what was given."""

    def __init__(self, observed: Observation, graph: Graph, claims: Sequence[Claim], kept: Right | None = None) -> None:
        super().__init__(observed, graph, claims, kept)
        self.roundoff = 2.0**-52 if set(graph.precisions.values()) == {"float64"} else ROUNDOFF
        self.unseen: list[str] = []  # the ids of those that change nothing

    @property
    def before(self) -> float:
        """The largest difference from the right replay."""
        return max(
            (difference(one, claim.array) for claim, one in zip(self.claims, self.right, strict=True)), default=0.0
        )

    def singles(self, mistakes: Collection[Mistake]) -> Iterator[Tried]:
        """Every mistake wherever it can occur, and in each layer alone; but for those that change nothing here."""
        places = [(Made(mistake, where),) for mistake in mistakes for where in self.places(mistake)]
        self.take_together(places)
        for place in places:
            tried = self.tried(place)
            if tried is not None:
                yield tried

    def places(self, mistake: Mistake) -> Iterator[tuple[str, ...]]:
        """Where it may have been made: in all layers, in all of a class, in one alone."""
        nodes = self.nodes_of(mistake)
        classes = dict.fromkeys(node.class_name for node in nodes)
        groups = [tuple(node.name for node in nodes)]
        groups += [tuple(node.name for node in nodes if node.class_name == name) for name in classes]
        yield from dict.fromkeys([*groups, *((node.name,) for node in nodes)] if nodes else ())

    def tried(self, made: Key) -> Tried | None:
        """What comes of some mistakes; None where that is what the right replay gives, or nothing at all."""
        wrong = self.wrong(made, exact=False)
        if wrong is None:
            return None
        tried, off = self.looked_at(made, *wrong[:2]), self.off(wrong.values)
        sure = off <= SURE or (off > COARSE and NEAR < tried.limits < np.inf)
        if wrong.coarse and not sure:
            wrong = self.wrong(made)
            assert wrong is not None  # it was made before
            tried, off = self.looked_at(made, *wrong[:2]), self.off(wrong.values)
        if off <= 1:
            if len(made) == 1:
                self.unseen.append(made[0].mistake.id)
            return None
        return tried

    def looked_at(self, made: Key, graph: Graph, values: Sequence[Array]) -> Tried:
        """How far a wrong replay is from what was given."""
        residual = limits = 0.0
        for one, claim, limit in zip(values, self.claims, self.limits, strict=True):
            left = difference(one, claim.array)
            fits = one.shape == claim.array.shape == limit.shape
            off = ratio(one, claim.array, floored(limit, one, self.roundoff)) if fits else left / largest(limit)
            residual, limits = max(residual, left), max(limits, off)
        return Tried(made, graph, residual, limits)

    def explains(self, tried: Tried) -> bool:
        """Whether what is left is within rounding of the wrong arithmetic."""
        if tried.limits <= 1:  # by the right replay's own limits, which are near enough to the wrong one's
            return True
        if not tried.limits <= NEAR:
            return False
        try:
            return judge_claims(self.observed, tried.graph, self.claims, by_step=False).right
        except (ValueError, IndexError):
            return False

    def pairs(
        self, singles: Sequence[Tried], effort: float, progress: Callable[[int, int], None]
    ) -> tuple[list[Tried], bool]:
        """The pairs of mistakes of different families that explain it; and whether all were tried."""
        ranked = sorted(singles, key=lambda one: one.residual)
        late = [any(made.mistake.late for made in one.made) for one in ranked]
        places = sorted(
            combinations(range(len(ranked)), 2), key=lambda pair: (late[pair[0]] or late[pair[1]], sum(pair))
        )
        until = time.monotonic() + effort
        found: dict[frozenset[str], Tried] = {}
        for start in range(0, len(places), AT_ONCE):
            progress(start, len(places))
            made = list(
                self.in_both_orders([(ranked[one], ranked[other]) for one, other in places[start : start + AT_ONCE]])
            )
            self.take_together(made)
            for pair in made:
                if time.monotonic() > until:
                    return list(found.values()), False
                tried = self.tried(pair)
                if tried is not None and self.explains(tried):
                    found.setdefault(frozenset(one.mistake.id for one in pair), tried)
        progress(len(places), len(places))
        return list(found.values()), True

    def in_both_orders(self, pairs: Sequence[tuple[Tried, Tried]]) -> Iterator[tuple[Made, Made]]:
        """Mistakes of different families; one in the weights that is made after another may be another mistake."""
        for one, other in pairs:
            first, second = one.made[0], other.made[0]
            if first.mistake.family != second.mistake.family:
                yield first, second
                if set(first.nodes) & set(second.nodes):
                    yield second, first


def floored(limit: Array, values: Array, roundoff: float) -> Array:
    """Where the right mathematics gives an exact zero, a wrong one may round."""
    size = np.abs(values)
    floor: Array = np.maximum(limit, roundoff * size[np.isfinite(size)].max(initial=0.0))
    return floor


def difference(one: Array, other: Array) -> float:
    """The largest difference; infinite between arrays of two shapes."""
    return largest(one - other) if one.shape == other.shape else np.inf


def largest(difference: Array) -> float:
    """The largest size; infinite where one is no number."""
    top = float(np.max(np.abs(difference), initial=0.0))
    return np.inf if np.isnan(top) else top


def simplest(tried: Tried) -> tuple[int, float]:
    """Those in most layers first: a port that is wrong is wrong everywhere. Then the nearest."""
    return -len(tried.made[0].nodes), tried.residual


def named(tried: Tried, explains: bool) -> Named:
    """The mistakes, for a report."""
    mistakes = [one.mistake for one in tried.made]
    return Named(
        id=" + ".join(one.id for one in mistakes),
        says="; and ".join(one.says for one in mistakes),
        mend="; and ".join(one.mend for one in mistakes),
        seen=", ".join(one.seen for one in mistakes if one.seen),
        layers=tuple(dict.fromkeys(name for one in tried.made for name in one.nodes)),
        residual=tried.residual,
        explains=explains,
    )
