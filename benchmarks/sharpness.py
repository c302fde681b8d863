"""How small a fault is still seen: the smallest relative change of one weight, one bias, one unit's output.

    python -m benchmarks.sharpness

Beside the stepwise verdict stand three element-wise rules with their default tolerances, applied to the predictions of the
same model as their users apply them: numpy.allclose (rtol 1e-5, atol 1e-8), torch.testing.assert_close for float32
(rtol 1.3e-6, atol 1e-5), and Polygraphy's comparison (atol 1e-5 or rtol 1e-5). A dash: the rule calls the right replay
wrong already, so that nothing can be read from it. The faults are seeded; each is looked for by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnverify.api import observe
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref, Walked
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.nodes import check_nodes

Rule = Callable[[Any, Any], bool]  # prediction and replay, to whether they pass

RULES: dict[str, Rule] = {
    "numpy.allclose": lambda y, r: bool(np.allclose(y, r)),
    "torch.assert_close": lambda y, r: bool(np.all(np.abs(y - r) <= 1e-5 + 1.3e-6 * np.abs(r))),
    "Polygraphy": lambda y, r: bool(np.all((np.abs(y - r) <= 1e-5) | (np.abs(y - r) <= 1e-5 * np.abs(r)))),
}


def with_weight(observed: Observation, name: str, index: tuple[int, ...], change: float) -> Observation:
    """The replay reads one weight otherwise than Keras does."""
    first, *rest = observed.nodes
    weight = first.weights[name].astype(np.float64)
    weight[index] *= 1 + change
    return replace(observed, nodes=(replace(first, weights={**first.weights, name: weight}), *rest))


def with_unit(observed: Observation, unit: int, change: float) -> Observation:
    """Keras emits one unit larger than it computed it, at every step."""
    name = observed.nodes[0].name
    sequence = observed.walks[name][0].sequence.astype(np.float64)
    sequence[..., unit] *= 1 + change
    walk = Walked(sequence, others=observed.walks[name][0].others)
    emitted = {**observed.emitted, Ref(name): sequence}
    return replace(observed, walks={name: (walk,)}, emitted=emitted, predictions=(sequence,))


def seen_stepwise(observed: Observation) -> bool:
    nodes = check_nodes(observed, Graph(observed.nodes))
    return any(node.tally.first is not None for node in nodes.values())


def smallest(seen: Callable[[float], bool]) -> str:
    """The smallest change that is seen, to a quarter of its size."""
    if seen(0.0):
        return "-"
    low, high = 1e-9, 10.0
    if not seen(high):
        return "unseen"
    while high / low > 1.25:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if seen(middle) else (middle, high)
    return f"{high:.1e}"


def main() -> None:
    rng = np.random.default_rng(5)
    print(f"{'N=4 T=50 D=6':<14}{'fault':<18}{'stepwise':>10}" + "".join(f"{rule:>20}" for rule in RULES))
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        for units in (8, 64, 512):
            layers = [{kind: {"units": units, "return_sequences": True}}]
            observed = observe(spec_from_mapping({"N": 4, "T": 50, "D": 6, "layers": layers}))
            (node,) = observed.nodes
            faults: dict[str, Callable[[float], Observation]] = {
                "unit's output": lambda c, o=observed: with_unit(o, 3, c)
            }
            for name in ("recurrent_kernel", "bias"):
                index = tuple(int(rng.integers(size)) for size in node.weights[name].shape)
                faults[name] = lambda c, o=observed, n=name, i=index: with_weight(o, n, i, c)
            for fault, make in faults.items():
                cells = [smallest(lambda change, m=make: seen_stepwise(m(change)))]
                for rule in RULES.values():

                    def seen(change: float, rule: Rule = rule, make: Any = make) -> bool:
                        made = make(change)
                        replayed = Graph(made.nodes).run(made.inputs)[made.outputs[0]].values
                        return not rule(made.predictions[0].astype(np.float64), replayed)

                    cells.append(smallest(seen))
                print(
                    f"{kind + ' ' + str(units):<14}{fault:<18}{cells[0]:>10}" + "".join(f"{c:>20}" for c in cells[1:]),
                    flush=True,
                )


if __name__ == "__main__":
    main()
