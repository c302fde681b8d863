"""Everything that Rounded numbers can go through. What is not here NumPy refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnverify.layers.activations import ERF, sigmoid
from rnnverify.rounding import arithmetic, choices, functions, moves, products, reductions

# NumPy's ufuncs: each takes the precision, then the operands.
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.subtract,
    np.multiply: arithmetic.multiply,
    np.divide: arithmetic.divide,
    np.power: arithmetic.power,
    np.negative: arithmetic.negative,
    np.absolute: arithmetic.absolute,
    np.matmul: products.matmul,
    np.tanh: functions.tanh,
    np.exp: functions.exp,
    np.log: functions.log,
    np.sqrt: functions.sqrt,
    np.logaddexp: functions.logaddexp,
    ERF: functions.erf,
    np.sin: functions.wave(np.sin, np.cos),
    np.cos: functions.wave(np.cos, np.sin),
    np.square: lambda p, x: arithmetic.multiply(p, x, x),
    np.reciprocal: functions.reciprocal,
    np.sign: choices.sign,
    np.maximum: choices.extremum(np.maximum),
    np.minimum: choices.extremum(np.minimum),
    np.greater: choices.comparison(np.greater),
    np.greater_equal: choices.comparison(np.greater_equal),
    np.less: choices.comparison(np.less),
    np.less_equal: choices.comparison(np.less_equal),
    np.equal: choices.comparison(np.equal),
    np.not_equal: choices.comparison(np.not_equal),
}

# NumPy's functions, and the activations that are `dispatched`: each takes the arguments as they came.
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sigmoid: functions.logistic,
    np.clip: choices.clip,
    np.where: choices.where,
    np.max: choices.largest,
    np.sort: choices.sort,
    np.take_along_axis: choices.take,
    np.sum: reductions.total,
    np.mean: reductions.mean,
    np.cumsum: reductions.cumulate,
    np.split: products.split,
    np.concatenate: moves.rearranged(np.concatenate),
    np.stack: moves.rearranged(np.stack),
    np.repeat: moves.rearranged(np.repeat),
    np.swapaxes: moves.rearranged(np.swapaxes),
    np.transpose: moves.rearranged(np.transpose),
    np.reshape: moves.rearranged(np.reshape),
    np.expand_dims: moves.rearranged(np.expand_dims),
    np.squeeze: moves.rearranged(np.squeeze),
    np.moveaxis: moves.rearranged(np.moveaxis),
    np.flip: moves.rearranged(np.flip),
    np.roll: moves.rearranged(np.roll),
    np.zeros_like: moves.of_its_shape(np.zeros),
    np.ones_like: moves.of_its_shape(np.ones),
}

# Those that know errors in float32, see `single`: what the textbook's cells are made of, and what only moves them.
KEEP_SINGLE = {
    *(np.add, np.subtract, np.multiply, np.negative, np.matmul, np.tanh, sigmoid, np.split, np.concatenate, np.stack),
    *(np.swapaxes, np.transpose, np.reshape, np.expand_dims, np.squeeze, np.moveaxis, np.flip),
}

# Of infinity these ufuncs give what they give of any number that is large enough.
FINITE_AT_INFINITY = {np.tanh, np.exp, ERF, np.negative, np.absolute, np.sign, np.maximum, np.minimum}
