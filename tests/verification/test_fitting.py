"""An observation from a file is held against what its layers make of its inputs, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.api import observe
from rnnverify.errors import DataError, UnsupportedError
from rnnverify.observation import Observation, Ref
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.fitting import check_fits

SPEC = {
    "N": 2,
    "T": 3,
    "D": 4,
    "initial_state": "random",
    "layers": [
        {"Bidirectional": {"layer": {"LSTM": {"units": 5, "return_sequences": True}}, "name": "both"}},
        {"GRU": {"units": 3, "return_state": True, "name": "gru"}},
    ],
}


@pytest.fixture(scope="module")
def observed() -> Observation:
    return observe(spec_from_mapping(SPEC))


def node(which: str, /, **changes: Any) -> Callable[[Observation], Observation]:
    """A change of one node."""
    return lambda observed: replace(
        observed, nodes=tuple(replace(n, **changes) if n.name == which else n for n in observed.nodes)
    )


def config(name: str, **changes: Any) -> Callable[[Observation], Observation]:
    """A change of one node's config."""

    def change(observed: Observation) -> Observation:
        (found,) = (n for n in observed.nodes if n.name == name)
        return node(name, config={**found.config, **changes})(observed)

    return change


def array(field: str, key: Any, change: Callable[[Any], Any]) -> Callable[[Observation], Observation]:
    """A change of one array."""

    def changed(observed: Observation) -> Observation:
        arrays = dict(getattr(observed, field))
        return replace(observed, **{field: {**arrays, key: change(arrays[key])}})

    return changed


def weight(change: Callable[[Any], Any]) -> Callable[[Observation], Observation]:
    def changed(observed: Observation) -> Observation:
        (gru,) = (n for n in observed.nodes if n.name == "gru")
        return node("gru", weights={**gru.weights, "kernel": change(gru.weights["kernel"])})(observed)

    return changed


def walk(change: Callable[[Any], Any]) -> Callable[[Observation], Observation]:
    return array("walks", "gru", lambda walks: (replace(walks[0], **change(walks[0])),))


def poisoned(x: Any) -> Any:
    return np.where(np.arange(x.size).reshape(x.shape) == 3, np.nan, x)


def test_what_was_observed_fits(observed: Observation) -> None:
    check_fits(observed, "o.npz")


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda o: replace(o, asked=replace(o.asked, dtype="float8")), "the precision 'float8' is not one of"),
        (lambda o: replace(o, inputs={}), "the same number of samples in each"),
        (array("inputs", "input", lambda x: x[:1]), "the same number of samples in each"),
        (array("inputs", "input", lambda x: np.float32(3)), "the same number of samples in each"),
        (
            array("inputs", "input", lambda x: x[:, :2]),
            "expected the output of both in shape (2, 2, 10), got (2, 3, 10)",
        ),
        (array("inputs", "input", lambda x: x[:, 0]), "both: expected a sequence"),
        (array("inputs", "input", lambda x: x[..., :3]), "expected the weight forward_kernel of both in shape (3, 20)"),
        (array("inputs", "input", poisoned), "expected finite numbers in the input input"),
        (weight(lambda w: w[:, :-1]), "expected the weight kernel of gru in shape (10, 9), got (10, 8)"),
        (weight(poisoned), "expected finite numbers in the weight kernel of gru"),
        (node("gru", name="both"), "expected layers, each with a name of its own"),
        (node("gru", name="input"), "expected layers, each with a name of its own"),
        (lambda o: replace(o, nodes=()), "expected layers"),
        (lambda o: replace(o, nodes=o.nodes[::-1]), "gru reads 'both', which gives no such output before it"),
        (node("gru", inputs=(Ref("nowhere"),)), "gru reads 'nowhere', which gives no such output"),
        (node("gru", inputs=(Ref("both", 7),)), "gru reads 'both', which gives no such output"),
        (node("gru", inputs=()), "gru reads nothing"),
        (node("gru", inputs=(Ref("both"), Ref("both"))), "gru: expected one input"),
        (node("gru", initial_state=(Ref("both"),)), "gru: expected initial states of shapes [(3,)], got [(3, 10)]"),
        (node("gru", initial_state=(Ref("nowhere"),)), "gru reads 'nowhere'"),
        (config("gru", return_state=False), "expected every output of every layer, and nothing else"),
        (config("gru", units=4), "gru: expected initial states of shapes [(4,)], got [(3,)]"),
        (array("emitted", Ref("gru"), lambda y: y[:1]), "expected the output of gru in shape (2, 3), got (1, 3)"),
        (lambda o: replace(o, emitted={**o.emitted, Ref("more"): np.ones(2)}), "and nothing else"),
        (lambda o: replace(o, emitted={}), "expected the output of both in shape (2, 3, 10), got None"),
        (lambda o: replace(o, walks={}), "both: expected 2 walks, got 0"),
        (lambda o: replace(o, walks={**o.walks, "more": ()}), "walks of layers that are not there"),
        (walk(lambda w: {"sequence": w.sequence[:, :2]}), "expected a state of gru in shape (2, 3, 3), got (2, 2, 3)"),
        (walk(lambda w: {"others": (w.sequence,)}), "gru: expected the states h of each walk"),
        (lambda o: replace(o, predictions=o.predictions[:1]), "expected a prediction for each output"),
        (lambda o: replace(o, predictions=(), outputs=()), "expected a prediction for each output"),
        (
            lambda o: replace(o, predictions=(np.ones((2, 4)), *o.predictions[1:])),
            "expected the output gru in shape (2, 3)",
        ),
        (lambda o: replace(o, outputs=(Ref("nowhere"), *o.outputs[1:])), "expected the output nowhere in shape None"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    observed: Observation, change: Callable[[Observation], Observation], fragment: str
) -> None:
    with pytest.raises(DataError) as caught:
        check_fits(change(observed), "o.npz")
    assert str(caught.value).startswith("o.npz: not a saved observation, or damaged: ")
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        node("gru", class_name="Lambda"),
        node("gru", weights={}),
        node("gru", config={}),
        config("gru", units="3"),
        config("gru", activation=[1]),
        config("gru", dtype=None),
        config("gru", dtype={"config": 3}),
        config("both", layer=None),
        config("both", layer={"class_name": ["LSTM"], "config": {}}),
        config("both", merge_mode=["sum"]),
    ],
)
def test_what_has_no_replay_is_refused(observed: Observation, change: Callable[[Observation], Observation]) -> None:
    with pytest.raises(UnsupportedError):
        check_fits(change(observed), "o.npz")
