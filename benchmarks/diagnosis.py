"""Is a wrong port told its mistake, a right one left alone, and an unknown fault given no name? And how long does it take?

python -m benchmarks.diagnosis singles|right|unknown|pairs|time

singles: every known mistake in every layer that it applies to, of 20 random models with distinct sizes
right:   200 right candidates: NumPy in several orders of summation, C with -ffast-math, PyTorch
unknown: 50 wrong ports whose faults are in no catalogue
pairs:   200 times two mistakes of different families at once
time:    the whole catalogue without pairs beside one replay, LSTM N=4 T=50 D=8 M=32
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ports import right_ports, wrong_ports
from benchmarks.table import Row, machine
from rnnverify.api import compare, observe
from rnnverify.diagnosis.mistaken import EFFORT, diagnose
from rnnverify.diagnosis.replays import ratio
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, Mistake, made_in, with_mistakes
from rnnverify.observation import Observation
from rnnverify.results import Diagnosis
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.claimed import Right, judge_claims
from rnnverify.verification.claims import claims_of
from rnnverify.verification.outputs import label

RESULTS = Path(__file__).parent / "results"
HEAD: dict[str, Any] = {"Dense": {"units": "K"}}
SOFT: dict[str, Any] = {"Dense": {"units": "K", "activation": "softmax"}}
IDS: dict[str, Any] = {"Embedding": {"input_dim": 11, "output_dim": 4, "mask_zero": True}}
PADDED: dict[str, Any] = {"data": {"tokens": {"lengths": "random"}}}


def of(kind: str, **arguments: Any) -> dict[str, Any]:
    return {kind: {"units": "M", **arguments}}


KINDS: tuple[dict[str, Any], ...] = (
    {"layers": [of("SimpleRNN"), HEAD]},
    {"layers": [of("LSTM"), SOFT]},
    {"layers": [of("GRU"), HEAD]},
    {"layers": [of("GRU", reset_after=False), SOFT]},
    {"layers": [{"Bidirectional": {"layer": of("LSTM", return_sequences=True)}}, HEAD], "initial_state": "random"},
    {"layers": [{"Bidirectional": {"layer": of("GRU"), "merge_mode": "sum"}}, HEAD]},
    {"layers": [of("LSTM", return_sequences=True, return_state=True)], "initial_state": "random"},
    {"layers": [IDS, of("GRU", return_sequences=True), HEAD], **PADDED},
    {"layers": [IDS, {"Bidirectional": {"layer": of("LSTM", return_sequences=True)}}, of("SimpleRNN"), SOFT], **PADDED},
    {"layers": [of("LSTM", return_sequences=True), {"GRU": {"units": 6}}, HEAD]},
    {
        "layers": [
            of("LSTM"),
            {"RepeatVector": {"n": 4}},
            of("GRU", return_sequences=True),
            {"TimeDistributed": {"layer": HEAD}},
        ]
    },
    {"layers": [of("GRU", return_sequences=True, go_backwards=True), HEAD]},
    {"layers": [of("LSTM", activation="softsign", recurrent_activation="hard_sigmoid"), HEAD]},
    {"layers": [of("SimpleRNN", return_sequences=True, activation="sigmoid"), of("SimpleRNN"), HEAD]},
)


def models(count: int, seed: int = 0) -> Iterator[tuple[int, Observation]]:
    """Models of all kinds, of distinct random sizes."""
    for number, kind in enumerate(islice(cycle(KINDS), count)):
        rng = np.random.default_rng([seed, number])
        sizes = dict(zip("NTDMK", map(int, rng.permutation(np.arange(2, 10))[:5]), strict=True))
        sizes["N"], sizes["T"] = max(3, sizes["N"]), max(sizes["T"], 5)
        sizes["T"] += 5 * (sizes["T"] in (sizes["N"], sizes["D"]))
        letters = {
            letter: size
            for letter, size in sizes.items()
            if letter in str(kind) or letter in "NT" + "D" * (IDS not in kind["layers"])
        }
        scale = float(rng.uniform(1.0, 2.0))
        yield number, observe(spec_from_mapping({**letters, "weights": {"scale": scale}, "seed": number, **kind}))


def diagnosed(observed: Observation, graph: Graph, made: Graph, effort: float) -> tuple[Diagnosis, list[Any]] | None:
    """What is said of a wrong port; None where nobody can see it, or its shapes do not go on to the next layer."""
    try:
        values = made.run(observed.inputs, np.float32)
    except Exception:
        return None
    arrays = {label(graph, ref): values[ref].values for ref in observed.outputs}
    given = claims_of(observed, graph, arrays)
    judged = judge_claims(observed, graph, given.claims)
    if judged.right and not given.misfits:
        return None
    return diagnose(observed, graph, given.claims, judged, misfits=given.misfits, effort=effort), list(arrays.values())


def singles() -> str:
    tried = named = ties = 0
    for number, observed in models(20):
        graph = Graph(observed.nodes)
        for mistake in MISTAKES:
            for node in observed.nodes:
                made = (
                    with_mistakes(graph, [mistake], [node.name]) if made_in(graph.layers[node.name], mistake) else None
                )
                found = None if made is None else diagnosed(observed, graph, made, 0.0)
                if found is None:
                    continue
                tied = found[0].tied
                tried += 1
                named += mistake.id in tied
                ties += len(tied) > 1
                if mistake.id not in tied:
                    print(f"model {number}: {mistake.id} in {node.name}: {tied or 'no name'}", flush=True)
    return f"singles: {tried:,} mistakes in 20 models, each in one layer: {named:,} named, {ties:,} of them among ties"


def right_ones() -> str:
    verdicts: Counter[str] = Counter()
    ports = right_ports()
    kinds = [{"layers": [of(kind), HEAD]} for kind in ("SimpleRNN", "LSTM", "GRU")]
    for number, (name, port) in enumerate(islice(cycle(ports.items()), 200)):
        rng = np.random.default_rng([1, number])
        sizes = {"N": int(rng.integers(1, 6)), "T": int(rng.integers(1, 40)), "D": int(rng.integers(1, 20))}
        sizes |= {"M": int(rng.integers(1, 64)), "K": int(rng.integers(1, 8)), "seed": number}
        observed = observe(spec_from_mapping({**sizes, **kinds[(number // len(ports)) % 3]}))
        verdict = compare(observed, port, effort=0.0).verdict
        verdicts[verdict] += 1
        if verdict != "match":
            print(f"{number}: {name}: {verdict}: {sizes}", flush=True)
    return f"right: 200 right candidates of {len(ports)} kinds ({', '.join(ports)}): {dict(verdicts)}"


def unknown() -> str:
    unnamed = 0
    faults = list(wrong_ports())
    kinds = ("SimpleRNN", "LSTM", "GRU", "LSTM", "GRU")
    for number in range(5 * len(faults)):
        name, port = faults[number % len(faults)]
        sizes = {"N": 3, "T": 7, "D": 4, "M": 5, "K": 2, "seed": number}
        observed = observe(spec_from_mapping({**sizes, "layers": [of(kinds[number // len(faults)]), HEAD]}))
        result = compare(observed, port, effort=20.0)
        assert result.diagnosis is not None
        fine = result.verdict == "mismatch" and not result.diagnosis.tied
        unnamed += fine
        if not fine:
            print(f"{number}: {name}: {result.verdict}, {result.diagnosis.tied}", flush=True)
    return (
        f"unknown: {5 * len(faults)} wrong ports of {len(faults)} faults in no catalogue: {unnamed} are mismatches without"
        " a name"
    )


def pairs() -> str:
    rng = np.random.default_rng(2)
    first = tied = tried = incomplete = 0
    observed_models = list(models(20, seed=3))
    while tried < 200:
        number, observed = observed_models[rng.integers(len(observed_models))]
        graph = Graph(observed.nodes)
        one, other = (MISTAKES[index] for index in rng.choice(len(MISTAKES), 2, replace=False))
        if one.family == other.family:
            continue
        both = with_mistakes(graph, [one, other])
        if both is None or not all_matter(observed, graph, [one, other], both):
            continue
        found = diagnosed(observed, graph, both, EFFORT)
        if found is None:
            continue
        tried += 1
        ids = {f"{one.id} + {other.id}", f"{other.id} + {one.id}"}
        said = found[0].tied
        first += bool(said) and said[0] in ids
        tied += bool(ids & set(said))
        incomplete += not found[0].complete
        if not ids & set(said):
            print(f"model {number}: {one.id} + {other.id}: {said[:3] or 'no name'}", flush=True)
    return (
        f"pairs: 200 of different families, {EFFORT:g} s for each at most: {first} named first, {tied} among the ties;"
        f" not all pairs were tried in {incomplete}"
    )


def all_matter(observed: Observation, graph: Graph, mistakes: Sequence[Mistake], both: Graph) -> bool:
    """Whether either of two mistakes changes what the other one makes."""
    try:
        whole = both.run(observed.inputs)
        for mistake in mistakes:
            alone = with_mistakes(graph, [mistake])
            if alone is None:
                return False
            values = alone.run(observed.inputs)
            off = [
                ratio(values[ref].values, whole[ref].values, 1e-4 * np.ones(whole[ref].values.shape))
                for ref in observed.outputs
            ]
            if max(off) < 1:
                return False
    except Exception:
        return False
    return True


def timed() -> str:
    spec = {"N": 4, "T": 50, "D": 8, "layers": [{"LSTM": {"units": 32}}], "seed": 4}
    observed = observe(spec_from_mapping(spec))
    graph = Graph(observed.nodes)
    made = with_mistakes(graph, [one for one in MISTAKES if one.id == "lstm-gate-order/f-i-c-o"])
    assert made is not None
    values = made.run(observed.inputs, np.float32)
    given = claims_of(observed, graph, {label(graph, ref): values[ref].values for ref in observed.outputs})
    right = Right(observed, graph, (), often=False)  # the verdict has it, and is not the diagnosis
    judged = judge_claims(observed, graph, given.claims, right=right)
    ratios = []
    for _ in range(11):
        started = time.perf_counter()
        for _ in range(10):
            graph.run(observed.inputs)
        between = time.perf_counter()
        found = diagnose(observed, graph, given.claims, judged, right=right, effort=0.0)
        ratios.append(10 * (time.perf_counter() - between) / (between - started))
    assert found.tied == ("lstm-gate-order/f-i-c-o",)
    return str(Row("diagnose, the whole catalogue without pairs / one replay", ratios, "at most 50"))


PARTS = {"singles": singles, "right": right_ones, "unknown": unknown, "pairs": pairs, "time": timed}

if __name__ == "__main__":
    (part,) = sys.argv[1:]
    text = f"python -m benchmarks.diagnosis {part}\n{machine()}\n{PARTS[part]()}\n"
    print(text)
    (RESULTS / f"diagnosis_{part}.txt").write_text(text)
