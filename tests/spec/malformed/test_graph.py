"""Layers among each other: names, references, and what one gives that another cannot take."""

from __future__ import annotations

import pytest

from tests.spec.malformed.refusals import case, check_spec, layers

GRAPH = [
    case(
        "name twice", layers("Flatten: {name: a}", "Flatten: {name: a}"), "spec.yaml:8: layers[1].Flatten.name", "'a'"
    ),
    case("name of the input", layers("LSTM: {units: 2, name: input}"), "layers[0].LSTM.name: expected a name of its"),
    case(
        "name of a state's input",
        layers("LSTM: {units: 2, name: a}", "Dense: {units: 2, name: a_h}") + "initial_state: random\n",
        "spec.yaml:8: layers[1].Dense.name: expected a name of its own; 'a_h' is taken",
    ),
    case("InputLayer alone", layers("InputLayer: {shape: [3]}"), "spec.yaml:6: layers: expected at least one layer"),
    case(
        "InputLayer that feeds nobody",
        layers("InputLayer: {shape: [3], name: a}", "InputLayer: {shape: [3]}", "Dense: {units: 2}"),
        "spec.yaml:6: layers: expected every InputLayer to feed a layer; a feeds none",
    ),
    case("LSTM on a vector", layers("Flatten", "LSTM: {units: 2}"), "spec.yaml:8: layers[1].LSTM: expected a sequence"),
    case("RepeatVector on a sequence", layers("RepeatVector: {n: 2}"), "layers[0].RepeatVector: expected a vector"),
    case(
        "TimeDistributed on a vector", layers("Flatten", "TimeDistributed: {layer: {Dense: {units: 2}}}"), "layers[1]"
    ),
    case("reference to nobody", layers("Dense: {units: 2, inputs: inptu}"), "Dense.inputs", "did you mean 'input'?"),
    case("reference a number", layers("Dense: {units: 2, inputs: 3}"), "Dense.inputs: expected the name of an earlier"),
    case("two inputs", layers("Dense: {units: 2, inputs: [input, input]}"), "expected one input for Dense, got 2"),
    case(
        "reference to a later layer",
        layers("Dense: {units: 2, inputs: b}", "Dense: {units: 2, name: b}"),
        "spec.yaml:7: layers[0].Dense.inputs: expected an earlier layer, got 'b'",
        "a cycle has no order",
    ),
    case("reference to itself", layers("Dense: {units: 2, name: a, inputs: a}"), "got 'a'", "a cycle has no order"),
    case(
        "unknown output",
        layers("GRU: {units: 2, return_state: true}", "Dense: {units: 2, inputs: gru.c}"),
        "spec.yaml:8: layers[1].Dense.inputs: expected an output of gru (gru, gru.h), got 'gru.c'",
    ),
    case("empty output", layers("Flatten", "Dense: {units: 2, inputs: flatten.}"), "expected an output of flatten"),
    case(
        "states of a GRU for an LSTM",
        layers("GRU: {units: 2, name: a, return_state: true}", "LSTM: {units: 2, inputs: input, initial_state: a}"),
        "spec.yaml:8: layers[1].LSTM.initial_state: expected 2 states (h, c) of shapes (2,) (2,); got (2,)",
    ),
    case(
        "states of another width",
        layers("GRU: {units: 3, name: a, return_state: true}", "GRU: {units: 2, inputs: input, initial_state: a}"),
        "layers[1].GRU.initial_state: expected 1 states (h) of shapes (2,); got (3,)",
    ),
    case("Concatenate of one", layers("Concatenate"), "spec.yaml:7: layers[0].Concatenate: expected inputs: [a, b]"),
    case(
        "Concatenate of a sequence and a vector",
        layers("Flatten", "Concatenate: {inputs: [input, flatten]}"),
        "spec.yaml:8: layers[1].Concatenate: expected inputs that agree on every axis but axis -1",
    ),
    case("Concatenate of samples", layers("Concatenate: {inputs: [input, input], axis: 0}"), "every axis but axis 0"),
    case(
        "one of two directions",
        layers("Bidirectional: {layer: {GRU: {units: 2}}, merge_mode: null}", "Dense: {units: 2}"),
        "expected one of the outputs of bidirectional: bidirectional.forward or bidirectional.backward",
    ),
    case("201 layers", layers(*["Flatten"] * 201), "spec.yaml:6: layers: expected at most 200 layers; got 201"),
]


@pytest.mark.parametrize(("text", "fragments"), GRAPH)
def test_layers_that_do_not_fit_each_other_are_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)
