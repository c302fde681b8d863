"""A recurrent layer and its walk take one loop over time, wherever that changes nothing of what is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnnverify import Observation, observe, verify
from rnnverify.keras_model import probe
from rnnverify.keras_model.models import taken_apart
from rnnverify.keras_model.session import Session
from rnnverify.keras_model.shared_loops import SharedLoop
from rnnverify.layers.arrays import Array
from rnnverify.layers.registry import REPLAYED
from rnnverify.observation import Ref
from rnnverify.spec import spec_from_mapping
from tests.verification.test_returned_states import with_random_weights

N, T, D, M = 5, 7, 3, 4


@pytest.fixture
def x() -> Array:
    drawn = np.random.default_rng(20261130).standard_normal((N, T, D)).astype(np.float32)
    drawn[::2, [0, 3, 6]] = 0  # steps that a Masking masks, the first ones too
    return drawn


LAYERS: dict[str, Callable[[Any], list[Any]]] = {
    "SimpleRNN": lambda L: [L.SimpleRNN(M), L.Dense(2)],
    "LSTM": lambda L: [L.LSTM(M, return_sequences=True), L.LSTM(M + 1), L.Dense(2)],
    "GRU": lambda L: [L.GRU(M, reset_after=False, return_sequences=True), L.GRU(M + 1)],
    "Bidirectional": lambda L: [L.Bidirectional(L.LSTM(M, return_sequences=True), merge_mode="mul"), L.LSTM(2)],
    "masked": lambda L: [L.Masking(), L.GRU(M, return_sequences=True, go_backwards=True)],
    "masked, zero where masked": lambda L: [L.Masking(), L.LSTM(M, return_sequences=True, zero_output_for_mask=True)],
    "masked, unrolled": lambda L: [L.Masking(), L.LSTM(M, unroll=True), L.Dense(2)],
    "stacked cells": lambda L: [L.RNN([L.LSTMCell(M), L.GRUCell(2)], return_sequences=True)],
    "half precision": lambda L: [L.LSTM(M, dtype="float16", return_sequences=True), L.Dense(2)],
    "mixed precision": lambda L: [L.GRU(M, dtype="mixed_bfloat16"), L.Dense(2)],
}


def model_of(keras: Any, name: str) -> Any:
    return with_random_weights(keras.Sequential([keras.Input((T, D)), *LAYERS[name](keras.layers)]))


def arrays_of(observed: Observation) -> Iterator[Array]:
    yield from observed.predictions
    yield from observed.emitted.values()
    for walks in observed.walks.values():
        for walk in walks:
            yield from (walk.sequence, *walk.others)


def loops_in(keras: Any, model: Any, x: Array) -> int:
    """How many loops over time are in what the watcher runs."""
    watcher = taken_apart(keras, model, [x], [])[0].watcher()
    watcher.look({model.inputs[0].name: x})
    return while_loops(watcher, x)


def while_loops(watcher: Any, fed: Any) -> int:
    graph = watcher.model.predict_function.get_concrete_function([(fed,)]).graph
    return sum(operation.type in ("While", "StatelessWhile") for operation in graph.get_operations())


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_what_two_loops_see(keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array, name: str) -> None:
    model = model_of(keras, name)
    one = observe(model, x)
    monkeypatch.setattr(probe, "loops_of", lambda *_: [])
    for array, again in zip(arrays_of(one), arrays_of(observe(model, x)), strict=True):
        np.testing.assert_array_equal(array, again)
    assert verify(one).passed


@pytest.mark.parametrize(("name", "loops"), [("SimpleRNN", 1), ("LSTM", 2), ("Bidirectional", 3), ("stacked cells", 1)])
def test_every_step_is_taken_once(keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array, name: str, loops: int) -> None:
    model = model_of(keras, name)
    assert loops_in(keras, model, x) == loops
    monkeypatch.setattr(probe, "loops_of", lambda *_: [])
    assert loops_in(keras, model, x) == 2 * loops


def test_a_layer_that_goes_twice_over_one_tensor_has_walks_of_their_own(keras: Any, x: Array) -> None:
    lstm = keras.layers.LSTM(M, return_sequences=True, return_state=True, name="lstm")
    given = keras.Input((T, D))
    first, h, c = lstm(given)
    second, *_ = lstm(given, initial_state=[c, h])
    observed = observe(with_random_weights(keras.Model(given, [first, second])), x)
    assert verify(observed).passed
    ((one,), (other,)) = observed.walks["lstm"], observed.walks["lstm:2"]
    np.testing.assert_array_equal(one.sequence, observed.predictions[0])
    np.testing.assert_array_equal(other.sequence, observed.predictions[1])
    assert np.abs(one.sequence - other.sequence).max() > 0.01


def test_a_layer_is_left_as_it_was(keras: Any, x: Array) -> None:
    model = model_of(keras, "LSTM")
    before = [dict(vars(layer)) for layer in model.layers]
    verify(model, x)
    for layer, own in zip(model.layers, before, strict=True):
        assert vars(layer).keys() == own.keys()
        assert all(vars(layer)[name] is own[name] for name in ("cell", "return_sequences") if name in own)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_an_output_that_is_none_of_the_states_is_the_layer_s_alone(
    keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array, kind: str
) -> None:
    """A cell that puts out something else than the h that it keeps: the walk is right, and the layer is not."""
    cell = getattr(keras.layers, f"{kind}Cell")
    right = cell.call
    monkeypatch.setattr(
        cell, "call", lambda *given, **options: (lambda y, new: (y * 1.001, new))(*right(*given, **options))
    )
    layer = getattr(keras.layers, kind)(M, return_sequences=True, name="walked")
    observed = observe(with_random_weights(keras.Sequential([keras.Input((T, D)), layer])), x)
    found = verify(observed)
    assert found.verdict == "mismatch"
    assert found.first_divergence is not None
    assert found.first_divergence.layer == "walked"
    (walk,) = observed.walks["walked"]
    np.testing.assert_allclose(observed.emitted[Ref("walked")], walk.sequence * 1.001, rtol=1e-6)


@pytest.mark.parametrize("off", [0.0, 1e-3])
def test_a_loop_that_does_not_ask_the_cell_is_held_against_the_cell_s_steps(
    keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array, off: float
) -> None:
    """As with a kernel of cuDNN, which takes the weights of the cell and none of its steps."""

    def by_hand(layer: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        ops, cell, (h,) = keras.ops, layer.cell, initial_state
        outputs = []
        for t in range(T):
            h = ops.tanh(sequences[:, t] @ cell.kernel + h @ cell.recurrent_kernel + cell.bias + off * (t == 4))
            outputs.append(h)
        return h, ops.stack(outputs, axis=1), [h]

    monkeypatch.setattr(keras.layers.SimpleRNN, "inner_loop", by_hand, raising=False)
    model = keras.Sequential([keras.Input((T, D)), keras.layers.SimpleRNN(M, return_sequences=True, name="walked")])
    found = verify(with_random_weights(model), x)
    assert found.passed == (off == 0)
    if off:
        assert found.first_divergence is not None
        assert (found.first_divergence.layer, found.first_divergence.timestep) == ("walked", 4)


def in_the_last_unit(keras: Any, last: Any, outputs: Any, states: Any, whole: bool) -> Any:
    off = 0.1 * keras.ops.one_hot(last.shape[-1] - 1, last.shape[-1], dtype=last.dtype)
    return last + off, outputs + off, states


def in_the_last_output(keras: Any, last: Any, outputs: Any, states: Any, whole: bool) -> Any:
    return (last, outputs, states) if whole else (last * 1.0001, outputs, states)


def of_the_first_step(keras: Any, last: Any, outputs: Any, states: Any, whole: bool) -> Any:
    return outputs[:, 0] if whole else keras.ops.zeros_like(last), outputs, states


def in_the_last_state(keras: Any, last: Any, outputs: Any, states: Any, whole: bool) -> Any:
    return last, outputs, states if whole else [*states[:-1], states[-1] + 1e-3]


@pytest.fixture(params=[in_the_last_unit, in_the_last_output, of_the_first_step, in_the_last_state])
def changed_loop(request: pytest.FixtureRequest, keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras's loop over time with a fault that is another one, or none, where all states are put out besides."""
    from keras.src import backend

    right = backend.rnn
    monkeypatch.setattr(
        backend,
        "rnn",
        lambda *given, **options: request.param(keras, *right(*given, **options), options["return_all_outputs"]),
    )


