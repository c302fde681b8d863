"""A share of benchmarks/random_graphs.py: right models of all layers and operations, none of which may be called wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.random_graphs import Drawn, verified
from rnnverify import observe
from rnnverify.observation import Ref
from rnnverify.verification.verdict import judge


@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
@pytest.mark.filterwarnings(r"ignore:[\s\S]*You are using a softmax over axis:UserWarning")
@pytest.mark.parametrize("first", range(0, 150, 10))
def test_no_model_of_any_layers_is_called_wrong(keras: Any, first: int) -> None:
    for seed in range(first, first + 10):
        found, drawn, dtype = verified(keras, seed)
        assert found.verdict != "mismatch", (seed, dtype, drawn.used, found.first_divergence)


@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
@pytest.mark.filterwarnings(r"ignore:[\s\S]*You are using a softmax over axis:UserWarning")
def test_a_fault_of_a_ten_thousandth_in_any_tensor_is_seen_and_placed(keras: Any) -> None:
    faults = seen = 0
    for seed in range(0, 90, 6):  # those in float32
        model, data = Drawn(keras, seed).model()
        observed = observe(model, data)
        resolved = {one.layer: one.resolution["1e-3"] for one in judge(observed).result.layers}
        for node in observed.nodes:
            ref = Ref(node.name)
            right = observed.emitted[ref]
            if node.name in observed.walks or resolved[node.name] < 0.99 or not np.abs(right).max() > 1e-3:
                continue
            wrong = right.copy()
            place = np.unravel_index(np.argmax(np.abs(right)), right.shape)
            wrong[place] *= 1 + 1e-4
            found = judge(replace(observed, emitted={**observed.emitted, ref: wrong})).result
            faults += 1
            assert found.first_divergence is not None, (seed, node.name)
            seen += found.first_divergence.layer == node.name
    assert faults > 40
    assert seen == faults
