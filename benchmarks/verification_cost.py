"""What the stepwise check costs beside Keras's own predict, both warm, side by side.

python -m benchmarks.verification_cost 7
"""

from __future__ import annotations

import statistics
import sys
import time

from rnnverify.built import Built
from rnnverify.inputs import draw_inputs
from rnnverify.keras_model import load_keras, precision, quiet
from rnnverify.replay.graph import Graph
from rnnverify.spec import spec_from_mapping
from rnnverify.stepwise import check_nodes

SHAPES = {"N": 8, "T": 200, "D": 64, "M": 512, "K": 2}


def main(rounds: int) -> None:
    for layer in ("LSTM", "GRU", "SimpleRNN"):
        spec = spec_from_mapping({**SHAPES, "layer": layer})
        with quiet():
            keras = load_keras()
            with precision(keras, spec.dtype):
                built = Built.of_spec(keras, spec)
                x = draw_inputs(spec, built.inputs, {})
                observed = built.observe(x)
                fed = x[built.inputs[0].name]
                graph = Graph(observed.nodes)
                pairs = []
                for _ in range(rounds):
                    started = time.perf_counter()
                    built.model.predict(fed, verbose=0)
                    predicted = time.perf_counter()
                    check_nodes(observed, graph)
                    pairs.append((time.perf_counter() - predicted, predicted - started))
        ratios = [ours / theirs for ours, theirs in pairs]
        check, predict = (statistics.median(pair[index] for pair in pairs) for index in (0, 1))
        print(
            f"{layer:<10} N=8 T=200 D=64 M=512: check / predict median {statistics.median(ratios):.2f},"
            f" {min(ratios):.2f} to {max(ratios):.2f} over {rounds} pairs ({1e3 * check:.0f} ms / {1e3 * predict:.0f} ms)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
