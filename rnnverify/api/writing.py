"""Write a model as a NumPy script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rnnverify.api.observing import observation_of
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.observation.arrays_file import write_arrays
from rnnverify.recording.models import record
from rnnverify.results.written import NumpyScript
from rnnverify.verification.limits import output_limits
from rnnverify.verification.outputs import label


def write_script(
    target: Any,
    path: str | os.PathLike[str],
    x: Any = None,
    *,
    mask: Any = None,
    initial_state: Any = None,
    allow_code: bool = False,
    opaque: Sequence[str] = (),
) -> NumpyScript:
    """Write a model as a NumPy script that a person could have written, with its weights in an .npz beside it.

    It is made from what the layers' own equations do, operation by operation: every layer that has a replay can be written.

    Args:
        target, x, mask, initial_state: as `verify` takes them.
        path: of the script, a new file, `model.py`; the arrays go to `model.npz`, new as well.
        allow_code: whether a function that a spec names, to return the model, may be run.
        opaque: layers that are not to be written: what Keras put out stands in the .npz.

    Returns:
        What was written. Run, the script prints the outputs, and their largest difference from Keras's beside the one that
        rounding explains; it ends with 1 if any is larger.

    Raises:
        RequestError: the target cannot be built, fed or written, or one of the files is there already.
    """
    from rnnverify.report.numpy_script.frame import Output  # results in, text out
    from rnnverify.report.numpy_script.model import written

    script, arrays = paths_of(path)
    observed = observation_of(target, x, allow_code, opaque, mask, initial_state)
    graph = Graph.of(observed)
    pairs = zip(observed.outputs, observed.predictions, output_limits(observed, graph), strict=True)
    outputs = [Output(label(graph, ref), ref, keras, limit) for ref, keras, limit in pairs]
    made = written(observed.asked.spec, record(observed, graph), outputs, os.path.basename(arrays))
    try:
        with open(arrays, "xb") as file:
            write_arrays(file, made.arrays)
        try:
            with open(script, "x", encoding="utf-8", errors="backslashreplace") as text:
                text.write(made.text)
        except OSError:
            with suppress(OSError):
                os.remove(arrays)
            raise
    except OSError as error:
        raise RequestError(f"{script}: cannot be written: {error.strerror or error}; give another path") from None
    return NumpyScript(observed.asked.spec, script, arrays, made.text)


def paths_of(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Where the script goes, and where its arrays: two new files.

    Raises:
        RequestError: they cannot go there.
    """
    script = os.fspath(path)
    stem, end = os.path.splitext(script)
    if end != ".py":
        raise RequestError(f"--script {script}: expected the path of a new Python file, such as model.py")
    folder = os.path.dirname(script) or "."
    if not os.path.isdir(folder):
        raise RequestError(f"--script {script}: the folder {folder} does not exist; make it first")
    arrays = f"{stem}.npz"
    for one in (script, arrays):
        if os.path.lexists(one):
            raise RequestError(f"--script {script}: expected a new file, there is {one} already; give another name")
    return script, arrays
