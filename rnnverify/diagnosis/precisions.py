"""In which precision somebody else's implementation is right, where it is not in that which it is taken to compute in.

A wide limit alone tells nothing: a small fault of float32 lies within that of bfloat16, too. So there must be evidence that only
the precision itself gives. Rounded weights, or outputs that were rounded when they were stored, leave nothing beyond float32's
own limit. Of an arithmetic every number that comes out is one that it holds, and the replay in it, whose weights and inputs are
rounded as there, is nearer than the one in float32. Or, where only products are narrow, a replay that rounds their operands makes
what was given, far below what that rounding costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.mistaken import Search, difference
from rnnverify.diagnosis.narrow import OPERANDS, multiplying, quantised
from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.reruns import Made
from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import FORMS_OF_WEIGHTS
from rnnverify.observation import Observation
from rnnverify.observation.precision import UNIT_ROUNDOFF, rounded
from rnnverify.observation.stored import WEIGHT_FORMS, with_weights
from rnnverify.results import Diagnosis, PrecisionFound
from rnnverify.verification.claimed import Right, computed_in, judge_claims, made_of, watched_in
from rnnverify.verification.claims import Claim
from rnnverify.verification.end_to_end import Expected

OUTPUTS, PRODUCTS, EVERYTHING = "outputs", "products", "everything"
INT8 = "int8"
ARITHMETICS = ("float64", "float32", "tf32", "float16", "bfloat16")  # the finest first
STORED = ("bfloat16", "float16", "float32")  # the narrowest first: float16 holds what bfloat16 does, but for its range
DISTINCT = 3  # numbers at least, of which it says something that an arithmetic holds them all
ELEMENTS = 4  # at least, of which it says something that a replay makes them
# What is left of the difference where a replay with narrow products makes what was given. It is hardly anything, but where a
# state of theirs and ours lies on two sides of the middle between two numbers, and is rounded to both.
LEFT = 0.1
# The root mean square of the difference, in standard deviations of the arithmetic. Of Keras in half precision it is 0.2 to 1.1
# (benchmarks/results/precisions.txt).
LEAST, MOST = 0.15, 2.0


class Given(NamedTuple):
    """What was given, and the right replay in the precision that it is taken to have."""

    observed: Observation  # computed in that
    claims: Sequence[Claim]
    right: Sequence[Array]  # in float64
    limits: Sequence[Array]
    dtype: str

    @classmethod
    def of(cls, observed: Observation, claims: Sequence[Claim], kept: Right, graph: Graph, dtype: str) -> Given:
        """From the replay that the claims were judged by."""
        replays = Replays(observed, graph, claims, kept)
        return cls(observed, claims, replays.right, replays.limits, dtype)

    @property
    def cost(self) -> float:
        return farthest([claim.array for claim in self.claims], self.right)


def arithmetic_of(given: Given) -> PrecisionFound | None:
    """The finest arithmetic, narrower than it is taken to have, in which what was given is right; if that is sure."""
    for dtype in ARITHMETICS[ARITHMETICS.index(given.dtype) + 1 :]:
        evidence = evidence_for(given, dtype)
        if evidence is None:
            continue
        sentence, kind = evidence
        if kind == OUTPUTS:
            worst = worst_stored(given, dtype)
            return PrecisionFound(f"{dtype} outputs", "outputs", sentence, worst, given.cost, "")
        asked = computed_in(given.observed, dtype)
        graph = Graph(asked.nodes)
        right = Right(asked, graph, watched_in(given.claims), often=False)
        judged = judge_claims(asked, graph, given.claims, right=right)
        if judged.right and (kind == PRODUCTS or plausible(given, graph, right)):
            option = f"--candidate-dtype {dtype}"
            return PrecisionFound(dtype, "arithmetic", sentence, judged.worst_ratio, given.cost, option)
    return quantised_in(given)


def quantised_in(given: Given) -> PrecisionFound | None:
    """Matrices of int8, whose other operands are quantised in each product, if that makes what was given."""
    if (left := left_by_narrow_products(given, INT8)) > LEFT:
        return None
    made = replayed(multiplying(given.observed, quantised), given.claims)
    ratios = (
        np.max(np.abs(claim.array - one) / limit, initial=0.0, where=limit > 0)
        for claim, one, limit in zip(given.claims, made, given.limits, strict=True)
    )
    sentence = f"a replay that quantises so leaves {left:.2g} of the difference"
    name = "int8 weights, and inputs quantised in each product"
    return PrecisionFound(name, "weights", sentence, float(max(ratios)), given.cost, "")


def evidence_for(given: Given, dtype: str) -> tuple[str, str] | None:
    """What only a precision gives, as a sentence, and what is of that precision; None where there is nothing."""
    if dtype == narrowest([claim.array for claim in given.claims]):
        if rounded_once(given, dtype):
            return f"they are those of {given.dtype}, rounded to {dtype} when they were stored", OUTPUTS
        return f"every number that it gave is one of {dtype}'s", EVERYTHING
    left = left_by_narrow_products(given, dtype)
    if left <= LEFT:
        return f"a replay that rounds to {dtype} what it multiplies leaves {left:.2g} of the difference", PRODUCTS
    return None


def narrowest(arrays: Sequence[Array]) -> str | None:
    """The narrowest dtype that holds all numbers, where these are not so few that this says nothing."""
    distinct = np.unique(np.abs(np.concatenate([array.ravel() for array in arrays])))
    if np.count_nonzero((distinct != 0) & (distinct != 1)) < DISTINCT:
        return None
    return next((dtype for dtype in STORED if all(np.array_equal(one, rounded(one, dtype)) for one in arrays)), None)


def rounded_once(given: Given, dtype: str) -> bool:
    """Whether what was given is what the arithmetic may make, rounded to a dtype at the very end."""
    return all(
        bool(np.all((rounded(one - limit, dtype) <= claim.array) & (claim.array <= rounded(one + limit, dtype))))
        for claim, one, limit in zip(given.claims, given.right, given.limits, strict=True)
    )


def worst_stored(given: Given, dtype: str) -> float:
    """The largest residual over what that rounding does, beside what the arithmetic itself may."""
    ratios = (
        np.abs(claim.array - one) / (limit + UNIT_ROUNDOFF[dtype] * np.abs(claim.array))
        for claim, one, limit in zip(given.claims, given.right, given.limits, strict=True)
    )
    return max((float(ratio.max(initial=0)) for ratio in ratios), default=0.0)


def left_by_narrow_products(given: Given, dtype: str) -> float:
    """What a replay with narrow products leaves of the difference, root mean square over root mean square."""
    if sum(claim.array.size for claim in given.claims) < ELEMENTS:
        return np.inf
    before = mean_square(given.claims, given.right)
    with np.errstate(all="ignore"):
        left = [
            mean_square(given.claims, replayed(multiplying(given.observed, rounding), given.claims))
            for rounding in OPERANDS.get(dtype, ())
        ]
    found = [float(np.sqrt(one / before)) for one in left if np.isfinite(one) and before > 0]
    return min(found, default=np.inf)


def replayed(observed: Observation, claims: Sequence[Claim]) -> list[Array]:
    """What a replay in float64 makes of the tensors that are claimed."""
    graph = Graph(observed.nodes)
    tensors = graph.run(observed.inputs)
    watched = watched_in(claims)
    walks = {node.name: graph.free_walks(node, tensors) for node in observed.nodes if node.name in watched}
    done = Expected(tensors, walks)
    return [np.asarray(made_of(graph, done, claim), dtype=np.float64) for claim in claims]


def plausible(given: Given, graph: Graph, right: Right) -> bool:
    """Whether the difference is about what an arithmetic makes, and no larger from the replay in it than from the other."""
    made = [made_of(graph, right.expected, claim) for claim in given.claims]
    variances = [np.broadcast_to(getattr(one, "variance", 0.0), one.shape) for one in made]
    within = spread(given.claims, [np.asarray(one, dtype=np.float64) for one in made], variances)
    before = spread(given.claims, given.right, variances)
    return within <= before and LEAST <= before <= MOST


def spread(claims: Sequence[Claim], arrays: Sequence[Array], variances: Sequence[Array]) -> float:
    """The root mean square of the difference from a replay, in standard deviations."""
    squares = [
        np.square(claim.array - one)[variance > 0] / variance[variance > 0]
        for claim, one, variance in zip(claims, arrays, variances, strict=True)
    ]
    every = np.concatenate(squares)
    return float(np.sqrt(np.mean(every))) if every.size else 0.0


def weights_of(given: Given, diagnosis: Diagnosis) -> PrecisionFound | None:
    """The form that its weights are stored in, where these explain it best."""
    best = diagnosis.mistakes[0] if diagnosis.tied else None
    forms = {mistake.id: form for form, mistake in FORMS_OF_WEIGHTS.items()}
    if best is None or best.id not in forms:
        return None
    # Forms that round these weights alike are tied; that is named which is best known.
    tied = [one for one in diagnosis.mistakes if one.id in forms and one.layers == best.layers]
    form = next(form for form in WEIGHT_FORMS if any(forms[one.id] == form for one in tied))
    asked = with_weights(given.observed, form, only=best.layers)
    judged = judge_claims(asked, Graph(asked.nodes), given.claims, by_step=False)
    everywhere = set(best.layers) == {node.name for node in asked.nodes if node.weights}
    where = "" if everywhere else f" in {', '.join(best.layers)}"
    return PrecisionFound(
        WEIGHT_FORMS[form] + where,
        "weights",
        "a replay with its weights rounded so makes what was given",
        judged.worst_ratio,
        given.cost,
        f"--candidate-weights {form}" if everywhere else "",
    )


def unseen_forms(observed: Observation, graph: Graph, claims: Sequence[Claim], right: Right) -> Iterator[str]:
    """The ids of those forms of weights that would have given the same, as far as anybody can tell."""
    search = Search(observed, graph, claims, right)
    for mistake in FORMS_OF_WEIGHTS.values():
        nodes = tuple(node.name for node in search.nodes_of(mistake))
        wrong = search.wrong((Made(mistake, nodes),)) if nodes else None
        if wrong is not None and search.off(wrong.values) <= 1:
            yield mistake.id


def cost_of_weights(given: Given, own: Observation, form: str) -> str:
    """What rounding its weights costs, for a note.

    Args:
        given: what was judged by the rounded weights.
        own: the same model with its own.
        form: that they are stored in.
    """
    cost = farthest(given.right, replayed(own, given.claims))
    return f"verified against {WEIGHT_FORMS[form]}, which cost up to {cost:.2g} against the model's own"


def mean_square(claims: Sequence[Claim], arrays: Sequence[Array]) -> float:
    squares = [np.square(claim.array - one).ravel() for claim, one in zip(claims, arrays, strict=True)]
    return float(np.mean(np.concatenate(squares)))


def farthest(arrays: Sequence[Array], others: Sequence[Array]) -> float:
    return max((difference(one, other) for one, other in zip(arrays, others, strict=True)), default=0.0)
