"""A layer that is taken as given: everything in front of it and behind it is checked, and the verdict says that it was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.errors import DataError, RequestError, UnsupportedError
from rnnverify.observation import Node, Observation, Ref
from rnnverify.verification.fitting import problems
from rnnverify.verification.verdict import judge

IDS = np.array([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [6, 5, 3, 0, 0]], dtype="int32")
X = np.random.default_rng(5).normal(size=(3, 5, 4)).astype("float32")


@pytest.fixture(scope="module")
def own(keras: Any) -> Any:
    """A layer of the user's own, with a weight, which cannot say what it was made with, and hands on its mask."""

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, function: Callable[[Any], Any], **options: Any) -> None:
            super().__init__(**options)
            self.function = function
            self.supports_masking = True

        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(shape[-1],), initializer="uniform", name="factor")

        def call(self, x: Any) -> Any:
            return self.function(x) * self.factor

    return Own


@pytest.fixture(scope="module")
def model(keras: Any, own: Any) -> Any:
    """Embedding, GRU, the layer of one's own, LSTM, Dense, with masked steps."""
    keras.utils.set_random_seed(8)
    x = keras.Input((5,), dtype="int32")
    h = keras.layers.Embedding(12, 6, mask_zero=True, name="embedding")(x)
    h = keras.layers.GRU(4, return_sequences=True, bias_initializer="uniform", name="gru")(h)
    h = own(keras.ops.sin, name="own")(h)
    h = keras.layers.LSTM(3, bias_initializer="uniform", name="lstm")(h)
    return keras.Model(x, keras.layers.Dense(2, name="dense")(h))


@pytest.fixture(scope="module")
def observed(model: Any) -> Observation:
    return rnnverify.observe(model, IDS, opaque=["own"])


def with_weight(observed: Observation, layer: str, name: str) -> Observation:
    """What was observed, with a weight that is not the one that Keras computed with."""

    def changed(node: Node) -> Node:
        if node.layer != layer:
            return node
        array = node.weights[name].copy()
        array.flat[1] += 0.01
        return replace(node, weights={**node.weights, name: array})

    return replace(observed, nodes=tuple(map(changed, observed.nodes)))


def test_everything_else_is_checked(model: Any, observed: Observation) -> None:
    result = judge(observed).result
    assert (result.verdict, result.unchecked) == ("match", ("own",))
    assert [layer.layer for layer in result.layers] == ["embedding", "gru", "lstm", "dense"]
    given = result.given[0]
    assert (given.class_, given.parameters, given.output_shape, given.place) == ("Own", 4, (3, 5, 4), 2)
    row = max(result.outputs, key=lambda output: output.max_abs_error)
    assert row.max_abs_error < 1e-6
    assert row.keras == model.predict(IDS, verbose=0)[row.at.sample, int(row.output[-2])]


@pytest.mark.parametrize("layer", ["gru", "lstm"])
def test_a_fault_in_front_of_it_and_behind_it_is_placed(observed: Observation, layer: str) -> None:
    first = judge(with_weight(observed, layer, "recurrent_kernel")).result.first_divergence
    assert first is not None
    assert first.layer == layer


def test_a_fault_in_it_is_not_seen_and_the_result_says_so(observed: Observation) -> None:
    result = judge(with_weight(observed, "own", "factor")).result
    assert (result.verdict, result.unchecked) == ("match", ("own",))


def test_the_mask_that_keras_hands_on_is_observed(observed: Observation) -> None:
    np.testing.assert_array_equal(observed.masks[Ref("own")], IDS != 0)
    first = judge(replace(observed, masks={})).result.first_divergence
    assert first is not None
    assert (first.layer, first.timestep) == ("lstm", 2)  # the first step that is masked somewhere


def test_without_it_the_layer_is_named(model: Any) -> None:
    with pytest.raises(UnsupportedError, match="layer 'own': the class Own has no replay"):
        rnnverify.verify(keep_config(model), IDS)


def keep_config(model: Any) -> Any:
    """The same model, of which the layer can say something, so that Keras can say what its graph is."""
    layer = model.get_layer("own")
    type(layer).get_config = lambda self: {"name": self.name, "dtype": "float32"}
    return model


def test_what_is_asked_for_may_be_a_name_a_class_or_all(model: Any) -> None:
    for asked in (["own"], ["Own"], "all", ["all", "own"]):
        assert rnnverify.verify(model, IDS, opaque=asked).unchecked == ("own",)
    result = rnnverify.verify(model, IDS, opaque=["Own", "gru"])
    assert (result.verdict, result.unchecked) == ("match", ("gru", "own"))


