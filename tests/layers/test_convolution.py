from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rnnverify.errors import UnsupportedError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.layers.convolution import Conv1D, Conv2D, DepthwiseConv1D, SeparableConv1D
from rnnverify.layers.layer import MisfitError
from rnnverify.layers.windows import Windows
from tests.layers.against_keras import CLEAR, called, check, draw, layers_in, see, seeds, with_random_weights

STEPS = [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]  # strides and dilation_rate: TensorFlow takes one of them above 1


@settings(max_examples=60)
@given(
    padding=st.sampled_from(["valid", "same", "causal"]),
    steps=st.sampled_from(STEPS),
    size=st.integers(1, 3),
    groups=st.sampled_from([1, 2]),
    activation=st.sampled_from(["linear", "relu", "tanh", "softmax"]),
    use_bias=st.booleans(),
    seed=seeds,
)
def test_conv1d_is_what_keras_computes(
    keras: Any, padding: str, steps: tuple[int, int], size: int, groups: int, activation: str, use_bias: bool, seed: int
) -> None:
    strides, dilation_rate = steps
    layer = layers_in(keras).Conv1D(
        6,
        size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        activation=activation,
        use_bias=use_bias,
    )
    with_random_weights(layer, (3, 9, 4), seed)
    check(layer, draw(np.random.default_rng(seed), 3, 9, 4))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), ((2, 3), 1), (1, (2, 1))])
def test_conv2d_is_what_keras_computes(keras: Any, padding: str, strides: Any, dilation_rate: Any) -> None:
    options = {"padding": padding, "strides": strides, "dilation_rate": dilation_rate, "activation": "softsign"}
    layer = with_random_weights(layers_in(keras).Conv2D(5, (3, 2), **options), (2, 8, 7, 3), seed=1)
    check(layer, draw(np.random.default_rng(2), 2, 8, 7, 3))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), STEPS)
@pytest.mark.parametrize("class_name", ["DepthwiseConv1D", "SeparableConv1D"])
def test_channels_convolved_by_themselves_are_what_keras_computes(
    keras: Any, class_name: str, padding: str, strides: int, dilation_rate: int
) -> None:
    options = {"padding": padding, "strides": strides, "dilation_rate": dilation_rate, "depth_multiplier": 2}
    sizes = (5, 3) if class_name == "SeparableConv1D" else (3,)
    layer = getattr(layers_in(keras), class_name)(*sizes, activation="elu", **options)
    check(with_random_weights(layer, (2, 9, 4), seed=1), draw(np.random.default_rng(2), 2, 9, 4))


def test_two_filters_by_hand() -> None:
    layer = Conv1D(filters=2, kernel_size=2)
    kernel = [[[1.0, 10.0]], [[2.0, 20.0]]]  # (places, channels, filters)
    (y,) = called(layer, [[[1.0], [3.0], [4.0]]], [kernel, [0.5, 0.25]])
    assert y.values.tolist() == [[[7.5, 70.25], [11.5, 110.25]]]  # 1 + 2 x 3 + 0.5, and so on


def test_a_causal_window_ends_where_it_stands() -> None:
    (y,) = called(
        Conv1D(filters=1, kernel_size=2, padding="causal", use_bias=False), [[[1.0], [3.0]]], [[[[1.0]], [[2.0]]]]
    )
    assert y.values.tolist() == [[[2], [7]]]


def test_a_kernel_for_each_channel_by_hand() -> None:
    (y,) = called(DepthwiseConv1D(kernel_size=1, use_bias=False), [[[1.0, 2.0]]], [[[[3.0], [5.0]]]])
    assert y.values.tolist() == [[[3, 10]]]
    (y,) = called(
        SeparableConv1D(filters=1, kernel_size=1, use_bias=False), [[[1.0, 2.0]]], [[[[3.0], [5.0]]], [[[1.0], [10.0]]]]
    )
    assert y.values.tolist() == [[[103]]]


