"""Are the blind spots those that brute force finds? Every known mistake, in every layer of random models.

    python -m benchmarks.blind_spots 100

The search takes replays up half way and keeps what it made; brute force runs the whole wrong port, and has what comes out judged
as a candidate's outputs are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.random_specs import random_spec
from benchmarks.table import machine
from rnnverify.api import observe
from rnnverify.diagnosis import blind_spots as search
from rnnverify.diagnosis.variations import Free
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, Mistake, made_in, with_mistakes
from rnnverify.observation import Observation
from rnnverify.spec import spec_from_mapping
from rnnverify.spec.model import Spec
from rnnverify.verification.claimed import judge_claims
from rnnverify.verification.claims import claims_of
from rnnverify.verification.outputs import label

RESULT = Path(__file__).parent / "results" / "blind_spots.txt"


def spec_of(seed: int) -> Spec:
    """A random small model in float32 or float64."""
    spec = random_spec(np.random.default_rng(seed), 12, 12)
    return spec_from_mapping({**spec, "dtype": "float64" if spec["dtype"] == "float64" else "float32"})


def hidden(observed: Observation, graph: Graph, mistake: Mistake, node: str) -> bool:
    """By brute force: the wrong port runs as a whole, and what it gives is judged as a candidate's is."""
    wrong = with_mistakes(graph, [mistake], (node,))
    assert wrong is not None
    try:
        values = wrong.run(observed.inputs)
    except (ValueError, IndexError, RequestError):
        return False
    given = claims_of(observed, graph, {label(graph, ref): values[ref].values for ref in observed.outputs})
    return not given.findings and not given.misfits and judge_claims(observed, graph, given.claims, by_step=False).right


def places(observed: Observation, graph: Graph, mistake: Mistake) -> list[str]:
    return [node.name for node in observed.nodes if made_in(graph.layers[node.name], mistake) is not None]


def disagreements(observed: Observation) -> Iterator[tuple[str, set[str], set[str]]]:
    """The mistakes of which not the same layers are blind by the search and by brute force."""
    graph = Graph(observed.nodes)
    look = search.Look(observed, Free())
    look.make(MISTAKES)  # as the search does
    for mistake in MISTAKES:
        nodes = places(observed, graph, mistake)
        found = {name for name in nodes if look.hidden(mistake, name, look.right)}
        by_force = {name for name in nodes if hidden(observed, graph, mistake, name)}
        if found != by_force:
            yield mistake.id, found, by_force


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int)
    models = parser.parse_args().models
    tried = blind = wrong = 0
    shares = []
    for seed in range(models):
        observed = observe(spec_of(seed))
        graph = Graph(observed.nodes)
        tried += sum(len(places(observed, graph, mistake)) for mistake in MISTAKES)
        started = time.perf_counter()
        found = search.blind_spots(observed, Free(), None)
        assert found is not None
        shares.append((time.perf_counter() - started) / sum(observed.seconds.values()))
        blind += sum(len(spot.layers) for spot in (*found.spots, *found.equivalent))
        for mistake, by_search, by_force in disagreements(observed):
            wrong += len(by_search ^ by_force)
            print(f"seed {seed}: {mistake}: the search says {by_search}, brute force {by_force}", flush=True)
    text = (
        f"python -m benchmarks.blind_spots {models}\n{machine()}\n"
        f"{models} random models, {tried:,} times a known mistake in one layer: {wrong} disagreements;"
        f" {blind:,} of them are named as blind spots or as no mistakes\n"
        f"all blind spots take {np.median(shares):.2g} times as long as Keras's build and predict (the median)\n"
    )
    print(text)
    RESULT.write_text(text)


if __name__ == "__main__":
    main()
