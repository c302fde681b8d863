"""Keras 2's models, saved by the package tf-keras with what they predict. Run in a process of its own, beside no Keras 3.

python -m tests.keras_model.by_tf_keras FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

N, T, D, M, K = 3, 6, 4, 5, 2
FORMATS = ("h5", "keras")
KINDS: dict[str, Callable[[Any], Any]] = {}  # by name, a function from tf_keras to a model


def kind(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    KINDS[make.__name__] = make
    return make


def sequential(tk: Any, *layers: Any, shape: tuple[int | None, ...] = (T, D)) -> Any:
    return tk.Sequential([tk.Input(shape), *layers])


@kind
def simple_rnn(tk: Any) -> Any:
    return sequential(tk, tk.layers.SimpleRNN(M), tk.layers.Dense(K))


@kind
def lstm(tk: Any) -> Any:
    return tk.Sequential([tk.layers.LSTM(M, input_shape=(T, D)), tk.layers.Dense(K, activation="softmax")])


@kind
def gru(tk: Any) -> Any:
    return sequential(tk, tk.layers.GRU(M, implementation=1), tk.layers.Dense(K), shape=(None, D))


@kind
def gru_reset_before(tk: Any) -> Any:
    return sequential(tk, tk.layers.GRU(M, reset_after=False, activation="relu"), tk.layers.Dense(K))


@kind
def hard_sigmoid_lstm(tk: Any) -> Any:
    return sequential(tk, tk.layers.LSTM(M, recurrent_activation="hard_sigmoid"), tk.layers.Dense(K))


@kind
def hard_sigmoid_everywhere(tk: Any) -> Any:
    inner = tk.layers.GRU(M, recurrent_activation="hard_sigmoid", return_sequences=True)
    after = tk.layers.TimeDistributed(tk.layers.Dense(K, activation="hard_sigmoid"))
    return sequential(tk, tk.layers.Bidirectional(inner), after, tk.layers.Activation("hard_sigmoid"))


@kind
def bidirectional_lstm(tk: Any) -> Any:
    return sequential(tk, tk.layers.Bidirectional(tk.layers.LSTM(M)), tk.layers.Dense(K))


@kind
def bidirectional_of_two(tk: Any) -> Any:
    forward = tk.layers.LSTM(M, return_sequences=True)
    backward = tk.layers.LSTM(M, return_sequences=True, go_backwards=True, activation="relu")
    return sequential(tk, tk.layers.Masking(), tk.layers.Bidirectional(forward, "sum", backward_layer=backward))


@kind
def hard_sigmoid_cells(tk: Any) -> Any:
    """Of one class, so that only their order tells which is which."""
    layers = tk.layers
    stack = [layers.LSTMCell(M, recurrent_activation="hard_sigmoid"), layers.GRUCell(M), layers.LSTMCell(M)]
    both = layers.Bidirectional(layers.RNN([layers.GRUCell(M), layers.LSTMCell(M)], return_sequences=True))
    return sequential(tk, both, layers.RNN(stack, return_sequences=True), layers.RNN(layers.SimpleRNNCell(M)))


@kind
def operations(tk: Any) -> Any:
    """Which Keras 2 has as layers of TensorFlow's functions."""
    import tensorflow as tf

    x = tk.Input((T, D))
    h = tk.layers.LSTM(M, return_sequences=True)(x)
    last, mean = h[:, -1], tf.reduce_mean(h, axis=1)
    both = tf.concat([2.0 * last, mean / 3.0 + 1.0], axis=-1)
    products = tf.nn.softmax(tf.matmul(h[:, 1:3], tf.transpose(h, [0, 2, 1])), axis=-1)
    largest = tf.maximum(tf.squeeze(tf.expand_dims(last, 1), axis=1), -mean) - tf.square(last) ** 2
    stacked = tf.reshape(tf.stack([tf.tanh(last), tf.nn.relu(mean)], axis=1), (-1, 2 * M))
    return tk.Model(x, [both, products, largest, stacked, tf.reduce_max(abs(h), axis=[1, 2])])


@kind
def masked_gru(tk: Any) -> Any:
    return sequential(tk, tk.layers.Masking(-1.0), tk.layers.GRU(M, return_sequences=True), tk.layers.GRU(K))


@kind
def embedded(tk: Any) -> Any:
    first = tk.layers.Embedding(9, D, mask_zero=True, input_length=T)
    return tk.Sequential([first, tk.layers.LSTM(M), tk.layers.Dense(K)])


@kind
def time_distributed(tk: Any) -> Any:
    first = tk.layers.SimpleRNN(M, return_sequences=True, go_backwards=True)
    return sequential(tk, first, tk.layers.Dropout(0.3), tk.layers.TimeDistributed(tk.layers.Dense(K)))


