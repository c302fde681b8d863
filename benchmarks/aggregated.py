"""Residuals summed over steps and samples (see `verification.systematic`): what right models reach, and a small fault.

    python -m benchmarks.aggregated 1500 --seed 11
    python -m benchmarks.aggregated 0 --long 1500 --seed 11

For one unit: its residuals in standard deviations, q, and its outputs in standard deviations, g. Had rounding neither
memory nor direction, sum(q g) / sqrt(sum(g^2)) would be about normal, however many elements there are; a unit that is off
by a factor 1 + e shows e sqrt(sum(g^2)) there. Given is that score over sqrt(elements): the systematic part of q.

With --long so many right models of one layer that walk through hundreds of steps, whose gates are open, shut or saturated, and
whose data repeat: the largest systematic part by the first look at their steps, and by the second, beside what is allowed there.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.soundness import right_models
from rnnverify.api import observe
from rnnverify.keras_model.session import load_keras
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.spec import spec_from_mapping
from rnnverify.verification import systematic
from rnnverify.verification.precision import precision_of
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.verdict import judge

FAULT = 1e-6
DISTINCT = 0.9  # the share of a unit's outputs that must differ: where data repeat, so do their errors
ACTIVATIONS = ("tanh", "tanh", "linear", "relu", "softsign", "gelu", "elu", "silu", "sigmoid", "softplus")
GATES = ("sigmoid", "sigmoid", "sigmoid", "tanh", "hard_sigmoid", "softsign")
OPEN = (0.0, 0.0, 3.0, 6.0, 8.0, 8.5, 12.0, 17.0, 20.0, -3.0, -8.0, -14.0)  # biases of a gate
GROUPS = (1, 5, 20, 80, 300, 2000, 1 << 60)


def scores(observed: Observation) -> list[tuple[int, float, float]]:
    """For each unit of each state of each recurrent layer: elements, systematic part, and what FAULT would add to it."""
    graph = Graph(observed.nodes)
    given = {**{Ref(name): x for name, x in observed.inputs.items()}, **observed.emitted}
    found = []
    for node in observed.nodes:
        walks = observed.walks.get(node.name, ())
        if not walks or node.masked:
            continue
        check = NodeCheck(node, graph, given, {}, walks, precision_of(node.config, observed.tf32))
        for taken, state in ((one, state) for one in check.walks for state in range(len(one.sequences))):
            parts: list[Any] = [(taken.sequences[state][:, part], made[state]) for part, made in check.steps(taken)]
            keras = np.concatenate([part.astype(np.float64) for part, _ in parts], axis=1)
            value = np.concatenate([made.value for _, made in parts], axis=1)
            deviation = np.sqrt(np.concatenate([made.variance for _, made in parts], axis=1))
            units = keras.shape[-1]
            keras, value, deviation = (part.reshape(-1, units) for part in (keras, value, deviation))
            with np.errstate(all="ignore"):
                q, g = (keras - value) / deviation, value / deviation
                score = np.abs(np.sum(q * g, axis=0)) / np.sqrt(np.sum(g * g, axis=0) * len(q))
                fault = FAULT * np.sqrt(np.mean(g * g, axis=0))
            for unit in range(units):
                if np.isfinite(score[unit]) and len(np.unique(keras[:, unit])) >= DISTINCT * len(keras):
                    found.append((len(keras), float(score[unit]), float(fault[unit])))
    return found


def long_walks(count: int, seed: int) -> Iterator[Observation]:
    """Right models whose roundings are as much alike as they come."""
    keras, rng = load_keras(), np.random.default_rng(seed)
    for _ in range(count):
        name = str(rng.choice(["SimpleRNN", "GRU", "LSTM", "LSTM"]))
        samples, timesteps, features = int(rng.integers(1, 3)), int(rng.integers(400, 1500)), int(rng.integers(1, 4))
        dtype = str(rng.choice(["float32"] * 4 + ["float16", "float64"]))
        options = {"units": int(rng.integers(1, 9)), "activation": str(rng.choice(ACTIVATIONS)), "dtype": dtype}
        if name != "SimpleRNN":
            options["recurrent_activation"] = str(rng.choice(GATES))
        layer = getattr(keras.layers, name)(**options, recurrent_initializer="glorot_uniform")
        given = keras.Input((None, features), dtype=dtype)
        model = keras.Model(given, layer(given))
        kernel, recurrent, bias = (rng.standard_normal(one.shape) for one in layer.get_weights())
        bias += rng.choice(OPEN, bias.size // layer.units).repeat(layer.units).reshape(bias.shape)
        sizes = rng.choice([0.05, 0.5, 1]), rng.choice([0, 0.01, 0.3])
        layer.set_weights([kernel * sizes[0], recurrent * sizes[1], bias])
        drawn = rng.standard_normal((samples, timesteps, features))
        still = np.broadcast_to(drawn[:, :1], drawn.shape)
        rising = still + np.arange(timesteps)[:, np.newaxis] * 1e-4
        period = np.tile(drawn[:, :5], (1, timesteps // 5 + 1, 1))[:, :timesteps]
        data = [drawn, 0.01 * drawn, still, rising, period]
        yield observe(model, data[rng.integers(len(data))].astype(dtype))
        keras.utils.clear_session(free_memory=False)


def of_long_walks(count: int, seed: int) -> None:
    systematic.LOOKED_AT_AGAIN = 0.0  # look twice at all of them
    found: dict[str, list[float]] = {"first": [], "second": []}

    def side(self: systematic.Systematic, distinct: Callable[[int], int]) -> None:
        look = "first" if isinstance(self.rounding, float) else "second"
        for unit, part in enumerate(self.parts):
            if (different := distinct(unit)) >= systematic.FEWEST:
                found[look].append(float(part / self.allowed(different)[unit]))

    systematic.Systematic.side = side  # type: ignore[method-assign]
    for observed in long_walks(count, seed):
        judge(observed)
    print(
        f"long walks, {count} right models of one layer, seed {seed}: the largest systematic part of a unit's residuals,"
        " as a share of what is allowed"
    )
    for look, parts in found.items():
        print(f"  {look} look: {max(parts, default=0.0):.2f} of {len(parts)} units")


def main(models: int, long: int, seed: int) -> None:
    if long:
        of_long_walks(long, seed)
    if not models:
        return
    worst: dict[int, list[float]] = defaultdict(list)
    for model in right_models(models, seed, 64, 60):
        for elements, score, _ in scores(model.observed):
            worst[max(group for group in GROUPS if group <= elements)].append(score)
    print(f"right models, seed {seed}: the largest systematic part of a unit's residuals, in standard deviations")
    for group, found in sorted(worst.items()):
        print(
            f"  from {group:>4} elements: {max(found):.2f} of {len(found)} units, 99.9% below {np.quantile(found, 0.999):.2f}"
        )
    print(f"one unit off by {FAULT:g}, relatively (N=5 T=40 D=6 M=24): the same, smallest and largest over the units")
    for layer in ("SimpleRNN", "LSTM", "GRU"):
        observed = observe(spec_from_mapping({"N": 5, "T": 40, "D": 6, "M": 24, "K": 2, "layer": layer}))
        faults = [fault for _, _, fault in scores(observed)]
        print(f"  {layer:<10} {min(faults):.1f} to {max(faults):.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=1500)
    parser.add_argument("--long", type=int, default=0)
    parser.add_argument("--seed", type=int, default=11)
    main(**vars(parser.parse_args()))
