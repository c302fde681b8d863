"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.arrays import Array
from rnnverify.layers.bidirectional import Bidirectional
from rnnverify.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from rnnverify.layers.layer import MisfitError
from rnnverify.layers.lstm import LSTM
from rnnverify.layers.registry import layer_of
from tests.layers.against_keras import (
    CLEAR,
    MASKS,
    called,
    check,
    draw,
    draw_mask,
    layers_in,
    see,
    seeds,
    softmax_of_one_unit_is_meant,
    with_random_weights,
)

AXES = {"ConvLSTM1D": 1, "ConvLSTM2D": 2, "ConvLSTM3D": 3}
OF_KERAS = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask", "use_bias", "unroll")
LINEAR = dict.fromkeys(("activation", "recurrent_activation"), ACTIVATIONS["linear"])


@dataclass(frozen=True)
class Case:
    """One way of calling one of them."""

    class_name: str
    sizes: tuple[int, ...]  # N, T, channels, filters, and the axes': no two are the same
    kernel_size: tuple[int, ...]
    padding: str
    steps: tuple[str, tuple[int, ...]]  # strides or a dilation_rate
    options: dict[str, bool]
    mask: str | None
    from_zero: bool
    seed: int


@st.composite
def cases(draw_one: Callable[[Any], Any], class_name: str) -> Case:
    axes = AXES[class_name]
    around = draw_one(st.permutations((4, 5, 6)))[:axes]
    each = st.tuples(*[st.integers(1, 3)] * axes)
    kernel_size = draw_one(each)
    dilations = st.tuples(*(st.integers(1, 2 if size < 3 else 1) for size in kernel_size))
    return Case(
        class_name,
        (*draw_one(st.permutations((1, 2, 3, 7))), *around),
        kernel_size,
        draw_one(st.sampled_from(("valid", "same"))),
        draw_one(st.one_of(st.tuples(st.just("strides"), each), st.tuples(st.just("dilation_rate"), dilations))),
        draw_one(st.fixed_dictionaries({option: st.booleans() for option in OF_KERAS})),
        draw_one(st.sampled_from((None, *MASKS))),
        draw_one(st.booleans()),
        draw_one(seeds),
    )


def check_case(keras: Any, case: Case, **options: Any) -> None:
    N, T, channels, filters, *around = case.sizes
    given = {**case.options, case.steps[0]: case.steps[1], **options}
    backwards = given["go_backwards"] and given["return_sequences"]
    if case.mask and backwards and given["zero_output_for_mask"]:
        given["unroll"] = False  # Keras zeroes the wrong steps there, which is refused
    shape = (N, T, *around, channels)
    layer = getattr(layers_in(keras), case.class_name)(filters, case.kernel_size, padding=case.padding, **given)
    with_random_weights(layer, shape, case.seed)
    rng = np.random.default_rng(case.seed)
    states = None
    if not case.from_zero:
        (state, _) = layer_of(case.class_name, layer.get_config()).state_shapes([shape[1:]])
        states = [draw(rng, N, *state) for _ in range(2)]
    check(layer, draw(rng, *shape), draw_mask(rng, case.mask, N, T), states)


@settings(max_examples=25)
@given(case=cases("ConvLSTM1D"))
def test_conv_lstm1d_is_what_keras_computes(keras: Any, case: Case) -> None:
    check_case(keras, case)


@settings(max_examples=25)
@given(case=cases("ConvLSTM2D"))
def test_conv_lstm2d_is_what_keras_computes(keras: Any, case: Case) -> None:
    check_case(keras, case)


@settings(max_examples=15)
@given(case=cases("ConvLSTM3D"))
def test_conv_lstm3d_is_what_keras_computes(keras: Any, case: Case) -> None:
    check_case(keras, case)


@softmax_of_one_unit_is_meant
@settings(max_examples=4)
@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [("relu", "hard_sigmoid"), ("softmax", "sigmoid"), ("softsign", "softmax"), (None, "tanh")],
)
@given(case=cases("ConvLSTM2D"))
def test_conv_lstm_with_other_activations(
    keras: Any, case: Case, activation: str | None, recurrent_activation: str
) -> None:
    check_case(keras, case, activation=activation, recurrent_activation=recurrent_activation)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
