"""How far TensorFlow's float32 functions are off, in u = 2^-24 of the result, over arguments of all sizes.

python -m benchmarks.library_functions
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from rnnverify.layers.activations import ACTIVATIONS, erf
from rnnverify.rounding.functions import SIGMOID_NEAR_ONE, SIGMOID_NEAR_ZERO

COUNT = 4_000_000
UNIT, SMALLEST = 2.0**-24, 2.0**-124
EXACT = {
    "tanh": np.tanh,
    "sigmoid": ACTIVATIONS["sigmoid"],
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "erf": erf,
    "softplus": ACTIVATIONS["softplus"],
    "sin": np.sin,
    "cos": np.cos,
    "reciprocal": np.reciprocal,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "log1p": np.log1p,
    "expm1": np.expm1,
}


def arguments(rng: np.random.Generator) -> Any:
    """Half of them spread evenly over -90 to 90, half over the exponents from 2^-40 to 2^7."""
    even = rng.uniform(-90, 90, COUNT // 2)
    spread = rng.choice([-1, 1], COUNT // 2) * 2.0 ** rng.uniform(-40, 7, COUNT // 2)
    return np.concatenate([even, spread]).astype(np.float32)


def main() -> None:
    x = arguments(np.random.default_rng(0))
    with quiet():
        ops = load_keras().ops
    print(f"TensorFlow {version('tensorflow')}, {COUNT:,} float32 arguments; errors in u: largest, standard deviation")
    for name, function in EXACT.items():
        given = np.abs(x) if name in ("log", "sqrt", "rsqrt", "log1p") else x
        exact = np.asarray(function(given.astype(np.float64)), dtype=np.float64)
        keras = np.asarray(getattr(ops, name)(given), dtype=np.float64)
        counted = (np.abs(exact) > SMALLEST) & (np.abs(exact) < 3e38)
        errors = np.abs(keras - exact)[counted] / (UNIT * np.abs(exact[counted]))
        print(
            f"{name:<10}{errors.max():>8.2f}{np.sqrt(np.mean(errors**2)):>8.2f}   at {given[counted][errors.argmax()]:.8g}"
        )
        if name == "sigmoid":
            most = SIGMOID_NEAR_ONE + SIGMOID_NEAR_ZERO * (1 - exact[counted])
            share, at = (errors / most).max(), given[counted][(errors / most).argmax()]
            print(f"  over {SIGMOID_NEAR_ONE:g} + {SIGMOID_NEAR_ZERO:g} (1 - s): at most {share:.2f}, at {at:.8g}")


if __name__ == "__main__":
    main()
