"""Add, Subtract, Multiply, Average, Maximum, Minimum and Dot: what Keras computes, masks and all, in a graph of its own."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UnsupportedError
from rnnverify.layers.dot import Dot
from rnnverify.layers.layer import Call, Masked, MisfitError
from rnnverify.layers.merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from rnnverify.layers.registry import layer_of
from tests.layers.against_keras import CLEAR, check, distance, draw, draw_mask, in_keras, in_replay, layers_in

N, T, D = 3, 5, 4
MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


@pytest.mark.parametrize("class_name", MERGES)
def test_a_merge_is_what_keras_computes(keras: Any, class_name: str) -> None:
    rng = np.random.default_rng(1)
    count = 2 if class_name == "Subtract" else 3
    check(getattr(layers_in(keras), class_name)(), [draw(rng, N, T, D) for _ in range(count)])


@pytest.mark.parametrize("class_name", MERGES)
def test_a_vector_beside_a_sequence_stands_at_each_timestep(keras: Any, class_name: str) -> None:
    rng = np.random.default_rng(1)
    check(getattr(layers_in(keras), class_name)(), [draw(rng, N, T, D), draw(rng, N, D)])
    check(getattr(layers_in(keras), class_name)(), [draw(rng, N, 1, D), draw(rng, N, T, D)])


def in_a_graph(keras: Any, class_name: str, arrays: list[Any], masks: list[Any]) -> tuple[Any, Any]:
    """What Keras makes of inputs with masks, and the mask that it hands on: both as it runs a model."""

    class WithMask(keras.layers.Layer):  # type: ignore[name-defined,misc]
        def call(self, pair: Any) -> Any:
            return pair[0]

        def compute_mask(self, pair: Any, previous: Any = None) -> Any:
            return pair[1]

    class MaskOf(keras.layers.Layer):  # type: ignore[name-defined,misc]
        def call(self, x: Any, mask: Any = None) -> Any:
            return keras.ops.zeros((1,)) if mask is None else keras.ops.cast(mask, "float32")

        def compute_mask(self, x: Any, previous: Any = None) -> Any:
            return None

    given, merged = [], []
    for array, mask in zip(arrays, masks, strict=True):
        one = keras.Input(array.shape[1:], dtype="float64")
        given.append(one)
        if mask is None:
            merged.append(one)
        else:
            given.append(keras.Input(mask.shape[1:], dtype="bool"))
            merged.append(WithMask(dtype="float64")((one, given[-1])))
    y = getattr(layers_in(keras), class_name)()(merged)
    model = keras.Model(given, [y, MaskOf(dtype="float64")(y)])
    fed = [one for pair in zip(arrays, masks, strict=True) for one in pair if one is not None]
    made, mask = (np.asarray(one) for one in model(fed))
    return made, None if mask.shape == (1,) else mask > 0


@pytest.mark.parametrize(
    "masked", [(True, False), (False, True), (True, True), (True, True, True), (True, False, True)]
)
@pytest.mark.parametrize("class_name", MERGES)
def test_masks_count_as_in_keras(keras: Any, class_name: str, masked: tuple[bool, ...]) -> None:
    if class_name == "Subtract":
        masked = masked[:2]
    rng = np.random.default_rng(1)
    kinds = ("holes", "pre-padding", "one sample all masked")
    arrays = [draw(rng, N, T, D) for _ in masked]
    masks = [draw_mask(rng, kind, N, T) if there else None for kind, there in zip(kinds, masked, strict=False)]
    expected, expected_mask = in_a_graph(keras, class_name, arrays, masks)
    layer = getattr(layers_in(keras), class_name)()
    (y,) = in_replay(layer, [Masked(*pair) for pair in zip(arrays, masks, strict=True)])
    np.testing.assert_allclose(y.values, expected, rtol=1e-12, atol=1e-12)
    assert (y.mask is None) == (expected_mask is None)
    if expected_mask is not None:
        np.testing.assert_array_equal(y.mask, expected_mask)


def test_masks_beside_a_tensor_with_fewer_axes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="Add: masks beside a tensor with fewer axes are not implemented"):
        Add()(Call([Masked(np.ones((2, 3, 4)), np.ones((2, 3), dtype=bool)), Masked(np.ones((2, 4)))]))


def test_by_hand() -> None:
    inputs = [Masked(np.array([[6.0, 1.0]])), Masked(np.array([[2.0, 5.0]]))]
    made = {
        layer: layer()(Call(inputs))[0].values.tolist()
        for layer in (Add, Subtract, Multiply, Average, Maximum, Minimum)
    }
    assert made == {
        Add: [[8, 6]],
        Subtract: [[4, -4]],
        Multiply: [[12, 5]],
        Average: [[4, 3]],
        Maximum: [[6, 5]],
        Minimum: [[2, 1]],
    }
    assert Dot(axes=1)(Call(inputs))[0].values.tolist() == [[17]]


DOTS: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    (1, (N, D), (N, D)),
    (-1, (N, D), (N, D)),
    (2, (N, T, D), (N, 6, D)),
    (1, (N, T, D), (N, T, 6)),
    ((2, 1), (N, T, D), (N, D)),
    ((1, 2), (N, D), (N, T, D)),
    ((-1, 1), (N, T, D), (N, D, 6)),
]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("axes", "first", "second"), DOTS)
def test_dot_is_what_keras_computes(keras: Any, axes: Any, first: Any, second: Any, normalize: bool) -> None:
    rng = np.random.default_rng(1)
    layer = layers_in(keras).Dot(axes, normalize=normalize)
    check(layer, [draw(rng, *first), draw(rng, *second)])
    (shape,) = layer_of("Dot", layer.get_config()).output_shapes([first[1:], second[1:]])
    assert shape == layer.compute_output_shape([first, second])[1:]


def test_mistakes_differ(keras: Any) -> None:
    rng, layers = np.random.default_rng(1), layers_in(keras)
    a, b = draw(rng, N, T, D), draw(rng, N, T, D)
    for class_name, wrong in {"Average": "Add", "Maximum": "Minimum", "Multiply": "Add"}.items():
        assert (
            distance(
                in_replay(getattr(layers, wrong)(), [Masked(a), Masked(b)]),
                in_keras(getattr(layers, class_name)(), [a, b]),
            )
            > CLEAR
        )
    subtract = layers.Subtract()
    assert distance(in_replay(subtract, [Masked(b), Masked(a)]), in_keras(subtract, [a, b])) > CLEAR
    square = [draw(rng, N, D, D), draw(rng, N, D, D)]
    assert distance(in_replay(layers.Dot(1), list(map(Masked, square))), in_keras(layers.Dot(2), square)) > CLEAR


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Add(), [(T, D)], "expected inputs: [a, b], at least two earlier layers for Add"),
        (Add(), [(T, D), (T, D + 1)], "expected inputs of one shape; what comes in is (5, 4) and (5, 5)"),
        (Subtract(), [(D,)] * 3, "expected inputs: [a, b], two earlier layers for Subtract"),
        (Dot(axes=1), [(D,)], "expected inputs: [a, b], two earlier layers for Dot"),
        (Dot(axes=2), [(D,), (D,)], "expected an axis of (4,), where 1 is the first after the samples; got 2"),
        (Dot(axes=1), [(D,), (T,)], "expected as many numbers along both axes; what comes in is (4,) and (5,)"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes(shapes)
