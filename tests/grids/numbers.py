"""What is found of a point, to be compared."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify.grids.axes import identity


def numbers(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is found of each point, whatever the time it took."""
    return {
        identity(record["point"]): {
            "verdict": record["verdict"],
            "first_divergence": record["first_divergence"],
            **{f"ratio {layer['layer']}": layer["worst_ratio"] for layer in record["layers"]},
            **{f"output {row['output']}": row["keras"] for row in record["outputs"]},
        }
        for record in records
    }


def gist(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The same, to be compared: the last bits depend on how many threads share a product."""

    def about(name: str, value: Any) -> Any:
        kind = name.split()[0]
        return pytest.approx(value, rel=0.01 if kind == "ratio" else 1e-5) if kind in ("ratio", "output") else value

    return {
        point: {name: about(name, value) for name, value in found.items()} for point, found in numbers(records).items()
    }
