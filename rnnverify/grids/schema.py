"""The JSON schema of a grid, for editors."""

from __future__ import annotations

from typing import Any

from rnnverify.grids.axes import RANGES
from rnnverify.grids.grid import GridKeys
from rnnverify.spec import words
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.schema import definitions, head, mapping_schema, spec_mapping

NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}


def grid_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a grid."""
    schema = mapping_schema(GridKeys, words.GRID)
    keys = "|".join(key for key in SpecKeys.model_fields if key != "candidate")
    base = spec_mapping()
    schema["properties"]["base"] |= {"anyOf": [{"type": "string"}, base]}
    schema["properties"]["grid"] |= {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {f"^({keys})([.\\[].*)?$": {"$ref": "#/$defs/values"}},
        "additionalProperties": False,
    }
    values = {
        "description": "the values to try, or the numbers of a range",
        "anyOf": [
            {"type": "array", "minItems": 1},
            *(
                {"type": "object", "properties": {form: NUMBERS}, "required": [form], "additionalProperties": False}
                for form in RANGES
            ),
        ],
    }
    return {**head("grid"), **schema, "required": ["base", "grid"], "$defs": {**definitions(), "values": values}}
