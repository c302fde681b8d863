"""What the stepwise check costs beside Keras's own predict, both warm, side by side.

python -m benchmarks.verification_cost 21
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from benchmarks.table import Row, show
from rnnverify.keras_model.build import built_of_spec
from rnnverify.keras_model.inputs import draw_inputs
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import precision, quiet
from rnnverify.layers.graph import Graph
from rnnverify.observation import Asked
from rnnverify.spec import spec_from_mapping
from rnnverify.verification.nodes import check_nodes

SHAPES = {"N": 8, "T": 200, "D": 64, "M": 512, "K": 2}


def rows(rounds: int) -> Iterator[Row]:
    for layer, aim in (("LSTM", "at most 2"), ("GRU", ""), ("SimpleRNN", "")):
        spec = spec_from_mapping({**SHAPES, "layer": layer})
        with quiet():
            keras = load_keras()
            with precision(keras, spec.dtype):
                built = built_of_spec(keras, spec)
                x = draw_inputs(spec, spec.inputs, {})
                observed = built.observe(Asked(spec.path, spec.seed, spec.dtype), [x])
                (given,), (ref,) = spec.inputs, spec.outputs
                model, fed = keras.Model(built.tensors[given.name, 0], built.tensors[ref]), x[given.name]
                graph = Graph(observed.nodes)
                ratios = []
                for _ in range(rounds):
                    started = time.perf_counter()
                    model.predict(fed, verbose=0)
                    predicted = time.perf_counter()
                    check_nodes(observed, graph)
                    ratios.append((time.perf_counter() - predicted) / (predicted - started))
        yield Row(f"check / Keras's predict, {layer} N=8 T=200 D=64 M=512", ratios, aim)


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 21))
