"""Is a candidate in another precision told which, and is a small fault in float32 never taken for one?

python -m benchmarks.precisions

named:  of 34 random models of all kinds: Keras in bfloat16 and float16 (mixed policies: the same weights), the replay in float32
        with its weights rounded, and its outputs rounded; of 30 models of one recurrent layer and a Dense: NumPy loops that
        round what they multiply. Counted are those that do not match in float32.
faults: of 68 random models: one weight, one unit, one gate, one bias or one timestep off by 1e-4 to 1e-2 relatively in float32,
        and the same with outputs that are stored in float16. Every arithmetic that is named is wrong; "float16 outputs" is not
        where the fault is smaller than that rounding.

No other mistakes are tried, which would only explain some of the faults before a precision may be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.diagnosis import HEAD, KINDS, of
from benchmarks.ports import in_numpy
from benchmarks.table import machine
from rnnverify.api import observe
from rnnverify.diagnosis.mistaken import diagnose
from rnnverify.diagnosis.narrow import OPERANDS
from rnnverify.diagnosis.precisions import Given, arithmetic_of, weights_of
from rnnverify.layers.graph import Graph
from rnnverify.mistakes.weights import HALVED
from rnnverify.observation import Observation
from rnnverify.observation.stored import WEIGHT_FORMS, with_weights
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.claimed import Right, judge_claims, watched_in
from rnnverify.verification.claims import claims_of
from rnnverify.verification.outputs import label

RESULT = Path(__file__).parent / "results" / "precisions.txt"
RIGHT_MODELS, PORTS, FAULTY_MODELS = 34, 30, 68
SIMPLE: tuple[dict[str, Any], ...] = tuple({"layers": [of(kind), HEAD]} for kind in ("SimpleRNN", "LSTM", "GRU"))
SEQUENCES: tuple[dict[str, Any], ...] = (
    {"layers": [of("LSTM", return_sequences=True)]},
    {"layers": [of("GRU", return_sequences=True), HEAD]},
    {"layers": [{"Dense": {"units": "M", "activation": "tanh"}}, HEAD]},
)
PRODUCTS = ", products alone"
FAULTS = ("weight", "unit", "gate", "bias", "timestep")


def specs(kinds: tuple[dict[str, Any], ...], count: int) -> Iterator[dict[str, Any]]:
    """Specs of random sizes."""
    for number, kind in enumerate(islice(cycle(kinds), count)):
        rng = np.random.default_rng([5, number])
        sizes = {"N": (2, 12), "T": (5, 30), "D": (2, 12), "M": (3, 40), "K": (1, 8)}
        drawn = {letter: int(rng.integers(*ends)) for letter, ends in sizes.items()}
        kept = {letter: size for letter, size in drawn.items() if letter in "NT" or f"'{letter}'" in str(kind)}
        if "Embedding" not in str(kind):
            kept["D"] = drawn["D"]
        yield {**kept, "seed": number, "weights": {"scale": float(rng.uniform(0.7, 2.0))}, **kind}


def made(observed: Observation, other: Observation) -> dict[str, Any]:
    """The outputs of another model, in float32, under the names of this one's."""
    values, graph = Graph(other.nodes).run(other.inputs, np.float32), Graph(observed.nodes)
    return {label(graph, ref): values[ref].values for ref in observed.outputs}


def right_ones(spec: Mapping[str, Any], observed: Observation) -> Iterator[tuple[str, Any]]:
    """The name that each should have, and what it gives."""
    graph = Graph(observed.nodes)
    for dtype in ("bfloat16", "float16"):
        keras = observe(spec_from_mapping({**spec, "dtype": f"mixed_{dtype}"}))
        pairs = zip(keras.outputs, keras.predictions, strict=True)
        yield dtype, {label(graph, ref): np.asarray(array) for ref, array in pairs}
    for form, name in WEIGHT_FORMS.items():
        yield name, made(observed, with_weights(observed, form))
    yield "float16 outputs", {name: array.astype(np.float16) for name, array in made(observed, observed).items()}


def narrow_products(observed: Observation) -> Iterator[tuple[str, Any]]:
    """The same of NumPy loops that round what they multiply."""
    weights = {node.name: list(node.weights.values()) for node in observed.nodes}
    (x,) = observed.inputs.values()
    for dtype, (rounding, *_) in OPERANDS.items():
        port = in_numpy(lambda a, b, to=rounding: (to(a) @ to(b)).astype(np.float32))  # type: ignore[misc]
        yield dtype + PRODUCTS, {"dense": port(x, weights)}


