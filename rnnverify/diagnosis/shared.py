"""What the elements that are wrong have in common, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.verification.claimed import Judgement
from rnnverify.verification.claims import Claim

MOST_NAMED = 6  # places that are written out


def shared(
    graph: Graph, claims: Sequence[Claim], judged: Judgement, masks: Mapping[str, Array | None]
) -> Iterator[str]:
    """A sentence for each thing that the wrong elements of the first wrong tensor share, and the right ones do not."""
    for claim in claims:
        wrong = ~judged.within[claim.name]
        if not wrong.any():
            continue
        yield f"{claim.name}: {np.count_nonzero(wrong)} of {wrong.size} elements are wrong"
        yield from along(wrong, 0, "sample", "samples")
        if claim.tensor.timed:
            yield from along(wrong, 1, "timestep", "timesteps")
            mask = masks.get(claim.tensor.node)
            if mask is not None and wrong.ndim > 1 and mask.shape == wrong.shape[:2]:
                masked = wrong.any(axis=tuple(range(2, wrong.ndim)))
                if not (masked & mask).any():
                    yield "all of them are at masked steps"
        yield from along(wrong, wrong.ndim - 1, "unit", "units")
        break
    else:
        return
    fine = [claim.name for claim in claims if judged.within[claim.name].all()]
    if fine:
        yield f"right is all that was given of {', '.join(fine)}"


def along(wrong: Array, axis: int, one: str, several: str) -> Iterator[str]:
    """Which places of an axis are wrong, where some are and some are not."""
    places: Any = wrong.any(axis=tuple(other for other in range(wrong.ndim) if other != axis))
    found = np.flatnonzero(places)
    if len(found) == len(places):
        return
    if len(found) == 1:
        yield f"only {one} {found[0]} is wrong"
    elif len(found) == len(places) - found[0]:
        yield f"wrong from {one} {found[0]} on"
    elif len(found) == found[-1] + 1:
        yield f"wrong up to {one} {found[-1]}"
    elif len(found) <= MOST_NAMED:
        yield f"wrong in {several} {', '.join(map(str, found))}"
    else:
        yield f"wrong in {len(found)} of {len(places)} {several}"
