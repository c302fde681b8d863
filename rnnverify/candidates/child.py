"""The process in which a function of the user's is called: python -m rnnverify.candidates.child, see `process.of_source`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.candidates.candidate import CandidateError, Task, named
from rnnverify.candidates.function import one_line, raised
from rnnverify.candidates.process import NO_SUCH_FUNCTION
from rnnverify.machine.own_code import module_at
from rnnverify.observation.arrays_file import write_arrays
from rnnverify.spec.paths import TORCH


class WrongRequestError(Exception):
    """What was asked for is not in the file."""


def function_in(path: str, name: str) -> Callable[..., Any]:
    """A function of a Python file, which may import what stands beside it."""
    try:
        module = module_at(path)
    except SyntaxError as error:
        raise WrongRequestError(f"not valid Python: {error}") from None
    found = getattr(module, name, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise WrongRequestError(f"no function {name!r} there; those that are: {', '.join(there) or 'none'}")
    return found  # type: ignore[no-any-return]


def unloaded(error: BaseException) -> str:
    return f"it cannot be loaded: {type(error).__name__}: {one_line(str(error))}"


def of_torch(function: Callable[..., Any], task: Task) -> Any:
    """What the module of PyTorch's gives that a function makes from the weights."""
    import torch

    module = function(task.lists)
    if not isinstance(module, torch.nn.Module):
        raise CandidateError(f"expected it to return a torch.nn.Module, made from weights; got {type(module).__name__}")
    with torch.no_grad():
        returned = module.eval()(*(torch.from_numpy(np.array(x)) for x in task.inputs.values()))
    return arrays_in(returned)


def arrays_in(returned: Any) -> Any:
    """Arrays for tensors; of an output and states in a tuple, as torch.nn.LSTM returns them, one after the other."""
    if isinstance(returned, list | tuple):
        several = [arrays_in(one) for one in returned]
        return [array for one in several for array in (one if isinstance(one, list) else [one])]
    if isinstance(returned, dict):
        return {key: arrays_in(one) for key, one in returned.items()}
    return returned.numpy() if hasattr(returned, "numpy") else returned


def main(
    kind: str,
    path: str,
    name: str,
    inputs: str,
    outputs: str,
    said: str,
    fed: str,
    wanted: str,
    stepped: str,
    *layout: str,
) -> int:
    """Call the function on what stands in `inputs`, and write what it returns to `outputs`, or why there is nothing."""
    task = None
    try:
        with np.load(inputs) as file:
            arrays = dict(file)
        named_weights = {
            layer: {one: arrays[f"{layer}.{one}"] for one in names.split(",") if one}
            for layer, _, names in (one.rpartition("=") for one in layout)
        }
        states = {one: arrays[one] for one in stepped.split(",")} if stepped else None
        task = Task(
            {one: arrays[one] for one in fed.split(",")},
            named_weights,
            dict.fromkeys(wanted.split(","), ()),
            {},
            states,
        )
        function = function_in(path, name)
        answer = named(of_torch(function, task) if kind == TORCH else function(*task.arguments), task)
        arrays = {key: np.asarray(value) for key, value in answer.items()}
        if objects := [key for key, array in arrays.items() if array.dtype.hasobject]:
            raise CandidateError(f"what it returned as {objects[0]!r} cannot be read as numbers")
        write_arrays(outputs, arrays)
    except WrongRequestError as error:
        message, code = f"?{error}", NO_SUCH_FUNCTION
    except CandidateError as error:
        message, code = str(error), 1
    except (Exception, SystemExit) as error:
        message, code = raised(error, task) if task is not None else unloaded(error), 1
    else:
        return 0
    with open(said, "w", encoding="utf-8", errors="backslashreplace") as note:
        note.write(message)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