@pytest.mark.parametrize("mask", [None, "holes"])
def test_both_directions_of_time_are_what_keras_computes(keras: Any, merge_mode: str | None, mask: str | None) -> None:
    layers = layers_in(keras)
    inner = layers.ConvLSTM2D(2, (3, 2), return_sequences=True)
    layer = with_random_weights(layers.Bidirectional(inner, merge_mode=merge_mode), (3, 4, 6, 5, 1), seed=1)
    rng = np.random.default_rng(2)
    check(layer, draw(rng, 3, 4, 6, 5, 1), draw_mask(rng, mask, 3, 4))


def test_one_filter_over_two_rows_and_two_steps_by_hand() -> None:
    # Of two places from each row on, of which the second has nothing below the last row. Gates in the order i, f, c~, o.
    kernel = [[[1.0, 0.0, 2.0, 1.0]], [[0.0, 1.0, -1.0, 0.0]]]  # (places, channels, gates)
    recurrent_kernel = [[[1.0, 0.0, 0.0, 0.0]], [[0.0, 2.0, 0.0, 1.0]]]
    layer = ConvLSTM1D(filters=1, kernel_size=2, padding="same", return_sequences=True, return_state=True, **LINEAR)
    x = [[[[1.0], [3.0]], [[0.0], [1.0]]]]
    y, h, c = called(layer, x, [kernel, recurrent_kernel, [0.0, 0.0, 0.0, 0.5]])
    # t = 0: the rows see (1, 3) and (3, 0). i = 1, 3; f = 3, 0; c~ = 2 - 3, 6; o = 1.5, 3.5: c = i c~ = -1, 18, and h = o c.
    # t = 1: they see (0, 1) and (1, 0) of x, (-1.5, 63) and (63, 0) of h.
    #        i = 0 - 1.5, 1 + 63; f = 1 + 126, 0; c~ = -1, 2; o = 0.5 + 63, 1.5
    #        c = 127 x -1 + -1.5 x -1, 0 x 18 + 64 x 2
    assert y.values.tolist() == [[[[-1.5], [63.0]], [[63.5 * -125.5], [1.5 * 128.0]]]]
    assert c.values.tolist() == [[[-125.5], [128.0]]]
    assert h.values.tolist() == y.values[:, -1].tolist()


def by_gate(array: Array, order: Sequence[int]) -> Array:
    parts = np.split(array, 4, axis=-1)
    return np.concatenate([parts[gate] for gate in order], axis=-1)


