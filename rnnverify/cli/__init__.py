"""The command line. A command parses, calls one library function, prints what the report made of it, and exits."""

from rnnverify.cli.group import main

__all__ = ["main"]
