"""The command line. A command parses, calls one library function, prints what the report made of it, and exits."""

try:
    from rnnverify.cli.group import main
except KeyboardInterrupt:  # before there is a command that could hear it
    exec("")  # see `Group.main`
    raise SystemExit(130) from None

__all__ = ["main"]
