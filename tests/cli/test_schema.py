"""rnnverify schema: what it prints is true of the specs and reports there are."""

from __future__ import annotations

import json
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


def test_without_a_name_it_prints_both() -> None:
    assert printed() == {"spec": printed("spec"), "report": printed("report")}


@pytest.mark.parametrize("name", ["spec", "report"])
def test_a_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(printed(name))


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
