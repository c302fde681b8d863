"""Does the verdict ever call a right model wrong that has structure? Ordered, constant, orthogonal, trained weights on such data.

    python -m benchmarks.structured 5000 --seed 1
    python -m benchmarks.structured --seed 1 --only 37.4 --keep alarms
    python -m benchmarks.structured 2000 --seed 1 --attention

Beside `soundness`, whose weights and data are independent: sums of independent terms round by chance, those of ordered terms
do not. The models are of several precisions, and are run as their users run them. An architecture is traced once, and
then given several sets of weights and data; 37.4 is the fourth on the 37th, and `--only` draws it again, the same.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.random_programs import WAYS, Program, random_program
from benchmarks.structures import DATA, WEIGHTS, drawn_input, drawn_weights
from rnnverify.errors import RequestError
from rnnverify.keras_model.built import Built
from rnnverify.keras_model.models import taken_apart
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.observation import Asked, Observation
from rnnverify.observation.file import save_observation
from rnnverify.observation.precision import UNIT_ROUNDOFF, dtypes_in, rounded
from rnnverify.results import Verification
from rnnverify.verification.verdict import judge

DRAWS = 8  # models an architecture


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
    apart, _ = taken_apart(keras, model, fed, [])
    return (replace(apart, model=None) if way == "spec" else apart), train


def right_models(
    models: int, seed: int, longest: int, only: str | None, refused: Counter[str], attention: bool = False
) -> Iterator[Right]:
    """At least so many structured models, or only one; those that cannot be run are counted by the reason."""
    with quiet():
        keras = load_keras()
    one, done, architecture = only and [int(part) for part in only.split(".")], 0, 0
    while done < models:
        architecture = one[0] if one else architecture + 1
        rng = np.random.default_rng([seed, architecture])
        program, way, train = (
            random_program(rng, longest, attention),
            WAYS[rng.integers(len(WAYS))],
            rng.random() < 0.02,
        )
        samples, policy = program.size(9) if program.flag(0.9) else 40, program.policy
        keras.utils.clear_session(free_memory=False)  # before the policy is set, which it would forget
        with quiet(), precision(keras, policy):
            keras.utils.set_random_seed(architecture)
            made, trained = built(keras, program, way, train, samples)
            learned = {name: layer.get_weights() for name, layer in made.layers.items()}
            try:
                dtypes = {dtype for layer in made.layers.values() for dtype in dtypes_in(layer.get_config())}
            except RequestError as error:
                refused[f"{way}: {str(error).partition(': ')[2][:150]}"] += 1
                continue
            most = 3e4 if "float16" in dtypes else 1e15
            for draw in [one[1]] if one else range(1, DRAWS + 1):
                rng, done = np.random.default_rng([seed, architecture, draw]), done + 1
                data, kind = (str(rng.choice(list(kinds))) for kinds in (DATA, WEIGHTS))
                alike, dead = rng.random() < 0.6, 0 if data == "mixed scale" and rng.random() < 0.5 else None
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
                    observed = made.observe(Asked(f"model {number}", 0, policy), [x])
                except RequestError as error:
                    refused[f"{way}: {str(error)[:150]}"] += 1
                    continue
                yield Right(number, way, policy, program.text, weights, data, observed)
        done = models if one else done


def against_float64(keras: Any, model: Right) -> str:
    """How far the prediction, and the run that was watched, are from what Keras itself computes in float64.

    A right model is off by a small multiple of its coarsest precision, unless it amplifies errors.
    """
    scope: dict[str, Any] = {"keras": keras, "L": keras.layers}
    with quiet(), precision(keras, "float64"):
        exec(re.sub(r"dtype='[a-z_]*(float\d+)'", "dtype='float64'", model.program), scope)
        for node in model.observed.nodes:
            dtype = dtypes_in(node.config)[-1]
            scope["model"].get_layer(node.layer).set_weights([rounded(w, dtype) for w in node.weights.values()])
        exact = scope["model"].predict_on_batch(list(model.observed.inputs.values()))
    far = []
    for made in (model.observed.predictions, [model.observed.emitted[ref] for ref in model.observed.outputs]):
        errors = [
            float(np.abs(y.astype(float) - z).max() / (np.abs(z).max() + 1e-300))
            for y, z in zip(made, keras.tree.flatten(exact), strict=True)
        ]
        far.append(f"{max(errors):.3g}")
    coarsest = max(UNIT_ROUNDOFF[dtype] for node in model.observed.nodes for dtype in dtypes_in(node.config))
    return f"from Keras in float64, relatively: prediction {far[0]}, watched {far[1]}; coarsest unit {coarsest:.3g}"


@dataclass
class Seen:
    """What was found of the models, or layers, of one kind."""

    count: int = 0
    alarms: int = 0
    worst: float = 0.0

    def add(self, alarm: bool, ratio: float) -> None:
        self.count, self.alarms, self.worst = self.count + 1, self.alarms + alarm, max(self.worst, ratio)

    def __str__(self) -> str:
        return f"{self.alarms}/{self.count} {self.worst:.3g}"


def headings(model: Right, found: Verification) -> Iterator[tuple[tuple[str, str, str], bool, float]]:
    """Under which table, row and column a model counts: as a whole, and each of its layers."""
    layers = {layer.layer: layer for layer in found.layers}
    ratio, alarm = max(layer.worst_ratio for layer in found.layers), found.verdict == "mismatch"
    several = len({dtype for node in model.observed.nodes for dtype in dtypes_in(node.config)}) > 1
    yield ("way of running", model.way, "several precisions" if several else "one precision"), alarm, ratio
    yield ("data", model.data, model.way), alarm, ratio
    yield ("verdict", found.verdict, "models"), alarm, ratio
    for node in model.observed.nodes:
        layer, dtype = layers[node.name], "+".join(dict.fromkeys(dtypes_in(node.config)))
        yield ("layer", node.class_name, dtype), not layer.passed, layer.worst_ratio
        if node.layer in model.weights:
            yield ("weights", model.weights[node.layer], dtype), not layer.passed, layer.worst_ratio


def show(seen: Mapping[tuple[str, str, str], Seen]) -> None:
    """Alarms, how many there were in all, and the worst residual over its limit."""
    for table in dict.fromkeys(table for table, *_ in seen):
        print(f"{table}: alarms/all, worst ratio")
        for row in sorted({row for of, row, _ in seen if of == table}):
            columns = sorted(column for of, at, column in seen if (of, at) == (table, row))
            print(f"  {row:<18} " + ", ".join(f"{column} {seen[table, row, column]}" for column in columns))


def main(
    models: int,
    seed: int,
    longest: int = 40,
    only: str | None = None,
    keep: str | None = None,
    attention: bool = False,
) -> int:
    seen: dict[tuple[str, str, str], Seen] = defaultdict(Seen)
    refused: Counter[str] = Counter()
    number, alarms, started = 0, 0, time.perf_counter()
    for number, model in enumerate(right_models(models, seed, longest, only, refused, attention), 1):
        found = judge(model.observed).result
        for heading, alarm, ratio in headings(model, found):
            seen[heading].add(alarm, ratio)
        if found.verdict == "mismatch":
            alarms += 1
            print(f"ALARM {model}\n{found.first_divergence}\n{against_float64(load_keras(), model)}\n", flush=True)
            if keep:
                os.makedirs(keep, exist_ok=True)
                save_observation(model.observed, os.path.join(keep, f"{seed}-{model.number}.npz"))
        if number % 400 == 0:
            print(f"{number} models, {alarms} alarms, {time.perf_counter() - started:.0f} s", flush=True)
    show(seen)
    for reason, count in refused.most_common():
        print(f"not run: {count} {reason}")
    print(f"{number} models, seed {seed}: {alarms} false alarms, {time.perf_counter() - started:.0f} s")
    return 1 if alarms else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=40)
    parser.add_argument("--only", help="the number of one model, which is drawn again")
    parser.add_argument("--attention", action="store_true", help="attentions in place of dense and recurrent layers")
    parser.add_argument("--keep", help="a folder for the observations of the alarms")
    raise SystemExit(main(**vars(parser.parse_args())))
