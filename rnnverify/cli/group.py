"""The group of commands."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from rnnverify import __version__
from rnnverify.cli.blindspots import blindspots
from rnnverify.cli.check import check
from rnnverify.cli.compare import compare
from rnnverify.cli.ending import RaisedError, ended, exit_code
from rnnverify.cli.explain import explain
from rnnverify.cli.init import init
from rnnverify.cli.mistakes import mistakes
from rnnverify.cli.options import VERBOSE
from rnnverify.cli.process import own_process
from rnnverify.cli.report import report
from rnnverify.cli.run import run
from rnnverify.cli.schema import schema
from rnnverify.cli.streams import LostOutputError
from rnnverify.cli.sweep import sweep
from rnnverify.cli.trace import trace
from rnnverify.cli.vectors import vectors
from rnnverify.errors import RequestError
from rnnverify.text import cleaned


class WrongRequest(click.ClickException):
    """A RequestError on its way to the user."""

    exit_code = 2

    def show(self, file: IO[str] | None = None) -> None:
        from rnnverify.report.screen import fitted

        click.echo(fitted(self.message, sys.stderr), err=True)


@contextmanager
def usage_in_text() -> Iterator[None]:
    """What click says of arguments, which may be names of files, cleaned."""
    try:
        yield
    except click.UsageError as error:
        told = error.format_message()
        text = "\n".join(map(cleaned, told.splitlines()))
        if text == told:
            raise
        raise click.UsageError(text, error.ctx) from None


class Group(click.Group):
    """Commands that end with the exit codes of `ending`, whatever happens in them."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with usage_in_text():
            return super().make_context(*arguments, **options)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        command = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return command()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a path may hold characters that the terminal has not
                stream.reconfigure(errors="backslashreplace")
        try:
            with own_process() as heard:
                code = exit_code(command, heard)
        except (KeyboardInterrupt, OSError) as error:  # while it was set up, or after the command has ended
            code = ended(error)
        # CPython remembers an interrupt that came through exec(), such as a dataclass being made, even if it was caught, and
        # would end by its signal instead of our code; the next exec() makes it forget.
        exec("")
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with usage_in_text():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, LostOutputError):
            raise
        except RequestError as error:
            raise WrongRequest(str(error)) from None
        except BaseException as error:
            raise RaisedError(error, verbose=bool(ctx.meta.get(VERBOSE))) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and (advice := meant(args[0])):
            ctx.fail(f"{args[0]!r} is a path, and no command; for {advice}")
        return super().resolve_command(ctx, args)


def meant(word: str) -> str | None:
    """What somebody wants who gives a path, and no command; None of what is no path."""
    if not (os.path.exists(word) or "." in word or os.sep in word):
        return None
    from rnnverify.suite import holds_grid

    given = shlex.quote(word) if word.isprintable() else "PATH"
    if os.path.isdir(word):
        return f"the specs in a folder: rnnverify check {given}"
    if os.path.isfile(word) and holds_grid(Path(word)):
        return f"a grid: rnnverify sweep {given}"
    return f"a spec or a saved model: rnnverify run {given}"


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 every verdict is match; 1 some verdict is mismatch or untested; 2 the request is wrong; "
    "70 a bug of rnnverify; 130 Ctrl-C; 141 nobody reads what is printed.",
)
@click.version_option(__version__, prog_name="rnnverify")
def main() -> None:
    """Does plain arithmetic compute the same network as a Keras recurrent model?

    Builds a Keras model from a YAML spec, runs predict, extracts the weights, replays the recurrence in NumPy, and
    compares.

    \b
    Examples:
      rnnverify init lstm.yaml
      rnnverify run configs/lstm_softmax.yaml
      rnnverify run configs/lstm_softmax.yaml --set T=50 --format json
      rnnverify compare configs/simple_rnn.yaml --candidate port.py:forward
      rnnverify check configs/ --format junit --output report.xml
      rnnverify sweep configs/grids/shapes.yaml --workers 8
      rnnverify report configs/ -o report.html
      rnnverify schema spec > spec.schema.json
    """


main.add_command(init)
main.add_command(run)
main.add_command(check)
main.add_command(compare)
main.add_command(blindspots)
main.add_command(explain)
main.add_command(mistakes)
main.add_command(trace)
main.add_command(vectors)
main.add_command(sweep)
main.add_command(report)
main.add_command(schema)
