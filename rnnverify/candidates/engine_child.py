"""The process in which an engine runs: python -m rnnverify.candidates.engine_child, see `engines.of_engine`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from rnnverify.candidates.candidate import CandidateError
from rnnverify.candidates.function import one_line
from rnnverify.layers.arrays import Array
from rnnverify.observation.arrays_file import write_arrays


class Slot(NamedTuple):
    """An input of a file."""

    name: str
    shape: tuple[int | None, ...]  # with the samples; None where any size will do
    dtype: Any  # NumPy's


class Opened(NamedTuple):
    """A file that an engine has read."""

    slots: Sequence[Slot]
    outputs: Sequence[str]
    run: Callable[[Mapping[str, Array]], Sequence[Any]]


def bound(slots: Sequence[Slot], inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays by the names of the inputs that they go to: by their own names where those are the file's, else in order.

    Raises:
        CandidateError: they do not fit.
    """
    if len(slots) != len(inputs):
        names = ", ".join(slot.name for slot in slots)
        raise CandidateError(f"the file takes {len(slots)} inputs ({names}), and the model {len(inputs)}")
    by_name = {slot.name for slot in slots} == set(inputs)
    arrays = [inputs[slot.name] for slot in slots] if by_name else list(inputs.values())
    for slot, array in zip(slots, arrays, strict=True):
        wanted = slot.shape[1:]
        if len(slot.shape) != array.ndim or any(
            w not in (None, h) for w, h in zip(wanted, array.shape[1:], strict=True)
        ):
            shape = ", ".join("any" if size is None else str(size) for size in slot.shape)
            raise CandidateError(f"the file's input {slot.name} is ({shape}), and what the model is fed {array.shape}")
    return {slot.name: array.astype(slot.dtype) for slot, array in zip(slots, arrays, strict=True)}


def answered(file: Opened, fed: Mapping[str, Array]) -> list[Array]:
    """Its outputs; asked for part by part where the file has fixed the number of samples.

    Raises:
        CandidateError: the samples are no whole number of parts.
    """
    samples = len(next(iter(fed.values())))
    fixed = next((slot.shape[0] for slot in file.slots if slot.shape and slot.shape[0]), samples)
    if samples % fixed:
        raise CandidateError(
            f"the file takes {fixed} samples at a time, and the model is fed {samples}; --set N={fixed}"
        )
    parts = [
        [np.asarray(one) for one in file.run({name: array[at : at + fixed] for name, array in fed.items()})]
        for at in range(0, samples, fixed)
    ]
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def main(module: str, path: str, inputs: str, outputs: str, said: str, fed: str, wanted: str) -> int:
    """Run the file on what stands in `inputs`, and write what it gives to `outputs`, or why there is nothing."""
    try:
        engine = import_module(module)
        with np.load(inputs) as file:
            arrays = {name: file[name] for name in fed.split(",")}
        opened: Opened = engine.opened(path)
        made = answered(opened, bound(opened.slots, arrays))
        names = wanted.split(",")
        if len(made) != len(names):
            given = ", ".join(opened.outputs)
            raise CandidateError(f"the file gives {len(made)} outputs ({given}), and the model {len(names)}")
        write_arrays(outputs, dict(zip(names, made, strict=True)))
    except ImportError as error:
        message = f"?{one_line(str(error))}"
    except CandidateError as error:
        message = str(error)
    except Exception as error:  # whatever an engine raises
        message = f"{type(error).__name__}: {one_line(str(error))}"
    else:
        return 0
    with open(said, "w", encoding="utf-8", errors="backslashreplace") as note:
        note.write(message)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
