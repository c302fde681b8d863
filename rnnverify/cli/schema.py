"""rnnverify schema"""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("which", type=click.Choice(["spec", "grid", "report"]), required=False)
def schema(which: str | None) -> None:
    """Print the JSON schema of a spec, a grid or the JSON report; without a name, all in one object.

    \b
    Examples:
      rnnverify schema spec > spec.schema.json
      rnnverify schema report > report.schema.json
    """
    from rnnverify.grids.schema import grid_schema
    from rnnverify.report.records import report_schema
    from rnnverify.spec.schema import spec_schema

    schemas = {"spec": spec_schema, "grid": grid_schema, "report": report_schema}
    made = schemas[which]() if which else {name: schema_of() for name, schema_of in schemas.items()}
    click.echo(json.dumps(made, indent=2))
