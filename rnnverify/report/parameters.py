"""How a layer's parameter count comes about: (3 + 5 + 1) x 5 = 45."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from rnnverify.results import LayerResult

Shapes = Mapping[str, tuple[int, ...]]


def derivation(weights: Shapes) -> str:
    """The count of a layer's parameters with its factors: gates x (rows of each weight) x units = count."""
    total = sum(prod(shape) for shape in weights.values())
    if not weights:
        return "0"
    groups: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in weights.items():
        direction = next((d for d in ("forward_", "backward_") if name.startswith(d)), "")
        groups.setdefault(direction, {})[name.removeprefix(direction)] = shape
    products = [product(group) for group in groups.values()]
    if len(products) == 2 and products[0] == products[1]:
        return f"2 x {products[0]} = {total}"
    return f"{' + '.join(products)} = {total}"


def product(weights: Shapes) -> str:
    """One direction's weights, as a product where they share their last axis, and as a sum of products where they do not."""
    recurrent = "recurrent_kernel" in weights
    if not recurrent and len({shape[-1:] for shape in weights.values()} | {()}) != 2:
        return " + ".join(" x ".join(map(str, shape)) or "1" for shape in weights.values())
    (*_, width), *_ = weights.values()
    rows = [str(prod(shape[:-1])) for shape in weights.values()]
    units = weights["recurrent_kernel"][-2] if recurrent else width  # as many as it has rows, of each place in a window
    gates = f"{width // units} x " if width > units else ""
    return f"{gates}({' + '.join(rows)}) x {units}" if len(rows) > 1 else f"{rows[0]} x {width}"


def gate_words(gates: Mapping[str, tuple[int, int]]) -> str:
    """`i 0-4, f 5-9, c 10-14, o 15-19`."""
    return ", ".join(f"{gate} {first}" + f"-{last}" * (last > first) for gate, (first, last) in gates.items())


def gates(layer: LayerResult, weight: str) -> str:
    """Which columns of a weight are which gate: `: i 0-4, f 5-9, c 10-14, o 15-19`; nothing where it has no gates."""
    columns = gate_words(layer.gates.get(weight, {}))
    if not columns:
        return ""
    rows = "; row 0 goes with x, row 1 with h" if weight.endswith("bias") and len(layer.weights[weight]) > 1 else ""
    return f": {columns}{rows}"
