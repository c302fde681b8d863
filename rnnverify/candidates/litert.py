"""LiteRT, TensorFlow Lite until 2024: `model.tflite`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnverify.candidates.binding import Opened, Slot
from rnnverify.candidates.candidate import CandidateError
from rnnverify.layers.arrays import Array

UNWRITTEN = "variable != nullptr"  # how it says that a variable is read which nobody has written
OF_TENSORFLOW = "Select TensorFlow op"  # how it begins to say that the file has operations of TensorFlow in it


def opened(path: str) -> Opened:
    """A file, on the processor; what it keeps in variables stays there from one call to the next."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)
    inputs = interpreter.get_input_details()
    outputs = told_by(lambda: in_order(interpreter))
    slots = [
        Slot(one["name"], tuple(None if size < 0 else int(size) for size in signature(one)), one["dtype"])
        for one in inputs
    ]
    shaped: list[Any] = []

    def run(fed: Mapping[str, Array]) -> list[Any]:
        shapes = {name: array.shape for name, array in fed.items()}
        if shapes not in shaped:
            for one in inputs:
                if tuple(one["shape"]) != shapes[one["name"]]:
                    interpreter.resize_tensor_input(one["index"], shapes[one["name"]])
            told_by(interpreter.allocate_tensors)
            shaped[:] = [shapes]
        for one in inputs:
            interpreter.set_tensor(one["index"], fed[one["name"]])
        invoked(interpreter)
        return [interpreter.get_tensor(one["index"]) for one in outputs]

    return Opened(slots, [one["name"] for one in outputs], run)


def in_order(interpreter: Any) -> list[Any]:
    """Its outputs in the order of its signature's names, as Keras exports them: those of the file are in any order."""
    details = interpreter.get_output_details()
    if len(interpreter.get_signature_list()) != 1:
        return list(details)
    runner = interpreter.get_signature_runner()
    by_index = {one["index"]: one for one in details}
    named = {name: by_index.get(one["index"]) for name, one in runner.get_output_details().items()}
    if None in named.values() or len(named) != len(details):
        return list(details)
    return [named[name] for name in sorted(named, key=number_of)]


def number_of(name: str) -> tuple[str, int]:
    """`output_10` comes behind `output_9`."""
    before, _, number = name.rpartition("_")
    return (before, int(number)) if number.isdigit() else (name, 0)


def signature(details: Mapping[str, Any]) -> Any:
    """The shape that an input has in the file, -1 where any size will do."""
    own = details["shape_signature"]
    return own if len(own) else details["shape"]


def invoked(interpreter: Any) -> None:
    """Have it run.

    Raises:
        CandidateError: the file has variables without their numbers.
    """
    try:
        interpreter.invoke()
    except RuntimeError as error:
        if UNWRITTEN not in str(error):
            raise
        raise CandidateError(
            "the file reads variables that nothing has written: the weights were lost when it was made, as by"
            " TFLiteConverter.from_concrete_functions; model.export(path, format='litert') keeps them"
        ) from None


def told_by(function: Callable[[], Any]) -> Any:
    """What a call of the interpreter gives that makes room for the file's tensors.

    Raises:
        CandidateError: the file needs TensorFlow's own operations, which LiteRT does not have.
    """
    try:
        return function()
    except RuntimeError as error:
        if OF_TENSORFLOW not in str(error):
            raise
        reason = str(error).partition(OF_TENSORFLOW)[2].rpartition("Node number")[2].strip()
        raise CandidateError(
            f"the file has operations of TensorFlow in it, which LiteRT by itself does not run (node number {reason});"
            " a file whose number of samples is fixed has none where the layers are recurrent: export:litert,N=1, or"
            " input_signature=[keras.InputSpec((1, T, D))] in model.export"
        ) from None
