"""Is a right model of any layers called right? Random graphs of all layers and operations; every one must match.

    python -m benchmarks.random_graphs 2000 --seed 1

Layers follow each other to a depth of six, over one input or two, with branches that meet again, layers that are called twice,
masks, states, models inside the model, and four precisions. Weights and data are random; no output may be a mismatch, and few may
be `untested`.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.random_parts import nested, of_cells
from benchmarks.table import machine
from rnnverify import verify
from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from rnnverify.results import Verification

DTYPES = ("float32", "float32", "float32", "float64", "mixed_float16", "bfloat16")
ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "elu", "softsign", "hard_sigmoid", "silu", "gelu", "softplus")
Made = Callable[["Drawn"], Any]


class Drawn:
    """A graph that is drawn layer by layer."""

    def __init__(self, keras: Any, seed: int) -> None:
        self.keras, self.layers, self.ops = keras, keras.layers, keras.ops
        self.rng = np.random.default_rng(seed)
        self.used: list[str] = []

    def one(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def flag(self) -> bool:
        return bool(self.rng.integers(2))

    def size(self, most: int = 5) -> int:
        return int(self.rng.integers(1, most + 1))

    def activation(self) -> str:
        return str(self.one(*ACTIVATIONS))

    def recurrent(self, **options: Any) -> Any:
        """A recurrent layer."""
        made = self.one(self.layers.SimpleRNN, self.layers.LSTM, self.layers.GRU)
        given: dict[str, Any] = {
            "units": self.size(),
            "activation": self.activation(),
            "use_bias": self.flag(),
            "go_backwards": self.flag(),
            "recurrent_initializer": "glorot_uniform",  # there is no orthogonal in bfloat16
        }
        if made is not self.layers.SimpleRNN:
            given["recurrent_activation"] = self.one("sigmoid", "hard_sigmoid", "tanh")
        if made is self.layers.GRU:
            given["reset_after"] = self.flag()
        return made(**{**given, **options})

    def sequence(self, x: Any) -> Any:
        """A sequence made of a sequence (N, T, D)."""
        layers, ops, T, D = self.layers, self.ops, x.shape[1], x.shape[2]
        choices: dict[str, Callable[[], Any]] = {
            "recurrent": lambda: self.recurrent(return_sequences=True)(x),
            "Bidirectional": lambda: layers.Bidirectional(
                self.recurrent(return_sequences=True, go_backwards=False),
                merge_mode=self.one("concat", "sum", "mul", "ave"),
            )(x),
            "state": lambda: self.from_a_state(x),
            "RNN": lambda: of_cells(self, x),
            "Model": lambda: nested(self, x),
            "Dense": lambda: layers.Dense(self.size(), activation=self.activation())(x),
            "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(self.size(), activation=self.activation()))(
                x
            ),
            "Conv1D": lambda: layers.Conv1D(
                self.size(),
                min(T, self.size(3)),
                padding=self.one("valid", "same", "causal"),
                activation=self.activation(),
            )(x),
            "ConvLSTM1D": lambda: self.of_rows(x),
            "SeparableConv1D": lambda: layers.SeparableConv1D(
                self.size(), 2, padding="same", depth_multiplier=self.size(2)
            )(x),
            "DepthwiseConv1D": lambda: layers.DepthwiseConv1D(2, padding="same", strides=self.size(2))(x),
            "MaxPooling1D": lambda: layers.MaxPooling1D(2, padding="same", strides=self.size(2))(x),
            "AveragePooling1D": lambda: layers.AveragePooling1D(2, padding="same", strides=self.size(2))(x),
            "BatchNormalization": lambda: layers.BatchNormalization(axis=self.one(-1, 1))(x),
            "LayerNormalization": lambda: layers.LayerNormalization(axis=self.one(-1, 1, [1, 2]))(x),
            "UnitNormalization": lambda: layers.UnitNormalization()(x),
            "Normalization": lambda: layers.Normalization(mean=0.3, variance=1.7)(x),
            "Rescaling": lambda: layers.Rescaling(0.7, -0.1)(x),
            "Reshape": lambda: layers.Reshape((D, T))(x),
            "Permute": lambda: layers.Permute((2, 1))(x),
            "ZeroPadding1D": lambda: layers.ZeroPadding1D((1, 0))(x),
            "UpSampling1D": lambda: layers.UpSampling1D(2)(x) if T < 12 else layers.Identity()(x),
            "Cropping1D": lambda: layers.Cropping1D((0, 1))(x) if T > 1 else layers.Identity()(x),
            "Activation": lambda: layers.Activation(self.activation())(x),
            "LeakyReLU": lambda: layers.LeakyReLU()(x),
            "PReLU": lambda: layers.PReLU(shared_axes=self.one(None, [1]))(x),
            "ELU": lambda: layers.ELU(0.7)(x),
            "ReLU": lambda: layers.ReLU(max_value=self.one(None, 1.5), negative_slope=self.one(0.0, 0.1))(x),
            "noise": lambda: self.one(layers.Dropout(0.2), layers.SpatialDropout1D(0.2), layers.GaussianNoise(0.2))(x),
            "merge": lambda: self.merge(x, self.beside(x)),
            "Concatenate": lambda: layers.Concatenate(axis=-1)([x, self.beside(x)]),
            "Dot": lambda: layers.Dot(axes=2, normalize=self.flag())([x, self.beside(x)]),
            "Attention": lambda: self.one(layers.Attention, layers.AdditiveAttention)()([x, self.beside(x)]),
            "MultiHeadAttention": lambda: layers.MultiHeadAttention(2, 3)(x, self.beside(x)),
            "twice": lambda: (lambda layer: layers.Add()([layer(x), layer(layers.Rescaling(0.5)(x))]))(
                self.recurrent(return_sequences=True)
            ),
            "GetItem": lambda: x[:, ::-1],
            "Add": lambda: x + 0.25,
            "Multiply": lambda: x * ops.sigmoid(x),
            "Flip": lambda: ops.flip(x, axis=1),
            "Roll": lambda: ops.roll(x, 1, axis=1),
            "Transpose": lambda: ops.transpose(x, (0, 2, 1)),
            "Tanh": lambda: ops.tanh(x),
            "Softmax": lambda: ops.softmax(x, axis=1),
            "Stack": lambda: ops.reshape(ops.stack([x, -x], axis=2), (-1, 2 * T, D)),
        }
        name = self.one(*choices)
        self.used.append(name)
        return choices[name]()

    def of_rows(self, x: Any) -> Any:
        """Each timestep's features as a row of places, and back."""
        layers, T, D = self.layers, x.shape[1], x.shape[2]
        layer = layers.ConvLSTM1D(
            self.size(3),
            min(D, self.size(3)),
            padding=self.one("valid", "same"),
            activation=self.activation(),
            use_bias=self.flag(),
            go_backwards=self.flag(),
            recurrent_initializer="glorot_uniform",
            return_sequences=True,
        )
        rows = layers.TimeDistributed(layers.Reshape((D, 1)))(x)  # which hands a mask on
        return layers.TimeDistributed(layers.Flatten())(layer(rows)) if T < 12 else x

    def beside(self, x: Any) -> Any:
        """Another sequence of the same shape."""
        return self.recurrent(units=x.shape[2], return_sequences=True)(x)

    def merge(self, x: Any, y: Any) -> Any:
        layers = self.layers
        kinds = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
        return self.one(*kinds)()([x, y])

    def from_a_state(self, x: Any) -> Any:
        """A recurrent layer that starts from the states of another."""
        layer = self.recurrent(return_sequences=True, return_state=True, units=3)
        y, *states = layer(x)
        given = {key: value for key, value in layer.get_config().items() if key not in ("name", "return_state")}
        return type(layer)(**given)(y, initial_state=states)

    def vector(self, x: Any) -> Any:
        """A vector made of a sequence."""
        layers, ops = self.layers, self.ops
        choices: dict[str, Callable[[], Any]] = {
            "last": lambda: self.recurrent()(x),
            "Bidirectional": lambda: layers.Bidirectional(self.recurrent(go_backwards=False))(x),
            "GlobalAveragePooling1D": lambda: layers.GlobalAveragePooling1D()(x),
            "GlobalMaxPooling1D": lambda: layers.GlobalMaxPooling1D()(x),
            "Flatten": lambda: layers.Flatten()(x),
            "GetItem": lambda: x[:, -1],
            "Mean": lambda: ops.mean(x, axis=1),
            "Max": lambda: ops.max(x, axis=self.one(1, 2)),
            "Sum": lambda: ops.sum(x, axis=1),
        }
        name = self.one(*choices)
        self.used.append(name)
        y = choices[name]()
        return layers.Dense(self.size(), activation=self.one("linear", "softmax", "sigmoid"))(y)

    def model(self) -> tuple[Any, list[Any]]:
        """A model, and what it is fed."""
        T, D, samples = self.size(6) + 1, self.size(4) + 1, self.size(4)
        count = self.one(1, 1, 2)
        given = [self.keras.Input((T, D)) for _ in range(count)]
        tokens = count == 1 and self.one(True, False, False)
        data: list[Any] = [self.rng.normal(size=(samples, T, D)).astype("float32") for _ in given]
        if tokens:
            given = [self.keras.Input((T,), dtype="int32")]
            data = [self.rng.integers(0, 7, (samples, T))]
            x = self.layers.Embedding(7, D, mask_zero=self.flag())(given[0])
        elif self.flag():
            for array in data:
                array[:, : self.rng.integers(T)] = 0
            masked = [self.layers.Masking()(x) for x in given]
            x = masked[0] if count == 1 else self.merge(*masked)
        else:
            x = given[0] if count == 1 else self.merge(*given)
        for _ in range(self.rng.integers(1, 7)):
            x = self.sequence(x)
        outputs = [self.vector(x)] if self.flag() else [x]
        outputs += [self.vector(x)] if self.one(True, False, False) else []
        model = self.keras.Model(given, outputs)
        for layer in model.layers:
            layer.set_weights([self.weight(*pair) for pair in zip(layer.weights, layer.get_weights(), strict=True)])
        return model, data

    def weight(self, variable: Any, weight: Any) -> Any:
        drawn = self.rng.normal(size=weight.shape) * 0.6
        return (np.abs(drawn) + 0.1 if "variance" in variable.name else drawn).astype(weight.dtype)


