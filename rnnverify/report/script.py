"""A call of a candidate as a script that needs NumPy alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnverify.observation.arrays_file import plain
from rnnverify.results import Case, Comparison
from rnnverify.spec.paths import TORCH, parts_of_candidate
from rnnverify.text import cleaned

OF_FILE = """
import runpy
import sys

sys.path.insert(0, {folder!r})  # for what it imports from beside it
{own} = runpy.run_path({path!r})[{name!r}]
"""
OF_TORCH = """

def forward(x, weights):
    import torch

    with torch.no_grad():
        got = build(weights).eval()(*map(torch.from_numpy, x if isinstance(x, list) else [x]))
    return flat(got) if len(expected) > 1 else np.asarray(got)


def flat(got):
    return [one for part in got for one in flat(part)] if isinstance(got, (list, tuple)) else [np.asarray(got)]

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
    yield called(result.candidate)


def called(candidate: str) -> str:
    """Where the script has its `forward` from: a file of the user's, or an empty place for what it takes."""
    kind, path, function = parts_of_candidate(candidate)
    if not (path.endswith(".py") and function):
        return OF_YOURS
    path, name = os.path.abspath(path), function.removeprefix(":")
    own = "build" if kind == TORCH else "forward"
    from_file = OF_FILE.format(folder=os.path.dirname(path), path=path, name=name, own=own)
    return from_file + OF_TORCH if kind == TORCH else from_file


def literal(array: Any) -> str:
    """An array as Python, to all its digits."""
    array = plain(array)
    numbers = np.array2string(array, separator=", ", threshold=array.size + 1, floatmode="unique", max_line_width=10**9)
    return f"np.array({' '.join(numbers.split())}, dtype=np.{array.dtype.name})"
