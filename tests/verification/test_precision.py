"""What a layer computes in, by its config."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify.rounding import PRECISIONS
from rnnverify.verification.precision import precision_of, unit_roundoff


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
