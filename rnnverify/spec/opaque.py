"""Which layers of a model are not replayed, because the user asked for that: by name, by class, or all that have no replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnverify.errors import SpecError, UnsupportedError
from rnnverify.layers.registry import layer_of_file
from rnnverify.observation.arguments import PREFIX
from rnnverify.spec.problems import near, shown

ALL = "all"  # every layer that has no replay
MODELS = ("Functional", "Sequential", "Model")  # of which the layers are looked at one by one
MOST_SHOWN = 12  # layers, in a message


def chosen(
    origin: str, asked: Sequence[str], layers: Mapping[str, str], configs: Mapping[str, Any] | None = None
) -> frozenset[str]:
    """The names of the layers that are taken as given.

    Args:
        origin: the file or model, for messages.
        asked: names, classes, or `all`.
        layers: the class of each layer, by name; that of an operation begins with a prefix.
        configs: the config of each layer, where there is any that may have no replay; one that is not there has none.

    Raises:
        SpecError: one of those that were asked for is not there.
    """
    check_named(origin, asked, layers)
    found = {name for name, class_name in layers.items() if {name, class_name, bare(class_name)} & set(asked)}
    if ALL in asked and configs is not None:
        found |= {name for name in layers if not has_replay(name, layers[name], configs.get(name))}
    return frozenset(found)


def check_named(origin: str, asked: Sequence[str], layers: Mapping[str, str]) -> None:
    """Refuse names of what is not there.

    Raises:
        SpecError: there are some; a line for each.
    """
    problems = [f"{origin}: opaque: {problem}" for name in asked if (problem := unmatched(name, layers))]
    if problems:
        raise SpecError(*problems)


def unmatched(name: str, layers: Mapping[str, str]) -> str | None:
    """What is wrong with a name of what is to be taken as given; None if it names something."""
    known = [*layers.values(), *map(bare, layers.values()), *layers]  # a name goes before a class
    if name == ALL or name in known:
        return None
    listed = [f"{layer} ({bare(class_name)})" for layer, class_name in layers.items()]
    more = f" and {len(listed) - MOST_SHOWN} more" if len(listed) > MOST_SHOWN else ""
    return (
        f"expected the name or class of a layer of this model, or {ALL}; got {shown(name)}{near(name, known)};"
        f" its layers are {', '.join(listed[:MOST_SHOWN])}{more}"
    )


def bare(class_name: str) -> str:
    """The class of a layer or operation, without the prefix."""
    return class_name.removeprefix(PREFIX)


def has_replay(name: str, class_name: str, config: Any) -> bool:
    """Whether a layer with this config can be replayed, as far as that can be seen without its inputs."""
    if class_name in MODELS:
        return True
    if config is None:
        return False
    try:
        layer_of_file(class_name, {"name": name, **config})
    except UnsupportedError:
        return False
    return True
