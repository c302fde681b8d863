"""Whatever is built: a verdict, or one clear refusal. Nothing ends in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnverify import replay, verify
from rnnverify.errors import RequestError
from rnnverify.layers.arrays import Array

N, T, D, IDS = 4, 5, 3, 9
RNG = np.random.default_rng(20261125)
X = RNG.standard_normal((N, T, D)).astype(np.float32)
TOKENS = RNG.integers(0, IDS, (N, T))


@pytest.mark.parametrize("fed", ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("declared", ["float16", "float32", "int32", "int64"])
def test_token_ids_of_any_type_are_read_as_keras_reads_them(keras: Any, declared: str, fed: str) -> None:
    import ml_dtypes

    given = keras.Input((T,), dtype=declared)
    model = keras.Model(given, keras.layers.LSTM(3)(keras.layers.Embedding(IDS, 4, mask_zero=True)(given)))
    assert verify(model, TOKENS.astype(ml_dtypes.bfloat16 if fed == "bfloat16" else fed)).passed


def test_ids_that_are_no_whole_numbers_are_cut_off(keras: Any) -> None:
    given = keras.Input((T,))
    model = keras.Model(given, keras.layers.Embedding(IDS, 4)(given))
    assert verify(model, TOKENS + np.float32(0.7)).passed
    np.testing.assert_array_equal(replay(model, TOKENS + 0.7), replay(model, TOKENS))


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@pytest.mark.parametrize("name", ["Masking", "Dropout", "Flatten", "Activation"])
def test_layers_may_stand_before_an_embedding(keras: Any, name: str) -> None:
    L = keras.layers
    before = {"Dropout": lambda: L.Dropout(0.5), "Activation": lambda: L.Activation("relu")}.get(name, getattr(L, name))
    given = keras.Input((T, 1) if name == "Masking" else (T,))
    model = keras.Model(given, L.Embedding(IDS, 4)(before()(given)))
    assert verify(model, TOKENS.reshape(N, *given.shape[1:]).astype(np.float32)).passed


def functional(outputs: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        given = keras.Input((T, D))
        return keras.Model(given, outputs(keras, given))

    return build


def sequences(keras: Any, given: Any) -> Any:
    return keras.layers.LSTM(3, return_sequences=True)(given)


def own_class(keras: Any) -> Any:
    class Own(keras.Model):  # type: ignore[name-defined, misc]
        def call(self, x: Any) -> Any:
            return x

    model = Own(name="own")
    model(X)
    return model


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a choice as output": (
        functional(lambda k, x: k.ops.where(sequences(k, x) > 1.0, 1.0, 0.0)),
        r"'where.*' is a Keras operation \(Where\) outside any layer",
    ),
    "an operation inside": (
        functional(lambda k, x: k.layers.Dense(2)(k.ops.cumsum(x, axis=1))),
        r"'cumsum.*' is a Keras operation \(Cumsum\)",
    ),
    "an operation across the samples": (
        functional(lambda k, x: k.layers.Dense(2)(k.ops.flip(x, axis=0))),
        "Keras's operation Flip is not implemented as it is called here: it works across the samples",
    ),
    "an output without samples": (
        functional(lambda k, x: k.ops.mean(x)),
        "Keras's operation Mean is not implemented as it is called here: it works across the samples",
    ),
    "no layers": (functional(lambda k, x: x), "at least one layer"),
    "a lambda": (
        functional(lambda k, x: k.layers.Dense(2, activation=lambda z: z)(x)),
        "the activation .* not implemented",
    ),
    "a layer as activation": (
        functional(lambda k, x: k.layers.LSTM(2, activation=k.layers.Identity())(x)),
        "the activation given as a layer, Identity, is not implemented",
    ),
    "an unbuilt model": (lambda k: k.Sequential([k.layers.Dense(2)]), "expected a model that is built"),
    "a class of one's own": (own_class, r"got 'own' of the class Own, .*; verify keras.Model\(x, model.call\(x\)\)"),
    "an unbuilt layer": (lambda k: k.layers.LSTM(2), "no weights yet"),
    "a number": (lambda k: 3, "expected a keras.Model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_verified_is_refused_by_name(keras: Any, name: str) -> None:
    build, told = REFUSED[name]
    with pytest.raises(RequestError, match=told):
        verify(build(keras), X)


INPUTS: dict[str, tuple[Any, str]] = {
    "NaN": (np.where(X > 1, np.nan, X), r"finite numbers in the input .* \d+ of 60"),
    "infinity": (np.where(X > 1, np.inf, X), r"finite numbers in the input .* \d+ of 60"),
    "beyond float32": (X.astype(np.float64) * 1e300, "finite numbers in the input"),
    "complex": (X + 1j, "expected numbers for the input .* complex"),
    "text": (np.full((N, T, D), "a"), "expected numbers for the input"),
    "objects": (X.astype(object), "expected numbers for the input"),
    "no samples": (X[:0], "at least one sample"),
    "too few axes": (X[0], r"as \(N, 5, 3\), got an array of shape \(5, 3\)"),
    "another width": (X[..., :2], r"as \(N, 5, 3\)"),
    "too many": ([X, X], "expected 1 input "),
    "none": ([], "expected 1 input "),
    "a dict": ({"x": X}, "by their names, .*; missing: .*; unknown: 'x'"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_do_not_fit_are_refused_by_name(keras: Any, name: str) -> None:
    x, told = INPUTS[name]
    with pytest.raises(RequestError, match=told):
        verify(functional(sequences)(keras), x)


def test_every_input_has_as_many_samples_as_the_others(keras: Any) -> None:
    x, y = keras.Input((T, D), name="x"), keras.Input((2,), name="y")
    model = keras.Model([x, y], keras.layers.Concatenate()([keras.layers.Flatten()(x), y]))
    with pytest.raises(RequestError, match="same number of samples for every input, got 4 for 'x', 7 for 'y'"):
        verify(model, [X, np.zeros((7, 2))])


@pytest.mark.parametrize("call", [verify, replay])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(keras: Any, wrong: float, call: Any) -> None:
    model = functional(sequences)(keras)
    kernel, *others = model.get_weights()
    kernel[1, 2] = wrong
    model.set_weights([kernel, *others])
    with pytest.raises(RequestError, match=r"the weight 'kernel' of layer 'lstm.*', got 1 of 36"):
        call(model, X)


def test_a_token_id_beyond_the_vocabulary_is_named(keras: Any) -> None:
    given = keras.Input((T,))
    with pytest.raises(RequestError, match=r"token ids below 9 in the input .*, got 13"):
        verify(keras.Model(given, keras.layers.Embedding(IDS, 4)(given)), np.full((N, T), 13.0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mask": np.ones((N, T - 1))}, r"of shape \(4, 5\); got one of shape \(4, 4\)"),
        ({"mask": np.ones((1, T))}, r"of shape \(4, 5\); got one of shape \(1, 5\)"),
        ({"initial_state": [np.zeros((1, 3))] * 2}, r"\(4, 3\) and \(4, 3\); got \(1, 3\) and \(1, 3\)"),
        ({"initial_state": [np.zeros((N, 2))] * 2}, r"got \(4, 2\) and \(4, 2\)"),
        ({"initial_state": np.zeros((N, 3))}, r"got \(4, 3\)$"),
        ({"initial_state": [np.full((N, 3), np.nan)] * 2}, "finite numbers in initial_state"),
    ],
)
def test_masks_and_states_of_a_replay_are_those_of_its_input(keras: Any, options: dict[str, Any], told: str) -> None:
    layer = keras.layers.LSTM(3)
    layer(X)
    with pytest.raises(RequestError, match=told):
        replay(layer, X, **options)


# Arguments of layers that need some; of all others none is given.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Dense": {"units": 2},
    **{name: {"units": 2, "return_sequences": True} for name in ("SimpleRNN", "LSTM", "GRU")},
    **{name: {"rate": 0.5} for name in ("Dropout", "SpatialDropout1D", "GaussianDropout", "AlphaDropout")},
    **{name: {"filters": 2, "kernel_size": 2} for name in ("Conv1D", "SeparableConv1D", "Conv1DTranspose")},
    "DepthwiseConv1D": {"kernel_size": 2},
    "GaussianNoise": {"stddev": 0.5},
    "Activation": {"activation": "tanh"},
    "RepeatVector": {"n": 2},
    "Reshape": {"target_shape": (-1, 1)},
    "Permute": {"dims": (2, 1)},
    "Cropping1D": {"cropping": 1},
}
WRAPPED = {"Bidirectional": "LSTM", "TimeDistributed": "Dense"}


def every_layer(keras: Any) -> list[str]:
    names = [name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)]
    return [name for name in names if issubclass(getattr(keras.layers, name), keras.layers.Layer)]


def made(keras: Any, name: str, dtype: str) -> Any:
    kind = getattr(keras.layers, name)
    if name in WRAPPED:
        inner = WRAPPED[name]
        return kind(getattr(keras.layers, inner)(**ARGUMENTS[inner]), dtype=dtype)
    return kind(**ARGUMENTS.get(name, {}), dtype=dtype)


OPERATIONS: list[Callable[[Any, Any], Any]] = [lambda k, x: x[:, -1], lambda k, x: x + x, lambda k, x: k.ops.tanh(x)]


@pytest.mark.filterwarnings("ignore:.*passed an input with a mask")
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_random_model_of_any_layers_gives_a_verdict_or_is_refused(keras: Any, data: st.DataObject) -> None:
    known = [*ARGUMENTS, *WRAPPED, "Flatten", "Masking"]
    names = st.one_of(st.sampled_from(known), st.sampled_from(every_layer(keras)))
    given = tensor = keras.Input((T, D))
    seen = [tensor]
    for _ in range(data.draw(st.integers(1, 3))):
        tensor = data.draw(st.sampled_from(seen))
        try:
            if data.draw(st.integers(0, 9)) == 0:
                tensor = data.draw(st.sampled_from(OPERATIONS))(keras, tensor)
            else:
                dtype = data.draw(st.sampled_from(["float32", "float32", "float16", "float64", "mixed_bfloat16"]))
                tensor = made(keras, data.draw(names), dtype)(tensor)
        except Exception:  # Keras itself refuses to build it, in many ways
            continue
        seen += keras.tree.flatten(tensor)
    outputs = data.draw(st.lists(st.sampled_from(seen), min_size=1, max_size=2, unique_by=id))
    try:
        model = keras.Model(given, outputs)
    except Exception:
        return
    x: Array = data.draw(st.sampled_from([X, np.zeros_like(X), np.abs(X) * 1e4, np.floor(np.abs(X))]))
    with suppress(RequestError):  # it is refused, by name
        result = verify(model, x)
        assert result.verdict in ("match", "untested"), result.first_divergence
