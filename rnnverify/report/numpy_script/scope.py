"""The names in a function of a script."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnverify.recording.recorded import Recorded
from rnnverify.report.numpy_script.expressions import Expressions

if TYPE_CHECKING:
    from rnnverify.report.numpy_script.functions import Functions

TAKEN = frozenset({"np", "math", "data", "Path", "N", "t", "j", "weights_of"})
FALLBACK: Mapping[str, str] = {
    "matmul": "product",
    "sum": "total",
    "max": "largest",
    "exp": "e",
    "sqrt": "root",
    "split": "parts",
}


class Scope:
    """The names in a function, and what they stand for now.

    Args:
        samples: how many there are.
        functions: those that may be called.
        apart: whether each loop over time is a function of its own.
    """

    def __init__(self, samples: int, functions: Functions, apart: bool = False) -> None:
        self.names: dict[int, str] = {}  # by a value's order
        self.holds: dict[str, int] = {}  # by name, the order of the value that it holds
        self.functions = functions
        self.apart = apart
        self.samples = samples
        self.expressions = Expressions(lambda node: self.names.get(node.order), samples, functions.activation)

    def bind(self, node: Recorded, name: str) -> str:
        """From here on the name stands for this value."""
        self.names[node.order] = name
        self.holds[name] = node.order
        return name

    def free(self, wanted: str, live: Callable[[int], bool]) -> str:
        """A name like the one that is wanted, which no value has that is still needed."""

        def taken(name: str) -> bool:
            return name in TAKEN or keyword.iskeyword(name) or (name in self.holds and live(self.holds[name]))

        tried = [wanted, f"new_{wanted}", *(f"{wanted}_{number}" for number in range(2, 1000))]
        return next(name for name in tried if not taken(name))


def name_for(node: Recorded) -> str:
    """The name that a value should have: the first that the layers gave it."""
    given = [name.text for name in node.names if name.own and name.text.strip("_")]
    given += [name.text for name in node.names if name.text.strip("_")]
    what = getattr(node.made_by.what, "__name__", str(node.made_by.what))
    usual = "mask" if node.dtype == np.bool_ else FALLBACK.get(what, "value")
    return (given or [usual])[0]


def identifier(name: str) -> str:
    """A name from outside as one of Python's."""
    made = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "layer"
    made = f"n_{made}" if made[0].isdigit() else made
    return f"{made}_" if keyword.iskeyword(made) or hasattr(builtins, made) or made in TAKEN else made


def unique(names: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """The same, each once, and none that is taken."""
    found: list[str] = []
    others = set(taken)
    for name in names:
        number, own = 2, name
        while own in found or own in others:
            own, number = f"{name}_{number}", number + 1
        found.append(own)
    return found
