"""Small recurrent models of the kinds that people export, each with weights, biases and data on which a mistake shows.

No two sizes are the same, no matrix is symmetric and no bias zero, so that nothing that is swapped or forgotten stays unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

N, T, D, M, K, S, VOCABULARY = 3, 7, 4, 5, 2, 6, 11  # S: the steps of a decoder
Rng = np.random.Generator
Array = Any
Made = tuple[Any, Any]  # a model and what it is fed
Kind = Callable[[Any, Rng], Made]

KEPT = {  # which steps are no padding, by the length of each sample
    "after": lambda lengths, t: t < lengths,
    "before": lambda lengths, t: t >= T - lengths,
    "both": lambda lengths, t: (t >= 1) & (t <= lengths),
}
LENGTHS = np.array([[4], [T - 2], [3]])
ONE_EMPTY = np.array([[4], [0], [T]])


def numbers(rng: Rng, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def padded(array: Array, side: str, lengths: Array = LENGTHS) -> Array:
    """The array (N, T) or (N, T, D) with zeros where a sample has no steps."""
    kept = KEPT[side](lengths, np.arange(T))
    return array * (kept if array.ndim == 2 else kept[..., np.newaxis]).astype(array.dtype)


def weighted(model: Any, rng: Rng) -> Any:
    """The model with weights of which each counts; what is a variance stays above zero."""
    for layer in model.layers:
        drawn = [0.6 * rng.standard_normal(weight.shape) for weight in layer.weights]
        drawn = [w + np.copysign(0.1, w) for w in drawn]
        layer.set_weights([np.abs(w) if "variance" in v.name else w for v, w in zip(layer.weights, drawn, strict=True)])
    return model


def sequence(*made: Callable[[Any], Any], steps: int | None = T) -> Kind:
    """A model of layers in a row, on a sequence; a last layer for its end."""

    def kind(keras: Any, rng: Rng) -> Made:
        layers = [make(keras.layers) for make in made]
        model = keras.Sequential([keras.Input((steps, D)), *layers])
        return weighted(model, rng), numbers(rng, N, T, D)

    return kind


def recurrent(name: str, units: int = M, **options: Any) -> Callable[[Any], Any]:
    return lambda layers: getattr(layers, name)(units, **options)


def dense(layers: Any) -> Any:
    return layers.Dense(K)


def bidirectional(name: str, merge: str, **options: Any) -> Callable[[Any], Any]:
    return lambda layers: layers.Bidirectional(getattr(layers, name)(M, **options), merge_mode=merge)


def masking(name: str, side: str, lengths: Array = LENGTHS, **options: Any) -> Kind:
    """A Masking layer, over data that is padded with zeros."""
    plain = sequence(lambda layers: layers.Masking(), recurrent(name, **options), dense)

    def kind(keras: Any, rng: Rng) -> Made:
        model, x = plain(keras, rng)
        return model, padded(x, side, lengths)

    return kind


def embedding(name: str, side: str, lengths: Array = LENGTHS, **options: Any) -> Kind:
    """An Embedding that makes the mask, of ids that are padded with 0."""

    def kind(keras: Any, rng: Rng) -> Made:
        layers = keras.layers
        given = keras.Input((T,), dtype="int32")
        y = layers.Embedding(VOCABULARY, D, mask_zero=True)(given)
        y = dense(layers)(recurrent(name, **options)(layers)(y))
        ids = rng.integers(1, VOCABULARY, (N, T)).astype(np.int32)
        return weighted(keras.Model(given, y), rng), padded(ids, side, lengths)

    return kind


def returned_states(name: str) -> Kind:
    def kind(keras: Any, rng: Rng) -> Made:
        given = keras.Input((T, D))
        outputs = recurrent(name, return_sequences=True, return_state=True)(keras.layers)(given)
        return weighted(keras.Model(given, outputs), rng), numbers(rng, N, T, D)

    return kind


def states_as_inputs(name: str, states: int) -> Kind:
    """The initial states are inputs, and the final ones outputs: how a decoder is deployed."""

    def kind(keras: Any, rng: Rng) -> Made:
        given, starts = keras.Input((T, D)), [keras.Input((M,)) for _ in range(states)]
        outputs = recurrent(name, return_state=True)(keras.layers)(given, initial_state=starts)
        x = [numbers(rng, N, T, D), *(numbers(rng, N, M) for _ in starts)]
        return weighted(keras.Model([given, *starts], outputs), rng), x

    return kind


def encoder_decoder(name: str) -> Kind:
    def kind(keras: Any, rng: Rng) -> Made:
        layers = keras.layers
        source, target = keras.Input((T, D)), keras.Input((S, D))
        _, *states = recurrent(name, return_state=True)(layers)(source)
        y = recurrent(name, return_sequences=True)(layers)(target, initial_state=states)
        model = keras.Model([source, target], layers.Dense(K, activation="softmax")(y))
        return weighted(model, rng), [numbers(rng, N, T, D), numbers(rng, N, S, D)]

    return kind


def stateful(name: str) -> Kind:
    """A layer that goes on from its last state: two calls in a row show whether it does."""

    def kind(keras: Any, rng: Rng) -> Made:
        layers = [recurrent(name, stateful=True)(keras.layers), dense(keras.layers)]
        model = keras.Sequential([keras.Input(batch_shape=(N, T, D)), *layers])
        return weighted(model, rng), [numbers(rng, N, T, D), numbers(rng, N, T, D)]

    return kind


def several_outputs(keras: Any, rng: Rng) -> Made:
    layers = keras.layers
    given = keras.Input((T, D))
    y = recurrent("GRU", return_sequences=True)(layers)(given)
    outputs = [dense(layers)(y), recurrent("LSTM", units=S)(layers)(y), layers.GlobalAveragePooling1D()(y)]
    return weighted(keras.Model(given, outputs), rng), numbers(rng, N, T, D)


def convolution(layers: Any) -> Any:
    return layers.Conv1D(S, 3, padding="same", activation="relu")


ALL: Mapping[str, bool] = {"return_sequences": True}
KINDS: Mapping[str, Kind] = {
    "SimpleRNN": sequence(recurrent("SimpleRNN"), dense),
    "LSTM": sequence(recurrent("LSTM"), dense),
    "GRU": sequence(recurrent("GRU"), dense),
    "GRU reset_before": sequence(recurrent("GRU", reset_after=False), dense),
    "SimpleRNN sequences": sequence(recurrent("SimpleRNN", **ALL)),
    "LSTM sequences": sequence(recurrent("LSTM", **ALL)),
    "GRU sequences": sequence(recurrent("GRU", **ALL)),
    "SimpleRNN T open": sequence(recurrent("SimpleRNN"), dense, steps=None),
    "LSTM T open": sequence(recurrent("LSTM", **ALL), steps=None),
    "GRU T open": sequence(recurrent("GRU"), dense, steps=None),
    "LSTM backwards": sequence(recurrent("LSTM", go_backwards=True, **ALL)),
    "GRU backwards": sequence(recurrent("GRU", go_backwards=True), dense),
    "SimpleRNN relu": sequence(recurrent("SimpleRNN", activation="relu"), dense),
    "LSTM relu": sequence(recurrent("LSTM", activation="relu"), dense),
    "LSTM hard_sigmoid": sequence(recurrent("LSTM", recurrent_activation="hard_sigmoid"), dense),
    "LSTM softsign": sequence(recurrent("LSTM", activation="softsign"), dense),
    "GRU gelu": sequence(recurrent("GRU", activation="gelu"), dense),
    "LSTM no bias": sequence(recurrent("LSTM", use_bias=False), dense),
    "GRU no bias": sequence(recurrent("GRU", use_bias=False), dense),
    "Bidirectional LSTM": sequence(bidirectional("LSTM", "concat"), dense),
    "Bidirectional GRU sequences": sequence(bidirectional("GRU", "concat", **ALL)),
    "Bidirectional LSTM sum": sequence(bidirectional("LSTM", "sum", **ALL), dense),
    "LSTM over LSTM": sequence(recurrent("LSTM", **ALL), recurrent("LSTM", units=S), dense),
    "Masking LSTM after": masking("LSTM", "after"),
    "Masking GRU before": masking("GRU", "before", reset_after=False),
    "Masking SimpleRNN both": masking("SimpleRNN", "both"),
    "Embedding GRU after": embedding("GRU", "after"),
    "Embedding LSTM one empty": embedding("LSTM", "before", ONE_EMPTY),
    "LSTM return_state": returned_states("LSTM"),
    "LSTM initial states": states_as_inputs("LSTM", 2),
    "GRU initial state": states_as_inputs("GRU", 1),
    "encoder-decoder": encoder_decoder("LSTM"),
    "stateful LSTM": stateful("LSTM"),
    "stateful GRU": stateful("GRU"),
    "RepeatVector": sequence(
        recurrent("GRU"), lambda layers: layers.RepeatVector(S), recurrent("LSTM", **ALL),
        lambda layers: layers.TimeDistributed(layers.Dense(K)),
    ),
    "Conv1D LSTM": sequence(convolution, recurrent("LSTM"), dense),
    "normalised GRU": sequence(
        lambda layers: layers.BatchNormalization(), recurrent("GRU", **ALL),
        lambda layers: layers.LayerNormalization(), recurrent("SimpleRNN"), dense,
    ),
    "several outputs": several_outputs,
}  # fmt: skip


def made(keras: Any, kind: str, seed: int) -> Made:
    """The model of a kind, by a seed."""
    return KINDS[kind](keras, np.random.default_rng([seed, *kind.encode()]))


def calls_of(kind: str, x: Any) -> Sequence[Any]:
    """What the model is fed in turn."""
    return x if kind.startswith("stateful") else [x]