@kind
def autoencoder(tk: Any) -> Any:
    inner = tk.layers.LSTM(D, return_sequences=True)
    return sequential(tk, tk.layers.LSTM(M), tk.layers.RepeatVector(T), inner, tk.layers.Flatten())


@kind
def built_by_its_first_call(tk: Any) -> Any:
    model = tk.Sequential([tk.layers.LSTM(M, return_sequences=True), tk.layers.GRU(K)])
    model(np.zeros((1, T, D), np.float32))
    return model


@kind
def functional(tk: Any) -> Any:
    a, b = tk.Input((T, D), name="a"), tk.Input((T, K), name="b")
    joint = tk.layers.Concatenate()([tk.layers.LSTM(M)(a), tk.layers.GRU(M)(b)])
    return tk.Model([a, b], [tk.layers.Dense(K, name="one")(joint), tk.layers.Dense(1, name="two")(joint)])


@kind
def seq2seq(tk: Any) -> Any:
    source, target = tk.Input((None, D), name="source"), tk.Input((None, K), name="target")
    _, *states = tk.layers.LSTM(M, return_state=True, name="encoder")(source)
    decoder = tk.layers.LSTM(M, return_sequences=True, return_state=True, name="decoder")
    y, _, _ = decoder(target, initial_state=states)
    return tk.Model([source, target], tk.layers.Dense(K, activation="softmax", name="out")(y))


@kind
def bidirectional_states(tk: Any) -> Any:
    x = tk.Input((T, D), name="x")
    y, *states = tk.layers.Bidirectional(tk.layers.GRU(M, return_state=True, return_sequences=True))(x)
    return tk.Model(x, tk.layers.Bidirectional(tk.layers.GRU(M))(y, initial_state=states))


@kind
def shared(tk: Any) -> Any:
    x, inner = tk.Input((T, D), name="x"), tk.layers.LSTM(D, return_sequences=True)
    return tk.Model(x, tk.layers.Dense(K)(inner(tk.layers.Dense(D)(inner(x)))))


@kind
def strange_names(tk: Any) -> Any:
    x = tk.Input((T, D), name="x")
    y = tk.layers.LSTM(M, name="encoder/lstm", return_sequences=True)(x)
    y = tk.layers.LSTM(M, name="encoder_lstm", return_sequences=True)(y)
    return tk.Model(x, tk.layers.Dense(K, name="a>b")(y))


@kind
def same_shapes_in_two_branches(tk: Any) -> Any:
    """Of which only their names tell whose weights are whose."""
    x = tk.Input((T, D), name="x")
    ends = [tk.layers.LSTM(D, name=name)(x) for name in ("z", "y", "b", "a")]
    return tk.Model(x, tk.layers.Concatenate()([ends[2], ends[0], ends[3], ends[1]]))


@kind
def wide(tk: Any) -> Any:
    return sequential(tk, tk.layers.LSTM(M, dtype="float64"), tk.layers.Dense(K, dtype="float64"))


@kind
def convolutions(tk: Any) -> Any:
    first = tk.layers.Conv1D(5, 3, padding="causal", activation="relu", dilation_rate=2)
    layers = [tk.layers.BatchNormalization(), tk.layers.MaxPooling1D(2), tk.layers.LeakyReLU(0.1), tk.layers.LSTM(M)]
    return sequential(tk, first, *layers, tk.layers.BatchNormalization(axis=-1), tk.layers.Dense(K), shape=(8, D))


@kind
def images(tk: Any) -> Any:
    first = tk.layers.TimeDistributed(tk.layers.Conv2D(3, 2, activation="relu"))
    pooled = tk.layers.TimeDistributed(tk.layers.MaxPooling2D(2))
    flat = tk.layers.TimeDistributed(tk.layers.Flatten())
    return sequential(tk, first, pooled, flat, tk.layers.GRU(M, dropout=0.2), tk.layers.Dense(K), shape=(3, 5, 5, 2))


@kind
def hard_sigmoid_images(tk: Any) -> Any:
    """An encoder of images, with the gates that Keras 2 gave it, and a decoder that starts from its states."""
    x = tk.Input((T, 5, 4, 2), name="x")
    y, *states = tk.layers.ConvLSTM2D(3, (3, 2), padding="same", return_sequences=True, return_state=True)(x)
    y = tk.layers.ConvLSTM2D(3, 2, padding="same", recurrent_activation="sigmoid")(y, initial_state=states)
    return tk.Model(x, tk.layers.Flatten()(y))


