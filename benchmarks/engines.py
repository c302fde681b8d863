"""Which engine computes which recurrent model right? Small models of 38 kinds, on everything that pip installs for them.

    python -m benchmarks.engines --seeds 3

A cell is `ok` with the largest error and its share of the limit; `wrong` with the mistake or the precision that explains it; or
`refuses`, with what was said. An engine that crashes or hangs does so in a process of its own, and is a cell.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.engine_models import KINDS, N, T, made
from benchmarks.engine_tables import in_tables, summary
from benchmarks.table import machine
from rnnverify import compare
from rnnverify.api.own_model import Export, told
from rnnverify.candidates.candidate import CandidateError
from rnnverify.errors import RequestError
from rnnverify.grids.elsewhere import asked_of
from rnnverify.keras_model.kept import Kept, export_kept
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from rnnverify.results import Comparison
from rnnverify.rounding import LIMIT

RESULT = Path(__file__).parent / "results" / "engines.txt"
SECONDS = 120.0  # that an export or an engine may take
EFFORT = 2.0  # seconds for pairs of mistakes: what is wrong for a reason of its own is none
FIXED = f",N={N},T={T}"
ONE_CALL_HIDES = ("stateful LSTM", "stateful GRU")  # kinds that are asked for other calls, too
PACKAGES = (
    *("keras", "numpy", "tensorflow", "torch", "jax", "tf2onnx", "jax2onnx", "onnx", "onnxruntime", "onnxscript"),
    *("openvino", "tract", "ai-edge-litert"),
)

# By the name of a column: a candidate; or an engine before the export that it is given.
ENGINES: Mapping[str, str] = {
    "ORT, tensorflow": "export:onnx@tensorflow",
    "ORT, torch": "export:onnx@torch",
    "ORT, torch fixed": f"export:onnx@torch{FIXED}",
    "ORT, jax": "export:onnx@jax",
    "LiteRT, tensorflow": "export:litert@tensorflow",
    "LiteRT, tensorflow fixed": f"export:litert@tensorflow{FIXED}",
    "onnxref, tensorflow": "onnxref:export:onnx@tensorflow",
    "onnxref, torch fixed": f"onnxref:export:onnx@torch{FIXED}",
    "tract, tensorflow": "tract:export:onnx@tensorflow",
    "tract, torch fixed": f"tract:export:onnx@torch{FIXED}",
    "OpenVINO, tensorflow": "openvino:export:onnx@tensorflow",
    "OpenVINO, torch fixed": f"openvino:export:onnx@torch{FIXED}",
    "OpenVINO, Keras's own": "export:openvino@openvino",
    "OpenVINO, Keras's, fixed": f"export:openvino@openvino{FIXED}",
    "Keras on jax": "backend:jax",
    "Keras on torch": "backend:torch",
    "Keras on numpy": "backend:numpy",
    "Keras on openvino": "backend:openvino",
}


@dataclass(frozen=True)
class Cell:
    """What one engine makes of one model."""

    kind: str
    engine: str
    seed: int
    what: str  # ok, wrong, refuses, untested; or `ended in` an exception of ours
    why: str = ""
    error: float | None = None
    ratio: float | None = None  # of the error to its limit


class Exports:
    """What Keras exports of one model, each once, or why it exports nothing."""

    def __init__(self, model: Any, folder: str) -> None:
        self.folder, self.kept = folder, Kept(os.path.join(folder, "model.keras"), ())
        self.files: dict[str, str | CandidateError] = {}
        model.save(self.kept.path)

    def path(self, written: str) -> str:
        """The file of an export.

        Raises:
            CandidateError: there is none.
        """
        if written not in self.files:
            wanted, path = Export.of(written), os.path.join(self.folder, f"{len(self.files)}.onnx")
            try:
                with told(f"exporting on {wanted.backend}"):
                    asked_of(wanted.backend, export_kept, (self.kept, wanted.form, wanted.sizes, path), SECONDS)
                self.files[written] = path
            except CandidateError as error:
                self.files[written] = error
        found = self.files[written]
        if isinstance(found, CandidateError):
            raise found
        return found


def cell(kind: str, engine: str, seed: int, model: Any, x: Any, exports: Exports) -> Cell:
    """One engine, one model."""
    candidate = ENGINES[engine]
    prefix, colon, written = candidate.partition(":export:")
    try:
        if colon:
            candidate = f"{prefix}:{exports.path(f'export:{written}')}"
        found = compare(
            model, candidate, x, timeout=SECONDS, effort=EFFORT, probes=None if kind in ONE_CALL_HIDES else False
        )
    except (CandidateError, RequestError) as error:
        return Cell(kind, engine, seed, "refuses", str(error))
    except Exception as error:  # which is a fault of rnnverify
        return Cell(kind, engine, seed, f"ended in {type(error).__name__}", str(error))
    return Cell(kind, engine, seed, *told_of(found))


def told_of(found: Comparison) -> tuple[str, str, float | None, float | None]:
    """What is said of a comparison: a word, the reason, the error and its share of the limit."""
    if found.diagnosis is None:
        return "refuses", "; ".join(found.findings), None, None
    if found.verdict == "match":
        return "ok", "", found.max_abs_error, share_of_limit(found)
    if found.verdict == "untested":
        return "untested", ", ".join(found.untested), found.max_abs_error, None
    first, precision = found.first_divergence, found.precision
    explaining = [one.id for one in found.diagnosis.mistakes if one.explains]
    names = list(dict.fromkeys(explaining or [id for probe in found.probes for id in probe.mistakes]))
    if precision is not None:
        names = [f"computes in {precision.name}, and right in that"]
    why = " or ".join(names) or "; ".join(found.findings) or "no known mistake"
    return "wrong", why, found.max_abs_error, None if first is None else first.residual / first.allowed


def share_of_limit(found: Comparison) -> float:
    """The largest error of a unit over `LIMIT` times the largest standard deviation of rounding, end to end."""
    shares = [one.max_abs_error / (LIMIT * one.expected_error) for one in found.outputs if one.expected_error]
    return max(shares, default=0.0)


def cells(kinds: Sequence[str], engines: Sequence[str], seeds: int, known: Mapping[Any, Cell]) -> Iterator[Cell]:
    """All cells, those that are known already as they are."""
    with quiet():
        keras = load_keras()
    for seed in range(seeds):
        for kind in kinds:
            wanted = [engine for engine in engines if (kind, engine, seed) not in known]
            yield from (known[kind, engine, seed] for engine in engines if engine not in wanted)
            if not wanted:
                continue
            keras.utils.clear_session(free_memory=False)  # so that names of layers are those of one model
            with quiet(), TemporaryDirectory() as folder:
                model, x = made(keras, kind, seed)
                exports = Exports(model, folder)
                yield from (cell(kind, engine, seed, model, x, exports) for engine in wanted)


def read(path: Path | None) -> dict[Any, Cell]:
    """The cells of a run that was ended."""
    lines = path.read_text().splitlines() if path is not None and path.exists() else []
    found = [Cell(**json.loads(line)) for line in lines]
    return {(one.kind, one.engine, one.seed): one for one in found}


def main(kinds: Sequence[str], engines: Sequence[str], seeds: int, log: Path | None, result: Path) -> None:
    known, started = read(log), time.perf_counter()
    found: list[Cell] = []
    for one in cells(kinds, engines, seeds, known):
        found.append(one)
        if (one.kind, one.engine, one.seed) in known:
            continue
        print(
            f"{one.seed} {one.kind:<30}{one.engine:<28}{one.what} {one.error} {one.ratio} {one.why[:200]}", flush=True
        )
        if log is not None:
            with log.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
    lines = [
        f"python -m benchmarks.engines --seeds {seeds}: {len(kinds)} kinds of models, {len(engines)} engines",
        machine(PACKAGES),
        *in_tables(found, kinds, engines),
        "",
        *summary(found, engines),
    ]
    result.write_text("\n".join(lines) + "\n")
    print(f"{result}: {time.perf_counter() - started:.0f} s")


def chosen(given: str | None, names: Sequence[str]) -> list[str]:
    """Those names in which one of the words stands that are given."""
    return [name for name in names if given is None or any(word in name for word in given.split(","))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", help="parts of names, as LSTM,stateful")
    parser.add_argument("--engines", help="parts of names, as ORT,tract")
    parser.add_argument("--log", type=Path, help="a file that keeps each cell, from which a run goes on that was ended")
    parser.add_argument("--result", type=Path, default=RESULT)
    asked = parser.parse_args()
    picked = chosen(asked.kinds, list(KINDS)), chosen(asked.engines, list(ENGINES))
    main(*picked, asked.seeds, asked.log, asked.result)
