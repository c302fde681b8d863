"""The data that a spec describes."""

from __future__ import annotations

import pytest

from tests.spec.malformed.refusals import case, check_spec, layers, plus, tokens

DATA = [
    case("unknown", plus("data: nromal"), "spec.yaml:6: data: expected one of normal", "did you mean 'normal'?"),
    case("number", plus("data: 3"), "spec.yaml:6: data: expected one of normal", "got 3"),
    case("two kinds", plus('data: {normal: {}, "a\\nb": {}}'), r"or one of them with its details", r"normal, a\nb"),
    case(
        "unknown detail", plus("data: {uniform: {hihg: 2}}"), "data.uniform.hihg: unknown key", "did you mean 'high'?"
    ),
    case("details a number", plus("data: {normal: 3}"), "data.normal: expected a mapping of mean, scale; got 3"),
    case("scale 0", plus("data: {normal: {scale: 0}}"), "data.normal.scale: expected a finite number above 0; got 0"),
    case("mean a text", plus("data: {normal: {mean: '1'}}"), "data.normal.mean: expected a finite number; got '1'"),
    case("high below low", plus("data: {uniform: {low: 2}}"), "data.uniform: expected low below high"),
    case("vocabulary 0", tokens("{input_dim: 5, output_dim: 2}", "{tokens: {vocabulary: 0}}"), "spec.yaml:3", "got 0"),
    case("vocabulary above", tokens("{input_dim: 5, output_dim: 2}", "{tokens: {vocabulary: 6}}"), "of at most 5"),
    case("padding of nothing", tokens("{input_dim: 5, output_dim: 2}", "{tokens: {padding: pre}}"), "lengths: random"),
    case("padding", tokens("{input_dim: 5, output_dim: 2}", "{tokens: {padding: left}}"), "expected one of pre, post"),
    case(
        "normal for an Embedding", tokens("{input_dim: 5, output_dim: 2}", "normal"), "spec.yaml:3: data", "reads ids"
    ),
    case("tokens for an LSTM", plus("data: {tokens: {vocabulary: 5}}\nlayer: LSTM"), "token ids need an Embedding"),
    case("tokens without vocabulary", plus("data: tokens\nlayers: [Dense: {units: 2}]"), "data: expected a vocabulary"),
    case("Embedding of features", layers("Dense: {units: 2}", "Embedding: {input_dim: 5, output_dim: 2}"), "token ids"),
    case(
        "documents a text", tokens("{input_dim: 5, output_dim: 2}", "{text: {documents: a}}"), "expected a list of doc"
    ),
    case("documents empty", tokens("{input_dim: 5, output_dim: 2}", "{text: []}"), "documents: expected a list of"),
    case("documents of numbers", tokens("{input_dim: 5, output_dim: 2}", "{text: [1]}"), "documents: expected a list"),
    case(
        "documents contradict N",
        tokens("{input_dim: 5, output_dim: 2}", "{text: [a, b, c]}"),
        "spec.yaml:1: N: expected 3, which is what `data` has, or no N at all; got 2",
    ),
    case("documents for one id", tokens("{input_dim: 1, output_dim: 2}", "{text: [a, b]}"), "input_dim of at least 2"),
    case(
        "chars contradict T", plus("data: {chars: {alphabet: ab, texts: [abab, baba]}}"), "spec.yaml:2: T: expected 4"
    ),
    case("chars contradict D", plus("data: {chars: {alphabet: abc, texts: [aba, bab]}}"), "spec.yaml:3: D: expected 3"),
    case("chars of two lengths", "data: {chars: {alphabet: ab, texts: [a, ab]}}\n", "expected texts of one length"),
    case("chars out of the alphabet", "data: {chars: {alphabet: ab, texts: [ac]}}\n", "'c' is not in it"),
    case("alphabet twice", "data: {chars: {alphabet: aa, texts: [aa]}}\n", "alphabet: expected distinct characters"),
    case("no path", plus("data: file"), "spec.yaml:6: data.file.path: required, but not set"),
    case("path empty", plus("data: {file: ' '}"), "spec.yaml:6: data.file.path: expected the path of a file"),
    case("path missing", plus("data: {file: x.npy}"), "spec.yaml:6: data.file", "x.npy does not exist"),
    case("path a folder", plus("data: {file: .}"), "spec.yaml:6: data.file: expected the path", "no regular file"),
    case(
        "key of a .npy", plus("data: {file: {path: x.npy, key: a}}"), "spec.yaml:6: data.file: expected no key beside"
    ),
    case(
        "chars for two inputs",
        "data: {chars: {alphabet: ab, texts: [ab]}}\nlayers:\n"
        + "".join(f"  - InputLayer: {{shape: [2, 2], name: {name}}}\n" for name in "ab")
        + "  - Concatenate: {inputs: [a, b]}\n",
        "spec.yaml:1: data: expected data for 2 inputs (a, b); this kind feeds one",
    ),
]


@pytest.mark.parametrize(("text", "fragments"), DATA)
def test_data_with_what_does_not_fit_is_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)
