"""How parameter counts are derived, against counts worked by hand."""

from __future__ import annotations

import pytest

from rnnverify.report.parameters import Shapes, derivation


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({}, "0"),
        ({"kernel": (3, 5), "recurrent_kernel": (5, 5), "bias": (5,)}, "(3 + 5 + 1) x 5 = 45"),
        ({"kernel": (3, 5), "recurrent_kernel": (5, 5)}, "(3 + 5) x 5 = 40"),
        ({"kernel": (8, 12), "recurrent_kernel": (3, 12), "bias": (12,)}, "4 x (8 + 3 + 1) x 3 = 144"),
        ({"kernel": (8, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}, "3 x (8 + 3 + 2) x 3 = 117"),
        (
            {"kernel": (3, 2, 1, 8), "recurrent_kernel": (3, 2, 2, 8), "bias": (8,)},
            "4 x (6 + 12 + 1) x 2 = 152",
        ),
        ({"kernel": (5, 2), "bias": (2,)}, "(5 + 1) x 2 = 12"),
        ({"kernel": (5, 2)}, "5 x 2 = 10"),
        ({"embeddings": (50, 8)}, "50 x 8 = 400"),
        (
            {
                "forward_kernel": (8, 4),
                "forward_recurrent_kernel": (1, 4),
                "backward_kernel": (8, 4),
                "backward_recurrent_kernel": (1, 4),
            },
            "2 x 4 x (8 + 1) x 1 = 72",
        ),
        (
            {
                "forward_kernel": (2, 3),
                "forward_recurrent_kernel": (3, 3),
                "backward_kernel": (2, 6),
                "backward_recurrent_kernel": (2, 6),
            },
            "(2 + 3) x 3 + 3 x (2 + 2) x 2 = 39",
        ),
    ],
)  # fmt: skip
def test_a_count_is_shown_with_its_factors(weights: Shapes, text: str) -> None:
    assert derivation(weights) == text
