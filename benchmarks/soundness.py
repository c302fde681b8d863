"""Does the verdict ever call a right model wrong? Random right models of all kinds; every one must match.

    python -m benchmarks.soundness 10000 --seed 1
    KERAS_BACKEND=torch python -m benchmarks.soundness 2000 --seed 31 --without float64

An architecture is built and traced once, and then given several sets of weights and data, each of which is a model of its
own: kernels scaled from 0.01 to 16, biases from none to saturating, data normal, tiny, subnormal, huge, one-hot, constant.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.random_specs import random_spec
from rnnverify.keras_model.build import built_of_spec
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.layers.graph import Graph
from rnnverify.machine.backends import backend_here
from rnnverify.observation import Asked, Observation
from rnnverify.rounding import LIMIT
from rnnverify.spec import spec_from_mapping
from rnnverify.spec.model import Spec
from rnnverify.verification.nodes import check_nodes

DRAWS = 8  # models an architecture


def drawn_weights(layer: Any, rng: np.random.Generator) -> list[Any]:
    """Weights for one layer: kernels of one scale, biases of another."""
    scale = np.exp(rng.uniform(np.log(0.01), np.log(16)))
    bias = rng.choice([0.0, 0.5, 0.5, 0.5, 5.0, 30.0])
    weights = []
    for weight in layer.get_weights():
        if weight.ndim == 1 or (weight.ndim == 2 and len(weight) == 2 and type(layer).__name__ == "GRU"):
            drawn = bias * rng.standard_normal(weight.shape)
        else:
            drawn = scale / np.sqrt(weight.shape[0]) * rng.standard_normal(weight.shape)
            if rng.random() < 0.1:
                drawn = np.abs(drawn)
            if rng.random() < 0.05:
                drawn = drawn * 1e-38
        weights.append(drawn.astype(weight.dtype))
    return weights


def drawn_input(
    shape: tuple[int, ...], given: Any, vocabulary: int | None, dtype: str, rng: np.random.Generator
) -> Any:
    """One input: ids with padding on either side or none, or numbers of one of many kinds."""
    if given.role == "ids":
        ids = rng.integers(1, vocabulary, shape)
        lengths = rng.integers(1, shape[-1] + 1, (shape[0], 1))
        position = np.arange(shape[-1])
        kept = [position < lengths, position >= shape[-1] - lengths, rng.random(shape) < 0.7, np.ones(shape, bool)]
        return np.where(kept[rng.integers(len(kept))], ids, 0).astype(np.int32)
    kind = rng.choice(
        ["normal", "uniform", "one_hot", "large", "tiny", "subnormal", "huge", "constant", "sparse", "wave"]
    )
    x = rng.standard_normal(shape)
    steps = np.linspace(0, rng.uniform(1, 20), shape[1] if len(shape) > 2 else 1)[:, np.newaxis]
    if given.role == "state":
        return (0.5 * x).astype(np.float64 if dtype == "float64" else np.float32)
    largest = 3e4 if dtype == "float16" or dtype == "mixed_float16" else 1e15
    made = {
        "normal": x,
        "uniform": rng.random(shape),
        "one_hot": np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])],
        "large": 100 * x,
        "tiny": 1e-20 * x,
        "subnormal": 1e-40 * x,
        "huge": largest * x,
        "constant": np.full(shape, 0.7),
        "wave": np.sin(steps + x[:, :1] if len(shape) > 2 else x),  # smooth in time: one step is much like the next
        "sparse": np.where(rng.random((*shape[:-1], 1)) < 0.5, x, 0),
    }[kind]
    return made.astype(np.float64 if dtype == "float64" else np.float32)


@dataclass(frozen=True)
class Right:
    """A right model, as observed."""

    number: int
    spec: Spec
    mapping: Mapping[str, Any]
    observed: Observation


def right_models(models: int, seed: int, largest: int, longest: int, without: Collection[str] = ()) -> Iterator[Right]:
    """At least so many random models; those of one architecture follow each other.

    Args:
        without: precisions that are left out, as those in which Keras on another backend does not compute at all: JAX knows
            float64 only if it is told to, and on PyTorch Keras multiplies matrices of float64 in float32.
    """
    rng = np.random.default_rng(seed)
    done = 0
    with quiet():
        keras = load_keras()
    while done < models:
        big = rng.random() < 0.02
        mapping = random_spec(rng, largest if big else 64, longest if big else 60)
        spec = spec_from_mapping(mapping)
        if spec.dtype in without:
            continue
        with quiet(), precision(keras, spec.dtype):
            keras.utils.clear_session(free_memory=False)
            keras.utils.set_random_seed(spec.seed % 2**32)
            asked = Asked(spec.path, spec.seed, spec.dtype, spec.tolerance)
            built = built_of_spec(keras, spec)
            for _ in range(1 if big else DRAWS):
                for layer in built.layers.values():
                    layer.set_weights(drawn_weights(layer, rng))
                vocabularies = built.vocabularies()
                x = {
                    given.name: drawn_input(
                        (spec.N or 1, *given.shape), given, vocabularies.get(given.name), spec.dtype, rng
                    )
                    for given in spec.inputs
                }
                done += 1
                yield Right(done, spec, mapping, built.observe(asked, [x]))


def main(models: int, seed: int, largest: int, longest: int, without: Collection[str] = ()) -> int:
    worst: dict[tuple[str, str], float] = defaultdict(float)
    count: dict[tuple[str, str], int] = defaultdict(int)
    alarms, started = 0, time.perf_counter()
    for model in right_models(models, seed, largest, longest, without):
        nodes = check_nodes(model.observed, Graph(model.observed.nodes))
        for node in model.observed.nodes:
            key = (model.spec.dtype, node.class_name)
            count[key] += 1
            tally = nodes[node.name].tally
            worst[key] = max(worst[key], tally.worst_deviation)
            if tally.first is not None:
                alarms += 1
                print(f"ALARM model {model.number}: {tally}: {model.mapping}", flush=True)
        if model.number % 400 == 0:
            print(f"{model.number} models, {alarms} alarms, {time.perf_counter() - started:.0f} s", flush=True)
    print(
        f"{model.number} models on {backend_here()}, seed {seed}, limit {LIMIT:g} sd: {alarms} false alarms;"
        " the worst residual in sd (and how many):"
    )
    kinds = sorted({kind for _, kind in worst})
    for dtype in sorted({dtype for dtype, _ in worst}):
        cells = (f"{kind} {worst[dtype, kind]:.2f} ({count[dtype, kind]})" for kind in kinds if count[dtype, kind])
        print(f"  {dtype:<14} " + ", ".join(cells))
    return 1 if alarms else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--largest", type=int, default=1024)
    parser.add_argument("--longest", type=int, default=2000)
    parser.add_argument("--without", nargs="*", default=[], metavar="DTYPE")
    raise SystemExit(main(**vars(parser.parse_args())))
