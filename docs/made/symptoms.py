"""How each known mistake shows itself: it is made in small models, and what becomes of their outputs is looked at.

`python -m docs.made.symptoms` has Keras build the models, and writes symptoms.json, which the gallery shows. A test holds that
file against what is found anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnverify.diagnosis.shared import along
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, Mistake, made_in, with_mistakes
from rnnverify.observation import Observation

FILE = Path(__file__).with_name("symptoms.json")
SAME = 1e-9  # of the largest output: what two replays in float64 may differ by
SIZES = {"T": 7, "D": 3, "M": 5, "K": 2}
# What hides most: one sample, biases of zero as Keras draws them, states that start from zero, nothing masked.
BARE: tuple[dict[str, Any], ...] = (
    {"layer": "SimpleRNN"},
    {"layer": "LSTM"},
    {"layer": "GRU"},
    {
        "layers": [
            {"Bidirectional": {"layer": {"LSTM": {"units": "M", "return_sequences": True}}}},
            {"Dense": {"units": "K"}},
        ]
    },
    {
        "layers": [
            {"Embedding": {"input_dim": 9, "output_dim": 3, "mask_zero": True}},
            {"GRU": {"units": "M", "return_sequences": True}},
        ],
        "data": {"tokens": {"lengths": "full"}},
    },
)


@dataclass(frozen=True)
class Symptom:
    """What a mistake does to the outputs of a model."""

    model: str  # the classes of its layers
    off: float | None  # the largest error; None where the outputs have another shape, or are no numbers
    reach: float  # the largest output of the right model
    samples: str  # which of them are wrong
    timesteps: str  # which of them are, in a model that has outputs over time; empty where none shows it
    layers: tuple[str, ...]  # the classes in which it can be made
    hidden: tuple[str, ...] = ()  # where it does not show, and with what it would


def symptoms_of(observed: Iterable[Observation], mistakes: Iterable[Mistake] = MISTAKES) -> dict[str, Symptom]:
    """For each mistake what it does to the first of these models that shows it.

    Which timesteps are wrong is taken from the first of them that has outputs over time.
    """
    models = [(one, Graph(one.nodes)) for one in observed]
    right = [graph.run(one.inputs) for one, graph in models]
    found = {}
    for mistake in mistakes:
        layers = {
            node.class_name: None
            for one, graph in models
            for node in one.nodes
            if made_in(graph.layers[node.name], mistake) is not None
        }
        shown = [
            (one, *errors)
            for (one, graph), made in zip(models, right, strict=True)
            if (errors := errors_of(one, graph, made, mistake)) is not None
        ]
        if not shown:
            continue
        first, wrong, off, reach = shown[0]
        over_time = next((row for row in shown if row[1] is not None and row[1].ndim > 2), None)
        samples = "the output has another shape" if wrong is None else samples_of(first, wrong)
        timesteps = "" if over_time is None else timesteps_of(*over_time[:2])
        size = None if wrong is None or not np.isfinite(off) else off
        found[mistake.id] = Symptom(described(first), size, reach, samples, timesteps, tuple(layers))
    return found


def errors_of(
    observed: Observation, graph: Graph, right: Mapping[Any, Any], mistake: Mistake
) -> tuple[Any, float, float] | None:
    """Which elements of the first wrong output are wrong, by how much, and how large the output is.

    None where nothing is wrong, or the mistake cannot be made; None for the elements where the shape is another.
    """
    wrong = with_mistakes(graph, [mistake])
    if wrong is None:
        return None
    try:
        with np.errstate(all="ignore"):
            made = wrong.run(observed.inputs)
    except Exception:
        return None  # what a layer makes of it does not fit the next one
    for ref in observed.outputs:
        one, other = right[ref].values, made[ref].values
        reach = float(np.abs(one).max())
        if one.shape != other.shape:
            return None, 0.0, reach
        off = np.abs(one - other)
        if not (off <= SAME * max(1.0, reach)).all():
            return ~(off <= SAME * max(1.0, reach)), float(off.max()), reach
    return None


def samples_of(observed: Observation, wrong: Any) -> str:
    """Which samples are wrong, by their numbers or by what they have in common."""
    masked = masked_steps(observed)
    rows = wrong.reshape(len(wrong), -1).any(axis=1)
    if masked is not None and not rows.all() and not rows[~masked.any(axis=1)].any():
        return "only samples with masked steps are wrong"
    return next(along(wrong, 0, "sample", "samples"), "every sample is wrong")


def timesteps_of(observed: Observation, wrong: Any) -> str:
    """The same for timesteps."""
    masked = masked_steps(observed)
    steps = wrong.reshape(*wrong.shape[:2], -1).any(axis=2)
    if masked is not None and masked.shape == steps.shape:
        if not steps[~masked].any():
            return "at masked steps alone"
        return "at some of the steps" if not steps.all() else "at every timestep"
    return next(along(wrong, 1, "timestep", "timesteps"), "at every timestep")


def masked_steps(observed: Observation) -> Any:
    """Which steps are padding, (N, T); None in a model that is fed no ids, or none that is padding."""
    for x in observed.inputs.values():
        if x.ndim == 2 and (x == 0).any() and (x == np.round(x)).all():
            return x == 0
    return None


def described(observed: Observation) -> str:
    """A model by the classes of its layers."""
    first_calls = [node for node in observed.nodes if node.name == node.layer]
    return ", ".join(node.class_name for node in first_calls)


def hidden_in(models: Iterable[dict[str, Any]]) -> dict[str, dict[str, None]]:
    """For each mistake why one of these models does not show it, and what would."""
    from rnnverify import blind_spots
    from rnnverify.spec import spec_from_mapping

    found: dict[str, dict[str, None]] = {}
    for model in models:
        spots = blind_spots(spec_from_mapping({"N": 1, **SIZES, "weights": "keras", **model})).spots
        for spot in spots:
            change = spot.change or ""
            by = f"`{change}`" if ":" in change else change
            found.setdefault(spot.id, {})[f"{spot.reason}; {by} shows it"] = None
    return found


def written() -> str:
    """The file, made anew."""
    from tests.mistakes.models import observations

    hidden = hidden_in(BARE)
    found = symptoms_of(observations().values())
    rows = {id: {**asdict(one), "hidden": list(hidden.get(id, {}))} for id, one in found.items()}
    return json.dumps(rows, indent=1) + "\n"


def read() -> Iterator[tuple[str, Symptom]]:
    """What stands in the file."""
    for id, row in json.loads(FILE.read_text()).items():
        yield id, Symptom(**{key: tuple(one) if isinstance(one, list) else one for key, one in row.items()})


if __name__ == "__main__":
    FILE.write_text(written())