@kind
def rows_and_volumes(tk: Any) -> Any:
    rows = tk.layers.ConvLSTM1D(3, 2, recurrent_activation="sigmoid", return_sequences=True, dropout=0.1)
    spread = tk.layers.TimeDistributed(tk.layers.Reshape((2, 3, 1, 3)))
    last = tk.layers.ConvLSTM3D(2, (2, 1, 1), recurrent_activation="sigmoid", use_bias=False)
    return sequential(tk, tk.layers.Bidirectional(rows, merge_mode="ave"), spread, last, shape=(T, 7, 2))


@kind
def rectified(tk: Any) -> Any:
    layers = [tk.layers.PReLU(), tk.layers.LayerNormalization(), tk.layers.ELU(0.7), tk.layers.Permute((2, 1))]
    more = [tk.layers.SpatialDropout1D(0.1), tk.layers.ReLU(1.0), tk.layers.Reshape((3, -1)), tk.layers.Softmax()]
    return sequential(tk, *layers, *more, tk.layers.GlobalAveragePooling1D(), tk.layers.GaussianNoise(0.1))


@kind
def merged(tk: Any) -> Any:
    x = tk.Input((T, D), name="x")
    y = tk.layers.Bidirectional(tk.layers.LSTM(D, return_sequences=True), merge_mode="ave")(x)
    z = tk.layers.Multiply()([tk.layers.Add()([x, y]), tk.layers.UnitNormalization()(y)])
    joint = tk.layers.Dot(axes=(1, 1), normalize=True)([z, tk.layers.SeparableConv1D(3, 2, padding="same")(y)])
    return tk.Model(x, [joint, tk.layers.Maximum()([tk.layers.GlobalMaxPooling1D()(one) for one in (x, z)])])


@kind
def attentive(tk: Any) -> Any:
    x = tk.Input((T, D), name="x")
    y = tk.layers.Bidirectional(tk.layers.GRU(M, return_sequences=True))(x)
    one = tk.layers.Attention(use_scale=True)([y, y])
    two = tk.layers.AdditiveAttention()([y, one])
    three = tk.layers.MultiHeadAttention(2, 3)(two, y)
    return tk.Model(x, tk.layers.Dense(K)(tk.layers.GlobalAveragePooling1D()(three)))


@kind
def masks_met(tk: Any) -> Any:
    """Two masks that come together, and go on."""
    x = tk.Input((T, D), name="x")
    one = tk.layers.LSTM(M, return_sequences=True)(tk.layers.Masking()(x))
    two = tk.layers.TimeDistributed(tk.layers.Dense(M))(tk.layers.Masking(0.5)(x))
    joint = tk.layers.Concatenate()([tk.layers.Add()([one, two]), two])
    backward = tk.layers.Bidirectional(tk.layers.GRU(K, return_sequences=True), merge_mode="mul")(joint)
    merged = [layer([one, two]) for layer in (tk.layers.Multiply(), tk.layers.Maximum(), tk.layers.Average())]
    outputs = [tk.layers.GlobalAveragePooling1D()(backward), tk.layers.SimpleRNN(K)(backward)]
    return tk.Model(x, [*outputs, tk.layers.GRU(K)(tk.layers.Subtract()([merged[0], merged[1]])), *merged])


@kind
def masks_beside_states(tk: Any) -> Any:
    """An encoder and a decoder of padded texts."""
    source, target = (tk.Input((T,), name=name) for name in ("source", "target"))
    one, two = (tk.layers.Embedding(9, D, mask_zero=True)(x) for x in (source, target))
    _, *states = tk.layers.LSTM(M, return_state=True)(one)
    y = tk.layers.LSTM(M, return_sequences=True)(two, initial_state=states)
    return tk.Model([source, target], tk.layers.Bidirectional(tk.layers.GRU(K))(y))


@kind
def cudnn_lstm(tk: Any) -> Any:
    return sequential(tk, cudnn("LSTM")(M, return_sequences=True), tk.layers.Dense(K))


@kind
def cudnn_gru(tk: Any) -> Any:
    return sequential(tk, cudnn("GRU")(M, go_backwards=True), tk.layers.Dense(K))


@kind
def cudnn_bidirectional(tk: Any) -> Any:
    inner = cudnn("GRU")(D, return_sequences=True)
    return sequential(tk, tk.layers.Bidirectional(inner), tk.layers.Bidirectional(cudnn("LSTM")(M)), tk.layers.Dense(K))


@kind
def nested(tk: Any) -> Any:
    x = tk.Input((T, D), name="x")
    return tk.Model(x, sequential(tk, tk.layers.LSTM(M), tk.layers.Dense(K))(x))


