"""A program: `cmd:./port {inputs} {outputs}`, and a function in a file, which gets a Python process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, Noted, Task
from rnnverify.candidates.exchange import read_answer, write_task
from rnnverify.errors import RequestError
from rnnverify.machine.children import environment_of_child
from rnnverify.spec.paths import parts_of_candidate

LAST_LINES = 3  # of what a program that failed had to say
NO_SUCH_FUNCTION = 4  # the exit code of `child` where the request is wrong


def of_command(command: str, form: str, seconds: float, folder: str | None = None) -> Candidate:
    """A candidate from a command line, run without a shell.

    Args:
        command: with `{inputs}` and `{outputs}` where the two paths go.
        form: of these files, `npz` or `raw`.
        seconds: how long it may take.
        folder: in which it runs; by default where we do.

    Raises:
        RequestError: it is no command line.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RequestError(f"--candidate cmd:{command}: cannot be read as a command line: {error}") from None
    missing = [name for name in ("{inputs}", "{outputs}") if not any(name in word for word in words)]
    if not words or missing:
        raise RequestError(
            f"--candidate cmd:{command}: expected a command with {{inputs}} and {{outputs}}, as in"
            f" 'cmd:./port {{inputs}} {{outputs}}'; {' and '.join(missing) or 'the command'} is missing"
        )

    def asked(task: Task) -> Answer:
        with TemporaryDirectory() as place:
            ending = ".npz" if form == "npz" else ""
            inputs, outputs = (os.path.join(place, name + ending) for name in ("inputs", "outputs"))
            write_task(task, inputs, form)
            if form == "raw":
                os.mkdir(outputs)
            filled = [word.replace("{inputs}", inputs).replace("{outputs}", outputs) for word in words]
            run(filled, seconds, folder=folder)
            answer = read_answer(outputs, form, task.tensors)
        if not answer:
            raise CandidateError("it wrote no outputs; expected them where {outputs} says")
        return answer

    return asked


def of_source(path: str, name: str, seconds: float) -> Candidate:
    """A candidate from a function in a Python file, called in a process of its own: whatever becomes of that, we go on.

    With `torch:` before its path the function takes the weights alone, and returns a torch.nn.Module.

    Raises:
        RequestError: there is no such file.
    """
    written = f"{path}:{name}"
    kind, path, _ = parts_of_candidate(written)
    if not os.path.isfile(path):
        raise RequestError(f"--candidate {written}: no such file; give port.py:forward, a function of (x, weights)")

    def asked(task: Task) -> Answer:
        names = [",".join(one) for one in (task.inputs, task.outputs, task.states or ())]
        layout = [f"{layer}={','.join(named)}" for layer, named in task.weights.items()]
        words = Words("rnnverify.candidates.child", [kind, path, name], [*names, *layout])
        return asked_in_python(task, words, seconds, lambda reason: f"--candidate {written}: {reason}")

    return asked


class Words(NamedTuple):
    """The command line of a Python process of ours, but for the three files, which stand in the middle.

    What is written to the third beside an answer are notes, a line each.
    """

    module: (
        str  # whose `main` reads the inputs, and writes the outputs, or why there are none: behind a ?, a wrong request
    )
    what: Sequence[str]  # is asked
    names: Sequence[str]


def asked_in_python(task: Task, words: Words, seconds: float, wrong: Callable[[str], str]) -> Answer:
    """What a Python process of ours answers.

    Args:
        task: what it is asked.
        words: its command line.
        seconds: how long it may take.
        wrong: from a reason, what to say of a request that is wrong.

    Raises:
        RequestError: the request is wrong.
        CandidateError: it failed, or took too long.
    """
    with TemporaryDirectory() as folder:
        inputs, outputs, said = (os.path.join(folder, one) for one in ("inputs.npz", "outputs.npz", "said.txt"))
        write_task(task, inputs, "npz")
        command = [sys.executable, "-m", words.module, *words.what, inputs, outputs, said, *words.names]
        try:
            run(command, seconds, environment_of_child())
        except CandidateError:
            if not os.path.exists(said):
                raise
            message = Path(said).read_text(encoding="utf-8")
            if message.startswith("?"):
                raise RequestError(wrong(message[1:])) from None
            raise CandidateError(message) from None
        answer = read_answer(outputs, "npz", task.tensors)
        notes = Path(said).read_text(encoding="utf-8").splitlines() if os.path.exists(said) else []
        return Noted(answer, notes)


def run(
    words: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None, folder: str | None = None
) -> None:
    """Run a program to its end.

    Raises:
        RequestError: it cannot be started.
        CandidateError: it failed, or took too long.
    """
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be stopped with it
            env=environment,
            cwd=folder,
        )
    except OSError as error:
        raise RequestError(f"--candidate: {words[0]} cannot be run: {error.strerror or error}") from None
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise CandidateError(f"it was stopped after {seconds:g} s; --timeout gives it longer") from None
    finally:
        if process.poll() is None:
            stop(process)
    if process.returncode:
        code = process.returncode
        how = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()][-LAST_LINES:]
        raise CandidateError(how + (f", saying: {' / '.join(lines)}" if lines else ""))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
