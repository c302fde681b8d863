"""Where the expected values come from: a Keras layer with random weights, called eagerly.

The layers compute in float64 unless a test says otherwise. Keras and the replay then differ by rounding only: up to
some hundred operations per output, each off by at most 1.1e-16 of values of order 1, stay well below EXACT. In
float32 the same count times 6e-8 stays below SINGLE. What a negative test calls different differs by more than CLEAR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest

from rnnverify.layers.layer import Call, Layer, Masked, Outputs
from rnnverify.layers.registry import layer_of

Array = npt.NDArray[Any]

EXACT = 1e-12
SINGLE = 2e-5
CLEAR = 1e-3

MASKS = ("pre-padding", "post-padding", "holes", "one sample all masked")

# A recurrent layer's options as Keras has them where nothing is said, but for its units and activations.
OPTIONS: Mapping[str, bool] = {
    "use_bias": True,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "zero_output_for_mask": False,
    "unroll": False,
}

softmax_of_one_unit_is_meant = pytest.mark.filterwarnings(
    r"ignore:[\s\S]*You are using a softmax over axis -1 of a tensor of shape \([\d, ]*1\):UserWarning"
)

seeds = st.integers(0, 2**32 - 1)


def sizes(count: int, largest: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    """Distinct sizes, so that axes that were exchanged cannot go unnoticed."""
    return st.permutations(range(1, largest + 1)).map(lambda order: tuple(order[:count]))


def layers_in(keras: Any, dtype: str = "float64") -> Any:
    """`keras.layers` with another default dtype, which wrappers and the layers in them then share."""
    return _Layers(keras, dtype)


class _Layers:
    def __init__(self, keras: Any, dtype: str) -> None:
        self.keras, self.dtype = keras, dtype

    def __getattr__(self, class_name: str) -> Any:
        return partial(getattr(self.keras.layers, class_name), dtype=self.dtype)


def draw(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers between -1 and 1: large enough to matter, too small to saturate every gate."""
    return rng.uniform(-1, 1, shape)


def draw_mask(rng: np.random.Generator, kind: str | None, N: int, T: int) -> Array | None:
    steps = np.arange(T)
    lengths = rng.integers(1, T + 1, size=(N, 1))
    match kind:
        case None:
            return None
        case "pre-padding":
            return steps >= T - lengths
        case "post-padding":
            return steps < lengths
        case "holes":
            return rng.random((N, T)) < 0.5
        case "one sample all masked":
            mask = rng.random((N, T)) < 0.7
            mask[0] = False
            return mask
    raise AssertionError(kind)


def with_random_weights(layer: Any, shape: Sequence[int], seed: int) -> Any:
    """Build a layer for inputs of this shape and give every weight, biases too, random values."""
    rng = np.random.default_rng(seed)
    layer.build(tuple(shape))
    layer.set_weights([draw(rng, *weight.shape) for weight in layer.get_weights()])
    return layer


def in_keras(layer: Any, x: Any, mask: Any = None, initial_state: Any = None) -> list[Array]:
    """What Keras computes: every output of the layer, which is given the mask where it heeds one."""
    heeded = mask is not None and "mask" in signature(layer.call).parameters
    given = {} if initial_state is None else {"initial_state": initial_state}
    made = layer(x, **given, **({"mask": as_tensor(mask)} if heeded else {}))
    return [np.asarray(y) for y in (made if isinstance(made, list | tuple) else [made])]


def as_tensor(mask: Array) -> Any:
    """TimeDistributed takes no mask of NumPy's."""
    import keras

    return keras.ops.convert_to_tensor(mask)


def mask_in_keras(layer: Any, x: Any, mask: Any) -> list[Array | None]:
    """The mask that Keras hands on with every output of the layer."""
    if not layer.supports_masking:
        return [None]  # Keras warns, and drops it
    masks = layer.compute_mask(x, mask)
    return [None if m is None else np.asarray(m) for m in (masks if isinstance(masks, list | tuple) else [masks])]


def in_replay(
    layer: Any,
    x: Array | Sequence[Masked],
    mask: Array | None = None,
    initial_state: Sequence[Array] | None = None,
    weights: Sequence[Array] | None = None,
    config: Mapping[str, Any] | None = None,
) -> list[Masked]:
    """What the replay of a Keras layer computes in float64; `weights` and `config` replace some of the layer's own."""
    replay = layer_of(type(layer).__name__, {**layer.get_config(), **(config or {})})
    given = layer.get_weights() if weights is None else weights
    if isinstance(x, np.ndarray):
        x = [Masked(x.astype(np.float64) if x.dtype.kind == "f" else x, mask)]
    call = Call(
        inputs=x,
        weights=[np.asarray(weight, dtype=np.float64) for weight in replay.weights_from(given)],
        initial_state=initial_state or (),
    )
    outputs = replay(call)
    assert len(outputs) == len(replay.output_names)
    return list(outputs)