@pytest.mark.usefixtures("changed_loop")
@pytest.mark.parametrize(
    ("kind", "around"),
    [("SimpleRNN", "alone"), ("LSTM", "alone"), ("GRU", "alone"), ("LSTM", "Bidirectional"), ("GRU", "masked")],
)
def test_a_fault_of_the_loop_as_the_layer_takes_it_is_seen_at_the_layer(
    keras: Any, x: Array, kind: str, around: str
) -> None:
    layers, given = keras.layers, keras.Input((T, D))
    if around == "Bidirectional":
        layer = layers.Bidirectional(getattr(layers, kind)(M, return_state=True), name="walked")
    else:
        layer = getattr(layers, kind)(M, return_state=True, name="walked")
    output, *states = layer(layers.Masking()(given) if around == "masked" else given)
    model = keras.Model(given, [layers.Dense(2)(output), *states])
    found = verify(with_random_weights(model), x)
    assert found.verdict == "mismatch"
    assert found.first_divergence is not None
    assert found.first_divergence.layer == "walked"


@pytest.mark.usefixtures("changed_loop")
def test_it_is_seen_in_a_model_that_is_built_from_a_spec(request: pytest.FixtureRequest) -> None:
    spec = {
        "N": N,
        "T": T,
        "D": D,
        "M": M,
        "layers": [{"LSTM": {"units": M, "name": "walked"}}, {"Dense": {"units": 2}}],
    }
    found = verify(observe(spec_from_mapping(spec)))
    of_a_state = "in_the_last_state" in request.node.name  # which is returned to nobody
    assert (found.verdict, found.first_divergence and found.first_divergence.layer) == (
        ("match", None) if of_a_state else ("mismatch", "walked")
    )


