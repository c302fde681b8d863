"""A call of a candidate as a script that needs NumPy alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnverify.observation.arrays_file import plain
from rnnverify.results import Case, Comparison
from rnnverify.text import cleaned

OF_FILE = """
import importlib.util

found = importlib.util.spec_from_file_location("port", {path!r})
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
forward = module.{name}
"""
OF_YOURS = '''
def forward(x, weights):
    """Yours goes here."""
    raise SystemExit("write your arithmetic into forward() of this file")

'''
END = """
got = forward(x, weights)
if not isinstance(got, dict):
    got = dict(zip(expected, got if len(expected) > 1 else [got]))
for name, right in expected.items():
    print(name)
    print("  right:", right)
    print("  yours:", np.asarray(got[name]))
    print("  off by at most", np.abs(np.asarray(got[name]) - right).max())
raise SystemExit(0 if all(np.allclose(got[name], expected[name], rtol=1e-4, atol=1e-5) for name in expected) else 1)
"""


def script(result: Comparison, case: Case) -> str:
    """The smallest call that differs: its inputs, its weights, and what is right."""
    return "\n".join(lines(result, case)) + END


def lines(result: Comparison, case: Case) -> Iterator[str]:
    why = result.why
    sizes = ", ".join(f"{letter}={size}" for letter, size in (why.smallest if why else {}).items())
    yield f"# The smallest call of {cleaned(result.candidate)} that differs from {cleaned(result.spec)}: {sizes}."
    yield "import numpy as np"
    yield ""
    arrays = [literal(array) for array in case.inputs.values()]
    yield f"x = {arrays[0] if len(arrays) == 1 else '[' + ', '.join(arrays) + ']'}"
    yield "weights = {"
    for layer, own in case.weights.items():
        yield f"    {layer!r}: ["
        yield from (f"        {literal(array)},  # {cleaned(name)} {array.shape}" for name, array in own.items())
        yield "    ],"
    yield "}"
    yield "expected = {"
    yield from (f"    {name!r}: {literal(array)}," for name, array in case.expected.items())
    yield "}"
    path, _, name = result.candidate.rpartition(":")
    in_file = path.endswith(".py") and not result.candidate.startswith("cmd:")
    yield OF_FILE.format(path=os.path.abspath(path), name=name) if in_file else OF_YOURS


def literal(array: Any) -> str:
    """An array as Python, to all its digits."""
    array = plain(array)
    numbers = np.array2string(array, separator=", ", threshold=array.size + 1, floatmode="unique", max_line_width=10**9)
    return f"np.array({' '.join(numbers.split())}, dtype=np.{array.dtype.name})"
