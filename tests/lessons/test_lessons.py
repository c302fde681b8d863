"""Numbers worked out: the real ones, gate by gate, down to the one that Keras gave."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify import RequestError, explain
from rnnverify.layers.gru import GRUCell
from rnnverify.report.formulas import in_latex, in_names, in_numbers
from rnnverify.results import Formula, Worked
from tests.recorded.models import MODELS
from tests.recorded.observations import recorded


def told(one: Worked) -> list[tuple[str, str, str, float]]:
    """What it is called, in names, in numbers, and what comes out."""
    return [
        (line.name, in_names(line.formula), in_numbers(line.formula), pytest.approx(line.value)) for line in one.lines
    ]


@pytest.fixture
def by_hand(keras: Any) -> Any:
    """A SimpleRNN of two units that reads two features, and a Dense, with weights that can be reckoned with."""
    L, x = keras.layers, keras.Input((3, 2))
    model = keras.Model(x, L.Dense(1, name="dense")(L.SimpleRNN(2, activation="relu", name="rnn")(x)))
    model.set_weights(
        [np.array(w, np.float32) for w in ([[1, 2], [3, -1]], [[0.5, 1], [-1, 0.25]], [0.5, -0.5], [[2], [4]], [0.25])]
    )
    return model, np.array([[[1, 0], [0, 1], [2, 1]], [[0, 0], [1, 1], [1, -1]]], np.float32)


def test_a_step_is_worked_out_as_by_hand(by_hand: Any) -> None:
    """h is (1.5, 1.5) after x = (1, 0); (2.75, 0.375) after (0, 1); then for the first unit 2 + 3 + 0.5 + 1.375 - 0.375 = 6.5."""
    result = explain(*by_hand)
    step, dense = result.worked
    assert (step.layer, step.timestep, step.keras, step.replay) == ("rnn", 2, 6.5, 6.5)
    assert told(step) == [
        ("zx[0, 0]", "x[0, 2, :] . kernel[:, 0] + bias[0]", "2*1 + 1*3 + 0.5", 5.5),
        (
            "h[0, 0]",
            "relu(zx[0, 0] + h_before[0, :] . recurrent_kernel[:, 0])",
            "relu(5.5 + (2.75*0.5 + 0.375*(-1)))",
            6.5,
        ),
    ]
    # The second unit: 4 - 1 - 0.5 + 2.75 + 0.09375 = 5.34375; 2 * 6.5 + 4 * 5.34375 + 0.25 = 34.625.
    assert told(dense) == [
        ("y[0, 0]", "x[0, :] . kernel[:, 0]", "6.5*2 + 5.34375*4", 34.375),
        ("output[0, 0]", "y[0, 0] + bias[0]", "34.375 + 0.25", 34.625),
    ]
    assert dense.keras == 34.625
    assert result.passed


def test_any_sample_timestep_and_unit(by_hand: Any) -> None:
    """Of the second sample: h is (0.5, 0) after (0, 0), then its second unit 2 - 1 - 0.5 + 0.5 = 1."""
    (step,) = explain(*by_hand, layer="rnn", sample=1, timestep=1, unit=1).worked
    assert (step.keras, step.index) == (1.0, (1, 1))
    assert told(step)[1][2] == "relu(0.5 + (0.5*1 + 0*0.25))"


def test_the_shapes_are_said_in_letters_and_the_parameters_counted(by_hand: Any) -> None:
    result = explain(*by_hand)
    assert result.sizes == {"N": 2, "T": 3, "D": 2, "M": 2, "K": 1}
    rnn, dense = result.layers
    assert rnn.letters == "(N, T, D) -> (N, M)"
    assert [weight.letters for weight in rnn.weights] == ["(D, M)", "(M, M)", "(M,)"]
    assert [weight.letters for weight in dense.weights] == ["(M, K)", "(K,)"]
    assert "(2 + 2 + 1) x 2 = 10" in repr(result)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "faulty"])
def test_every_layer_ends_in_the_number_that_keras_gave(name: str) -> None:
    observed, rng = recorded(name), np.random.default_rng(len(name))
    for node in observed.nodes:
        shape = observed.emitted[rnnverify.observation.Ref(node.name)].shape
        place = {"sample": int(rng.integers(shape[0])), "unit": int(rng.integers(shape[-1]))}
        result = explain(observed, layer=node.name, **place)
        assert result.passed, (node.name, place)
        assert all(one.lines for one in result.worked)
        assert all(
            line.value == pytest.approx(one.replay, nan_ok=True) for one in result.worked for line in one.lines[-1:]
        )


def test_what_keras_computes_wrongly_is_not_explained_away() -> None:
    assert not explain(recorded("faulty"), layer="wrapped", sample=2, timestep=6).passed


def test_the_explanation_is_of_what_the_layers_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GRUCell, "output", lambda self, gates, states: gates[0] * gates[1] + (1 - gates[0]) * states[0])
    assert not explain(recorded("gated"), layer="gru").passed
    assert explain(recorded("gated"), layer="lstm").passed


def test_the_gates_come_in_keras_order() -> None:
    (step,) = explain(recorded("gated"), layer="lstm", unit=3, timestep=2).worked
    assert [line.says for line in step.lines if "gate" in line.says or line.says == "candidate"] == [
        *("input gate", "forget gate", "candidate", "output gate")
    ]
    columns = [line.name for line in step.lines if line.name.startswith("z[")]
    assert columns == ["z[0, 3]", "z[0, 8]", "z[0, 13]", "z[0, 18]"]  # of 5 units: i 0-4, f 5-9, c 10-14, o 15-19


def test_a_bidirectional_goes_back_to_the_steps_of_its_walks() -> None:
    observed = recorded("bidirectional")
    backward, output = explain(observed, layer="concat", timestep=6, unit=4).worked
    assert (backward.tensor, backward.timestep, backward.unit) == ("backward h", 6, 1)
    assert "this is the walk's first step: h and c start from zero" in backward.notes
    assert in_names(output.lines[-1].formula) == "backward[0, 0, 1]"  # 3 units forward, and the walk's first step
    forward, backward, output = explain(observed, layer="ave", unit=2).worked
    assert (forward.timestep, backward.timestep) == (6, 0)
    assert in_names(output.lines[-1].formula) == "(forward[0, 6, 2] + backward[0, 6, 2]) / 2"
    given = explain(observed, layer="sum", timestep=6).worked[1]
    assert "this is the walk's first step: h starts from what the layer was given" in given.notes


def test_a_masked_step_says_that_nothing_is_computed() -> None:
    (step,) = explain(recorded("masked"), layer="lstm", sample=0, timestep=7).worked
    assert (
        "this step is masked: h and c stay as they were, and what is put out is what the step before it put out"
        in step.notes
    )
    assert in_names(step.lines[-1].formula) == "output_before[0, 0], as mask[0, 7] is false"
    (step,) = explain(recorded("masked"), layer="simple_rnn", sample=0, timestep=7).worked
    assert step.keras == 0
    assert any("what is put out is zero" in note for note in step.notes)


def test_the_last_step_that_is_not_masked_is_the_usual_one() -> None:
    (step,) = explain(recorded("masked"), layer="lstm", sample=0).worked
    assert step.timestep == 5
    assert any(note.startswith("masked timesteps of this sample") and "6, 7, 8" in note for note in step.notes)


def test_a_walk_that_goes_backwards_says_so() -> None:
    (step,) = explain(recorded("states"), layer="decoder", timestep=6).worked
    assert step.notes[0].startswith("this walk goes from timestep 6 to timestep 0")
    assert step.notes[1] == "this is the walk's first step: h starts from what the layer was given"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sample": 3}, "--sample 3: expected a sample of lstm from 0 to 2; it has 3"),
        ({"sample": -1}, "--sample -1: expected a sample of lstm from 0 to 2"),
        ({"timestep": 7}, "--timestep 7: expected a timestep of lstm from 0 to 6; it has 7"),
        ({"unit": 5}, "--unit 5: expected a unit of lstm from 0 to 4; it has 5"),
        ({"layer": "lstn"}, "--layer lstn: expected one of the layers that are replayed: lstm, gru, dense"),
    ],
)
def test_what_is_not_there_is_refused_with_the_range(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=f"^{re.escape(message)}"):
        explain(recorded("gated"), **asked)


def test_a_layer_without_time_takes_no_timestep(by_hand: Any) -> None:
    with pytest.raises(RequestError, match="what dense puts out has no time; leave it out"):
        explain(*by_hand, layer="dense", timestep=0)


def test_a_stateful_model_says_what_a_call_starts_from() -> None:
    config = Path(__file__).parent.parent.parent / "configs" / "stateful.yaml"
    notes = {layer.layer: layer.notes for layer in explain(rnnverify.load_spec(str(config))).layers}
    assert "stateful: this call starts from zero, the next from the states that this one leaves" in notes["lstm"]
    assert "starts from the states that the call before it left: lstm.h, lstm.c" in notes["lstm:2"]


def test_long_sums_are_left_out_in_the_middle_with_their_number() -> None:
    parts = tuple(Formula("given", f"x[{k}]", float(k)) for k in range(10))
    formula = Formula("products", "x[:] . w[:]", 285.0, (*parts, *parts))
    assert in_numbers(formula) == "0*0 + 1*1 + 2*2 + 3*3 + ... 4 more ... + 8*8 + 9*9"
    assert (
        in_latex(formula, names=False)
        == r"0 \cdot 0 + 1 \cdot 1 + 2 \cdot 2 + \underbrace{\ldots}_{6\text{ more}} + 9 \cdot 9"
    )


def test_a_notebook_gets_markdown_with_formulas_and_no_html(by_hand: Any) -> None:
    result = explain(*by_hand)
    shown: Any = result
    assert shown._repr_html_ is None
    text = shown._repr_markdown_()
    formulas = re.findall(r"\$\$(.*?)\$\$", text)
    assert len(formulas) == 4
    assert r"\mathrm{zx}_{0, 0} &= x_{0, 2, :} \cdot \mathrm{kernel}_{:, 0} + \mathrm{bias}_{0}" in formulas[0]
    assert r"2 \cdot 1 + 1 \cdot 3 + 0.5 \\ &= 5.5" in formulas[0]
    assert all(one.count("{") == one.count("}") for one in formulas)
    assert "| rnn | SimpleRNN |" in text


def test_names_from_outside_are_text_in_markdown(by_hand: Any) -> None:
    result = replace(explain(*by_hand), spec="<script>alert(1)</script> $x$ [a](b) *c*\nnext")
    head = result._repr_markdown_().splitlines()[0]
    assert not set("<>$[]") & set(head)
    assert head.startswith("**&#60;script&#62;alert(1)")


def test_what_holds_ones_whatever_it_is_given_says_so() -> None:
    (one,) = explain(recorded("merged"), layer="ones_like", sample=2, timestep=3, unit=1).worked
    assert [line.value for line in one.lines] == [1.0]
