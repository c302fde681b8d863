from __future__ import annotations

from typing import Any

import pytest

from rnnverify.errors import SpecError
from rnnverify.spec import Spec, spec_from_mapping
from rnnverify.spec.data import File, Normal, Uniform
from rnnverify.spec.loading import validated
from rnnverify.spec.model import Weights
from rnnverify.spec.overrides import apply_overrides, parse_override
from rnnverify.spec.source import Source, parse

BASE: dict[str, Any] = {"N": 2, "T": 3, "D": 2, "M": 4, "K": 2}


def spec(mapping: dict[str, Any], *settings: str) -> Spec:
    return spec_from_mapping(mapping, overrides=[parse_override(text) for text in settings])


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("T=50", ("T", 50)),
        (" T = 50 ", ("T", 50)),
        ("dtype=float64", ("dtype", "float64")),
        ("tolerance.atol=1e-6", ("tolerance.atol", 1e-6)),
        ("layers=[Flatten]", ("layers", ["Flatten"])),
        ("data={file: a=b.npy}", ("data", {"file": "a=b.npy"})),
        ("T=", ("T", None)),
    ],
)
def test_an_override_is_a_key_and_a_yaml_value(text: str, override: tuple[str, Any]) -> None:
    assert parse_override(text) == override


def test_a_letter_is_replaced_wherever_it_stands() -> None:
    found = spec({**BASE, "layers": [{"LSTM": {"units": "M"}}]}, "M=64", "T=50")
    assert found.inputs[0].shape == (50, 2)
    assert getattr(found.layers[0].arguments, "units", None) == 64


@pytest.mark.parametrize("key", ["layers.0.LSTM.units", "layers[0].LSTM.units"])
def test_an_argument_of_a_layer_is_replaced(key: str) -> None:
    found = spec({**BASE, "layers": [{"LSTM": {"units": "M"}}, {"Dense": {"units": "K"}}]}, f"{key}=7")
    assert [getattr(layer.arguments, "units", None) for layer in found.layers] == [7, 2]


def test_an_argument_is_given_to_a_layer_that_has_none() -> None:
    assert spec({**BASE, "layers": ["Flatten"]}, "layers.0.Flatten.name=flat").layers[0].name == "flat"


def test_a_later_override_replaces_an_earlier_one() -> None:
    assert spec(BASE, "seed=1", "seed=2").seed == 2


def test_the_mapping_that_was_given_is_left_as_it_was() -> None:
    mapping = {**BASE, "layers": [{"LSTM": {"units": "M"}}]}
    spec(mapping, "layers.0.LSTM.units=7")
    assert mapping == {**BASE, "layers": [{"LSTM": {"units": "M"}}]}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, Weights("random", None, 2.0)),
        ({"weights": None}, Weights("random", None, 2.0)),
        ({"weights": "keras"}, Weights("keras", None, 2.0)),
        ({"weights": {"bias": "keras"}}, Weights("keras", None, 2.0)),
        ({"weights": {"scale": 3}}, Weights("random", None, 2.0)),
    ],
)
def test_weights_are_scaled_and_otherwise_kept(weights: dict[str, Any], expected: Weights) -> None:
    assert spec({**BASE, **weights}, "weights.scale=2").weights == expected


@pytest.mark.parametrize("given", [{}, {"data": "normal"}, {"data": "uniform"}, {"data": {"uniform": {"high": 3}}}])
def test_a_detail_of_data_is_replaced_or_its_kind_with_it(given: dict[str, Any]) -> None:
    assert spec({**BASE, **given}, "data.uniform.high=2").data == Uniform(high=2.0)


def test_the_kind_of_data_is_replaced() -> None:
    assert spec({**BASE, "data": {"uniform": {"high": 3}}}, "data=normal").data == Normal()


def test_a_file_keeps_its_path_beside_a_new_key(tmp_path: Any) -> None:
    (tmp_path / "x.npz").write_bytes(b"")
    found = spec_from_mapping(
        {**BASE, "data": {"file": "x.npz"}}, str(tmp_path / "spec.yaml"), [parse_override("data.file.key=a")]
    )
    assert found.data == File(path=str(tmp_path / "x.npz"), key="a")


def test_a_problem_with_an_override_has_no_line_and_the_others_keep_theirs() -> None:
    source = apply_overrides(parse("# first\nN: 0\nT: 1\nD: 1\nM: 1\nK: 1\n", "spec.yaml"), [("T", 0)])
    with pytest.raises(SpecError) as caught:
        validated(source)
    assert [line.split(" expected")[0] for line in str(caught.value).splitlines()] == [
        "spec.yaml: T:",
        "spec.yaml:2: N:",
    ]


def test_a_problem_with_what_an_override_made_has_no_line() -> None:
    source = apply_overrides(parse("N: 1\n", "spec.yaml"), [("layers.x.units", 3)])
    with pytest.raises(SpecError, match=r"^spec\.yaml: layers: expected a list of layers"):
        validated(source)


def test_no_overrides_leave_a_document_as_it_is() -> None:
    source = Source("spec", {"N": 1})
    assert apply_overrides(source, []) is source


def test_documents_stay_where_another_key_of_theirs_is_set() -> None:
    given = {
        "N": 2,
        "T": 4,
        "layers": [{"Embedding": {"input_dim": 9, "output_dim": 2}}],
        "data": {"text": ["a b", "b"]},
    }
    changed = apply_overrides(Source("spec", given), [("data.text.vocabulary", 9)])
    assert changed.value["data"] == {"text": {"documents": ["a b", "b"], "vocabulary": 9}}
