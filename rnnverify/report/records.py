"""Results as one JSON object, in the fields that scripts rely on; schemas/report.json describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.resources import files
from typing import Any

from rnnverify import __version__
from rnnverify.observation import SAVED_BY
from rnnverify.report.places import places_of
from rnnverify.results import (
    Comparison,
    Diagnosis,
    Divergence,
    LayerResult,
    Named,
    Outcome,
    OutputResult,
    Record,
    SweepResult,
    Verification,
    Why,
)
from rnnverify.text import json_cleaned

TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
NUMBERS = frozenset(
    field.name
    for result in (Verification, OutputResult, LayerResult, Divergence)
    for field in fields(result)
    if field.type in ("float", "float | None")
)


def report_json(results: Sequence[Verification]) -> str:
    """What `run --format json` prints."""
    return dumped(report(results))


def compare_json(result: Comparison) -> str:
    """What `compare --format json` prints."""
    return dumped({"rnnverify": __version__, **comparison_record(result)})


def check_json(outcomes: Sequence[Outcome]) -> str:
    """What `check --format json` prints: the same object, and `errors` for the specs that could not be run."""
    results = [outcome.result for outcome in outcomes if outcome.result is not None]
    errors = [
        {"spec": one.spec, "message": one.error, "problems": [place._asdict() for place in places_of(one)]}
        for one in outcomes
        if one.error is not None
    ]
    return dumped({**report(results), "errors": errors})


def sweep_json(result: SweepResult) -> str:
    """What `sweep --format json` prints: the summary, and the record of every point."""
    counts = {key: value for key, value in vars(result.summary).items() if key != "worst"}
    worst = [record["point"] for record in result.summary.worst]
    return dumped({"rnnverify": __version__, "summary": {**counts, "worst": worst}, "results": list(result.records)})


def report(results: Sequence[Verification]) -> dict[str, Any]:
    return {
        "rnnverify": __version__,
        "environment": of_all(results[0].environment) if results else {},
        "results": [record(result) for result in results],
    }


def of_all(environment: Mapping[str, str]) -> dict[str, str]:
    """What is the same for all results of a run."""
    return {name: value for name, value in environment.items() if name != SAVED_BY}


def record(result: Verification) -> dict[str, Any]:
    """One spec's result. What this version does not determine is null."""
    return {
        "spec": result.spec,
        "verdict": result.verdict,
        "seed": result.seed,
        "dtype": result.dtype,
        "outputs": [output_record(output) for output in result.outputs],
        "layers": [layer_record(layer) for layer in result.layers],
        "first_divergence": divergence_record(result.first_divergence),
        "unchecked": list(result.unchecked),
        "untested": list(result.untested),
        "amplification": result.amplification,
        "candidate": None if result.candidate is None else comparison_record(result.candidate),
        "blind_spots": None if result.blind_spots is None else list(result.blind_spots),
        "diagnosis": None if result.candidate is None else diagnosis_record(result.candidate.diagnosis),
        "notes": list(result.notes),
        "seconds": dict(result.seconds),
    }


def output_record(output: OutputResult) -> dict[str, Any]:
    return {**asdict(output), "shape": list(output.shape)}


def layer_record(layer: LayerResult) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "class": layer.class_,
        "parameters": layer.parameters,
        "weights": {name: list(shape) for name, shape in layer.weights.items()},
        "max_residual": layer.max_residual,
        "worst_ratio": layer.worst_ratio,
        "resolution": dict(layer.resolution),
        "passed": layer.passed,
    }


def divergence_record(first: Divergence | None) -> dict[str, Any] | None:
    return None if first is None else asdict(first)


def comparison_record(result: Comparison) -> dict[str, Any]:
    """One candidate's result."""
    diagnosis = result.diagnosis
    return {
        "spec": result.spec,
        "candidate": result.candidate,
        "verdict": result.verdict,
        "max_abs_error": result.max_abs_error,
        "outputs": [candidates_own(output_record(one)) for one in result.outputs],
        "findings": list(result.findings),
        "first_divergence": candidates_own(divergence_record(result.first_divergence)),
        "diagnosis": diagnosis_record(diagnosis),
        "precision": None if result.precision is None else asdict(result.precision),
        "tied": [] if diagnosis is None else list(diagnosis.tied),
        "untested": [] if diagnosis is None else list(diagnosis.untested),
        "untested_outputs": list(result.untested),
        "shared": [] if diagnosis is None else list(diagnosis.shared),
        "why": None if result.why is None else why_record(result.why),
        "probes": [asdict(one) | {"mistakes": list(one.mistakes)} for one in result.probes],
        "notes": list(result.notes),
        "keras": {
            "verdict": result.keras.verdict,
            "first_divergence": divergence_record(result.keras.first_divergence),
        },
        "seconds": dict(result.seconds),
    }


def why_record(why: Why) -> dict[str, Any]:
    return {
        "broken": list(why.broken),
        "held": list(why.held),
        "sizes": list(why.sizes),
        "smallest": dict(why.smallest),
        "complete": why.complete,
    }


def diagnosis_record(diagnosis: Diagnosis | None) -> list[dict[str, Any]]:
    return [] if diagnosis is None else [named_record(one) for one in diagnosis.mistakes]


def named_record(one: Named) -> dict[str, Any]:
    return {
        "mistake": one.id,
        "says": one.says,
        "mend": one.mend,
        "seen": one.seen,
        "layers": list(one.layers),
        "residual": one.residual,
        "explains": one.explains,
    }


def candidates_own(fields: dict[str, Any] | None) -> dict[str, Any] | None:
    """A record in which the candidate's value has its name, and not Keras's."""
    return None if fields is None else {"candidate" if key == "keras" else key: value for key, value in fields.items()}


def ratio_of(record: Record) -> float:
    """The largest ratio of a residual to its limit over a point's layers; 0 for an error."""
    return max((layer["worst_ratio"] for layer in record.get("layers", ())), default=0.0)


def error_of(record: Record) -> float:
    """The largest error end to end; NaN for a point that has no result."""
    return max((output["max_abs_error"] for output in record.get("outputs", ())), default=math.nan)


def dumped(value: Any) -> str:
    """A report as text."""
    return json_cleaned(json.dumps(written(value), indent=2, allow_nan=False))


def line(record: Record) -> str:
    """One record on one line, as a sweep keeps it."""
    return json.dumps(written(record), allow_nan=False)


def from_line(text: str | bytes) -> Any:
    """What `line` made a line of; what stands in the line is not looked at.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, object_hook=read)


def listed(array: Any) -> Any:
    """An array as nested lists; null where there is no number."""
    if array.ndim:
        return [listed(part) for part in array]
    if array.dtype.kind in "iub":
        return int(array)
    return float(array) if math.isfinite(array) else None


def written(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become the texts "NaN", "Infinity" and "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: written(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [written(part) for part in value]
    return value


def read(part: dict[str, Any]) -> dict[str, Any]:
    """The same on the way back. Only a field that holds a number is one: a layer may be named NaN."""
    return {
        key: TEXTS.get(value, value) if key in NUMBERS and isinstance(value, str) else value
        for key, value in part.items()
    }


def report_schema() -> dict[str, Any]:
    """The JSON Schema of `report_json`."""
    text = (files("rnnverify") / "schemas" / "report.json").read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(text)
    return made
