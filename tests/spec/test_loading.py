from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from rnnverify.errors import SpecError
from rnnverify.observation import Tolerance
from rnnverify.spec import Spec, load_spec, spec_from_mapping
from rnnverify.spec.data import Chars, Tokens
from rnnverify.spec.model import Weights
from rnnverify.spec.paths import is_function

BASE: dict[str, Any] = {"N": 2, "T": 3, "D": 4, "M": 5, "K": 6}
CONFIGS = sorted(Path("configs").glob("*.yaml"))


def spec(**keys: Any) -> Spec:
    return spec_from_mapping({**BASE, **keys})


def shapes(found: Spec) -> list[tuple[int, ...]]:
    return [given.shape for given in found.inputs]


def test_the_letters_alone_are_a_simple_rnn_and_a_dense_layer() -> None:
    found = spec()
    assert [layer.class_name for layer in found.layers] == ["SimpleRNN", "Dense"]
    assert [getattr(layer.arguments, "units", None) for layer in found.layers] == [5, 6]
    assert shapes(found) == [(3, 4)]


@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_layer_names_the_recurrent_one(layer: str) -> None:
    assert spec(layer=layer).layers[0].class_name == layer


def test_what_a_spec_leaves_out_has_a_default() -> None:
    found = spec()
    assert (found.data, found.weights, found.initial_state) == (None, Weights("random", None, 1.0), "zeros")
    assert (found.dtype, found.seed, found.tolerance, found.model) == ("float32", 0, Tolerance(), None)


def test_letters_stand_wherever_a_whole_number_may() -> None:
    entries: list[Any] = [
        {"InputLayer": {"shape": ["T"]}},
        {"Embedding": {"input_dim": "M", "output_dim": "D"}},
        {"Bidirectional": {"layer": {"LSTM": {"units": "K", "seed": "N"}}}},
        {"RepeatVector": {"n": "T"}},
        {"TimeDistributed": {"layer": {"Dense": {"units": "K"}}}},
        {"Concatenate": {"inputs": ["time_distributed", "time_distributed"], "axis": "N"}},
    ]
    found = spec(layers=entries, data={"tokens": {"vocabulary": "M"}})
    assert found.data == Tokens(vocabulary=5)
    embedding, bidirectional, repeat, distributed, concatenate = (layer.arguments for layer in found.layers)
    assert (getattr(embedding, "input_dim", 0), getattr(embedding, "output_dim", 0)) == (5, 4)
    inner: Any = getattr(bidirectional, "layer", None)
    assert (inner.arguments.units, inner.arguments.seed) == (6, 2)
    assert (getattr(repeat, "n", 0), getattr(concatenate, "axis", 0)) == (3, 2)
    assert getattr(distributed, "layer", inner).arguments.units == 6
    assert shapes(found) == [(3,)]


def test_whole_numbers_stand_wherever_a_real_one_may() -> None:
    found = spec(tolerance={"atol": 1, "rtol": 0}, weights={"scale": 2})
    assert (found.tolerance, found.weights.scale) == (Tolerance(1.0, 0.0), 2.0)


def test_texts_decide_n_t_and_d() -> None:
    found = spec_from_mapping(
        {
            "M": 2,
            "data": {"chars": {"alphabet": "helo", "texts": ["hello", "eolll", "lleel"]}},
            "layers": [{"LSTM": {"units": "D"}}],
        }
    )
    assert (found.N, found.T, found.D) == (3, 5, 4)
    assert shapes(found) == [(5, 4)]
    assert isinstance(found.data, Chars)


def test_letters_that_agree_with_the_texts_may_stand_beside_them() -> None:
    chars = {"chars": {"alphabet": "ab", "texts": ["aba", "bab"]}}
    assert spec(data=chars, N=2, T=3, D=2).N == 2


@pytest.mark.parametrize(("given", "timesteps"), [({}, 3), ({"T": 7}, 7), ({"T": 1}, 1)])
def test_documents_decide_n_and_where_it_is_not_set_t(given: dict[str, int], timesteps: int) -> None:
    documents = ["One two, three!", "four"]
    layers = [{"Embedding": {"input_dim": 9, "output_dim": 2}}]
    found = spec_from_mapping({**given, "data": {"text": documents}, "layers": layers})
    assert found.N == 2
    assert timesteps == found.T


def test_a_saved_model_has_letters_of_its_own_where_the_spec_has_none(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"")
    found = load_spec(str(tmp_path / "m.keras"))
    assert (found.N, found.T, found.model) == (3, 7, str(tmp_path / "m.keras"))
    assert found.weights == Weights("keras")
    assert load_spec(str(tmp_path / "m.keras"), [("N", 9)]).N == 9


def test_texts_decide_the_letters_of_a_saved_model_too(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"")
    (tmp_path / "spec.yaml").write_text("model: m.keras\ndata: {chars: {alphabet: ab, texts: [abba]}}\n")
    found = load_spec(str(tmp_path / "spec.yaml"))
    assert (found.N, found.T) == (1, 4)


def test_files_are_looked_for_beside_the_spec(tmp_path: Path) -> None:
    for name in ("x.npy", "w.npz"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "spec.yaml").write_text(
        "N: 2\nT: 3\nD: 2\nM: 4\nK: 2\ndata: {file: x.npy}\nweights: {file: w.npz}\n", encoding="utf-8"
    )
    found = load_spec(str(tmp_path / "spec.yaml"))
    assert getattr(found.data, "path", None) == str(tmp_path / "x.npy")
    assert found.weights == Weights("keras", str(tmp_path / "w.npz"))


@pytest.mark.parametrize(
    ("model", "function"),
    [
        ("build:model", True),
        ("my.package:build", True),
        ("m.keras", False),
        ("a:b.keras", False),
        ("C:/m.keras", False),
    ],
)
def test_a_module_and_a_function_are_no_file(model: str, function: bool) -> None:
    assert is_function(model) is function


def test_a_function_may_be_a_model() -> None:
    assert spec_from_mapping({"model": "my.package:build"}).model == "my.package:build"


def test_the_largest_sizes_that_fit_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**60))
    assert spec(N=2**31 - 1).N == 2**31 - 1


def test_sizes_that_do_not_fit_into_the_free_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))
    with pytest.raises(SpecError, match=r"expected sizes that fit into memory \(0.0 GiB are free\).*simple_rnn takes"):
        spec(M=10_000)


def test_the_memory_is_not_asked_about_small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: pytest.fail("the memory was asked"))
    assert spec().N == 2


@pytest.mark.parametrize(
    ("timesteps", "units", "place"),
    [(2, 10_000, "spec.yaml:6: layers[1]: "), (10_000_000, 1, "spec.yaml:1: spec: ")],
    ids=["a layer", "the input"],
)
def test_what_takes_the_most_memory_is_named(
    monkeypatch: pytest.MonkeyPatch, timesteps: int, units: int, place: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))
    monkeypatch.chdir(tmp_path)
    wide = f"Dense: {{units: {units}}}"
    Path("spec.yaml").write_text(f"N: 1\nT: {timesteps}\nD: 9\nlayers:\n  - {wide}\n  - {wide}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")
    assert str(caught.value).startswith(f"{place}expected sizes that fit into memory")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.stem))
def test_every_config_is_a_spec(path: Path) -> None:
    spec = load_spec(str(path))
    assert spec.layers or spec.model


def test_there_are_configs() -> None:
    assert len(CONFIGS) > 20
