"""The options that commands share, and the console they print to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Command = TypeVar("Command", bound=Callable[..., Any])


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
    """Where tables and lines go: stdout."""
    from rich.console import Console

    return Console(highlight=False)


def show(out: Console, *parts: RenderableType) -> None:
    """Print tables at their full width, also where the terminal is narrower: a shortened number is no number."""
    from rich.measure import Measurement
    from rich.table import Table

    terminal = out.width
    for part in parts:
        wide = Measurement.get(out, out.options.update(width=10_000), part).maximum if isinstance(part, Table) else 0
        out.width = max(terminal, wide)
        out.print(part, soft_wrap=not wide)
    out.width = terminal
