"""The assertions, and specs as tests of pytest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.spec import spec_from_mapping
from rnnverify.testing import assert_candidate_matches, assert_matches

pytest_plugins = ["pytester"]

SPEC = "N: 2\nT: 4\nD: 3\nM: 5\nK: 2\n"
GRID = "base: {N: 1, T: 2, D: 3, M: 4, K: 2}\ngrid: {T: [1, 2]}\n"
# A port that forgets the bias of its Dense layer.
PORT = """
import numpy as np
def forward(x, weights):
    kernel, recurrent, bias = weights["simple_rnn"]
    h = np.zeros((len(x), len(recurrent)))
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
    return h @ weights["dense"][0]
"""


SIZES: dict[str, Any] = {"N": 2, "T": 4, "D": 3, "M": 5, "K": 2}


def test_what_matches_gives_what_was_found_and_nothing_else_passes() -> None:
    observed = rnnverify.observe(spec_from_mapping(SIZES))
    assert assert_matches(observed).verdict == "match"
    wrong = replace(observed, predictions=tuple(2 * one for one in observed.predictions))
    with pytest.raises(AssertionError, match=r"(?s)^mismatch\n.*dense"):
        assert_matches(wrong)
    with pytest.raises(AssertionError, match=r"^mismatch"):
        assert_matches(observed, atol=0.0)
    head = {"Dense": {"units": 5000, "activation": "softmax"}}
    with pytest.raises(AssertionError, match=r"^untested"):
        assert_matches(
            spec_from_mapping({"N": 2, "T": 4, "D": 3, "layers": [{"GRU": {"units": 5}}, head], "dtype": "float16"})
        )


def test_a_candidate_is_told_its_mistake() -> None:
    spec = spec_from_mapping(SIZES)
    own: dict[str, object] = {}
    exec(PORT, own)
    with pytest.raises(AssertionError, match=r"(?s)^mismatch\n.*bias"):
        assert_candidate_matches(spec, own["forward"])
    right = rnnverify.observe(spec).predictions[0]
    assert assert_candidate_matches(spec, np.asarray(right)).passed


def test_specs_are_tests_where_that_is_asked_for(pytester: pytest.Pytester) -> None:
    specs = pytester.mkdir("specs")
    (specs / "right.yaml").write_text(SPEC)
    (specs / "grid.yaml").write_text(GRID)
    (specs / "wrong.yml").write_text(SPEC + "units: 4\n")
    (specs / "port.py").write_text(PORT)
    (specs / "port.yaml").write_text(SPEC + "candidate: port.py:forward\n")
    pytester.runpytest_subprocess("specs").assert_outcomes()
    found = pytester.runpytest_subprocess("--rnnverify", "specs")
    found.assert_outcomes(passed=1, failed=2)
    found.stdout.fnmatch_lines(["specs/port.yaml*--rnnverify-allow-code*", "specs/wrong.yml:6: units*"])
    assert "Traceback" not in found.stdout.str()
    assert "test_testing" not in found.stdout.str()
    allowed = pytester.runpytest_subprocess("--rnnverify", "--rnnverify-allow-code", "specs/port.yaml")
    allowed.assert_outcomes(failed=1)
    allowed.stdout.fnmatch_lines(["*bias*"])


def test_the_plugin_loads_neither_numpy_nor_keras(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys
        def test_light():
            assert "rnnverify.testing.plugin" in sys.modules
            assert not {"tensorflow", "keras"} & set(sys.modules)
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