def test_what_is_not_there_is_refused(model: Any) -> None:
    with pytest.raises(RequestError) as refused:
        rnnverify.verify(model, IDS, opaque=["gry", "any"])
    first, second = str(refused.value).splitlines()
    assert (
        "opaque: expected the name or class of a layer of this model, or all; got 'gry', did you mean 'gru'?" in first
    )
    assert first.endswith("its layers are embedding (Embedding), gru (GRU), own (Own), lstm (LSTM), dense (Dense)")
    assert "got 'any'" in second


@pytest.mark.parametrize("asked", [[3], [None], ["own", 2]])
def test_what_is_no_name_is_refused(model: Any, asked: Any) -> None:
    with pytest.raises(RequestError, match="opaque: expected names of layers or classes, or all"):
        rnnverify.verify(model, IDS, opaque=asked)


def test_all_takes_nothing_where_all_have_a_replay(keras: Any) -> None:
    model = keras.Sequential([keras.Input((5, 4)), keras.layers.GRU(2)])
    assert rnnverify.verify(model, X, opaque=["all"]).unchecked == ()


def test_nothing_left_to_check_is_refused(keras: Any) -> None:
    model = keras.Sequential(
        [keras.Input((5, 4)), keras.layers.GRU(2, name="gru"), keras.layers.Dense(2, name="dense")]
    )
    with pytest.raises(DataError, match="nothing left to check: gru, dense taken as given"):
        rnnverify.verify(model, X, opaque=["gru", "Dense"])


def kinds(keras: Any, own: Any) -> dict[str, Callable[[Any], Any]]:
    """Layers without a replay, each called on a sequence (N, 5, 4), which give one, or more."""
    inner = keras.Sequential(
        [keras.Input((5, 4)), keras.layers.Dense(3), keras.layers.GRU(2, return_sequences=True)], name="net"
    )
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(2)]
    attention = keras.layers.GroupQueryAttention(3, 4, 2, name="gqa")
    return {
        "twice": keras.layers.Lambda(lambda x: 2 * x, name="twice"),
        "net": inner,
        "rnn": keras.layers.RNN(cells, return_sequences=True, name="rnn"),
        "gqa": lambda x: attention(x, value=x, use_causal_mask=True),
        "cumsum": lambda x: keras.ops.cumsum(x, axis=1),
        "stateful": keras.layers.LSTM(3, return_sequences=True, stateful=True, name="stateful"),
        "mish": keras.layers.Dense(3, activation=lambda x: x * keras.ops.tanh(x), name="mish"),
        "float64": keras.layers.RMSNormalization(dtype="float64", name="float64"),
        "norm": keras.layers.TimeDistributed(keras.layers.RMSNormalization(), name="norm"),
        "parts": lambda x: own(lambda y: y, name="parts")(x)[:, ::-1],
    }


@pytest.mark.parametrize(
    "name", ["twice", "net", "rnn", "gqa", "cumsum", "stateful", "mish", "float64", "norm", "parts"]
)
def test_whatever_has_no_replay_may_be_opaque(keras: Any, own: Any, name: str) -> None:
    keras.utils.clear_session()  # so that Keras counts its operations from the start
    keras.utils.set_random_seed(3)
    x = keras.Input(batch_shape=(3, 5, 4))
    h = keras.layers.SimpleRNN(4, return_sequences=True, name="first")(x)
    model = keras.Model(x, keras.layers.LSTM(2, name="last")(kinds(keras, own)[name](h)))
    expected = rnnverify.observe(model, X, opaque=name).predictions[0]  # the first of a stateful one
    for asked in (name, "all") if name not in ("net", "rnn", "stateful") else (name,):  # which have replays
        result = rnnverify.verify(model, X, opaque=[asked])
        assert (result.verdict, result.unchecked) == ("match", (name,))
    trace = rnnverify.trace(model, X, opaque=[name])
    np.testing.assert_allclose(trace["last"]["output"], expected, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)  # its states are as they were


