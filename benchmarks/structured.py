"""Does the verdict ever call a right model wrong that has structure? Ordered, constant, orthogonal, trained weights on such data.

    python -m benchmarks.structured 5000 --seed 1
    python -m benchmarks.structured --seed 1 --only 37.4 --keep alarms

Beside `soundness`, whose weights and data are independent: sums of independent terms round by chance, those of ordered terms
do not. The models are of several precisions, and are run as their users run them. An architecture is traced once, and
then given several sets of weights and data; 37.4 is the fourth on the 37th, and `--only` draws it again, the same.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.random_programs import WAYS, Program, random_program
from rnnverify.errors import RequestError
from rnnverify.keras_model.built import Built
from rnnverify.keras_model.models import taken_apart
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.keras_model.weights import weight_names
from rnnverify.observation import Asked, Observation
from rnnverify.observation.file import save_observation
from rnnverify.observation.precision import dtypes_in
from rnnverify.results import Verification
from rnnverify.verification.verdict import judge

DRAWS = 8  # models an architecture
Array = Any
Rng = np.random.Generator


def haar(n: int) -> Array:
    """Haar's wavelets, of a power of two."""
    if n == 1:
        return np.ones((1, 1))
    half = haar(n // 2)
    return np.vstack([np.kron(half, [1, 1]), np.kron(np.eye(n // 2), [1, -1])]) / np.sqrt(2)


def signs(rows: int) -> Array:
    return np.where(np.arange(rows)[:, np.newaxis] % 2, -1.0, 1.0)


def halves(rows: int, first: float, second: float) -> Array:
    return np.where(np.arange(rows)[:, np.newaxis] < rows // 2, first, second)


def waves(rows: int, columns: int, shift: float) -> Array:
    return np.cos(np.pi * (np.arange(rows)[:, np.newaxis] + shift) * np.arange(columns) / rows)


# Matrices of rows and columns; a bias is a matrix of one column.
WEIGHTS: dict[str, Callable[[Rng, int, int], Array]] = {
    "independent": lambda rng, m, n: rng.standard_normal((m, n)),
    "linspace": lambda rng, m, n: np.linspace(rng.choice([-1, 0, 0.5]), 1, m * n).reshape(m, n),
    "ordered": lambda rng, m, n: np.sort(rng.standard_normal((m, n)), axis=rng.integers(2)),
    "ordered sizes": lambda rng, m, n: np.sort(np.abs(rng.standard_normal((m, n))), axis=0)[:: rng.choice([-1, 1])],
    "constant": lambda rng, m, n: np.full((m, n), rng.choice([1.0, 0.7, 1 / 3, -0.1])),
    "halves": lambda rng, m, n: (
        halves(m, 1, rng.choice([-1, -0.5, 1e-3])) * rng.choice([1, 0.7, rng.random()]) * np.ones(n)
    ),
    "cancelling": lambda rng, m, n: np.resize(np.vstack([v := rng.standard_normal(((m + 1) // 2, n)), -v]), (m, n)),
    "alternating": lambda rng, m, n: signs(m) * np.abs(rng.standard_normal((1, n)) + np.zeros((m, n))),
    "alternating normal": lambda rng, m, n: signs(m) * np.abs(rng.standard_normal((m, n))),
    "orthogonal": lambda rng, m, n: np.linalg.qr(rng.standard_normal((max(m, n),) * 2))[0][:m, :n] * np.sqrt(m),
    "DCT-II": lambda rng, m, n: waves(m, n, 0.5),
    "Haar": lambda rng, m, n: haar(1 << (max(m, n) - 1).bit_length())[:m, :n] * np.sqrt(m),
    "sine": lambda rng, m, n: np.sin(rng.uniform(0, 3) * np.arange(m * n) / n).reshape(m, n),
    "sparse": lambda rng, m, n: rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.05),
    "integer": lambda rng, m, n: rng.integers(-3, 4, (m, n)),
    "powers of two": lambda rng, m, n: 2.0 ** rng.integers(-8, 5, (m, n)) * rng.choice([-1, 1], (m, n)),
    "centring": lambda rng, m, n: np.eye(m, n) - 1 / m,
    "geometric": lambda rng, m, n: (rng.choice([0.5, 0.9, 0.99]) ** np.arange(m))[:, np.newaxis] * np.ones(n),
}


def drawn_weights(layer: Any, kind: str, rng: Rng, dead: int | None) -> list[Array]:
    """Weights for one layer; a kernel has zeros for a feature that is `dead`."""
    scale, bias = np.exp(rng.uniform(np.log(0.02), np.log(8))), rng.choice([0.0, 0.5, 0.5, 5.0, 30.0])
    plain = rng.random() < 0.3  # no scale, so that integers stay integers
    weights = []
    for name, weight in zip(weight_names(layer), layer.get_weights(), strict=True):
        columns = weight.shape[-1]
        if "bias" in name:
            drawn = bias * WEIGHTS[kind if rng.random() < 0.5 else "independent"](rng, columns, 1)[:, 0]
            drawn = np.broadcast_to(drawn, weight.shape).copy()
            if weight.ndim == 1 and columns % 4 == 0 and rng.random() < 0.2:
                drawn[columns // 4 : columns // 2] = 8  # of an LSTM, the forget gate's
        else:
            drawn = WEIGHTS[kind](rng, *weight.shape) * (1 if plain else scale / np.sqrt(len(weight)))
            if dead is not None and "recurrent" not in name and dead < len(drawn):
                drawn = drawn * (np.arange(len(drawn)) != dead)[:, np.newaxis]
        weights.append(drawn.astype(weight.dtype))
    return weights


# Arrays (..., D), from normal variables of that shape and the largest number that may be.
DATA: dict[str, Callable[[Rng, Array, float], Array]] = {
    "normal": lambda rng, x, most: x * rng.choice([0.01, 1, 1, 100]),
    "constant": lambda rng, x, most: np.full_like(x, rng.choice([1, 0.7, 20, -0.1])),
    "constant in time": lambda rng, x, most: x if x.ndim < 3 else np.broadcast_to(x[:, :1], x.shape),
    "offset": lambda rng, x, most: rng.choice([20, 1000]) + x,
    "one-hot": lambda rng, x, most: np.eye(x.shape[-1])[rng.integers(x.shape[-1], size=x.shape[:-1])],
    "Cauchy": lambda rng, x, most: np.clip(rng.standard_cauchy(x.shape), -most, most),
    "Student": lambda rng, x, most: np.clip(rng.standard_t(2, x.shape), -most, most),
    "mixed scale": lambda rng, x, most: np.where(
        np.arange(x.shape[-1]) == 0, min(1e12, most) * (1 + 0.1 * np.tanh(x)), x
    ),
    "wave": lambda rng, x, most: (
        np.sin(np.linspace(0, rng.uniform(0, 9), x[0].size).reshape(x.shape[1:]) + x.flat[0]) + 0 * x
    ),
    "sorted": lambda rng, x, most: np.sort(x, axis=rng.integers(1, x.ndim)),
    "sorted sizes": lambda rng, x, most: np.sort(np.abs(x), axis=-1)[..., :: rng.choice([-1, 1])],
    "alternating": lambda rng, x, most: signs(x.shape[-1])[:, 0] * np.abs(x),
    "integers": lambda rng, x, most: rng.integers(0, rng.choice([2, 10, 256]), x.shape),
    "few ones": lambda rng, x, most: np.where(rng.random(x.shape) < 0.03, 1, 0),
}


def drawn_input(shape: tuple[int, ...], kind: str, vocabulary: int | None, most: float, rng: Rng) -> Array:
    """One input: ids with padding or none, or numbers; now and then whole steps are zero, which a Masking masks."""
    if vocabulary is not None:
        ids = np.sort(rng.integers(1, vocabulary, shape)) if rng.random() < 0.3 else rng.integers(1, vocabulary, shape)
        return np.where(np.arange(shape[-1]) < rng.integers(1, shape[-1] + 1, (shape[0], 1)), ids, 0).astype(np.int32)
    drawn = DATA[kind](rng, rng.standard_normal(shape), most)
    return drawn * (rng.random((*shape[:-1], 1)) < 0.7) if rng.random() < 0.2 else drawn


@dataclass(frozen=True)
class Right:
    """A right model, as observed, and how it came about."""

    number: str
    way: str
    policy: str
    program: str
    weights: Mapping[str, str]  # by layer
    data: str
    observed: Observation

    def __str__(self) -> str:
        return (
            f"model {self.number}, global policy {self.policy}, run as {self.way}, data {self.data}, weights"
            f" {dict(self.weights)}\n{self.program}"
        )


def built(keras: Any, program: Program, way: str, train: bool, samples: int) -> tuple[Built, bool]:
    """The model of a program, ready to be run; and whether it could be trained."""
    scope: dict[str, Any] = {"keras": keras, "L": keras.layers}
    exec(program.text, scope)
    model, rng = scope["model"], program.rng
    fed = [np.zeros((samples, *given.shape[1:]), given.dtype) for given in model.inputs]
    if train:
        x = [rng.integers(0, 2, a.shape) if a.dtype.kind == "i" else rng.standard_normal(a.shape) for a in fed]
        model.compile("adam", "mse")
        model.fit(x, [rng.random((samples, *y.shape[1:])) for y in model.outputs], epochs=30, verbose=0)
        train = all(np.isfinite(w.astype(float)).all() for w in model.get_weights())
    if way in ("eager", "jit"):
        model.compile(run_eagerly=way == "eager", jit_compile=way == "jit")
    apart = taken_apart(keras, model, fed, [])
    return (replace(apart, model=None) if way == "spec" else apart), train


def right_models(models: int, seed: int, longest: int, only: str | None, refused: Counter[str]) -> Iterator[Right]:
    """At least so many structured models, or only one; those that cannot be run are counted by the reason."""
    with quiet():
        keras = load_keras()
    one, done, architecture = only and [int(part) for part in only.split(".")], 0, 0
    while done < models:
        architecture = one[0] if one else architecture + 1
        rng = np.random.default_rng([seed, architecture])
        program, way, train = random_program(rng, longest), WAYS[rng.integers(len(WAYS))], rng.random() < 0.02
        samples, policy = program.size(9) if program.flag(0.9) else 40, program.policy
        keras.utils.clear_session(free_memory=False)  # before the policy is set, which it would forget
        with quiet(), precision(keras, policy):
            keras.utils.set_random_seed(architecture)
            made, trained = built(keras, program, way, train, samples)
            learned = {name: layer.get_weights() for name, layer in made.layers.items()}
            dtypes = {dtype for layer in made.layers.values() for dtype in dtypes_in(layer.get_config())}
            most = 3e4 if "float16" in dtypes else 1e15
            for draw in [one[1]] if one else range(1, DRAWS + 1):
                rng, done = np.random.default_rng([seed, architecture, draw]), done + 1
                data, kind = (str(rng.choice(list(kinds))) for kinds in (DATA, WEIGHTS))
                alike, dead = rng.random() < 0.6, 0 if rng.random() < 0.3 else None
                weights = {}
                for name, layer in made.layers.items():
                    if layer.weights:
                        weights[name] = "trained" if trained else kind if alike else str(rng.choice(list(WEIGHTS)))
                        layer.set_weights(learned[name] if trained else drawn_weights(layer, weights[name], rng, dead))
                words, floats = made.vocabularies(), np.float64 if policy == "float64" else np.float32
                x = {
                    given.name: drawn_input((samples, *given.shape), data, words.get(given.name), most, rng)
                    for given in made.inputs
                }
                x = {name: array if array.dtype == np.int32 else array.astype(floats) for name, array in x.items()}
                number = f"{architecture}.{draw}"
                try:
                    observed = made.observe(Asked(f"model {number}", 0, policy), x)
                except RequestError as error:
                    refused[f"{way}: {str(error)[:150]}"] += 1
                    continue
                yield Right(number, way, policy, program.text, weights, data, observed)
        done = models if one else done


@dataclass
class Seen:
    """What was found of the models of one kind."""

    count: int = 0
    alarms: int = 0
    worst: float = 0.0

    def add(self, alarm: bool, ratio: float) -> None:
        self.count, self.alarms, self.worst = self.count + 1, self.alarms + alarm, max(self.worst, ratio)


def kinds_of(model: Right, found: Verification) -> Iterator[tuple[tuple[str, str], bool, float]]:
    """Under which headings a model counts: as a whole, and each of its layers."""
    layers = {layer.layer: layer for layer in found.layers}
    ratio, alarm = max(layer.worst_ratio for layer in found.layers), found.verdict == "mismatch"
    yield ("way", model.way), alarm, ratio
    yield ("data", model.data), alarm, ratio
    yield ("verdict", found.verdict), alarm, ratio
    yield (
        (
            "precisions",
            "one" if len({d for n in model.observed.nodes for d in dtypes_in(n.config)}) == 1 else "several",
        ),
        alarm,
        ratio,
    )
    for node in model.observed.nodes:
        layer, dtype = layers[node.name], "+".join(dict.fromkeys(dtypes_in(node.config)))
        yield ("layer", f"{node.class_name} {dtype}"), not layer.passed, layer.worst_ratio
        if node.layer in model.weights:
            yield ("weights", f"{model.weights[node.layer]} {dtype}"), not layer.passed, layer.worst_ratio


def main(models: int, seed: int, longest: int = 40, only: str | None = None, keep: str | None = None) -> int:
    seen: dict[tuple[str, str], Seen] = defaultdict(Seen)
    refused: Counter[str] = Counter()
    number, alarms, started = 0, 0, time.perf_counter()
    for number, model in enumerate(right_models(models, seed, longest, only, refused), 1):
        found = judge(model.observed).result
        for heading, alarm, ratio in kinds_of(model, found):
            seen[heading].add(alarm, ratio)
        if found.verdict == "mismatch":
            alarms += 1
            print(f"ALARM {model}\n{found.first_divergence}\n", flush=True)
            if keep:
                os.makedirs(keep, exist_ok=True)
                save_observation(model.observed, os.path.join(keep, f"{seed}-{model.number}.npz"))
        if number % 400 == 0:
            print(f"{number} models, {alarms} alarms, {time.perf_counter() - started:.0f} s", flush=True)
    for (heading, kind), of in sorted(seen.items()):
        print(f"  {heading:<10} {kind:<36} {of.count:>6} {of.alarms:>4} alarms, worst ratio {of.worst:.3g}")
    for reason, count in refused.most_common():
        print(f"  not run: {count} {reason}")
    print(f"{number} models, seed {seed}: {alarms} false alarms, {time.perf_counter() - started:.0f} s")
    return 1 if alarms else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=40)
    parser.add_argument("--only", help="the number of one model, which is drawn again")
    parser.add_argument("--keep", help="a folder for the observations of the alarms")
    raise SystemExit(main(**vars(parser.parse_args())))
