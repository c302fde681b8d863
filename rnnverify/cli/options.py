"""The options that commands share, and the console they print to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])

WIDTH = 110  # of what is written to a file or a pipe; a terminal says its own


def spec_options(command: Command) -> Command:
    """--set, --seed, --atol, --rtol: parts of every spec replaced from the command line."""
    for option in (
        click.option("--rtol", type=float, help="Demand |Keras - replay| <= atol + rtol |Keras| as well."),
        click.option("--atol", type=float, help="Demand |Keras - replay| <= atol + rtol |Keras| as well."),
        click.option("--seed", type=int, help="Seed of weights and data, in place of the spec's."),
        click.option(
            "--set", "settings", metavar="KEY=VALUE", multiple=True, help="Override a key, such as T=50; repeatable."
        ),
    ):
        command = option(command)
    return command


def overrides(settings: Sequence[str], seed: int | None, atol: float | None, rtol: float | None) -> list[Any]:
    """The options above as (key, value) pairs for load_spec."""
    from rnnverify.spec.overrides import parse_override

    named = {"seed": seed, "tolerance.atol": atol, "tolerance.rtol": rtol}
    return [*map(parse_override, settings), *((key, value) for key, value in named.items() if value is not None)]


def console() -> Console:
    """Where tables go: stdout, at the terminal's width, or a fixed one where there is no terminal."""
    from rich.console import Console

    made = Console(highlight=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDTH
    return made
