"""The options that commands share, and how they print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

import click

from rnnverify.machine.backends import BACKENDS

if TYPE_CHECKING:
    from rnnverify.report.parts import Line
    from rnnverify.report.tables import Table
    from rnnverify.spec.overrides import Override

Command = Callable[..., None]
VERBOSE = "rnnverify.verbose"  # in click's context: whether there was a -v
DEMAND = "Demand |Keras - replay| <= atol + rtol |Keras| as well."


@dataclass(frozen=True)
class Options:
    """What the options below are set to."""

    settings: tuple[str, ...]
    seed: int | None
    atol: float | None
    rtol: float | None
    quiet: bool
    verbose: bool = False
    opaque: tuple[str, ...] = ()

    @property
    def overrides(self) -> list[Override]:
        """The parts of every spec that they replace, as (key, value) pairs.

        Raises:
            RequestError: a setting is not KEY=VALUE.
        """
        from rnnverify.spec.overrides import parse_override

        named = {"seed": self.seed, "tolerance.atol": self.atol, "tolerance.rtol": self.rtol}
        given: list[Override] = [(key, value) for key, value in named.items() if value is not None]
        if self.opaque:
            given.append(("opaque", list(self.opaque)))
        return [*map(parse_override, self.settings), *given]


OPAQUE = click.option(
    "--opaque",
    metavar="NAME|CLASS|all",
    multiple=True,
    help="Take as given what this layer puts out, and verify the others; all: of every layer without a replay. Repeatable.",
)


BACKEND = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="Which of Keras's backends runs the model, in a process of its own; short for --set backend=NAME.",
)


html = click.option("--html", metavar="FILE", help="Write a page to look at, too: one file, with charts.")


def spec_options(quiet: str, verbose: str | None = None, opaque: bool = False) -> Callable[[Command], Command]:
    """--set, --seed, --atol, --rtol, -q and perhaps -v and --opaque, handed to a command as one object, after click's context.

    Args:
        quiet, verbose: what -q and -v do with this command.
        opaque: whether layers may be taken as given, and Keras's backend be chosen.
    """

    def decorated(command: Command) -> Command:
        @click.pass_context
        @wraps(command)
        def called(
            context: click.Context,
            /,
            *,
            settings: tuple[str, ...],
            seed: int | None,
            atol: float | None,
            rtol: float | None,
            quiet: bool,
            verbose: bool = False,
            opaque: tuple[str, ...] = (),
            backend: str | None = None,
            **rest: object,
        ) -> None:
            context.meta[VERBOSE] = verbose
            settings = settings if backend is None else (*settings, f"backend={backend}")
            command(context, Options(settings, seed, atol, rtol, quiet, verbose, opaque), **rest)

        for option in (
            *([click.option("-v", "--verbose", is_flag=True, help=verbose)] if verbose else []),
            click.option("-q", "--quiet", is_flag=True, help=quiet),
            *([OPAQUE, BACKEND] if opaque else []),
            click.option("--rtol", type=float, help=DEMAND),
            click.option("--atol", type=float, help=DEMAND),
            click.option("--seed", type=int, help="Seed of weights and data, in place of the spec's."),
            click.option(
                "--set",
                "settings",
                metavar="KEY=VALUE",
                multiple=True,
                help="Override a key, such as T=50; repeatable.",
            ),
        ):
            called = option(called)
        return called

    return decorated


allow_code = click.option(
    "--allow-code", is_flag=True, help="Run the code that a spec names: its candidate, its model."
)


def show(*parts: Line | Table) -> None:
    """Print lines and tables to stdout."""
    from rnnverify.report import screen

    screen.show(screen.console(sys.stdout), *parts)


def show_record(line: Line) -> None:
    """Print one line of many, each on a spec of its own."""
    from rnnverify.report import screen

    screen.show_record(screen.console(sys.stdout), line)
