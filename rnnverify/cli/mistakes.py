"""rnnverify mistakes"""

from __future__ import annotations

import click

from rnnverify.cli.options import show
from rnnverify.errors import RequestError


@click.command()
@click.argument("word", required=False)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def mistakes(word: str | None, form: str) -> None:
    """List the known mistakes of ports: what was done, and how to mend it. With a WORD, those whose id or text has it.

    \b
    Examples:
      rnnverify mistakes
      rnnverify mistakes gate
      rnnverify mistakes --format json
    """
    from rnnverify.mistakes import MISTAKES
    from rnnverify.report import catalogue

    sought = (word or "").lower()
    found = [one for one in MISTAKES if sought in f"{one.id} {one.says} {one.mend}".lower()]
    if not found:
        raise RequestError(f"no known mistake has {word!r} in its id or its text; without a word, all are listed")
    if form == "json":
        click.echo(catalogue.catalogue_json(found))
    else:
        show(*catalogue.render(found))
