"""rnnverify schema: what it prints is true of the specs and reports there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from rnnverify.cli import main
from rnnverify.spec.schema import spec_schema

ROOT = Path(__file__).parent.parent.parent


@cache
def printed(*arguments: str) -> Any:
    result = CliRunner().invoke(main, ["schema", *arguments])
    assert result.exit_code == 0
    return json.loads(result.stdout)


NAMES = ["spec", "grid", "report"]


def test_without_a_name_it_prints_all() -> None:
    assert printed() == {name: printed(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema_that_can_be_referred_to(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(printed(name))
    assert printed(name)["$id"] == f"urn:rnnverify:{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_says_what_it_means(name: str) -> None:
    def bare(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, dict):
            for key, part in schema.get("properties", {}).items():
                of_layer = len(schema["properties"]) == 1  # {LSTM: {units: M}}, or {range: [1, 9]}
                if "description" not in part and not of_layer:
                    yield f"{path}.{key}"
            for key, part in schema.items():
                yield from bare(part, f"{path}.{key}")
        elif isinstance(schema, list):
            for part in schema:
                yield from bare(part, path)

    assert list(bare(printed(name), name)) == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_grid_fits_the_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(printed("grid")).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": {"N": 1}},
        {"base": {"N": 1}, "grid": {"T": 3}},
        {"base": {"N": 1}, "grid": {"Q": [3]}},
        {"base": {"N": 1}, "grid": {"T": {"logspace": "1, 2"}}},
        {"base": {"units": 1}, "grid": {"T": [3]}},
        {"base": {"N": 1}, "grid": {"T": [3]}, "samples": 4},
    ],
)
def test_the_schema_of_a_grid_refuses_what_the_reader_refuses(wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, printed("grid"))


def test_the_schema_of_a_spec_is_what_the_declarations_say() -> None:
    assert printed("spec") == json.loads(json.dumps(spec_schema()))


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_fits_the_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(printed("spec")).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"N": 0},
        {"layers": [{"LSTM": {}}]},
        {"layers": [{"LSTM": {"units": "M", "unit": 3}}]},
        {"layers": [{"Bidirectional": {"layer": {"Dense": {"units": 2}}}}]},
        {"data": "numbers"},
        {"data": {"file": 3}},
        {"colour": "red"},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, printed("spec"))
