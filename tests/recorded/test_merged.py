"""Pairs of operations of which a compiler makes one: which they are, what they allow, and that no other pair allows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.results.verification import Verification
from rnnverify.verification.end_to_end import expected_end_to_end
from rnnverify.verification.merged import is_one, merged_into
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.verdict import judge
from tests.recorded.observations import recorded

UNIT = 2.0**-24
PAIRS = {
    "log": (0, "add"),
    "log_1": (0, "add_1"),
    "log_2": (0, "rescaling"),
    "subtract": (0, "exp"),
    "subtract_1": (0, "activation"),
    "true_divide": (1, "sqrt"),
    "divide": (1, "sqrt_1"),
}


def given_in(observed: Observation) -> Any:
    return ({Ref(name): x for name, x in observed.inputs.items()} | dict(observed.emitted)).__getitem__


def off(name: str, by: Any) -> Verification:
    """What is said where the output of a node is off by so much."""
    observed = recorded("merged")
    wrong = (observed.emitted[Ref(name)].astype(np.float64) + by).astype(np.float32)
    predictions = tuple(
        wrong if ref == Ref(name) else x for ref, x in zip(observed.outputs, observed.predictions, strict=True)
    )
    return judge(replace(observed, emitted={**observed.emitted, Ref(name): wrong}, predictions=predictions)).result


def alone(name: str) -> Any:
    """What an operation makes of its own inputs, in rounding numbers."""
    check: NodeCheck = judge(recorded("merged")).nodes[name].node
    return check.layer(check.call._replace(inputs=check.inputs()))[0].values


def unrounded(name: str) -> Any:
    """What a pair's second operation may be given in place of that."""
    (made,) = judge(recorded("merged")).nodes[name].node.unrounded.values()
    return made


def test_these_pairs_are_found_and_no_others() -> None:
    observed = recorded("merged")
    graph = Graph(observed.nodes)
    found = {node.name: merged_into(node, graph, given_in(observed)) for node in observed.nodes}
    assert {name: (one.place, one.before.name) for name, (one,) in ((n, o) for n, o in found.items() if o)} == PAIRS


def test_no_numbers_at_all_are_no_ones() -> None:
    node = recorded("merged").nodes[0]
    assert is_one(np.ones((2, 3)), node, {}.__getitem__)
    assert not is_one(np.ones((0, 3)), node, {}.__getitem__)


def test_what_is_computed_in_one_is_what_was_not_rounded_between() -> None:
    """Of 1 / sqrt(x), say, the first operation's own rounding does not count, and 4 u of the function do, in its place."""
    made, first = unrounded("true_divide"), alone("sqrt")
    root = np.sqrt(np.abs(recorded("merged").inputs["input_layer"].astype(np.float64)))
    np.testing.assert_allclose(made.value, root, rtol=1e-15)
    np.testing.assert_allclose(made.bound, first.bound + 4 * UNIT * root, rtol=1e-12)
    np.testing.assert_allclose(made.variance, first.variance + (4 * UNIT * root) ** 2 / 3, rtol=1e-12)


def test_expm1_may_be_off_by_what_it_gives() -> None:
    """As exp may: 8 u."""
    made, first = unrounded("subtract"), alone("exp")
    own = 8 * UNIT * np.abs(np.expm1(recorded("merged").inputs["input_layer"].astype(np.float64)))
    np.testing.assert_allclose(made.bound - first.bound, own, rtol=1e-4)
    np.testing.assert_allclose(made.variance - first.variance, own * own / 3, rtol=1e-4)


def test_of_a_logarithm_s_sum_its_own_rounding_counts_and_nothing_beside_it() -> None:
    for name, before in (("log", "add"), ("log_1", "add_1"), ("log_2", "rescaling")):
        made, first = unrounded(name), alone(before)
        assert (made.bound == first.bound).all()
        assert (made.variance == first.variance).all()


def test_what_comes_of_a_pair_is_looked_at_once() -> None:
    """A second look would take what was rounded between the two for given."""
    for name in (*PAIRS, "log_3", "true_divide_2"):
        check: NodeCheck = judge(recorded("merged")).nodes[name].node
        outputs = [recorded("merged").emitted[Ref(name)]]
        assert [one.again is None for one in check.comparisons(outputs)] == [name in PAIRS]


def test_a_free_run_allows_them_too() -> None:
    """exp(x) - 1 by two operations, and by two layers of which one holds ones; and 1 / sqrt(x)."""
    observed = recorded("merged")
    made: Any = expected_end_to_end(observed, Graph(observed.nodes)).tensors
    one, other = made[Ref("subtract")].values, made[Ref("subtract_1")].values
    np.testing.assert_allclose(one.value, other.value, rtol=1e-15)
    np.testing.assert_allclose(one.bound, other.bound, rtol=1e-6)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-6)
    x = observed.inputs["input_layer"].astype(np.float64)
    # The function's own 8 u, of what the two give and of exp alike, and the difference's rounding.
    assert np.all(one.bound >= 8 * UNIT * (np.exp(x) + np.abs(np.expm1(x))))
    roots: Any = made[Ref("true_divide")].values  # a root's 2 u, the quotient's, and 4 u of them together
    assert np.all(roots.bound >= 7 * UNIT * np.abs(roots.value))


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_in_one_of_them_is_seen(name: str) -> None:
    observed = recorded("merged")
    size = 40 * UNIT * np.maximum(1, np.abs(observed.emitted[Ref(name)].astype(np.float64)))
    place = (4, 2, 1)
    only = np.zeros(size.shape)
    only[place] = size[place] * (np.exp(observed.inputs["input_layer"][place]) if "subtract" in name else 1)
    found = off(name, only).first_divergence
    assert found is not None
    assert (found.layer, found.sample, found.timestep, found.unit) == (name, *place)


@pytest.mark.parametrize("name", ["log_3", "log_4", "subtract_2", "subtract_3", "true_divide_2"])
def test_what_is_like_them_and_is_none_is_held_to_what_it_was_given(name: str) -> None:
    """A difference and a quotient round once; a logarithm's function is off by 8 u of what it gives, at most."""
    observed = recorded("merged")
    size = np.abs(observed.emitted[Ref(name)].astype(np.float64))
    allowed = 9 if "log" in name else 1
    assert off(name, 1.3 * allowed * UNIT * size + UNIT * size).verdict == "mismatch"