def verified(keras: Any, seed: int) -> tuple[Verification, Drawn, str]:
    """The verdict on the model of a seed."""
    dtype = DTYPES[seed % len(DTYPES)]
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(dtype)
    keras.config.set_floatx("float64" if dtype == "float64" else "float32")
    try:
        drawn = Drawn(keras, seed)
        model, data = drawn.model()
        return verify(model, data), drawn, dtype
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])


def main(models: int, seed: int) -> None:
    keras, started = load_keras(), time.perf_counter()
    verdicts: Counter[tuple[str, str]] = Counter()
    used: Counter[str] = Counter()
    worst = 0.0
    for number in range(models):
        with quiet():
            found, drawn, dtype = verified(keras, 10_000 * seed + number)
        verdicts[dtype, found.verdict] += 1
        used.update(drawn.used)
        worst = max(worst, *(layer.worst_ratio for layer in found.layers))
        if found.verdict == "mismatch":
            print(f"model {10_000 * seed + number}, {dtype}: {found.first_divergence}")
        keras.utils.clear_session(free_memory=False)
    print(f"python -m benchmarks.random_graphs {models} --seed {seed}")
    print(
        f"{models} models: {sum(count for (_, verdict), count in verdicts.items() if verdict == 'mismatch')} mismatches"
    )
    print("  " + ", ".join(f"{dtype} {verdict} {count}" for (dtype, verdict), count in sorted(verdicts.items())))
    print(
        f"  the worst ratio {worst:.3g}; how often each was drawn: "
        + ", ".join(f"{n} {c}" for n, c in sorted(used.items()))
    )
    print(f"  {time.perf_counter() - started:.0f} s on {machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    main(asked.models, asked.seed)
