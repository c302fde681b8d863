"""The reference, from the code: commands, keys of a spec, fields of a report, functions, layers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click

import rnnverify
from rnnverify import testing
from rnnverify.cli import main
from rnnverify.grids.schema import grid_schema
from rnnverify.layers.registry import LAYERS
from rnnverify.report.records import report_schema
from rnnverify.spec.keys import SpecKeys
from rnnverify.spec.ledger import doc_of, file_of, fixed, inert, used
from rnnverify.spec.schema import spec_schema

Schema = dict[str, Any]
TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
}


def commands() -> Iterator[str]:
    """What `--help` says, of rnnverify and of each command."""
    yield from helped("rnnverify", main)
    for name, command in main.commands.items():
        yield from helped(f"rnnverify {name}", command)


def helped(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=96, max_content_width=96)
    yield from (f"### {name}", "", "```text", command.get_help(context), "```", "")


def functions() -> Iterator[str]:
    """What a Python user calls, from the docstrings: first what is called, then what it gives."""
    names = sorted(
        {*rnnverify.__all__} - {"Verification"}, key=lambda name: (name[0].isupper(), name)
    )  # a result, see there
    yield from documented("rnnverify", names)


def assertions() -> Iterator[str]:
    """What a test suite calls."""
    yield from documented("rnnverify.testing", list(testing.__all__))


def documented(module: str, names: list[str]) -> Iterator[str]:
    for name in names:
        yield from (f"::: {module}.{name}", "    options:", "      heading_level: 3", "")


def layers() -> Iterator[str]:
    """The ledger, layer by layer; links are as they are from the page's folder."""
    for name, layer in LAYERS.items():
        yield from (f"### `{name}`", "", f"{doc_of(layer)}. [The code](../../{file_of(layer)}).", "")
        kinds = {"Used": used, "Without effect at inference": inert, "Only this value": fixed}
        yield from (f"- {title}: {said}" for title, kind in kinds.items() if (said := kind(layer)))
        yield ""


def spec_keys() -> Iterator[str]:
    """Every key of a spec, and of a grid."""
    schema = spec_schema()
    defaults = {key: field.default for key, field in SpecKeys.model_fields.items()}
    yield "| key | what it means | what may stand there | default |"
    yield "|---|---|---|---|"
    for key, value in schema["properties"].items():
        default = f"`{str(defaults[key]).lower()}`" if defaults[key] not in (None, ()) else ""
        yield f"| `{key}` | {text(value.get('description', ''))} | {kind_of(value, schema)} | {default} |"
    yield ""
    yield "A grid has these:"
    yield ""
    yield "| key | what it means |"
    yield "|---|---|"
    for key, value in grid_schema()["properties"].items():
        yield f"| `{key}` | {text(value.get('description', ''))} |"


def report_fields() -> Iterator[str]:
    """Every field of the JSON report, object by object."""
    schema = report_schema()
    yield from fields_of("the report", schema, schema)
    for name, part in schema["$defs"].items():
        if "properties" in part:
            yield from fields_of(name, part, schema)


def fields_of(name: str, part: Schema, schema: Schema) -> Iterator[str]:
    """One object's fields; those of objects in it follow in tables of their own."""
    yield from (
        f"### {name}",
        "",
        text(part.get("description", "")),
        "",
        "| field | type | what it says |",
        "|---|---|---|",
    )
    inner = []
    for key, value in part["properties"].items():
        always = key in part.get("required", ())
        where = f"{name}.{key}" if name != "the report" else key
        if found := object_in(value):
            inner.append((where, found))
        kind = kind_of(value, schema) + ("" if always else ", not always there")
        yield f"| `{key}` | {kind} | {text(value.get('description', ''))} |"
    yield ""
    for where, found in inner:
        yield from fields_of(where, found, schema)


def object_in(value: Schema) -> Schema | None:
    """The object with fields of its own that stands in a field, or in the list or choice that it is."""
    if "properties" in value:
        return value
    within = [*([value["items"]] if "items" in value else []), *value.get("anyOf", ()), *value.get("oneOf", ())]
    return next((found for one in within if (found := object_in(one))), None)


def kind_of(value: Schema, schema: Schema) -> str:
    """What may stand in a field, in words."""
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{'null' if one is None else one}`" for one in value["enum"])
    for several in ("anyOf", "oneOf"):
        if several in value:
            return " or ".join(dict.fromkeys(kind_of(one, schema) for one in value[several]))
    types = value.get("type", "anything")
    if isinstance(types, list):
        return " or ".join(kind_of({**value, "type": one}, schema) for one in types)
    if types == "array":
        return f"a list of {kind_of(value.get('items', {}), schema)}"
    return TYPES.get(types, "an object" if types == "object" else types)


def text(words: str) -> str:
    """Words that end no cell of a table."""
    return re.sub(r"\|", r"\\|", words)