@kind
def nested_twice(tk: Any) -> Any:
    """A model with two ends, called on two inputs, inside one that begins a row of layers."""
    z = tk.Input((T, D), name="z")
    inner = tk.layers.LSTM(M, name="same")(tk.layers.Dense(D, name="below")(z))
    part = tk.Model(z, [tk.layers.Dense(K, name="one")(inner), inner], name="part")
    a, b = tk.Input((T, D), name="a"), tk.Input((T, D), name="b")
    (_, left), (right, _) = part(a), part(b)
    return tk.Model([a, b], [tk.layers.Dense(1, name="same")(left), right])


@kind
def nested_deep(tk: Any) -> Any:
    inner = sequential(tk, tk.layers.GRU(M, return_sequences=True), tk.layers.BatchNormalization())
    middle = tk.Sequential([inner, tk.layers.BatchNormalization(), tk.layers.Dense(D)])
    return sequential(tk, middle, tk.layers.LSTM(M), sequential(tk, tk.layers.Dense(K), shape=(M,)))


@kind
def nested_coders(tk: Any) -> Any:
    x, y = tk.Input((T, D), name="x"), tk.Input((None, K), name="y")
    encoder = tk.Model(x, tk.layers.LSTM(M, return_state=True)(x)[1:], name="encoder")
    h, c, z = tk.Input((M,), name="h"), tk.Input((M,), name="c"), tk.Input((None, K), name="z")
    decoded = tk.layers.LSTM(M, return_sequences=True)(z, initial_state=[h, c])
    decoder = tk.Model([z, h, c], tk.layers.Dense(K)(decoded), name="decoder")
    source = tk.Input((T, D), name="source")
    return tk.Model([source, y], decoder([y, *encoder(source)]))


def cudnn(name: str) -> Any:
    """The layer that runs on a GPU alone, but can be built and saved anywhere."""
    from importlib import import_module

    class_name = f"CuDNN{name}"
    return getattr(import_module(f"tf_keras.src.layers.rnn.cudnn_{name.lower()}"), class_name)


def predicting(tk: Any, model: Any, path: Path) -> Any:
    """The model; one with layers for a GPU with others in their place, for which tf-keras converts the weights by itself."""

    def anywhere(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, tk.layers.Bidirectional):
            return tk.layers.Bidirectional(anywhere(layer.layer), name=config["name"])
        if not type(layer).__name__.startswith("CuDNN"):
            return type(layer).from_config(config)
        kept = {key: config[key] for key in ("name", "units", "return_sequences", "go_backwards")}
        return getattr(tk.layers, type(layer).__name__.removeprefix("CuDNN"))(**kept)

    if "cudnn" not in path.name:
        return model
    made = tk.Sequential([tk.Input(model.input_shape[1:]), *map(anywhere, model.layers)])
    made.load_weights(path)
    return made


def inputs(rng: np.random.Generator, model: Any) -> list[Any]:
    """What a model is fed: token ids, or numbers of which some steps are to be masked."""
    if any(hasattr(layer, "embeddings") for layer in model.layers):
        return [rng.integers(0, 9, (N, T)) * (np.arange(T) >= [[0], [3], [2]]) for _ in model.inputs]
    x = [rng.standard_normal((N, *(T if size is None else size for size in one.shape[1:]))) for one in model.inputs]
    x[0][1, -2:] = -1.0 if model.name == "masked_gru" else 0.0
    x[0][2, :2] = 0.5
    return [one.astype(model.inputs[0].dtype.as_numpy_dtype) for one in x]


def drawn(rng: np.random.Generator, weight: Any) -> Any:
    """Values for a weight, none of which does nothing; a variance is above zero."""
    values = 0.7 * rng.standard_normal(weight.shape)
    return np.abs(values) + 0.1 if "variance" in weight.name else values


def save(tk: Any, name: str, folder: Path) -> None:
    tk.backend.clear_session()
    model = KINDS[name](tk)
    model._name = name
    rng = np.random.default_rng(len(name))
    model.set_weights([drawn(rng, one) for one in model.weights])
    for ending in FORMATS:
        model.save(folder / f"{name}.{ending}")
    x = inputs(rng, model)
    predicted = predicting(tk, model, folder / f"{name}.h5").predict(x, verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    fed = {f"x{index}": one for index, one in enumerate(x)}
    np.savez(folder / f"{name}.npz", **fed, **{f"y{index}": one for index, one in enumerate(predicted)})


def main(folder: Path) -> None:
    import tensorflow
    import tf_keras

    tensorflow.config.run_functions_eagerly(True)  # tracing a model takes longer than predicting once
    for name in KINDS:
        save(tf_keras, name, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
