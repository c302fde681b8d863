"""Reshape, Permute, Cropping1D, ZeroPadding1D, UpSampling1D."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rnnverify.layers.layer import MisfitError
from rnnverify.layers.moving import Cropping1D, Permute, Reshape, UpSampling1D, ZeroPadding1D
from rnnverify.layers.registry import layer_of
from tests.layers.against_keras import CLEAR, called, check, draw, layers_in, see

N, T, D = 2, 6, 4

CASES: list[tuple[str, Any, tuple[int, ...]]] = [
    ("Reshape", (D, T), (N, T, D)),
    ("Reshape", (-1, 2), (N, T, D)),
    ("Reshape", (T, D, 1), (N, T, D)),
    ("Reshape", (2, -1, 3), (N, T, D)),
    ("Reshape", (D, 1), (N, D)),
    ("Permute", (2, 1), (N, T, D)),
    ("Permute", (3, 1, 2), (N, T, D, 3)),
    ("Cropping1D", 2, (N, T, D)),
    ("Cropping1D", (0, 3), (N, T, D)),
    ("ZeroPadding1D", 2, (N, T, D)),
    ("ZeroPadding1D", (1, 0), (N, T, D)),
    ("UpSampling1D", 3, (N, T, D)),
]


@pytest.mark.parametrize(("class_name", "option", "shape"), CASES)
def test_moving_is_what_keras_computes(keras: Any, class_name: str, option: Any, shape: tuple[int, ...]) -> None:
    layer = getattr(layers_in(keras), class_name)(option)
    check(layer, draw(np.random.default_rng(1), *shape), tolerance=0)


@pytest.mark.parametrize(("class_name", "option", "shape"), CASES)
def test_the_shapes_are_those_that_come_out(keras: Any, class_name: str, option: Any, shape: tuple[int, ...]) -> None:
    layer = getattr(keras.layers, class_name)(option)
    (found,) = layer_of(class_name, layer.get_config()).output_shapes([shape[1:]])
    assert found == tuple(layer.compute_output_shape(shape)[1:])


@pytest.mark.parametrize("class_name", ["Reshape", "Cropping1D", "ZeroPadding1D", "UpSampling1D"])
def test_the_mask_ends_here_as_in_keras(keras: Any, class_name: str) -> None:
    option = (D, T) if class_name == "Reshape" else 1
    layer = getattr(layers_in(keras), class_name)(option)
    check(layer, np.ones((N, T, D)), np.ones((N, T), dtype=bool), tolerance=0)


def test_by_hand() -> None:
    x = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]
    assert called(Reshape(target_shape=(2, -1)), x)[0].values.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert called(Permute(dims=(2, 1)), x)[0].values.tolist() == [[[1, 3, 5], [2, 4, 6]]]
    assert called(Cropping1D(cropping=(1, 0)), x)[0].values.tolist() == [[[3, 4], [5, 6]]]
    assert called(ZeroPadding1D(padding=(0, 1)), [[[1.0]]])[0].values.tolist() == [[[1], [0]]]
    assert called(UpSampling1D(), [[[1.0], [2.0]]])[0].values.tolist() == [[[1], [1], [2], [2]]]


def test_mistakes_differ(keras: Any) -> None:
    layers = layers_in(keras)
    seen = see(layers.Reshape((D, T)), (N, T, D))
    assert np.max(np.abs(np.swapaxes(seen.given["x"], 1, 2) - seen.expected[0])) > CLEAR  # transposed, not reshaped
    assert see(layers.Cropping1D((0, 2)), (N, T, D)).error(config={"cropping": (2, 0)}) > CLEAR
    assert see(layers.ZeroPadding1D((0, 2)), (N, T, D)).error(config={"padding": (2, 0)}) > CLEAR
    seen = see(layers.UpSampling1D(2), (N, T, D))
    assert (
        np.max(np.abs(np.tile(seen.given["x"], (1, 2, 1)) - seen.expected[0])) > CLEAR
    )  # the sequence twice, not each step


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Reshape(target_shape=(5, -1)), (T, D), "expected a target_shape of the 24 numbers of (6, 4)"),
        (Reshape(target_shape=(-1, -1)), (T, D), "expected a target_shape"),
        (Reshape(target_shape=(3, 4)), (T, D), "expected a target_shape"),
        (Permute(dims=(1, 1)), (T, D), "expected each axis of (6, 4) once, from 1 to 2"),
        (Permute(dims=(1,)), (T, D), "expected each axis"),
        (Cropping1D(cropping=3), (T, D), "expected fewer steps to crop than the 6 that come in"),
        (Cropping1D(cropping=(1, 2, 3)), (T, D), "expected one number, or one for the start and one for the end"),
        (ZeroPadding1D(), (D,), "expected a sequence (timesteps, features) as input of ZeroPadding1D"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes([shape])
