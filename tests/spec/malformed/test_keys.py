"""The keys of a spec, and what does not fit under them or beside them."""

from __future__ import annotations

import pytest

from tests.spec.malformed.refusals import case, check_spec, plus

KEYS = [
    case("unknown", plus("color: red"), "spec.yaml:6: color: unknown key", "the keys here are N, T, D"),
    case("near spelling", plus("layres: []"), "spec.yaml:6: layres: unknown key, did you mean 'layers'?"),
    case("other case", plus("Seed: 1"), "spec.yaml:6: Seed: unknown key, did you mean 'seed'?"),
    case("key with escapes", plus('"\\e[2J\\n": 1'), r"spec.yaml:6: \x1b[2J\n: unknown key"),
    case("key of 60 lines", '"' + "a\\nb" * 60 + '": 1\n', r"spec.yaml:1: a\nb", "..."),
    case("key that is no text", '"\\ud800": 1\n', "spec.yaml:1: "),
    case("layer", plus("layer: Lstm"), "spec.yaml:6: layer: expected one of SimpleRNN, LSTM, GRU", "mean 'LSTM'?"),
    case("layer a number", plus("layer: 3"), "spec.yaml:6: layer: expected one of SimpleRNN, LSTM, GRU; got 3"),
    case("layer and layers", plus("layer: LSTM\nlayers: [Flatten]"), "spec.yaml:6: layer: expected either", "both"),
    case("layers a mapping", plus("layers: {LSTM: {}}"), "spec.yaml:6: layers: expected a list of layers"),
    case("layers empty", plus("layers: []"), "spec.yaml:6: layers: expected a list of layers", "got a list of 0"),
    case("layers nothing", plus("layers:"), "spec.yaml:6: layers: expected a list of layers", "got nothing"),
    case("dtype", plus("dtype: float31"), "spec.yaml:6: dtype: expected one of float16", "did you mean 'float32'?"),
    case("dtype a number", plus("dtype: 32"), "spec.yaml:6: dtype: expected one of", "got 32"),
    case("initial_state", plus("initial_state: ones"), "spec.yaml:6: initial_state: expected one of zeros, random"),
    case(
        "random states for nobody",
        plus("initial_state: random\nlayers: [Flatten]"),
        "spec.yaml:6: initial_state: expected zeros",
    ),
    case("model nothing", plus("model:"), "spec.yaml:6: model: expected the path of a file; got nothing"),
    case("model a list", plus("model: [a]"), "spec.yaml:6: model: expected the path of a file; got a list of 1"),
    case("model missing", "model: no.keras\n", "spec.yaml:1: model: expected the path", "no.keras does not exist"),
    case("model and layers", "T: 1\nmodel: a.keras\nlayers: []\n", "spec.yaml:3: layers: expected no `layers` beside"),
    case("model and M", "model: a.keras\nM: 3\n", "spec.yaml:2: M: expected no `M` beside `model`"),
    case("weights a word", plus("weights: kears"), "spec.yaml:6: weights: expected `keras`", "got 'kears'"),
    case("weights.bias", plus("weights: {bias: randm}"), "spec.yaml:6: weights.bias: expected one of", "'random'?"),
    case("weights.scale 0", plus("weights: {scale: 0}"), "spec.yaml:6: weights.scale: expected a finite number above"),
    case("weights.scale huge", plus(f"weights: {{scale: {'9' * 400}}}"), "weights.scale", "got a huge number"),
    case("weights.scale nan", plus("weights: {scale: .nan}"), "spec.yaml:6: weights.scale: expected a finite", "nan"),
    case("weights unknown", plus("weights: {biass: keras}"), "spec.yaml:6: weights.biass: unknown key", "'bias'?"),
    case("weights missing", plus("weights: {file: w.npz}"), "spec.yaml:6: weights.file", "w.npz does not exist"),
    case("weights file and scale", plus("weights: {file: w.npz, scale: 2}"), "weights.scale: expected either `file`"),
    case("weights file and bias", plus("weights: {file: w.npz, bias: keras}"), "weights.bias: expected either `file`"),
    case("tolerance a number", plus("tolerance: 1e-6"), "spec.yaml:6: tolerance: expected a mapping of atol, rtol"),
    case("tolerance.atol negative", plus("tolerance: {atol: -1}"), "spec.yaml:6: tolerance.atol", "at least 0; got -1"),
    case("tolerance.rtol a flag", plus("tolerance: {rtol: true}"), "spec.yaml:6: tolerance.rtol", "got true"),
    case("tolerance unknown", plus("tolerance: {tol: 1}"), "spec.yaml:6: tolerance.tol: unknown key", "mean '"),
]


@pytest.mark.parametrize(("text", "fragments"), KEYS)
def test_a_key_with_what_does_not_fit_is_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)
