"""Bad input gets one clear message and exit code 2: no traceback, nothing executed, nothing on stdout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify.cli import main

LETTERS = "N: 2\nT: 3\nD: 2\nM: 4\nK: 2\n"  # lines 1 to 5
NINES = 9 * "9"


def case(name: str, text: str, *fragments: str) -> Any:
    """A spec and what its message must contain."""
    return pytest.param(text, fragments, id=name)


def layers(*entries: str) -> str:
    """A spec with these layers, the first on line 7."""
    return LETTERS + "layers:\n" + "".join(f"  - {entry}\n" for entry in entries)


def plus(line: str) -> str:
    """A spec with one more key, on line 6."""
    return f"{LETTERS}{line}\n"


def without(letter: str, *more: str) -> str:
    return "".join(f"{line}\n" for line in [*LETTERS.splitlines(), *more] if not line.startswith(letter))


def bomb(width: int, depth: int) -> str:
    rows = [f"a0: &a0 [{', '.join('x' * width)}]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join(rows)


def tokens(embedding: str, data: str) -> str:
    return f"N: 2\nT: 3\ndata: {data}\nlayers:\n  - Embedding: {embedding}\n"


SYNTAX = [
    case("unclosed bracket", "N: 1\nlayers: [\n", "spec.yaml:3: not valid YAML", "flow"),
    case("unclosed quote", 'N: 1\nlayer: "LSTM\n', "spec.yaml:3: not valid YAML", "end of stream"),
    case("tab", "N: 1\n\tT: 2\n", "spec.yaml:2: not valid YAML", r"\t"),
    case("two colons", "N: 1\nT: 2: 3\n", "spec.yaml:2: not valid YAML", "'T: 2: 3'"),
    case("bad indent", "N: 1\n  T: 2\n", "spec.yaml:2: not valid YAML"),
    case("unknown alias", "N: *samples\n", "spec.yaml:1: not valid YAML", "undefined alias"),
    case("duplicate anchor target", "N: &a &b 1\n", "spec.yaml:1: not valid YAML"),
    case("bad escape", 'N: "\\q"\n', "spec.yaml:1: not valid YAML", "unknown escape"),
    case("bad directive", "%YAML 9.9\n---\nN: 1\n", "spec.yaml:1: not valid YAML", "%YAML 9.9"),
    case("two documents", "N: 1\n---\nN: 2\n", "spec.yaml:2: not valid YAML", "single document"),
    case("control character", "N: 1\nT: \x07\n", "spec.yaml:2: not valid YAML", "U+0007", "remove it"),
    case("list", "- N: 1\n", "spec.yaml:1: spec: expected a mapping", "got a list of 1"),
    case("scalar", "hello\n", "spec.yaml:1: spec: expected a mapping", "got 'hello'"),
    case("nothing in the document", "---\n", "spec.yaml:1: spec: expected a mapping", "got nothing"),
    case("only a comment", "# later\n", "spec.yaml: empty", "N, T, D, M and K"),
    case("duplicate key", "N: 1\nT: 2\nN: 3\n", "spec.yaml:3: N: the key stands here twice, first on line 1"),
    case(
        "duplicate nested key",
        layers("LSTM:", "    units: 2").replace("  -     units: 2", "      units: 2\n      units: 3"),
        "spec.yaml:9: layers[0].LSTM.units: the key stands here twice, first on line 8",
    ),
    case("merge key", "a: &a {N: 1}\n<<: *a\n", "spec.yaml:2: spec: expected a name as key, got a merge (<<)"),
    case("list as key", "[N]: 1\n", "spec.yaml:1: spec: expected a name as key, got a list or mapping"),
    case("alias that holds itself", "N: 1\nlayers: &x [*x]\n", "spec.yaml:2: layers[0]: the alias contains itself"),
    case("document that holds itself", "&x {N: *x}\n", "spec.yaml:1: N: the alias contains itself"),
    case("billion laughs", bomb(9, 12), "spec.yaml: its aliases stand for more than 20000 values"),
    case("10,000 brackets", "layers: " + "[" * 10_000, "spec.yaml:1: nested too deeply", "fewer than 60"),
    case("10,000 braces", "{a: " * 10_000, "spec.yaml:1: nested too deeply"),
    case("10,000 question marks", "? " * 10_000, "spec.yaml:1: nested too deeply"),
    case("deep through aliases", "a: &a " + 35 * "[" + 35 * "]" + "\nb: " + 35 * "[" + "*a" + 35 * "]", "nested too d"),
    case("100,000 values", "layers:\n" + "- a\n" * 100_000, "spec.yaml:", "more than 20000 values"),
    case("too large", "#" * (1 << 20) + "\n", "spec.yaml: larger than 1048576 bytes"),
    case(
        "7,000 unknown keys",
        "".join(f"key{i}: 1\n" for i in range(7000)),
        "spec.yaml:8: key7: unknown key",
        "and 6992 more",
    ),
]

TAGS = [
    case("python/object/apply", "N: !!python/object/apply:os.system ['touch executed']\n", "!!python/object/apply"),
    case("python/object/new", "N: !!python/object/new:os.system ['touch executed']\n", "!!python/object/new"),
    case("python/name", "N: !!python/name:os.system\n", "spec.yaml:1: N: expected plain data", "remove the tag"),
    case("python/module", "N: !!python/module:antigravity\n", "spec.yaml:1: N: expected plain data"),
    case("binary", "T: 1\nN: !!binary aGVsbG8=\n", "spec.yaml:2: N: expected plain data, got the YAML tag !!binary"),
    case("set", "N: !!set {a, b}\n", "spec.yaml:1: N: expected plain data, got the YAML tag !!set"),
    case("custom", "N: !samples 3\n", "spec.yaml:1: N: expected plain data, got the YAML tag !samples"),
    case("custom with a newline", "N: !a%0Ab 3\n", r"the YAML tag !a\nb; remove the tag"),
    case("on a key", "!!python/name:os.system N: 1\n", "spec.yaml:1: spec: expected plain data", "on a key"),
    case("bool of a word", "N: !!bool maybe\n", "spec.yaml:1: N: expected true or false, got 'maybe'"),
    case("int of nothing", 'N: !!int ""\n', "spec.yaml:1: N: expected a whole number", "got ''"),
    case("float of nothing", 'N: !!float ""\n', "spec.yaml:1: N: expected a number, got ''"),
    case("map of a list", "N: !!map [1]\n", "spec.yaml:1: N: expected plain data, got the YAML tag !!map"),
]

NUMBERS = [
    case(f"{key}: {value[:12]}", f"# first line\n{key}: {value}\n", f"spec.yaml:2: {key}: expected a whole number", got)
    for key, value, got in [
        ("N", "0", "got 0"),
        ("N", "-3", "got -3"),
        ("T", "2.5", "got 2.5"),
        ("T", "3.0", "got 3.0"),
        ("D", ".nan", "got nan"),
        ("D", ".inf", "got inf"),
        ("M", "true", "got true"),
        ("M", "three", "got 'three'"),
        ("K", "[1]", "got a list of 1"),
        ("K", "{a: 1}", "got a mapping with a"),
        ("K", "", "got nothing"),
        ("N", "T", "got 'T'"),
        ("N", "2147483648", "from 1 to 2147483647; got 2147483648"),
        ("N", "9" * 400, "got a huge number"),
        ("N", "0x" + "f" * 5000, "got a huge number"),
        ("N", "9" * 5000, f"got '{NINES}"),
        ("seed", "-1", "from 0 to 2147483647; got -1"),
        ("seed", "1.5", "got 1.5"),
        ("seed", "true", "got true"),
        ("seed", "N", "got 'N'"),
        ("seed", "4294967296", "got 4294967296"),
    ]
] + [
    case("octal", "N: 010\n", "spec.yaml:1: N: expected a decimal number, got '010'"),
    case("sexagesimal", "N: 1:30\n", "spec.yaml:1: N: expected a decimal number, got '1:30'"),
]

KEYS = [
    case("unknown", plus("color: red"), "spec.yaml:6: color: unknown key", "the keys here are N, T, D"),
    case("near spelling", plus("layres: []"), "spec.yaml:6: layres: unknown key, did you mean 'layers'?"),
    case("other case", plus("Seed: 1"), "spec.yaml:6: Seed: unknown key, did you mean 'seed'?"),
    case("key with escapes", plus('"\\e[2J\\n": 1'), r"spec.yaml:6: \x1b[2J\n: unknown key"),
    case("key of 60 lines", '"' + "a\\nb" * 60 + '": 1\n', r"spec.yaml:1: a\nb", "..."),
    case("key that is no text", '"\\ud800": 1\n', "spec.yaml:1: spec: expected text that UTF-8 can hold"),
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
    case("no M", without("M"), "the letter M is not set; a spec without `layers` needs"),
    case("no N", without("N", "layers: [Flatten]"), "spec.yaml:1: spec: the letter N, the number of samples"),
    case("no T", without("T", "layers: [Flatten]"), "spec.yaml:5: layers[0].Flatten", "needs the letter T"),
    case("no D", without("D", "layers: [Flatten]"), "spec.yaml:5: layers[0].Flatten", "needs the letter D"),
]

LAYERS = [
    case("unknown", layers("Conv1D: {filters: 3}"), "spec.yaml:7: layers[0].Conv1D: expected one of the layers"),
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
        "name twice", layers("Flatten: {name: a}", "Flatten: {name: a}"), "spec.yaml:8: layers[1].Flatten.name", "'a'"
    ),
    case("name of the input", layers("LSTM: {units: 2, name: input}"), "layers[0].LSTM.name: expected a name of its"),
    case(
        "name of a state's input",
        layers("LSTM: {units: 2, name: a}", "Dense: {units: 2, name: a_h}") + "initial_state: random\n",
        "spec.yaml:8: layers[1].Dense.name: expected a name of its own; 'a_h' is taken",
    ),
    case("stateful", layers("LSTM: {units: 2, stateful: true}"), "LSTM.stateful: expected false, got true"),
    case("stateful nothing", layers("LSTM: {units: 2, stateful: }"), "LSTM.stateful: expected false, got nothing"),
    case("stateful Dense", layers("Dense: {units: 2, stateful: false}"), "Dense.stateful: unknown key"),
    case("InputLayer alone", layers("InputLayer: {shape: [3]}"), "spec.yaml:6: layers: expected at least one layer"),
    case("InputLayer shape", layers("InputLayer: {shape: 3}"), "InputLayer.shape: expected a list of 1 to 6 sizes"),
    case("InputLayer empty shape", layers("InputLayer: {shape: []}"), "InputLayer.shape: expected a list of 1 to 6"),
    case("InputLayer dtype", layers("InputLayer: {shape: [3], dtype: float64}"), "InputLayer.dtype: unknown key"),
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

SIZES = [
    case("N", "N: 2000000000\nT: 3\nD: 2\nM: 4\nK: 2\n", "fit into memory", "GiB", "make N, T, D or M smaller"),
    case("T", "N: 1\nT: 2000000000\nD: 2\nM: 4\nK: 2\n", "fit into memory", "simple_rnn takes"),
    case("M", "N: 1\nT: 1\nD: 2\nM: 2000000000\nK: 2\n", "fit into memory", "simple_rnn takes"),
    case(
        "units", layers("Dense: {units: 2147483647}", "LSTM: {units: 2147483647}"), "spec.yaml:8: layers[1]: expected"
    ),
    case("RepeatVector", layers("Flatten", "RepeatVector: {n: 2147483647}"), "layers[1]: expected sizes that fit"),
    case("Embedding", tokens("{input_dim: 2147483647, output_dim: 99}", "tokens"), "embedding takes"),
    case(
        "Concatenate, again and again",
        layers(
            *[f"Concatenate: {{name: a{i}, inputs: [{', '.join([f'a{i - 1}'] * 99)}]}}" for i in range(1, 99)]
        ).replace("a0", "input"),
        "expected outputs of at most 2147483647 along each axis",
    ),
]

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


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["run", *arguments])


def check_refusal(result: Any, *fragments: str) -> None:
    """What every refusal has in common, and the wording of this one."""
    message = result.stderr
    assert result.exit_code == 2, result.exception or result.output
    assert result.stdout == ""
    assert 1 <= len(message.splitlines()) < 25
    assert "Traceback" not in message
    assert not re.search("[^\\n -\\uffff]", message), "no control characters"
    for fragment in fragments:
        assert fragment in message
    assert not Path("executed").exists()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("text", "fragments"), [*SYNTAX, *TAGS, *NUMBERS, *KEYS, *LAYERS, *SIZES, *DATA])
def test_a_malformed_spec_is_refused_with_one_clear_message(text: str, fragments: tuple[str, ...]) -> None:
    Path("spec.yaml").write_text(text, encoding="utf-8")
    started = time.perf_counter()
    result = run("spec.yaml")
    assert time.perf_counter() - started < 10  # seconds; the slowest takes less than one on a quiet machine
    check_refusal(result, *fragments)


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        (b"", "spec.yaml: empty"),
        (
            "N: 1\n".encode("utf-16"),
            "spec.yaml: expected UTF-8 text, got byte 0xff at offset 0; save the file as UTF-8",
        ),
        ("N: 1\n".encode("utf-16-le"), "spec.yaml:1: not valid YAML: expected text, got the character U+0000"),
        ("# caf\u00e9\nN: 1\n".encode("latin-1"), "got byte 0xe9 at offset 5"),
        (b"N: 1\0\n", "U+0000"),
        (bytes(range(256)), "expected UTF-8 text"),
        (b"\x93NUMPY\x01\x00v\x00{}", "expected UTF-8 text"),
    ],
)
def test_a_file_that_is_no_text_is_refused(raw: bytes, fragment: str) -> None:
    Path("spec.yaml").write_bytes(raw)
    check_refusal(run("spec.yaml"), fragment)


@pytest.mark.parametrize(
    ("path", "fragment"),
    [
        ("nothing.yaml", "nothing.yaml: cannot be read: No such file"),
        (".", ".: expected a YAML file, got a directory; `rnnverify check .` takes a directory"),
        ("loop.yaml", "loop.yaml: cannot be read: Too many levels of symbolic links"),
        ("x" * 300 + ".yaml", "cannot be read: File name too long"),
        ("x" * 300 + ".keras", "no such file; give the path of a saved model"),
        ("nothing.keras", "nothing.keras: no such file; give the path of a saved model"),
        ("/dev/zero", "larger than 1048576 bytes"),
    ],
)
def test_a_path_that_is_no_spec_is_refused(path: str, fragment: str) -> None:
    Path("loop.yaml").symlink_to("loop.yaml")
    check_refusal(run(path), fragment)


@pytest.mark.parametrize(
    ("setting", "fragment"),
    [
        ("T", "--set: expected KEY=VALUE, such as T=50 or layers.0.LSTM.units=7; got 'T'"),
        ("=3", "--set: expected KEY=VALUE"),
        ("t=3", "t: unknown key, did you mean 'T'?"),
        ("T=0", "T: expected a whole number"),
        ("T=", "T: expected a whole number from 1 to 2147483647; got nothing"),
        ("T.x=1", "T: expected a whole number from 1 to 2147483647; got a mapping with x"),
        ("T=[", "--set T:1: not valid YAML"),
        ("T=!!python/object/apply:os.system ['touch executed']", "expected plain data, got the YAML tag"),
        ("layers.1.Dense.units=3", "--set layers.1: expected an index below 1 after layers, got '1'"),
        ("layers.x.Dense.units=3", "expected an index below 1 after layers, got 'x'"),
        ("layers.-1.Dense.units=3", "expected an index below 1 after layers, got '-1'"),
        ("layers.\u00b2.Dense.units=3", "expected an index below 1 after layers"),
        (f"layers.{'1' * 5000}.x=3", "expected an index below 1 after layers"),
        ("layers.0.Dense.unit=3", "layers[0].Dense.unit: unknown key, did you mean 'units'?"),
        ("data.uniform.hihg=3", "spec.yaml: data.uniform.hihg: unknown key, did you mean 'high'?"),
        ("model.x=3", "spec.yaml: model: expected the path of a file; got a mapping with x"),
    ],
)
def test_a_wrong_override_is_refused(setting: str, fragment: str) -> None:
    Path("spec.yaml").write_text(layers("Dense: {units: 2}"), encoding="utf-8")
    check_refusal(run("spec.yaml", "--set", setting), fragment)


@pytest.mark.parametrize(
    "options", [["--seed", "-1"], ["--seed", "4294967296"], ["--atol", "nan"], ["--atol", "inf"], ["--rtol", "-1"]]
)
def test_an_option_out_of_range_is_refused(options: list[str]) -> None:
    Path("spec.yaml").write_text(LETTERS, encoding="utf-8")
    check_refusal(run("spec.yaml", *options), f"{options[0][2:]}: expected", "got")


ONES = np.ones((2, 3, 2))


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.ones((2, 3, 3)), "x.npy: expected an array of shape (2, 3, 2) for the input input, got (2, 3, 3)"),
        (np.ones((0, 3, 2)), "got (0, 3, 2)"),
        (np.where(ONES.cumsum().reshape(2, 3, 2) == 5, np.nan, 1), "x.npy: expected finite numbers, got nan"),
        (-np.inf * ONES, "x.npy: expected finite numbers, got -inf"),
        (1e39 * ONES, "x.npy: expected numbers that float32 can hold, got 1e+39"),
        (np.full((2, 3, 2), {}), "x.npy: not a .npy, .npz or .csv file of numbers"),
        (np.full((2, 3, 2), "a"), "x.npy: expected numbers, got an array of <U1"),
        (1j * ONES, "x.npy: expected numbers, got an array of complex128"),
        (ONES.astype([("a", "f8")]), "x.npy: expected numbers, got an array of [('a', '<f8')]"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(array: Any, fragment: str) -> None:
    np.save("x.npy", array, allow_pickle=True)
    Path("spec.yaml").write_text(plus("data: {file: x.npy}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), fragment)


@pytest.mark.parametrize(
    ("ids", "fragment"),
    [
        (np.full((2, 3), -1), "expected token ids from 0 to 4"),
        (np.full((2, 3), 5), "expected token ids from 0 to 4, which is what its Embedding has; got 5 to 5"),
        (np.full((2, 3), 1.5), "x.npy: expected whole token ids, got 1.5"),
        (np.full((2, 3), 2**32 + 1), "x.npy: expected whole token ids, got 4294967297"),
        (np.full((2, 3), 1e20), "x.npy: expected whole token ids, got 1e+20"),
    ],
)
def test_token_ids_that_no_embedding_has_are_refused(ids: Any, fragment: str) -> None:
    np.save("x.npy", ids)
    Path("spec.yaml").write_text(tokens("{input_dim: 5, output_dim: 2}", "{file: x.npy}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), fragment)


def npy_bytes(shape: str) -> bytes:
    """A .npy file that claims this shape and holds nothing."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("empty.npy", b""),
        ("text.npy", b"hello, world"),
        ("header.npy", npy_bytes("(2, 3, 2)")[:20]),
        ("huge.npy", npy_bytes("(999999999999,)")),
        ("negative.npy", npy_bytes("(-1,)")),
        ("code.npy", npy_bytes("__import__('os').system('touch executed')")),
        ("damaged.npz", b"PK\x03\x04" + bytes(100)),
        ("words.csv", b"a,b\n"),
        ("ragged.csv", b"1,2\n3\n"),
        ("binary.csv", b"\xff\xfe\0"),
    ],
)
def test_a_damaged_data_file_is_refused(name: str, raw: bytes) -> None:
    Path(name).write_bytes(raw)
    Path("spec.yaml").write_text(plus(f"data: {{file: {name}}}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), f"{name}: not a .npy, .npz or .csv file of numbers")


def test_an_archive_without_the_inputs_array_is_refused() -> None:
    np.savez("x.npz", a=ONES, b=ONES)
    Path("spec.yaml").write_text(plus("data: {file: x.npz}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), "x.npz: expected an array named 'input', got a, b")


def test_an_archive_of_no_arrays_is_refused() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", "hello")
    Path("spec.yaml").write_text(plus("data: {file: x.npz}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), "x.npz: expected numbers")


def test_an_archive_that_claims_more_than_the_memory_is_refused() -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("input.npy", npy_bytes("(99999999999999,)"))
    Path("spec.yaml").write_text(plus("data: {file: x.npz}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), "x.npz: expected a .npy, .npz or .csv file of numbers", "memory")


def test_a_pipe_in_place_of_data_is_refused_and_not_waited_for() -> None:
    os.mkfifo("x.npy")
    Path("spec.yaml").write_text(plus("data: {file: x.npy}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), "spec.yaml:6: data.file: expected the path of a file; x.npy is no regular file")


WEIGHTS = {
    "simple_rnn/kernel": np.ones((2, 4)),
    "simple_rnn/recurrent_kernel": np.ones((4, 4)),
    "simple_rnn/bias": np.ones(4),
    "dense/kernel": np.ones((4, 2)),
}


@pytest.mark.parametrize(
    ("bias", "fragment"),
    [
        ({}, "w.npz: expected arrays named simple_rnn/kernel"),
        ({"dense/bias": np.ones(3)}, "dense/bias: expected shape (2,), got (3,)"),
        ({"dense/bias": np.ones(2), "more": np.ones(2)}, "more: expected shape none, got (2,)"),
        ({"dense/bias": np.array(["a", "b"])}, "w.npz: dense/bias: expected numbers, got an array of <U1"),
        ({"dense/bias": np.array([np.nan, 1])}, "w.npz: weights: dense/bias: expected finite float32"),
        ({"dense/bias": np.array([1e300, 1])}, "w.npz: weights: dense/bias: expected finite float32"),
        ({"dense/bias": np.array([{}, {}])}, "w.npz: not a .npz file of weights"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(bias: dict[str, Any], fragment: str) -> None:
    arrays: Any = WEIGHTS | bias
    np.savez("w.npz", **arrays)
    Path("spec.yaml").write_text(plus("weights: {file: w.npz}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), fragment)


@pytest.mark.parametrize("raw", [b"", b"hello, world", b"PK\x03\x04" + bytes(100), npy_bytes("(1,)") + bytes(8)])
def test_a_damaged_weights_file_is_refused(raw: bytes) -> None:
    Path("w.npz").write_bytes(raw)
    Path("spec.yaml").write_text(plus("weights: {file: w.npz}"), encoding="utf-8")
    check_refusal(run("spec.yaml"), "w.npz: ", ".npz file")


@pytest.mark.parametrize(
    "line", ["data: {normal: {mean: 1e200}}", "weights: {scale: 1e200}", "dtype: float16\ndata: {normal: {mean: 1e6}}"]
)
def test_numbers_that_the_precision_cannot_hold_are_refused(line: str) -> None:
    Path("spec.yaml").write_text(plus(line), encoding="utf-8")
    check_refusal(run("spec.yaml"), "spec.yaml: ", "float")


def sequential(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(entries)}}


LAMBDA_CODE = {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}


def entry(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config}


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (sequential(entry("Lambda", name="f", trainable=True, function=LAMBDA_CODE)), "layer 'f': the class Lambda"),
        (sequential(entry("Lambda", function=LAMBDA_CODE)), "the class Lambda has no replay"),
        (sequential(entry("TimeDistributed", name="t", trainable=True, layer=entry("Lambda"))), "the class Lambda"),
        (sequential(entry("TorchModuleWrapper")), "the class TorchModuleWrapper has no replay"),
        (sequential(entry("Conv1D", name="c", trainable=True)), "layer 'c': the class Conv1D has no replay"),
        (sequential(entry("Mine", "my.package", name="m")), "got one from the module 'my.package'"),
        ({"module": "os", "class_name": "system", "config": "touch executed"}, "got one from the module 'os'"),
        ({}, "expected a saved model"),
        ([[]], "expected a saved model"),
        (3, "expected a saved model"),
        (sequential(entry("InputLayer", name="i", batch_shape=[None, 3, 2])), "m.keras"),  # no weights in it
    ],
)
def test_a_saved_model_with_what_has_no_replay_is_refused(config: Any, fragment: str) -> None:
    with zipfile.ZipFile("m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    check_refusal(run("m.keras"), "m.keras: ", fragment)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize("raw", [b"", b"hello, world", b"PK\x03\x04" + bytes(100), b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_damaged_saved_model_is_refused(name: str, raw: bytes) -> None:
    Path(name).write_bytes(raw)
    check_refusal(run(name), f"{name}: not a saved Keras model", "give a .keras or .h5 file")


@pytest.mark.parametrize(
    "config", ["", "{", "[" * 100_000, "nan", "[" + " " * (1 << 27) + "]", b"\xff\xfe"], ids=lambda text: repr(text[:3])
)
def test_a_saved_model_whose_config_is_damaged_is_refused(config: str | bytes) -> None:
    with zipfile.ZipFile("m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
    check_refusal(run("m.keras"), "m.keras: ")


@pytest.mark.parametrize("attribute", [3, b"\xff", h5py.Empty("f"), np.ones(3), "[]"], ids=repr)
def test_an_h5_file_whose_config_is_damaged_is_refused(attribute: Any) -> None:
    with h5py.File("m.h5", "w") as file:
        file.attrs["model_config"] = attribute
    check_refusal(run("m.h5"), "m.h5: ")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("N: 0\n", "spec.yaml:1: N: expected a whole number"),
        ("layers: " + "[" * 10_000, "spec.yaml:1: nested too deeply"),
        ("N: !!python/object/apply:os.system ['touch executed']\n", "expected plain data"),
        (layers("Dense: {units: 2, name: caf\u00e9}"), "layers[0].Dense.name: expected a name"),
    ],
)
@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "1"}])
def test_the_command_itself_refuses_with_exit_code_2(text: str, fragment: str, environment: dict[str, str]) -> None:
    Path("spec.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rnnverify", "run", "spec.yaml"],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    message = done.stderr.decode()
    assert done.returncode == 2
    assert done.stdout == b""
    assert fragment in message
    assert "Traceback" not in message
    assert len(message.splitlines()) < 25
    assert not Path("executed").exists()


def test_every_spec_is_read_before_any_is_run() -> None:
    Path("good.yaml").write_text(LETTERS, encoding="utf-8")
    Path("bad.yaml").write_text("N: 0\n", encoding="utf-8")
    check_refusal(run("good.yaml", "bad.yaml"), "bad.yaml:1: N")


def test_a_saved_model_under_a_spec_is_found_beside_the_spec() -> None:
    Path("specs").mkdir()
    Path("specs/m.keras").write_bytes(b"hello")
    Path("specs/spec.yaml").write_text("model: m.keras\n", encoding="utf-8")
    check_refusal(run("specs/spec.yaml"), str(Path("specs/m.keras")))