def test_several_outputs_and_states_of_an_opaque_layer(keras: Any) -> None:
    x = keras.Input((5, 4))
    sequence, *states = keras.layers.RNN(
        keras.layers.LSTMCell(3), return_sequences=True, return_state=True, name="encoder"
    )(x)
    y = keras.layers.LSTM(3, name="decoder")(sequence, initial_state=states)
    model = keras.Model(x, [y, states[1]])
    result = rnnverify.verify(model, X, opaque=["encoder"])
    assert (result.verdict, result.unchecked) == ("match", ("encoder",))
    assert [output.output for output in result.outputs][-1] == "encoder.2[2]"


def test_another_run_may_differ_by_rounding_and_no_more(observed: Observation) -> None:
    (prediction,) = observed.predictions
    near, far = (replace(observed, predictions=(prediction * np.float32(1 + off),)) for off in (3e-7, 1e-3))
    result = judge(near).result
    assert result.verdict == "match"
    assert "how far it takes own, which are not replayed, is a guess" in " ".join(result.notes)
    assert judge(far).result.verdict == "mismatch"


def test_what_an_opaque_layer_returns_is_compared_too(keras: Any) -> None:
    x = keras.Input((5, 4))
    h = keras.layers.GRU(3, return_sequences=True, name="gru")(x)
    observed = rnnverify.observe(keras.Model(x, keras.layers.Lambda(lambda y: y + 1, name="more")(h)), X, opaque="more")
    assert judge(observed).result.passed
    wrong = replace(observed, predictions=(observed.predictions[0] + np.float32(0.01),))
    assert judge(wrong).result.verdict == "mismatch"


def test_a_saved_observation_keeps_it(observed: Observation, tmp_path: Path) -> None:
    path = str(tmp_path / "o.npz")
    rnnverify.save_observation(observed, path)
    loaded = rnnverify.load_observation(path)
    assert [node.name for node in loaded.opaque] == ["own"]
    np.testing.assert_array_equal(loaded.masks[Ref("own")], IDS != 0)
    result = rnnverify.verify(loaded)
    assert (result.verdict, result.unchecked) == ("match", ("own",))
    with pytest.raises(RequestError, match="opaque: an observation is what it is"):
        rnnverify.verify(path, opaque=["lstm"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda o: {"masks": {Ref("own"): o.masks[Ref("own")][:, 1:]}},
            "expected the mask behind own to say of every step",
        ),
        (lambda o: {"masks": {Ref("gru"): o.masks[Ref("own")]}}, "expected the mask behind gru"),
        (lambda o: {"masks": {Ref("own"): o.masks[Ref("own")].astype(float)}}, "expected the mask behind own"),
        (lambda o: {"emitted": {k: v for k, v in o.emitted.items() if k != ("own", 0)}}, "expected what own put out"),
        (lambda o: {"emitted": {**o.emitted, Ref("own"): o.emitted[Ref("own")][1:]}}, "expected as many samples"),
        (lambda o: {"emitted": {**o.emitted, Ref("own", 2): o.emitted[Ref("own")]}}, "expected every output of own"),
    ],
)
def test_what_does_not_fit_in_a_file_is_found(observed: Observation, change: Any, problem: str) -> None:
    assert next(problems(replace(observed, **change(observed)))).startswith(problem)


def test_what_rests_on_the_whole_replay_is_refused(model: Any, observed: Observation) -> None:
    refused = "expected every layer to be replayed; own taken as given"
    with pytest.raises(UnsupportedError, match=f"compare: {refused}"):
        rnnverify.compare(observed, lambda x, weights: x)
    with pytest.raises(UnsupportedError, match=f"compare: {refused}"):
        rnnverify.diagnose(observed, None, np.zeros((3, 2)))
    with pytest.raises(UnsupportedError, match=f"blind spots: {refused}"):
        rnnverify.blind_spots(observed)


def test_an_opaque_layer_puts_out_numbers_sample_by_sample(keras: Any) -> None:
    x = keras.Input((5, 4))
    h = keras.layers.GRU(3, name="gru")(x)
    total = keras.layers.Lambda(lambda y: keras.ops.sum(y, axis=0, keepdims=True), name="total")(h)
    with pytest.raises(
        UnsupportedError, match="layer 'total' cannot be taken as given: expected numbers with the samples first"
    ):
        rnnverify.observe(keras.Model(x, total), X, opaque=["total"])


def test_a_layer_is_left_as_it_was(model: Any) -> None:
    rnnverify.verify(model, IDS, opaque=["own", "lstm"])
    assert not any("get_config" in vars(layer) for layer in model.layers)
    assert model.get_layer("lstm").get_config()["units"] == 3
