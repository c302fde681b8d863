"""rnnverify schema"""

from __future__ import annotations

import json
from importlib.resources import files

import click

SCHEMAS = ("spec", "report")


@click.command()
@click.argument("which", type=click.Choice(SCHEMAS), required=False)
def schema(which: str | None) -> None:
    """Print the JSON schema of a spec or of the JSON report; without a name, both in one object.

    \b
    Examples:
      rnnverify schema spec > spec.schema.json
      rnnverify schema report > report.schema.json
    """
    texts = {name: (files("rnnverify") / "schemas" / f"{name}.json").read_text(encoding="utf-8") for name in SCHEMAS}
    click.echo(
        texts[which] if which else json.dumps({name: json.loads(text) for name, text in texts.items()}, indent=2)
    )