def faulty(observed: Observation, fault: str, rng: np.random.Generator) -> Observation:
    """The model with one fault."""
    size = 1 + float(rng.choice([-1, 1]) * 10 ** rng.uniform(-4, -2))
    if fault == "timestep":
        name, x = next((name, x) for name, x in observed.inputs.items() if x.dtype.kind == "f")
        x = np.array(x)
        x[:, rng.integers(x.shape[1])] *= size
        return replace(observed, inputs={**observed.inputs, name: x})
    node = observed.nodes[rng.choice([index for index, one in enumerate(observed.nodes) if one.weights])]
    names = list(node.weights)
    name = names[-1] if fault == "bias" else names[rng.integers(len(names))]
    array = np.array(node.weights[name])
    if fault in ("weight", "bias"):
        array[tuple(rng.integers(length) for length in array.shape)] *= size
    elif fault == "unit":
        array[..., rng.integers(array.shape[-1])] *= size
    else:
        array[..., : max(1, array.shape[-1] // 4)] *= size
    changed = replace(node, weights={**node.weights, name: array})
    return replace(observed, nodes=tuple(changed if one is node else one for one in observed.nodes))


def named(observed: Observation, arrays: Mapping[str, Any]) -> str | None:
    """The precision that is named; None where what was given is right in float32."""
    graph = Graph(observed.nodes)
    claims = claims_of(observed, graph, arrays).claims
    right = Right(observed, graph, watched_in(claims), often=False)
    judged = judge_claims(observed, graph, claims, right=right)
    if judged.right:
        return None
    given = Given.of(observed, claims, right, graph, "float32")
    forms = tuple(HALVED.values())
    diagnosis = diagnose(observed, graph, claims, judged, right=right, effort=0.0, mistakes=forms)
    found = weights_of(given, diagnosis) or (None if diagnosis.tied else arithmetic_of(given))
    return "nothing" if found is None else found.name


def alike(name: str, wanted: str) -> bool:
    """Whether it is named rightly: float16 and tf32 round all numbers alike that are neither tiny nor huge."""
    if wanted.endswith(PRODUCTS):
        wanted = wanted.removesuffix(PRODUCTS)
        return name == wanted or {name, wanted} == {"float16", "tf32"}
    return name == wanted or {name, wanted} == {"float16 weights", "tf32 weights"}


def named_rightly() -> Iterator[str]:
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()

    def count(observed: Observation, cases: Iterator[tuple[str, Any]]) -> None:
        for wanted, given in cases:
            name = named(observed, given)
            if name is None:
                continue
            seen[wanted] += 1
            right[wanted] += alike(name, wanted)
            if not alike(name, wanted):
                wrong[wanted, name] += 1

    for spec in specs((*SEQUENCES, *KINDS), RIGHT_MODELS):
        observed = observe(spec_from_mapping(spec))
        count(observed, right_ones(spec, observed))
    for spec in specs(SIMPLE, PORTS):
        observed = observe(spec_from_mapping(spec))
        count(observed, narrow_products(observed))
    for wanted, total in seen.items():
        others = ", ".join(f"{name}: {times}" for (one, name), times in wrong.items() if one == wanted)
        yield f"{wanted:45}{right[wanted]:4} of {total:4}" + (f"  (otherwise {others})" if others else "")


def faults() -> Iterator[str]:
    called: dict[str, Counter[str]] = {"float32": Counter(), "float32, stored in float16": Counter()}
    for number, spec in enumerate(specs((*SEQUENCES, *KINDS), FAULTY_MODELS)):
        observed = observe(spec_from_mapping(spec))
        rng = np.random.default_rng([6, number])
        for fault in FAULTS:
            if fault == "timestep" and "Embedding" in str(spec):
                continue
            given = made(observed, faulty(observed, fault, rng))
            plain = named(observed, given)
            if plain is not None:
                stored = {name: array.astype(np.float16) for name, array in given.items()}
                called["float32"][plain] += 1
                called["float32, stored in float16"][named(observed, stored) or "nothing"] += 1
    for how, names in called.items():
        told = ", ".join(f"{name}: {times}" for name, times in names.items() if name != "nothing") or "none"
        yield f"small faults in {how}: {names.total():,} that do not match, of which are called a precision: {told}"


if __name__ == "__main__":
    about = f"python -m benchmarks.precisions\n{machine()}\n"
    lines = [about, "rightly named, of those that do not match in float32:"]
    for line in (*named_rightly(), "", *faults()):
        print(line, flush=True)
        lines.append(line)
    RESULT.write_text("\n".join(lines) + "\n")
