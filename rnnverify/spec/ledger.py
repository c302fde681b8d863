"""What becomes of every argument of every layer, as a table for the pages: `make ledger` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rnnverify.layers.arguments import inert_for
from rnnverify.layers.layer import Layer
from rnnverify.layers.registry import LAYERS

HEADINGS = ("layer", "what it computes", "used", "no effect at inference", "only this value")


def ledger() -> Iterator[str]:
    """The table's lines, in Markdown: a row for each layer."""
    yield row(*HEADINGS)
    yield row(*("---" for _ in HEADINGS))
    for name, layer in LAYERS.items():
        yield row(f"[`{name}`]({file_of(layer)})", doc_of(layer), used(layer), inert(layer), fixed(layer))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def file_of(layer: type[Layer]) -> str:
    """Where it stands in the project."""
    return layer.__module__.replace(".", "/") + ".py"


def doc_of(layer: type[Layer]) -> str:
    """The first line of its own, where it stands with others of its kind, or of its module."""
    own = (layer.__doc__ or "").splitlines()[0]
    first = (
        own if own.startswith(f"{layer.__name__}: ") else (sys.modules[layer.__module__].__doc__ or "").splitlines()[0]
    )
    what = first.removeprefix(layer.__name__).lstrip(": ").rstrip(".")
    return f"{what[0].upper()}{what[1:]}"


def used(layer: type[Layer]) -> str:
    states = ["initial_state"] if layer.takes_initial_state else []
    return named([*layer.arguments(), *states])


def inert(layer: type[Layer]) -> str:
    """The arguments without effect; those that go with weights under one name for each weight."""
    of_weights = inert_for(dict(layer.weights))
    roles = dict.fromkeys(name.rpartition("_")[0] for name in of_weights)
    others = [name for name in layer.inert_arguments() if name not in of_weights]
    return named([*(f"{role}_*" for role in roles), *others])


def fixed(layer: type[Layer]) -> str:
    return named([f"{name}={value!r}" for name, value in layer.fixed.items()])


def named(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print("\n".join(ledger()))