MISTAKES: dict[str, Callable[[list[Array]], list[Array]]] = {
    "rows and columns of the kernel exchanged": lambda w: [np.swapaxes(w[0], 0, 1), w[1], w[2]],
    "rows and columns of the recurrent kernel exchanged": lambda w: [w[0], np.swapaxes(w[1], 0, 1), w[2]],
    "a kernel that is turned round, as in signal processing": lambda w: [w[0][::-1, ::-1], w[1], w[2]],
    "a recurrent kernel that is turned round": lambda w: [w[0], w[1][::-1, ::-1], w[2]],
    "filters of the recurrent kernel exchanged with their channels": lambda w: [
        w[0],
        np.concatenate([np.swapaxes(part, 2, 3) for part in np.split(w[1], 4, axis=-1)], axis=-1),
        w[2],
    ],
    "input and forget gate exchanged": lambda w: [by_gate(one, (1, 0, 2, 3)) for one in w],
    "candidate and output gate exchanged": lambda w: [by_gate(one, (0, 1, 3, 2)) for one in w],
    "no bias": lambda w: [w[0], w[1], 0 * w[2]],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_port_with_a_mistake_differs(keras: Any, mistake: str) -> None:
    seen = see(layers_in(keras).ConvLSTM2D(2, 3, padding="same"), (3, 4, 6, 5, 1))
    assert seen.error(weights=MISTAKES[mistake](seen.layer.get_weights())) > CLEAR


@pytest.mark.parametrize(
    "option", [{"padding": "valid"}, {"dilation_rate": (1, 2)}, {"strides": (2, 1)}, {"go_backwards": True}]
)
def test_another_option_differs(keras: Any, option: dict[str, Any]) -> None:
    seen = see(layers_in(keras).ConvLSTM2D(2, (3, 2), padding="same"), (3, 4, 6, 5, 1))
    replayed = seen.replayed(config=option)[0].values
    assert replayed.shape != seen.expected[0].shape or np.max(np.abs(replayed - seen.expected[0])) > CLEAR


def test_h_and_c_exchanged_in_the_initial_state_differ(keras: Any) -> None:
    rng = np.random.default_rng(3)
    h, c = draw(rng, 3, 6, 2), draw(rng, 3, 6, 2)
    seen = see(layers_in(keras).ConvLSTM1D(2, 3, padding="same", return_state=True), (3, 4, 6, 1), initial_state=[h, c])
    assert seen.error(initial_state=[c, h]) > CLEAR


def test_with_windows_of_one_place_it_is_an_lstm_at_each_place() -> None:
    rng = np.random.default_rng(1)
    x, kernel, recurrent_kernel, bias = draw(rng, 2, 3, 4, 5), draw(rng, 5, 8), draw(rng, 2, 8), draw(rng, 8)
    (y,) = called(ConvLSTM1D(filters=2, kernel_size=1), x, [kernel[np.newaxis], recurrent_kernel[np.newaxis], bias])
    for place in range(4):
        (alone,) = called(LSTM(units=2), x[:, :, place], [kernel, recurrent_kernel, bias])
        np.testing.assert_allclose(y.values[:, place], alone.values, rtol=1e-14)


def test_what_matters_in_training_alone_changes_nothing(keras: Any) -> None:
    options = {
        "dropout": 0.4,
        "recurrent_dropout": 0.3,
        "seed": 5,
        "unit_forget_bias": False,
        "activity_regularizer": "l2",
    }
    see(layers_in(keras).ConvLSTM2D(2, (3, 2), **options), (3, 4, 6, 5, 1))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (ConvLSTM1D(filters=2, kernel_size=4), (5, 3, 1), "expected windows that fit into (3, 1)"),
        (ConvLSTM2D(filters=2, kernel_size=(1, 2, 3)), (5, 3, 4, 1), "expected one number, or 2"),
        (
            ConvLSTM2D(filters=2, kernel_size=2, strides=(1, 2), dilation_rate=(2, 1)),
            (5, 9, 9, 1),
            "expected strides or a dilation_rate above 1, and not both",
        ),
        (ConvLSTM1D(filters=2, kernel_size=1), (5, 3), "expected a sequence of rows (timesteps, rows, channels)"),
        (
            ConvLSTM2D(filters=2, kernel_size=1),
            (5, 4, 3),
            "expected a sequence of images (timesteps, rows, columns, ch",
        ),
        (ConvLSTM3D(filters=2, kernel_size=1), (5, 4, 3, 2), "expected a sequence of volumes (timesteps, depths, rows"),
        (
            Bidirectional(
                ConvLSTM1D(filters=2, kernel_size=3),
                ConvLSTM1D(filters=2, kernel_size=2, go_backwards=True),
            ),
            (5, 6, 1),
            "expected an output that merges with (4, 2), which `layer` gives; got (5, 2)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes([shape])


@pytest.mark.parametrize("class_name", AXES)
def test_channels_first_is_refused_by_name(keras: Any, class_name: str) -> None:
    config = getattr(keras.layers, class_name)(2, 3, data_format="channels_first", name="it").get_config()
    with pytest.raises(UnsupportedError, match=rf"{class_name} 'it': data_format='channels_first' is not implemented"):
        layer_of(class_name, config)


def test_a_mask_for_every_place_is_refused_by_name() -> None:
    layer = ConvLSTM1D(filters=1, kernel_size=1, use_bias=False)
    x, mask = np.ones((2, 3, 4, 1)), np.ones((2, 3, 4), dtype=bool)
    with pytest.raises(UnsupportedError, match=r"^ConvLSTM1D: a mask for every place is not implemented by the replay"):
        called(layer, x, [np.ones((1, 1, 4)), np.ones((1, 1, 4))], mask)


def test_what_it_holds_is_counted() -> None:
    layer = ConvLSTM2D(filters=3, kernel_size=(3, 2), strides=2)
    shape = (7, 9, 8, 5)
    assert layer.output_shapes([shape]) == [(4, 4, 3)]
    assert {name: np.prod(one) for name, one in layer.weight_shapes([shape]).items()} == {
        "kernel": 3 * 2 * 5 * 12,
        "recurrent_kernel": 3 * 2 * 3 * 12,
        "bias": 12,
    }
    assert layer.held([shape]) == 4 * 4 * (7 * 12 + 3 * 2 * (5 + 3))


def test_filters_depend_on_their_own_columns_alone_but_under_a_softmax() -> None:
    assert ConvLSTM1D(filters=1, kernel_size=1).columnwise
    for name in LINEAR:
        assert not ConvLSTM1D(filters=1, kernel_size=1, **{name: ACTIVATIONS["softmax"]}).columnwise
