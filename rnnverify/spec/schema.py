"""The JSON schema of a spec, for editors: from the same declarations that validate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnverify.layers.registry import CELLS, LAYERS, inside_of
from rnnverify.spec import words
from rnnverify.spec.arguments import arguments_of, entries
from rnnverify.spec.data import KINDS, SHORTHANDS
from rnnverify.spec.keys import SpecKeys, ToleranceKeys, WeightKeys
from rnnverify.spec.types import Arguments

SHORTHAND_SCHEMAS: dict[str, dict[str, Any]] = {
    "file": {"type": "string"},
    "text": {"type": "array", "items": {"type": "string"}},
}


def spec_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a spec."""
    return {**head("spec"), **spec_mapping(), "$defs": definitions()}


def head(which: str) -> dict[str, Any]:
    """What each schema begins with."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:rnnverify:{which}",
        "title": f"rnnverify {which}",
    }


def spec_mapping() -> dict[str, Any]:
    """The keys of a spec; layers are in the `definitions`."""
    schema = mapping_schema(SpecKeys, words.SPEC)
    kinds = [kind for kind in KINDS if kind not in ("text", "chars", "file")]
    wider: dict[str, dict[str, Any]] = {
        "layers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}},
        "data": {"anyOf": [{"enum": kinds}, data_schema()]},
        "weights": {"anyOf": [{"const": "keras"}, mapping_schema(WeightKeys, words.WEIGHTS)]},
        "tolerance": mapping_schema(ToleranceKeys, words.TOLERANCE),
    }
    schema["properties"] |= {key: {"description": words.SPEC[key], **made} for key, made in wider.items()}
    return schema


def definitions() -> dict[str, Any]:
    """Every layer with its arguments."""
    named = [*entries(), *CELLS]
    made = {f"{name} arguments": mapping_schema(arguments_of(name), words.ARGUMENTS) for name in named}
    for name, layer in LAYERS.items():
        for key in layer.layers_inside():
            inside = any_of(inside_of(layer))
            if key == "cell":  # one, or several on top of each other
                inside["anyOf"].append({"type": "array", "minItems": 1, "items": any_of(inside_of(layer))})
            made[f"{name} arguments"]["properties"][key] |= inside
    return {**made, "layer": any_of(entries())}


def any_of(names: Sequence[str]) -> dict[str, Any]:
    """One of these layers; by its name alone, if it needs no argument."""
    bare = [name for name in names if not required(arguments_of(name))]
    return {"anyOf": [*([{"enum": bare}] if bare else []), *map(entry_schema, names)]}


def mapping_schema(model: type[Arguments], meaning: Mapping[str, str]) -> dict[str, Any]:
    """One mapping of keys, each with what it means, without the titles that pydantic makes up."""
    schema = model.model_json_schema()
    properties = {
        name: {"description": meaning[name], **clean(field)} for name, field in schema.get("properties", {}).items()
    }
    return {
        "type": "object",
        "properties": properties,
        **({"required": needed} if (needed := required(model)) else {}),
        "additionalProperties": False,
    }


def required(model: type[Arguments]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def clean(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema; a default that only says `not set` is no value a user could write."""
    return {key: value for key, value in field.items() if key != "title" and (key, value) != ("default", None)}


def entry_schema(name: str) -> dict[str, Any]:
    """One layer: {LSTM: {units: M}}."""
    arguments: dict[str, Any] = {"$ref": f"#/$defs/{name} arguments"}
    if not required(arguments_of(name)):
        arguments = {"anyOf": [arguments, {"type": "null"}]}
    return {"type": "object", "properties": {name: arguments}, "required": [name], "additionalProperties": False}


def data_schema() -> dict[str, Any]:
    """One kind of data with its details: {uniform: {high: 2}}, {file: x.npy}."""
    properties: dict[str, Any] = {}
    for kind, model in KINDS.items():
        details: list[dict[str, Any]] = [mapping_schema(model, words.DETAILS)]
        if kind in SHORTHANDS:
            details.append(SHORTHAND_SCHEMAS[kind])
        properties[kind] = {
            "description": words.DATA[kind],
            "anyOf": [*details, *([] if required(model) else [{"type": "null"}])],
        }
    return {
        "type": "object",
        "properties": properties,
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