MISTAKES = {
    "a kernel that is turned round, as in signal processing": lambda w: [w[0][::-1], w[1]],
    "filters and channels exchanged": lambda w: [np.swapaxes(w[0], 1, 2), w[1]],
    "no bias": lambda w: [w[0], 0 * w[1]],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_port_with_a_mistake_differs(keras: Any, mistake: str) -> None:
    seen = see(layers_in(keras).Conv1D(4, 3, activation="tanh"), (3, 9, 4))
    assert seen.error(weights=MISTAKES[mistake](seen.layer.get_weights())) > CLEAR


@pytest.mark.parametrize("option", [{"padding": "causal"}, {"padding": "same"}, {"dilation_rate": 2}, {"strides": 2}])
def test_another_option_differs(keras: Any, option: dict[str, Any]) -> None:
    seen = see(layers_in(keras).Conv1D(4, 3, padding="same" if "padding" not in option else "valid"), (3, 9, 4))
    replayed = seen.replayed(config=option)[0].values
    assert replayed.shape != seen.expected[0].shape or np.max(np.abs(replayed - seen.expected[0])) > CLEAR


def test_channels_taken_for_another_order_of_multipliers_differ(keras: Any) -> None:
    seen = see(layers_in(keras).DepthwiseConv1D(3, depth_multiplier=2), (3, 9, 2))
    kernel, bias = seen.layer.get_weights()
    assert seen.error(weights=[np.swapaxes(kernel, 1, 2), bias]) > CLEAR


def test_the_mask_ends_here_as_in_keras(keras: Any) -> None:
    layer = with_random_weights(layers_in(keras).Conv1D(2, 2), (2, 5, 3), seed=1)
    check(layer, draw(np.random.default_rng(1), 2, 5, 3), np.ones((2, 5), dtype=bool))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv1D(filters=2, kernel_size=4), (3, 5), "expected windows that fit into (3, 5)"),
        (
            Conv1D(filters=3, kernel_size=1, groups=2),
            (3, 4),
            "expected groups that divide the 4 channels and the 3 filters",
        ),
        (Conv1D(filters=3, kernel_size=(1, 2)), (3, 4), "expected one number, or 1"),
        (Conv2D(filters=3, kernel_size=2, strides=(1, 2, 3)), (3, 4, 2), "expected one number, or 2"),
        (
            Conv1D(filters=1, kernel_size=2, strides=2, dilation_rate=2),
            (9, 4),
            "expected strides or a dilation_rate above 1",
        ),
        (Conv1D(filters=1, kernel_size=2), (4,), "expected a sequence (timesteps, features) as input of Conv1D"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes([shape])


def test_channels_first_is_refused_by_name(keras: Any) -> None:
    config = keras.layers.Conv1D(2, 3, data_format="channels_first", name="it").get_config()
    with pytest.raises(UnsupportedError, match=r"Conv1D 'it': data_format='channels_first' is not implemented"):
        Conv1D.from_config(config)


def test_shapes_are_those_that_come_out(keras: Any) -> None:
    for strides in (1, 2):
        for padding in ("valid", "same"):
            for length in range(3, 9):
                layer = Conv1D(filters=2, kernel_size=3, strides=strides, padding=padding)
                (y,) = called(layer, np.ones((1, length, 1)), [np.ones((3, 1, 2)), np.zeros(2)])
                assert layer.output_shapes([(length, 1)]) == [y.values.shape[1:]]


def test_windows_by_hand() -> None:
    assert Windows(2, 2, 1, "valid").places(5).tolist() == [[0, 1], [2, 3]]
    assert Windows(3, 2, 1, "same").places(5).tolist() == [[-1, 0, 1], [1, 2, 3], [3, 4, 5]]
    assert Windows(2, 1, 2, "causal").places(3).tolist() == [[-2, 0], [-1, 1], [0, 2]]


def test_only_units_of_their_own_columns_are_columnwise() -> None:
    assert Conv1D(filters=1, kernel_size=1).columnwise
    assert not Conv1D(filters=1, kernel_size=1, activation=ACTIVATIONS["softmax"]).columnwise
