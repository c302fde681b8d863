"""Random Keras models as the text of a program, from one seed: what is printed of one can be pasted and run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

RECURRENT = ("SimpleRNN", "LSTM", "GRU")
PRECISIONS = ("float32", "float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
WAYS = ("spec", "spec", "spec", "predict", "eager", "jit")  # how a model is run; the first is the quickest


@dataclass
class Program:
    """A model, line by line. Every layer without a dtype has the global policy."""

    rng: np.random.Generator
    policy: str  # global
    mixing: float  # how often a layer has a precision of its own
    lines: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def flag(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def size(self, most: int) -> int:
        return int(np.exp(self.rng.uniform(0, np.log(most + 1))))

    def given(self, *shape: int, ids: bool = False) -> str:
        """Another input."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        dtype = "int32" if ids else "float64" if self.policy == "float64" else "float32"
        self.lines.append(f"{name} = keras.Input({shape}, dtype={dtype!r}, name={name!r})")
        return name

    def layer(self, kind: str, *arguments: Any, **options: Any) -> str:
        """The call that makes a layer; it may have a precision of its own."""
        if self.flag(self.mixing):
            options["dtype"] = self.pick(*PRECISIONS)
        if kind in RECURRENT:
            options["recurrent_initializer"] = "zeros"  # TensorFlow has no orthogonal matrices in bfloat16
        given = [*map(str, arguments), *(f"{key}={value!r}" for key, value in options.items())]
        return f"L.{kind}({', '.join(given)})"

    def call(self, layer: str, *of: str, states: list[str] | None = None, outputs: int = 1) -> list[str]:
        """Call a layer on tensors; the names of what it gives, of which the first is, or begins with, the layer's own."""
        name = f"y{len(self.lines)}"
        names = [name] if outputs == 1 else [f"{name}_{index}" for index in range(outputs)]
        named = f"{layer[:-1]}{'' if layer.endswith('()') else ', '}name={name!r})"
        start = f", initial_state=[{', '.join(states)}]" if states else ""
        given = of[0] if len(of) == 1 else f"[{', '.join(of)}]"
        self.lines.append(f"{', '.join(names)} = {named}({given}{start})")
        return names

    def recurrent(
        self, x: str, units: int, sequences: bool, states: list[str] | None = None, returned: bool = False
    ) -> list[str]:
        """A recurrent layer, now and then in both directions; with the states that it gives where they are asked for."""
        kind = self.pick(*RECURRENT)
        options: dict[str, Any] = {"return_sequences": sequences, **({"return_state": True} if returned else {})}
        if kind == "GRU":
            options["reset_after"] = self.flag()
        if self.flag(0.15):
            options["activation"] = self.pick("relu", "sigmoid", "linear", "softsign", "hard_sigmoid", "elu")
        of_one = 2 if kind == "LSTM" else 1
        if states is None and self.flag(0.25):
            merge = self.pick("concat", "sum", "mul", "ave") if returned or self.flag(0.8) else None
            inner = self.layer(kind, units, **options)
            made = self.layer("Bidirectional", inner, merge_mode=merge)
            y = self.call(made, x, outputs=1 + 2 * of_one * returned if merge else 2)
            return y if merge else self.call(self.layer("Concatenate"), *y)
        if self.flag(0.1):
            options["go_backwards"] = True
        return self.call(
            self.layer(kind, units, **options), x, states=states and states[:of_one], outputs=1 + of_one * returned
        )

    def between(self, x: str) -> str:
        """Now and then a layer that only hands on, in a precision of its own perhaps."""
        if self.flag(0.8 - self.mixing):
            return x
        kind, *arguments = self.pick(
            ("Activation", "'relu'"), ("Activation", "'tanh'"), ("Dropout", 0.5), ("Activation", "'linear'")
        )
        return self.call(self.layer(kind, *arguments), x)[0]

    def head(self, x: str, sequence: bool) -> str:
        """Dense layers and what leads to them."""
        if sequence and self.flag(0.3):
            dense = self.layer("Dense", self.size(30), activation=self.pick("linear", "softmax", "tanh"))
            return self.call(self.layer("TimeDistributed", dense), x)[0]
        if sequence and self.flag(0.3):
            x = self.call(self.layer("Flatten"), x)[0]
        wide = self.flag(0.15)
        units = self.pick(1000, 2000, 5000) if wide else self.size(100)
        activation = "softmax" if wide else self.pick("linear", "linear", "softmax", "sigmoid", "relu", "log_softmax")
        return self.call(self.layer("Dense", units, activation=activation), x)[0]

    def dense(self) -> None:
        """Wide Dense layers."""
        x = self.given(self.pick(self.size(1024), 256, 512, 1024))
        for _ in range(self.rng.integers(1, 4)):
            x = self.between(
                self.call(self.layer("Dense", self.size(256), activation=self.pick("linear", "relu")), x)[0]
            )
        self.outputs = [self.head(x, sequence=False) if self.flag() else x]

    def start(self, timesteps: int, features: int) -> str:
        """A sequence: numbers, with a mask perhaps, ids of an Embedding, or a vector that is repeated."""
        kind = self.pick("numbers", "numbers", "numbers", "masked", "ids", "repeated")
        if kind == "ids":
            vocabulary = 1 + self.size(60)
            embedding = self.layer("Embedding", vocabulary, features, mask_zero=self.flag(0.7))
            return self.call(embedding, self.given(timesteps, ids=True))[0]
        if kind == "repeated":
            return self.call(self.layer("RepeatVector", timesteps), self.between(self.given(features)))[0]
        x = self.given(timesteps, features)
        return x if kind == "numbers" else self.call(self.layer("Masking"), x)[0]

    def stack(self, longest: int) -> None:
        """Recurrent layers one on the other, with a head or without."""
        features = self.pick(self.size(40), self.size(200), 128) if self.flag(0.9) else 512
        x = self.start(self.size(longest), features)
        depth = self.rng.integers(1, 4)
        for left in range(depth, 0, -1):
            sequences = left > 1 or self.flag()
            units = self.pick(self.size(30), self.size(30), 64, self.size(200))
            x, *states = self.recurrent(x, units, sequences, returned=self.flag(0.2))
            if states and self.flag():
                self.outputs += states
            x = self.between(x)
        self.outputs.insert(0, self.head(x, sequences) if self.flag(0.7) else x)

    def branches(self, longest: int) -> None:
        """Two layers on one input, put together."""
        x, sequences = self.start(self.size(longest), self.size(100)), self.flag()
        y = [self.between(self.recurrent(x, self.size(40), sequences)[0]) for _ in range(2)]
        self.outputs = [self.head(self.call(self.layer("Concatenate"), *y)[0], sequences)]

    def encoder_decoder(self, longest: int) -> None:
        """A decoder that starts from the encoder's states, or from an input."""
        units = self.size(60)
        _, *states = self.recurrent(self.start(self.size(longest), self.size(60)), units, sequences=True, returned=True)
        if self.flag(0.2):
            states = [self.call(self.layer("Dense", units, activation="tanh"), states[0])[0], self.given(units)]
        x = self.start(self.size(longest), self.size(60))
        y = self.recurrent(x, units, sequences=True, states=states if len(states) > 1 else states * 2)
        self.outputs = [self.head(y[0], sequence=True)]

    def attention(self, longest: int) -> None:
        """Steps that look at each other, or at those of another sequence."""
        features = self.pick(self.size(64), 32, 64)
        x = self.start(self.size(longest), features)
        other = x if self.flag(0.7) else self.start(self.size(longest), features)
        kind = self.pick("MultiHeadAttention", "MultiHeadAttention", "Attention", "AdditiveAttention")
        if kind == "MultiHeadAttention":
            layer = self.layer(
                kind, self.pick(1, 2, 4, 8), self.pick(self.size(32), 8, 16, 32), use_bias=self.flag(0.7)
            )
            y = f"y{len(self.lines)}"
            self.lines.append(f"{y} = {layer[:-1]}, name={y!r})({x}, {other})")
        else:
            y = self.call(self.layer(kind, use_scale=self.flag()), x, other)[0]
        self.outputs = [self.head(y, sequence=True) if self.flag() else y]

    @property
    def text(self) -> str:
        model = f"model = keras.Model([{', '.join(self.inputs)}], [{', '.join(self.outputs)}])"
        return "\n".join([*self.lines, model])


def random_program(rng: np.random.Generator, longest: int, attention: bool = False) -> Program:
    """A program that is valid, and whose model Keras and the replay should agree on; of an attention if that is asked for."""
    policy = PRECISIONS[rng.integers(len(PRECISIONS))]
    mixing = float(rng.choice([0.0, 0.0, 0.6]))
    program = Program(rng, policy, mixing)
    if attention:
        program.attention(longest)
        return program
    kind = program.pick("dense", "dense", "stack", "stack", "stack", "branches", "encoder_decoder")
    if kind == "dense":
        program.dense()
    else:
        getattr(program, kind)(longest)
    return program
