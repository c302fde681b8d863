"""Every config matches, its parameters count up to what the notebooks counted by hand, and it can be explained and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnverify import explain, load_observation, load_spec, save_observation, verify, write_script
from rnnverify.keras_model.session import Session
from rnnverify.layers.registry import LAYERS
from rnnverify.report.parameters import derivation
from tests.report.alone import Bare

CONFIGS = Path(__file__).parent.parent / "configs"

# Worked by hand: (D + M + 1) M for a SimpleRNN, four and three times that for LSTM and GRU (whose second bias adds a
# row), (M + 1) K for a Dense, words times width for an Embedding.
PARAMETERS = {
    "simple_rnn": [45, 12],
    "simple_rnn_uniform": [45, 12],
    "simple_rnn_batch": [45, 12],
    "simple_rnn_batch_uniform": [45, 12],
    "hello_one_step": [14],
    "hello_five_steps": [14],
    "hello_three_words": [14],
    "simple_rnn_last_output": [14],
    "simple_rnn_sequences": [14],
    "simple_rnn_state": [14],
    "simple_rnn_sequences_and_state": [14],
    "gru_state": [48],
    "lstm_state": [56],
    "stacked_simple_rnn": [14, 10, 10],
    "lstm_sequences_and_states": [144],
    "gru_sequences_and_states": [117],
    "bidirectional_lstm_concat": [288],
    "bidirectional_lstm_sum": [288],
    "bidirectional_lstm_sequences": [288],
    "bidirectional_lstm_five_outputs": [288],
    "lstm_softmax": [144, 40],
    "lstm_deep_softmax": [70144, 394240, 1574912, 5130],
    "many_to_many": [760, 220],
    "sequence_to_sequence": [144, 0, 84, 20],
    "encoder_decoder": [144, 108, 20],
    "wide_simple_rnn": [321056, 33],
    "wide_two_simple_rnn": [321056, 2080, 33],
    "wide_lstm": [1284224, 33],
    "documents": [400, 1312, 33],
    "masked_tokens": [120, 288, 336, 24],
    "masking": [0, 160],
    "gru_reset_before": [120, 24],
    "two_branches": [40, 96, 0, 0, 0, 0, 256],
    "convolutions": [42, 0, 88, 0, 12, 200, 24],
    "images": [0, 28, 0, 0, 0, 0, 285, 18],
    "normalizations": [0, 0, 16, 200, 10, 234, 0, 21],
    "moving": [*[0] * 7, 110, 0, 0, 255, 0, 0, 12],
    "merging": [0, 160, 135, *[0] * 7, 33, 16],
    "rectifiers": [216, 0, 35, 5, 24, 0, 25, 0, 18, 0],
    "attention": [0, 200, 165, 1, 5, 143, 0, 0, 0, 33],
    "categories": [0, 20],
    "trained_digits": [0, 2016, 48, 0, 2016, 170],
    "stateful": 3 * [4 * 5 * (2 + 5 + 1), 2 * 3 * 4 * (5 + 4 + 2), (8 + 1) * 2],
    "conv_lstm": [4 * (6 * (1 + 2) + 1) * 2, 0, 4 * (6 * (2 + 3) + 1) * 3, 4 * (6 * (1 + 3) + 1) * 3, 0, 344],
    "stacked_cells": [20 * (4 + 5 + 1) + 18 * (5 + 6 + 1) + 2 * (6 + 2 + 1)],
}

DERIVATIONS = {
    "simple_rnn": ["(3 + 5 + 1) x 5 = 45", "(5 + 1) x 2 = 12"],
    "lstm_softmax": ["4 x (8 + 3 + 1) x 3 = 144", "(3 + 1) x 10 = 40"],
    "gru_state": ["3 x (4 + 2 + 2) x 2 = 48"],
    "bidirectional_lstm_sum": ["2 x 4 x (8 + 3 + 1) x 3 = 288"],
    "attention": [
        "0",
        "4 x (4 + 5 + 1) x 5 = 200",
        "3 x (4 + 5 + 2) x 5 = 165",
        "1 = 1",
        "1 x 5 = 5",
        "5 x 2 x 3 + 2 x 3 + 5 x 2 x 3 + 2 x 3 + 5 x 2 x 3 + 2 x 3 + 2 x 3 x 5 + 5 = 143",
        "0",
        "0",
        "0",
        "(10 + 1) x 3 = 33",
    ],
    "convolutions": [
        "(6 + 1) x 6 = 42",
        "0",
        "3 x 6 x 2 + 1 x 12 x 4 + 4 = 88",
        "0",
        "2 x 4 x 1 + 4 = 12",
        "4 x (4 + 5 + 1) x 5 = 200",
        "(5 + 1) x 4 = 24",
    ],
    "conv_lstm": [
        "4 x (6 + 12 + 1) x 2 = 152",
        "0",
        "4 x (12 + 18 + 1) x 3 = 372",
        "4 x (6 + 18 + 1) x 3 = 300",
        "0",
        "4 x (36 + 6 + 1) x 2 = 344",
    ],
    "documents": ["50 x 8 = 400", "(8 + 32 + 1) x 32 = 1312", "(32 + 1) x 1 = 33"],
}


# TensorFlow traces a TimeDistributed step by step, which takes five seconds for 500; `make check` takes that time.
SHORTER = {"many_to_many": [("T", 50)]}


@pytest.fixture(scope="module")
def models() -> Session:
    """Traces a model once for all configs of one architecture that follow each other."""
    return Session(LAYERS)


def test_every_config_is_counted() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_config_matches_with_the_parameters_counted_by_hand(
    name: str, models: Session, tmp_path: Path, bare: Bare
) -> None:
    observed = models.observe(load_spec(str(CONFIGS / f"{name}.yaml"), SHORTER.get(name, [])))
    save_observation(observed, str(tmp_path / "o.npz"))
    result = verify(load_observation(str(tmp_path / "o.npz")))  # what is right is not refused as damaged
    assert result.verdict == "match"
    assert [layer.parameters for layer in result.layers] == PARAMETERS[name]
    derived = [derivation(layer.weights) for layer in result.layers]
    assert [int(text.split()[-1]) for text in derived] == PARAMETERS[name]
    if name in DERIVATIONS:
        assert derived == DERIVATIONS[name]
    assert explain(observed).passed
    write_script(observed, tmp_path / "model.py")
    ran = bare.run(tmp_path / "model.py")
    assert ran.code == 0
    assert ran.text.count("largest difference from Keras") == len(observed.outputs)


@pytest.mark.parametrize("weights", ["random", "keras"])
def test_a_spec_draws_the_same_weights_every_time(weights: str) -> None:
    once, again = (
        Session(LAYERS).observe(load_spec(str(CONFIGS / "attention.yaml"), [("weights", {"bias": weights})]))
        for _ in range(2)
    )
    for node, same in zip(once.nodes, again.nodes, strict=True):
        for name, weight in node.weights.items():
            np.testing.assert_array_equal(weight, same.weights[name])
    heads = next(node for node in once.nodes if node.class_name == "MultiHeadAttention").weights
    assert np.any(heads["query_kernel"] != heads["key_kernel"])  # none is drawn like another
