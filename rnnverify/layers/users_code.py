"""Functions that users have registered: they are asked, and what they give is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, NoReturn

import numpy as np

from rnnverify.errors import RequestError
from rnnverify.layers.layer import MisfitError

# How NumPy says that a function is none of those that numbers which carry their rounding can go through.
UNKNOWN = re.compile(
    r"returned NotImplemented from __array_ufunc__\(<ufunc '(\w+)'|no implementation found for 'numpy\.([\w.]+)'"
)


def asked(name: str, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What a registered function makes of its arguments.

    Raises:
        RequestError: it raises something.
    """
    try:
        return function(*wanted(function, arguments), **more)
    except (RequestError, MisfitError):
        raise
    except Exception as error:  # whatever it is: it is the user's code
        if found := UNKNOWN.search(str(error)):
            wrong(
                name,
                f"of np.{found[1] or found[2]} it is not known here how far rounding may take it; write it with operators, @ and"
                " such as np.tanh, exp, log, sqrt, sin, cos, abs, maximum, where, sum, mean, concatenate, split, stack,"
                " reshape, transpose, with an axis where they take one",
            )
        wrong(name, f"it raises {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


def wanted(function: Callable[..., Any], arguments: Sequence[Any]) -> Sequence[Any]:
    """As many of the arguments as a function takes by place: one that needs no config need not name it."""
    try:
        kinds = [one.kind for one in signature(function).parameters.values() if one.name != "mask"]
    except (TypeError, ValueError):  # of some that are not written in Python it is not known
        return arguments
    if Parameter.VAR_POSITIONAL in kinds:
        return arguments
    return arguments[: sum(kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)]


def check_array(name: str, what: str, array: Any, x: Any, shape: tuple[int, ...] | None) -> None:
    """Refuse what is no array, or has lost what its input carries."""
    if not hasattr(array, "shape") or len(array.shape) < 1 or len(array) != len(x):
        wrong(name, f"expected {what} as an array with {len(x)} samples, got {shown(array)}")
    if shape is not None and tuple(array.shape) != tuple(shape):
        wrong(name, f"expected {what} in the shape {tuple(shape)}, as before the step; got {tuple(array.shape)}")
    if isinstance(array, np.ndarray) and not isinstance(x, np.ndarray):
        wrong(
            name,
            f"{what} has lost how far rounding may take it: compute with operators and NumPy's functions on what is given,"
            " without np.asarray, .value or a loop over elements",
        )


def shown(value: Any) -> str:
    return f"one in the shape {value.shape}" if hasattr(value, "shape") else f"one of the type {type(value).__name__}"


def wrong(name: str, problem: str) -> NoReturn:
    raise RequestError(f"the function registered for {name}: {problem}")
