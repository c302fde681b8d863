"""Residuals summed over steps and samples (see `verification.systematic`): what right models reach, and a small fault.

    python -m benchmarks.aggregated 1500 --seed 11

For one unit: its residuals in standard deviations, q, and its outputs in standard deviations, g. Had rounding neither
memory nor direction, sum(q g) / sqrt(sum(g^2)) would be about normal, however many elements there are; a unit that is off
by a factor 1 + e shows e sqrt(sum(g^2)) there. Given is that score over sqrt(elements): the systematic part of q.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.soundness import right_models
from rnnverify.api import observe
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.precision import precision_of
from rnnverify.verification.steps import NodeCheck

FAULT = 1e-6
DISTINCT = 0.9  # the share of a unit's outputs that must differ: where data repeat, so do their errors
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


def main(models: int, seed: int) -> None:
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
    parser.add_argument("--seed", type=int, default=11)
    main(**vars(parser.parse_args()))
