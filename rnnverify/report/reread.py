"""Results read back from JSON reports: the tables of a result, without what a report has not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from rnnverify.observation import Tolerance
from rnnverify.report.records import from_line
from rnnverify.results import (
    BlindSpot,
    BlindSpots,
    Comparison,
    Diagnosis,
    Divergence,
    LayerResult,
    Named,
    Outcome,
    OutputResult,
    PrecisionFound,
    Probe,
    Verification,
    Why,
)

ABSENT = (
    "This comes from a JSON report, which holds the tables alone: no residuals by timestep and unit, no errors over time, no"
    " connections between layers, no output shapes, no suspicion over weights, and of what could not have been seen the names"
    " alone. A page of the spec or of a saved observation has them."
)
CHANGES = ("1e-3", "1e-2", "1e-1")
VERDICTS: TypeAdapter[str] = TypeAdapter(Literal["match", "mismatch", "untested"])
TEXT: TypeAdapter[str] = TypeAdapter(str)
TEXTS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
OUTPUTS: TypeAdapter[tuple[OutputResult, ...]] = TypeAdapter(tuple[OutputResult, ...])
PLACE: TypeAdapter[Divergence | None] = TypeAdapter(Divergence | None)
PROBES: TypeAdapter[tuple[Probe, ...]] = TypeAdapter(tuple[Probe, ...])
PRECISION: TypeAdapter[PrecisionFound | None] = TypeAdapter(PrecisionFound | None)
SECONDS: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, float])
WORDS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
NUMBER: TypeAdapter[float | None] = TypeAdapter(float | None)
WHOLE: TypeAdapter[int | None] = TypeAdapter(int | None)
LAYER: TypeAdapter[LayerResult] = TypeAdapter(LayerResult)
NAMED: TypeAdapter[Named] = TypeAdapter(Named)


@dataclass(frozen=True)
class Reread:
    """A result as a report has it."""

    result: Verification | Comparison | Outcome
    verdict: str  # as it stands there: what a spec was asked to be able to show, say, does not
    unchecked: tuple[str, ...] = ()  # the layers that were taken as given


def results_in(text: str | bytes) -> list[Reread]:
    """What a JSON report says, of `run`, `check` or `compare`.

    Raises:
        ValueError: it is none of them.
    """
    try:
        report = from_line(text)
        if "candidate" in report and "diagnosis" in report:
            found = comparison_from(report)
            return [Reread(found, VERDICTS.validate_python(report["verdict"]))]
        environment = WORDS.validate_python(report["environment"])
        made = []
        for record in report["results"]:
            verdict, unchecked = VERDICTS.validate_python(record["verdict"]), TEXTS.validate_python(record["unchecked"])
            made.append(Reread(verification_from(record, environment), verdict, unchecked))
        for error in report.get("errors", ()):
            told = Outcome(TEXT.validate_python(error["spec"]), error=TEXT.validate_python(error["message"]))
            made.append(Reread(told, "error"))
        return made
    except (KeyError, TypeError, AttributeError, ValidationError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def verification_from(record: Mapping[str, Any], environment: Mapping[str, str]) -> Verification:
    """One result of a report.

    Raises:
        ValueError: it contradicts itself.
    """
    blind = record.get("blind_spots")
    candidate = record.get("candidate")
    spec = TEXT.validate_python(record["spec"])
    made = Verification(
        spec=spec,
        seed=WHOLE.validate_python(record["seed"]),
        dtype=TEXT.validate_python(record["dtype"]),
        outputs=OUTPUTS.validate_python(record["outputs"]),
        layers=tuple(map(layer_from, record["layers"])),
        first_divergence=PLACE.validate_python(record["first_divergence"]),
        amplification=NUMBER.validate_python(record["amplification"]),
        parting=None,
        tolerance=Tolerance(),
        notes=TEXTS.validate_python(record["notes"]),
        untested=TEXTS.validate_python(record["untested"]),
        environment=environment,
        seconds=SECONDS.validate_python(record["seconds"]),
        candidate=None if candidate is None else comparison_from(candidate),
        blind=None if blind is None else unseen(spec, TEXTS.validate_python(blind)),
    )
    if made.keras_verdict == "mismatch" and made.first_divergence is None and all(one.passed for one in made.outputs):
        raise ValueError("a mismatch of which no place is said")
    return made


def layer_from(record: Mapping[str, Any]) -> LayerResult:
    """One layer.

    Raises:
        ValueError: its sizes, or its shares, are none.
    """
    layer = LAYER.validate_python({**record, "class_": record["class"], "output_shape": ()})
    shapes = layer.weights.values()
    if not all(size > 0 for shape in shapes for size in shape):
        raise ValueError("weights: expected sizes above 0")
    recurrent = [shape for name, shape in layer.weights.items() if name.endswith("recurrent_kernel")]
    if recurrent and not (all(shapes) and all(len(shape) > 1 for shape in recurrent)):
        raise ValueError("weights: expected the shapes of a recurrent layer's")
    if set(layer.resolution) != set(CHANGES) or not all(0 <= share <= 1 for share in layer.resolution.values()):
        raise ValueError(f"resolution: expected the shares of {', '.join(CHANGES)}")
    return layer


def unseen(spec: str, ids: tuple[str, ...]) -> BlindSpots:
    """Their names: how many are known besides, and why they do not show, no report says."""
    return BlindSpots(spec, 0, tuple(BlindSpot(one, "", (), "", None) for one in ids), (), None)


def comparison_from(record: Mapping[str, Any]) -> Comparison:
    """A candidate's result."""
    keras = record["keras"]
    of_keras = Verification(
        spec=TEXT.validate_python(record["spec"]),
        seed=None,
        dtype="",
        outputs=(),
        layers=(),
        first_divergence=PLACE.validate_python(keras["first_divergence"]),
        amplification=None,
        parting=None,
        tolerance=Tolerance(),
        notes=(),
        untested=("",) if keras["verdict"] == "untested" else (),
        environment={},
        seconds={},
    )
    first = PLACE.validate_python(renamed(record["first_divergence"]))
    untested = TEXTS.validate_python(record["untested_outputs"])
    outputs = OUTPUTS.validate_python([renamed(output) for output in record["outputs"]])
    mistakes = tuple(NAMED.validate_python({**one, "id": one["mistake"]}) for one in record["diagnosis"])
    why = record["why"]
    diagnosis = Diagnosis(
        verdict=VERDICTS.validate_python(record["verdict"]),
        first_divergence=first,
        before=NUMBER.validate_python(record["max_abs_error"]) or 0.0,
        mistakes=mistakes,
        untested=TEXTS.validate_python(record["untested"]),
        shared=TEXTS.validate_python(record["shared"]),
        complete=True,
        why=None if why is None else why_from(why),
        precision=PRECISION.validate_python(record["precision"]),
    )
    return Comparison(
        spec=TEXT.validate_python(record["spec"]),
        candidate=TEXT.validate_python(record["candidate"]),
        seed=None,
        dtype="",
        outputs=outputs,
        findings=TEXTS.validate_python(record["findings"]),
        diagnosis=diagnosis if outputs or mistakes else None,
        by_step=(),
        untested=untested,
        notes=TEXTS.validate_python(record["notes"]),
        keras=of_keras,
        seconds=SECONDS.validate_python(record["seconds"]),
        probes=PROBES.validate_python(record["probes"]),
    )


def why_from(record: Mapping[str, Any]) -> Why:
    broken, held, sizes = (TEXTS.validate_python(record[name]) for name in ("broken", "held", "sizes"))
    return Why(broken, held, sizes, {}, None, bool(record["complete"]))


def renamed(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The candidate's value has its name in a report, and in a result that of Keras's."""
    return None if record is None else {**record, "keras": record["candidate"]}
