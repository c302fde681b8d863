"""The process in which an engine runs: python -m rnnverify.candidates.engine_child, see `engines.of_engine`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from rnnverify.candidates.binding import Opened, bound, outputs_bound
from rnnverify.candidates.candidate import CandidateError, Walk
from rnnverify.candidates.function import one_line
from rnnverify.candidates.onnx_states import states_of, told, with_states
from rnnverify.layers.arrays import Array
from rnnverify.observation.arrays_file import write_arrays

BACKTRACE = "Stack backtrace:"  # what comes behind it is no reason
LONGEST = 600  # characters of a reason


def answered(file: Opened, fed: Mapping[str, Array], notes: list[str]) -> list[Array]:
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
    if fixed < samples:
        notes.append(f"the file takes {counted(fixed)} at a time: it was asked {samples // fixed} times")
    parts = [
        [np.asarray(one) for one in file.run({name: array[at : at + fixed] for name, array in fed.items()})]
        for at in range(0, samples, fixed)
    ]
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def counted(samples: int) -> str:
    return "1 sample" if samples == 1 else f"{samples} samples"


def in_words(error: Exception) -> str:
    """What an engine raised, in a line."""
    return f"{type(error).__name__}: {one_line(str(error).partition(BACKTRACE)[0])[:LONGEST]}"


def asked(module: Any, path: str, arrays: Mapping[str, Array], wanted: Mapping[str, Any], folder: str) -> Any:
    """What a file gives for each of several calls in a row, by the names that are wanted, and what is to be said of it."""
    made: dict[str, Array] = {}
    notes: list[str] = []
    file: Opened | None = None
    pairs: list[Any] = []
    if wanted["walks"] and path.lower().endswith(".onnx"):
        path, pairs = with_states(path, [Walk(*one) for one in wanted["walks"]], folder)
    for turn in wanted["turns"]:
        if file is None or turn["reset"]:
            file = module.opened(path)
            notes += file.notes
        fed = bound(file.slots, {name: arrays[given] for name, given in turn["inputs"].items()}, notes)
        try:
            given = answered(file, fed, notes)
        except Exception as error:
            if isinstance(error, CandidateError) or not file.notes:
                raise
            raise CandidateError("; ".join([in_words(error), *file.notes])) from None
        outputs = {name: tuple(shape) for name, shape in turn["outputs"]}
        own = len(file.outputs) - len(states_of(pairs))
        made.update(outputs_bound(file.outputs[:own], given[:own], outputs, notes))
        made.update(told(pairs, dict(zip(file.outputs, given, strict=True))))
    return made, list(dict.fromkeys(notes))


def main(module: str, path: str, wanted: str, inputs: str, outputs: str, said: str) -> int:
    """Run the file on what stands in `inputs`, and write what it gives to `outputs`, or why there is nothing."""
    try:
        engine = import_module(module)
        with np.load(inputs) as file:
            arrays = dict(file)
        made, notes = asked(engine, path, arrays, json.loads(wanted), os.path.dirname(outputs))
        write_arrays(outputs, made)
        message, code = "\n".join(notes), 0
    except ImportError as error:
        message, code = f"?{one_line(str(error))}", 1
    except CandidateError as error:
        message, code = str(error), 1
    except Exception as error:  # whatever an engine raises
        message, code = in_words(error), 1
    with open(said, "w", encoding="utf-8", errors="backslashreplace") as note:
        note.write(message)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
