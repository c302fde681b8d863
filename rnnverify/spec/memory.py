"""Sizes that cannot fit are refused before anything is allocated."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from rnnverify.layers.layer import Shape
from rnnverify.observation import Ref
from rnnverify.spec.model import Spec
from rnnverify.spec.problems import Problems

# Keras's array, the copy that get_weights() makes, and ours in float64, rounded and in float32: 4 + 4 + 8 + 8 + 4.
BYTES_A_WEIGHT = 28
# The same for what flows between layers, emitted by Keras and replayed twice in two precisions.
BYTES_A_VALUE = 40
ALWAYS_FITS = 1 << 28  # bytes; below this the machine is not asked


def check_memory(problems: Problems, spec: Spec, shapes: Mapping[Ref, Shape]) -> None:
    """Add a problem where the estimated need exceeds the memory that is free now."""
    samples = spec.N or 1
    needs: dict[str, int] = {}
    for layer in spec.layers:
        given = [shapes[ref] for ref in layer.inputs]
        weights = list(layer.layer.weight_shapes(given).values())
        outputs = [shape for ref, shape in shapes.items() if ref.node == layer.name]
        # A recurrent layer also holds every gate's share of every step: as wide as its kernel.
        width = weights[0][-1] * prod(given[0][:-1]) if weights and layer.layer.vocabulary is None else 0
        values = samples * (width + sum(prod(shape) for shape in outputs))
        needs[layer.name] = BYTES_A_WEIGHT * sum(map(prod, weights)) + BYTES_A_VALUE * values
    needs["the input"] = BYTES_A_VALUE * samples * sum(prod(given.shape) for given in spec.inputs)
    need = sum(needs.values())
    if need <= ALWAYS_FITS:
        return
    import psutil  # only large specs pay for it

    free = psutil.virtual_memory().available
    if need > free:
        largest = max(needs, key=lambda name: needs[name])
        index = next((i for i, layer in enumerate(spec.layers) if layer.name == largest), None)
        path = () if index is None or ("layers", index) not in problems.source.lines else ("layers", index)
        problems.add(
            path,
            f"expected sizes that fit into memory ({gib(free)} are free), got about {gib(need)},"
            f" of which {largest} takes {gib(needs[largest])}; make N, T, D or M smaller",
        )


def gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
