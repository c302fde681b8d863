from __future__ import annotations

from typing import Any

import pytest

from rnnverify.errors import SpecError
from rnnverify.spec.source import Source, dotted, parse


def value(text: str) -> Any:
    return parse(text, "spec.yaml").value


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-6", 1e-6), ("1E3", 1000.0), ("-2e+2", -200.0), ("1.5e-3", 0.0015), ("1_000e1", 10000.0), (".5", 0.5)],
)
def test_scientific_notation_is_a_number(text: str, number: float) -> None:
    assert value(f"a: {text}") == {"a": number}


@pytest.mark.parametrize("text", ["1e", "e6", "1e-6x", "2020-01-31", "=", "<<", "'1e-6'"])
def test_what_only_looks_like_a_number_a_date_or_a_merge_is_text(text: str) -> None:
    assert value(f"a: {text}") == {"a": text.strip("'")}


@pytest.mark.parametrize("key", ["no", "1", "1.5", "null", "true", "2020-01-31", "="])
def test_keys_are_text_whatever_they_look_like(key: str) -> None:
    assert value(f"{key}: 1") == {key: 1}


def test_an_anchor_may_stand_for_a_value_and_for_a_key() -> None:
    assert value("a: &three 3\nb: *three\n*three : c") == {"a": 3, "b": 3, "3": "c"}


def test_every_key_and_item_has_its_line() -> None:
    source = parse("# comment\nN: 1\n\nlayers:\n  - Flatten\n  - LSTM:\n      units:\n        7\n", "spec.yaml")
    assert source.lines == {
        (): 1,
        ("N",): 2,
        ("layers",): 4,
        ("layers", 0): 5,
        ("layers", 1): 6,
        ("layers", 1, "LSTM"): 6,
        ("layers", 1, "LSTM", "units"): 7,
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_for_every_kind_of_newline(newline: str) -> None:
    assert parse(newline.join(["N: 1", "", "T: 2"]), "spec.yaml").line(("T",)) == 3


def test_a_key_that_is_missing_has_the_line_of_the_mapping_around_it() -> None:
    source = parse("N: 1\nlayers:\n  - LSTM: {}\n", "spec.yaml")
    assert source.line(("layers", 0, "LSTM", "units")) == 3


def test_a_document_from_elsewhere_has_no_lines() -> None:
    assert Source("spec", {"N": 1}).line(("N",)) is None


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Any) -> None:
    from rnnverify.spec.source import read_source

    (tmp_path / "spec.yaml").write_bytes("N: 1".encode("utf-8-sig"))
    assert read_source(str(tmp_path / "spec.yaml")).value == {"N": 1}


@pytest.mark.parametrize("depth", [10, 50])
def test_moderate_nesting_is_read(depth: int) -> None:
    assert str(value("[" * depth + "]" * depth)).count("[") == depth


def test_moderate_aliases_are_read() -> None:
    assert value("a: &a [1, 2]\nb: [*a, *a]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "spec"),
        (("N",), "N"),
        (("layers", 0, "LSTM", "units"), "layers[0].LSTM.units"),
        (("",), "''"),
        (("x" * 200,), "x" * 97 + "..."),
    ],
)
def test_a_path_is_written_as_people_write_it(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


def test_a_parse_error_names_the_line_and_shows_it() -> None:
    with pytest.raises(SpecError, match=r"^spec\.yaml:2: not valid YAML: .*: 'T: 2: 3'$"):
        parse("N: 1\nT: 2: 3\n", "spec.yaml")
