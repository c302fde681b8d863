"""MultiHeadAttention in models, with masks, live and from files; and CategoryEncoding."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify import replay, verify
from rnnverify.cli import main
from rnnverify.layers.category_encoding import CategoryEncoding
from rnnverify.layers.layer import Call, Masked, MisfitError
from rnnverify.layers.multi_head_attention import MultiHeadAttention
from tests.layers.against_keras import CLEAR, layers_in

N, TQ, TV, D = 3, 4, 5, 3

CASES: dict[str, tuple[tuple[str, str | None, str | None], dict[str, Any], dict[str, Any]]] = {
    "plain": (("x", "y", None), {}, {}),
    "three inputs": (("x", "y", "masked y"), {"value_dim": 2}, {}),
    "masks": (("masked x", "masked y", None), {"use_bias": False}, {}),
    "a mask of the query alone": (("masked x", "y", None), {}, {}),
    "a mask of the value alone": (("x", "masked y", None), {"output_shape": 7}, {}),
    "of itself, and what is behind": (("x", "x", None), {}, {"use_causal_mask": True}),
    "causal and masked": (("masked x", "masked x", None), {"dropout": 0.3}, {"use_causal_mask": True}),
}


def model_of(keras: Any, name: str) -> tuple[Any, list[Any]]:
    (query, value, key), options, call = CASES[name]
    x, y = keras.Input((TQ, D)), keras.Input((TV, D))
    tensors = {"x": x, "y": y, "masked x": keras.layers.Masking()(x), "masked y": keras.layers.Masking()(y)}
    others = {} if key is None else {"key": tensors[key]}
    layer = keras.layers.MultiHeadAttention(2, 5, **options)
    made = layer(tensors[query], tensors[str(value)], **others, **call)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    given = [rng.normal(size=(N, T, D)).astype("float32") for T in (TQ, TV)]
    given[0][0, 2:], given[1][1, :2], given[0][2] = 0, 0, 0  # padding at an end, in front, and of a whole sample
    return keras.Model([x, y], keras.layers.GRU(2)(made)), given


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_keras_computes(keras: Any, name: str, tmp_path: Path) -> None:
    model, given = model_of(keras, name)
    found = verify(model, given)
    assert found.verdict == "match"
    assert next(one for one in found.layers if one.class_ == "MultiHeadAttention").resolution["1e-2"] > 0.9
    np.testing.assert_allclose(replay(model, given), model.predict(given, verbose=0), rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "m.keras")
    assert CliRunner().invoke(main, ["run", str(tmp_path / "m.keras")]).exit_code == 0


@pytest.mark.parametrize("score", ["attention", "additive_attention"])
def test_attention_sees_nothing_behind_its_place_where_the_call_says_so(keras: Any, score: str) -> None:
    x = keras.Input((TQ, D))
    layer = keras.layers.Attention() if score == "attention" else keras.layers.AdditiveAttention()
    given = np.random.default_rng(1).normal(size=(N, TQ, D)).astype("float32")
    model, seeing = keras.Model(x, layer([x, x], use_causal_mask=True)), keras.Model(x, layer([x, x]))
    assert verify(model, given).verdict == "match"
    assert np.max(np.abs(replay(model, given) - replay(seeing, given))) > CLEAR


def test_mistakes_differ(keras: Any) -> None:
    model, given = model_of(keras, "plain")
    layer = next(one for one in model.layers if isinstance(one, keras.layers.MultiHeadAttention))
    weights = dict(zip(("qk", "qb", "kk", "kb", "vk", "vb", "ok", "ob"), layer.get_weights(), strict=True))
    x, y = given

    def computed(scale: float, **changed: Any) -> Any:
        w = {**weights, **changed}
        q, k, v = (
            np.einsum("ntd,dhf->nhtf", one, w[f"{p}k"]) + w[f"{p}b"][:, None]
            for one, p in ((x, "q"), (y, "k"), (y, "v"))
        )
        scores = np.einsum("nhtf,nhsf->nhts", q, k) * scale
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        return np.einsum("nhts,nhsf,hfo->nto", share, v, w["ok"]) + w["ob"]

    right = np.asarray(layer(x, y))
    np.testing.assert_allclose(computed(5**-0.5), right, rtol=1e-4, atol=1e-5)
    for wrong in (
        computed(1.0),
        computed(10**-0.5),
        computed(5**-0.5, ok=weights["ok"][::-1]),
        computed(5**-0.5, vb=0 * weights["vb"]),
    ):
        assert np.max(np.abs(wrong - right)) > CLEAR


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (MultiHeadAttention(2, 3), [(4, 3)], "expected inputs: [query, value] or [query, value, key]"),
        (MultiHeadAttention(2, 3), [(4, 3), (5, 3), (4, 3)], "expected keys with as many steps as the value"),
        (CategoryEncoding(), [(4,)], "expected how many ids there are"),
        (CategoryEncoding(num_tokens=3), [(4, 2)], "expected token ids (timesteps,) as input of CategoryEncoding"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Any, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(MisfitError, match=re.escape(message)):
        layer.output_shapes(shapes)


@pytest.mark.parametrize("T", [1, 4])
@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_category_encoding_is_what_keras_computes(keras: Any, mode: str, T: int) -> None:
    layer = layers_in(keras).CategoryEncoding(num_tokens=6, output_mode=mode)
    ids = np.random.default_rng(1).integers(0, 6, (5, T))
    (y,) = CategoryEncoding(num_tokens=6, output_mode=mode)(Call([Masked(ids)]))
    np.testing.assert_allclose(y.values, np.asarray(layer(ids)), rtol=0, atol=0)
    assert CategoryEncoding(num_tokens=6, output_mode=mode).output_shapes([(T,)]) == [y.values.shape[1:]]


def test_ids_are_checked_against_those_that_there_are(keras: Any) -> None:
    model = keras.Sequential(
        [keras.Input((4,), dtype="int32"), keras.layers.CategoryEncoding(6), keras.layers.Dense(2)]
    )
    assert verify(model, np.array([[0, 5, 5, 1]])).verdict == "match"
    with pytest.raises(Exception, match="expected token ids below 6 in the input"):
        verify(model, np.array([[0, 6, 5, 1]]))
