"""What was given, beside the right replay and beside the replay with the mistake that explains it: before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.reruns import Key, Made
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, QUANTISED
from rnnverify.observation import Observation
from rnnverify.results import Diagnosis, Named
from rnnverify.results.pictures import Mended
from rnnverify.verification.claimed import Right
from rnnverify.verification.claims import Claim

MOST = 600  # elements that are shown


def mended(
    observed: Observation, graph: Graph, claims: Sequence[Claim], right: Right, diagnosis: Diagnosis
) -> Mended | None:
    """The same elements of all claims three times; None where no known mistake explains them.

    Args:
        observed: of which the inputs and nodes are used, in the precision that the claims were computed in.
        graph: the right replays of those nodes.
        claims: what was given.
        right: the right replay.
        diagnosis: what was found of them.
    """
    best = next((one for one in diagnosis.mistakes if one.explains), None)
    if best is None or not claims:
        return None
    replays = Replays(observed, graph, claims, right)
    wrong = replays.wrong(made_again(best))
    if wrong is None:
        return None
    given, before, after = (joined(arrays) for arrays in ([one.array for one in claims], replays.right, wrong.values))
    if not given.shape == before.shape == after.shape:
        return None
    shown = np.unique(np.linspace(0, given.size - 1, min(given.size, MOST)).astype(int))
    return Mended(best.id, given[shown], before[shown], after[shown], given.size)


def made_again(named: Named) -> Key:
    """The mistakes that a name stands for, in the layers in which they are made."""
    known = {one.id: one for one in (*MISTAKES, *QUANTISED)}
    return tuple(Made(known[one], named.layers) for one in named.id.split(" + "))


def joined(arrays: Sequence[Array]) -> Array:
    """All elements, one after the other."""
    return np.concatenate([np.asarray(one, dtype=np.float64).reshape(-1) for one in arrays])
