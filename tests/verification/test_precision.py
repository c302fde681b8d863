"""What a layer computes in, by its config."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify.layers.graph import Graph
from rnnverify.layers.registry import LAYERS
from rnnverify.observation import Node
from rnnverify.rounding import PRECISIONS, Precision
from rnnverify.verification.precision import precision_in, precision_of, unit_roundoff


def of(dtype: str, inside: str | None = None) -> dict[str, Any]:
    inner = {"class_name": "GRU", "config": {"dtype": inside}}
    return {"dtype": dtype, **({"layer": inner, "backward_layer": inner} if inside else {})}


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_layer_of_one_precision_computes_in_that(dtype: str) -> None:
    assert precision_of(of(dtype), tf32=False) == PRECISIONS[dtype]
    assert (
        unit_roundoff(of(dtype)) == {"float64": 2**-53, "float32": 2**-24, "float16": 2**-11, "bfloat16": 2**-8}[dtype]
    )


def test_in_tf32_the_operands_of_products_have_ten_bits() -> None:
    made = precision_of(of("float32"), tf32=True)
    assert (made.operands, made.unit, made.limit) == (2**-11, 2**-24, 12)
    assert precision_of(of("float16"), tf32=True) == PRECISIONS["float16"]


def test_of_two_precisions_what_is_coarser_of_each_part_counts() -> None:
    made = precision_of(of("bfloat16", "float16"), tf32=False)
    assert (made.unit, made.limit, made.summed) == (2**-8, 8, 2**-24)
    assert made.smallest == 2**-14  # of float16
    assert made.largest == 65504
    assert made.unread == 2**-126  # of bfloat16
    made = precision_of(of("float16", "float32"), tf32=True)
    assert (made.unit, made.limit, made.largest, made.unread, made.operands) == (2**-11, 12, 65504, 2**-126, 0)
    assert unit_roundoff(of("float64", "float32")) == 2**-24
    assert unit_roundoff(of("bfloat16", "float32")) == 2**-8


def conv_lstm(name: str) -> Any:
    return LAYERS[name].of({"filters": 1, "kernel_size": (1,) * int(name[-2])})


@pytest.mark.parametrize("name", ["ConvLSTM2D", "ConvLSTM3D"])
def test_half_precision_is_added_up_in_itself_by_layers_that_do_so(name: str) -> None:
    graph: Any = Graph(())
    graph.layers["it"] = conv_lstm(name)

    def made_by(dtype: str, called: str = "it", tf32: bool = False) -> Precision:
        return precision_in(graph, Node(called, called, name, {"dtype": dtype}, {}, ()), tf32)

    narrow = name == "ConvLSTM3D"
    for dtype, unit in (("float16", 2.0**-11), ("bfloat16", 2.0**-8)):
        made = made_by(dtype)
        assert (made.unit, made.summed) == (unit, unit if narrow else 2.0**-24)
        assert made.limit == (12 if narrow else 8)
        given = made_by(dtype, "another")  # of which there is no replay
        assert (given.summed, given.limit) == (2.0**-24, 8)
    assert made_by("float32") == PRECISIONS["float32"]
    assert made_by("float32", tf32=True).operands == 2.0**-11