def test_a_state_that_is_made_of_outputs_is_of_its_own_width(
    keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array
) -> None:
    """Someone's change to Keras's loop; its outputs hold c beside h where they are shared."""
    from keras.src import backend

    right = backend.rnn

    def wrong(*given: Any, **options: Any) -> Any:
        last, outputs, states = right(*given, **options)
        return last, outputs, [outputs[:, -2], *states[1:]]

    monkeypatch.setattr(backend, "rnn", wrong)
    layer = keras.layers.LSTM(M, return_sequences=True, return_state=True, name="walked")
    given = keras.Input((T, D))
    observed = observe(with_random_weights(keras.Model(given, layer(given))), x)
    found = verify(observed).first_divergence
    assert found is not None
    assert found.layer == "walked"
    np.testing.assert_array_equal(observed.emitted[Ref("walked", 1)], observed.emitted[Ref("walked")][:, -2])


def test_nothing_is_kept_of_what_was_traced(keras: Any, x: Array) -> None:
    model = model_of(keras, "GRU")
    watcher = taken_apart(keras, model, [x], [])[0].watcher()
    watcher.look({model.inputs[0].name: x})
    assert [loop.taken for loop in watcher.loops] == [[], []]


def test_calls_over_other_tensors_are_told_apart(keras: Any, x: Array) -> None:
    lstm = keras.layers.LSTM(M, return_sequences=True)
    one, other = keras.Input((T, D), name="one"), keras.Input((T, D), name="other")
    model = with_random_weights(keras.Model([one, other], [lstm(one), lstm(other)]))
    watcher = taken_apart(keras, model, [x, x], [])[0].watcher()
    seen = watcher.look({"one": x, "other": x[::-1]})
    assert while_loops(watcher, [x, x]) == 2
    ((first,), (second,)) = seen.walks.values()
    np.testing.assert_allclose(first.sequence, second.sequence[::-1], atol=1e-6)


def test_an_output_of_another_kind_than_the_states_is_the_same(
    keras: Any, monkeypatch: pytest.MonkeyPatch, x: Array
) -> None:
    class Coarse(keras.layers.Layer):  # type: ignore[name-defined, misc]
        state_size = M

        def call(self, inputs: Any, states: Any) -> Any:
            h = inputs[:, :1] + 0.3 * states[0]
            return keras.ops.cast(h, "float16"), [h]

    def looked_at() -> Any:
        watcher = taken_apart(keras, model, [x], [])[0].watcher()
        seen = watcher.look({model.inputs[0].name: x})
        return while_loops(watcher, x), seen

    model = keras.Sequential([keras.Input((T, D)), keras.layers.RNN(Coarse(), return_sequences=True)])
    loops, shared = looked_at()
    monkeypatch.setattr(probe, "loops_of", lambda *_: [])
    loops_apart, apart = looked_at()
    assert (loops, loops_apart) == (1, 2)
    for ref, array in apart.tensors.items():
        np.testing.assert_array_equal(shared.tensors[ref], array)
    ((one,), (other,)) = *shared.walks.values(), *apart.walks.values()
    np.testing.assert_array_equal(one.sequence, other.sequence)
    np.testing.assert_array_equal(one.others[0], other.others[0])


def test_a_layer_of_the_user_s_own_keeps_its_loop(keras: Any, x: Array) -> None:
    class Own(keras.layers.LSTM):  # type: ignore[name-defined, misc]
        pass

    model = with_random_weights(
        keras.Sequential([keras.Input((T, D)), Own(M, return_sequences=True), keras.layers.GRU(2)])
    )
    assert loops_in(keras, model, x) == 2 + 1


def test_a_session_tries_loops_of_one_kind_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    right = SharedLoop.changes_nothing

    def changes_nothing(loop: SharedLoop) -> bool:
        tried.append(f"{type(loop.layer).__name__} {loop.layer.units}{' masked' * loop.masked}")
        return right(loop)

    monkeypatch.setattr(SharedLoop, "changes_nothing", changes_nothing)

    def observed(session: Session, layer: str, units: int, *before: Any, **options: Any) -> None:
        layers = [*before, {layer: {"units": units, **options}}]
        session.observe(spec_from_mapping({"N": 2, "T": 4, "D": 3, "layers": layers}))

    session = Session(REPLAYED)
    for layer, units in (("LSTM", 4), ("LSTM", 5), ("GRU", 4), ("GRU", 6), ("LSTM", 7)):
        observed(session, layer, units)
    assert tried == ["LSTM 4", "GRU 4"]
    observed(session, "LSTM", 8, return_sequences=True)
    observed(session, "LSTM", 9, {"Masking": {}})
    observed(session, "LSTM", 10, go_backwards=True)
    observed(session, "LSTM", 11, dtype="float64")
    assert tried[2:] == ["LSTM 8", "LSTM 9 masked", "LSTM 10", "LSTM 11"]
    observed(Session(REPLAYED), "LSTM", 12)
    assert tried[6:] == ["LSTM 12"]
