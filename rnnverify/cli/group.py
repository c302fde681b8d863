"""The group of commands, and what becomes of errors: one message, exit 2; Ctrl-C: 130."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from rnnverify import __version__
from rnnverify.cli.blindspots import blindspots
from rnnverify.cli.check import check
from rnnverify.cli.compare import compare
from rnnverify.cli.init import init
from rnnverify.cli.mistakes import mistakes
from rnnverify.cli.run import run
from rnnverify.cli.schema import schema
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
    """Commands whose request errors have no traceback; any other exception is a bug and keeps its own."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with usage_in_text():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a path may hold characters that the terminal has not
                stream.reconfigure(errors="backslashreplace")
        try:
            with usage_in_text():
                return super().invoke(ctx)
        except RequestError as error:
            raise WrongRequest(str(error)) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise WrongRequest("the output cannot be written: no space is left where it goes") from None
        except KeyboardInterrupt as interrupt:
            click.echo(str(interrupt) or "interrupted", err=True)
            # CPython remembers an interrupt that came through exec(), such as a dataclass being made, even where it was
            # caught, and would end by its signal instead of our code; the next exec() makes it forget.
            exec("")
            sys.exit(130)


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 every verdict is match; 1 some verdict is mismatch or untested; 2 the request is wrong.",
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
      rnnverify schema spec > spec.schema.json
    """


main.add_command(init)
main.add_command(run)
main.add_command(check)
main.add_command(compare)
main.add_command(blindspots)
main.add_command(mistakes)
main.add_command(trace)
main.add_command(vectors)
main.add_command(sweep)
main.add_command(schema)
