"""A layer by itself: its class, its arguments, and the layers in it."""

from __future__ import annotations

import pytest

from tests.spec.malformed.refusals import case, check_spec, layers

LAYERS = [
    case("unknown", layers("Conv3D: {filters: 3}"), "spec.yaml:7: layers[0].Conv3D: expected one of the layers"),
    case("misspelt", layers("Flatten", "Dens: {units: 2}"), "spec.yaml:8: layers[1].Dens", "did you mean 'Dense'?"),
    case("Lambda", layers("Lambda: {function: 'lambda x: x'}"), "spec.yaml:7: layers[0].Lambda", "got 'Lambda'"),
    case("number", layers("3"), "spec.yaml:7: layers[0]: expected one layer, such as", "got 3"),
    case("nothing", layers(""), "spec.yaml:7: layers[0]: expected one layer", "got nothing"),
    case("two in one", layers("{LSTM: {units: 2}, GRU: {units: 2}}"), "spec.yaml:7: layers[0]: expected one layer"),
    case("arguments a number", layers("LSTM: 3"), "spec.yaml:7: layers[0].LSTM: expected a mapping of", "got 3"),
    case("no units", layers("LSTM"), "spec.yaml:7: layers[0].LSTM.units: required, but not set"),
    case("units 0", layers("Dense: {units: 0}"), "spec.yaml:7: layers[0].Dense.units: expected a whole number"),
    case("units a letter not set", "N: 1\nT: 2\nD: 3\nlayers: [LSTM: {units: M}]\n", "spec.yaml:4", "`M: 4`"),
    case("unknown argument", layers("LSTM: {units: 2, unit: 3}"), "layers[0].LSTM.unit: unknown key", "'units'?"),
    case(
        "unknown argument inside",
        layers("Bidirectional: {layer: {GRU: {units: 2, reset_befor: true}}}"),
        "spec.yaml:7: layers[0].Bidirectional.layer.GRU.reset_befor: unknown key, did you mean 'reset_after'?",
    ),
    case("activation", layers("LSTM: {units: 2, activation: tahn}"), "LSTM.activation: expected one of", "'tanh'?"),
    case("initializer", layers("LSTM: {units: 2, bias_initializer: zero}"), "LSTM.bias_initializer", "'zeros'?"),
    case("flag", layers("LSTM: {units: 2, use_bias: 1}"), "LSTM.use_bias: expected true or false; got 1"),
    case(
        "dropout 1", layers("LSTM: {units: 2, dropout: 1}"), "LSTM.dropout: expected a number of at least 0 and below"
    ),
    case("rate nan", layers("Dropout: {rate: .nan}"), "spec.yaml:7: layers[0].Dropout.rate: expected", "got nan"),
    case("mask_value", layers("Masking: {mask_value: .inf}"), "Masking.mask_value: expected a finite number; got inf"),
    case("name with a slash", layers("Dense: {units: 2, name: a/b}"), "Dense.name: expected a name of letters"),
    case(
        "stateful nothing", layers("LSTM: {units: 2, stateful: }"), "LSTM.stateful: expected true or false; got nothing"
    ),
    case("stateful Dense", layers("Dense: {units: 2, stateful: false}"), "Dense.stateful: unknown key"),
    case("InputLayer shape", layers("InputLayer: {shape: 3}"), "InputLayer.shape: expected a list of 1 to 6 sizes"),
    case("InputLayer empty shape", layers("InputLayer: {shape: []}"), "InputLayer.shape: expected a list of 1 to 6"),
    case("InputLayer dtype", layers("InputLayer: {shape: [3], dtype: float64}"), "InputLayer.dtype: unknown key"),
    case("TimeDistributed nothing", layers("TimeDistributed: {layer: }"), "TimeDistributed.layer: expected one layer"),
    case("Bidirectional nothing", layers("Bidirectional: {layer: }"), "Bidirectional.layer: expected one layer"),
    case("Bidirectional Dense", layers("Bidirectional: {layer: {Dense: {units: 2}}}"), "expected one of the layers S"),
    case(
        "Bidirectional of states", layers("Bidirectional: {layer: {LSTM: {units: 2, initial_state: a}}}"), "not on the"
    ),
    case(
        "Bidirectional backwards",
        layers("Bidirectional: {layer: {GRU: {units: 2, go_backwards: true}}}"),
        "layers[0].Bidirectional.layer: expected go_backwards: false",
    ),
    case(
        "Bidirectional sum of different widths",
        layers(
            "Bidirectional: {layer: {GRU: {units: 2}}, merge_mode: sum,"
            " backward_layer: {GRU: {units: 3, go_backwards: true}}}"
        ),
        "Bidirectional.backward_layer: expected units: 2, as in `layer`; got 3",
    ),
    case(
        "Bidirectional with h and c, and with h",
        layers(
            "Bidirectional: {layer: {LSTM: {units: 2, return_state: true}},"
            " backward_layer: {GRU: {units: 2, return_state: true, go_backwards: true}}}"
        ),
        "Bidirectional.backward_layer: expected as many states as `layer` has (h, c)",
    ),
    case("merge_mode", layers("Bidirectional: {layer: {GRU: {units: 2}}, merge_mode: avg}"), "merge_mode", "'ave'?"),
]


@pytest.mark.parametrize(("text", "fragments"), LAYERS)
def test_a_layer_with_what_does_not_fit_is_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)