def called(replay: Layer, x: Any, weights: Sequence[Any] = (), mask: Any = None, initial_state: Any = ()) -> Outputs:
    """What a replay made by hand computes, of numbers that may be given as lists."""
    inputs = Masked(np.array(x), None if mask is None else np.array(mask))
    return replay(Call([inputs], [np.array(weight) for weight in weights], initial_state))


def assert_same(replayed: Sequence[Masked], expected: Sequence[Array], tolerance: float = EXACT) -> None:
    assert [y.values.shape for y in replayed] == [y.shape for y in expected]
    for ours, theirs in zip(replayed, expected, strict=True):
        np.testing.assert_allclose(ours.values, theirs, rtol=tolerance, atol=tolerance)


def assert_same_masks(replayed: Sequence[Masked], expected: Sequence[Array | None]) -> None:
    assert len(replayed) == len(expected)
    for ours, theirs in zip(replayed, expected, strict=True):
        assert (ours.mask is None) == (theirs is None)
        if theirs is not None:
            np.testing.assert_array_equal(ours.mask, theirs)


def allowed(layer: Any) -> float:
    """How far a layer of its precision may be off."""
    return SINGLE if layer.compute_dtype == "float32" else EXACT


def distance(replayed: Sequence[Masked], expected: Sequence[Array]) -> float:
    """The largest difference anywhere."""
    assert len(replayed) == len(expected)
    return max(float(np.max(np.abs(a.values - b))) for a, b in zip(replayed, expected, strict=True))


def check(layer: Any, x: Any, mask: Any = None, initial_state: Any = None, tolerance: float | None = None) -> None:
    """Every output of a layer, and every mask handed on, must be what Keras makes of them.

    Args:
        x, mask: of a layer with several inputs, as many of each.
        tolerance: what its precision allows, unless this says otherwise.
    """
    several = isinstance(x, list)
    inputs = [Masked(*pair) for pair in zip(x, mask or [None] * len(x), strict=True)] if several else x
    replayed = in_replay(layer, inputs, None if several else mask, initial_state)
    assert_same(replayed, in_keras(layer, x, mask, initial_state), allowed(layer) if tolerance is None else tolerance)
    assert_same_masks(replayed, mask_in_keras(layer, x, mask))


@dataclass(frozen=True)
class Seen:
    """A Keras layer that the replay computes alike, and what it was given: where mistakes are tried out."""

    layer: Any
    given: Mapping[str, Any]  # x, and what else `in_replay` takes
    expected: list[Array]

    def replayed(self, **wrong: Any) -> list[Masked]:
        """What the replay makes of it if something of what it is given is another."""
        return in_replay(self.layer, **{**self.given, **wrong})

    def error(self, **wrong: Any) -> float:
        """By how much that differs from Keras."""
        return distance(self.replayed(**wrong), self.expected)


def see(layer: Any, shape: Sequence[int], **given: Any) -> Seen:
    """Give a layer random weights and an input of this shape, with a mask or an initial_state if there is one."""
    with_random_weights(layer, shape, seed=1)
    given = {"x": draw(np.random.default_rng(2), *shape), **given}
    seen = Seen(layer, given, in_keras(layer, **given))
    assert_same(seen.replayed(), seen.expected)
    return seen


@dataclass(frozen=True)
class RecurrentCase:
    """One way of calling a recurrent layer."""

    sizes: tuple[int, ...]  # N, T, D, M
    seed: int
    options: Mapping[str, bool]
    mask: str | None
    from_zero: bool  # without an initial_state

    @property
    def unrolls_the_same(self) -> bool:
        """Whether Keras computes the same with unroll=True: it zeroes the wrong steps where it walks backwards."""
        backwards = self.options["go_backwards"] and self.options["return_sequences"]
        return self.mask is None or not (backwards and self.options["zero_output_for_mask"])


recurrent_cases = st.builds(
    RecurrentCase,
    sizes=sizes(4),
    seed=seeds,
    options=st.fixed_dictionaries(
        {
            option: st.booleans()
            for option in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask", "use_bias")
        }
    ),
    mask=st.sampled_from((None, *MASKS)),
    from_zero=st.booleans(),
)


def check_recurrent(keras: Any, class_name: str, case: RecurrentCase, **options: Any) -> None:
    """Build the case in Keras, call it, and compare every output and every mask with the replay."""
    N, T, D, M = case.sizes
    rng = np.random.default_rng(case.seed)
    layer = getattr(keras.layers, class_name)(M, **{"dtype": "float64", **case.options, **options})
    with_random_weights(layer, (N, T, D), case.seed)
    x, mask = draw(rng, N, T, D), draw_mask(rng, case.mask, N, T)
    states = None if case.from_zero else [draw(rng, N, M) for _ in range(2 if class_name == "LSTM" else 1)]
    check(layer, x, mask, states)
