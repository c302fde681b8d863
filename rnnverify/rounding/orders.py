"""How large the partial sums of inner products become, in the orders that linear algebra adds them up in.

The variance in `products` is that of terms in an order that has nothing to do with their values. Where they are in order
themselves (a cosine transform of data with an offset, say) their partial sums drift far from zero and back, and round by
more. So where the limit that rests on it is passed and the worst case is not, the sizes that the partial sums take are
looked up: in the natural order, in interleaved lanes as vector units hold them, in blocks as a cache holds them, and in
lanes within blocks. That is sound because the standard deviation of a sum in a given order is u / sqrt(3) times the length
of its partial sums, and the order in use is one of these or takes steps of their sizes; and it is as sharp as before,
because for terms in no order it is the formula's, 1.1 times on average.
"""

from __future__ import annotations

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.rounding.precision import LIMIT

# Where most terms are like the one before, to within this, their roundings are, too, as long as the partial sums are in one
# binade. They may all be to the same side: that is the worst case, which LIMIT standard deviations must then reach.
NEARLY = 1e-3
LANES = (2, 4, 8, 16, 32, 64)
BLOCKS = (32, 64, 128, 256)
LANES_WITHIN = (4, 8, 16)
AT_ONCE = 1 << 16  # terms that are looked at at once: a loop over rows would take longer than what it does in each


def squares_of_partial_sums(x: Array, w: Array) -> Array:
    """The largest sum of the squares of all partial sums of each inner product, over these orders.

    Args:
        x: (..., n).
        w: (n, M).

    Returns:
        (..., M).
    """
    rows, width = x.reshape(-1, x.shape[-1]), w.shape[-1]
    at_once = max(1, AT_ONCE // max(1, w.size))
    made = [in_any_order(terms_of(rows[start : start + at_once], w)) for start in range(0, len(rows), at_once)]
    return np.concatenate([np.zeros(0), *made]).reshape(*x.shape[:-1], width)


def terms_of(rows: Array, w: Array) -> Array:
    """The terms of the inner products of rows (k, n) with columns (n, M), side by side: (n, k M)."""
    made: Array = (rows.T[:, :, np.newaxis] * w[:, np.newaxis]).reshape(len(w), -1)
    return made


def in_any_order(terms: Array) -> Array:
    """The same of sums of terms (n, M): (M,)."""
    found = added(terms[:, np.newaxis])
    for lanes in LANES:
        if lanes < len(terms):
            found = np.maximum(found, added(parted(terms, lanes)))
    for block in BLOCKS:
        if block < len(terms):
            blocks = parted(terms, -(-len(terms) // block), contiguous=True)
            found = np.maximum(found, added(blocks))
            for lanes in LANES_WITHIN:
                found = np.maximum(found, in_lanes(blocks, lanes))
    repeated = np.abs(np.diff(terms, axis=0)) <= NEARLY * np.abs(terms[1:])
    made: Array = np.where(2 * np.count_nonzero(repeated, axis=0) > len(terms), alike(len(terms)), 1.0) * found
    return made


def alike(count: int) -> float:
    """What so many roundings to the same side are, in terms of the squares of their sizes."""
    return max(1.0, 3 * count / LIMIT**2)


def parted(terms: Array, count: int, contiguous: bool = False) -> Array:
    """Terms (n, M) as `count` sums that are made side by side, (n / count, count, M); the last terms may be zero."""
    length = -(-len(terms) // count)
    padded = np.concatenate([terms, np.zeros((length * count - len(terms), terms.shape[1]))])
    if contiguous:
        return padded.reshape(count, length, -1).swapaxes(0, 1)
    return padded.reshape(length, count, -1)


def added(parts: Array) -> Array:
    """The squares of the partial sums of each part, and of those of the parts' totals, which are then added in order."""
    sums = np.cumsum(parts, axis=0)
    totals = np.cumsum(sums[-1], axis=0)
    made: Array = np.einsum("klm,klm->m", sums, sums) + np.einsum("lm,lm->m", totals, totals)
    return made


def in_lanes(blocks: Array, lanes: int) -> Array:
    """The same where each block (k, blocks, M) is added up in interleaved lanes, and these then in order."""
    length, count, width = blocks.shape
    short = -(-length // lanes)
    padded = np.concatenate([blocks, np.zeros((short * lanes - length, count, width))])
    sums = np.cumsum(padded.reshape(short, lanes, count, width), axis=0)
    within = np.cumsum(sums[-1], axis=0)
    totals = np.cumsum(within[-1], axis=0)
    made: Array = np.einsum("kabm,kabm->m", sums, sums) + np.einsum("abm,abm->m", within, within)
    made += np.einsum("bm,bm->m", totals, totals)
    return made
