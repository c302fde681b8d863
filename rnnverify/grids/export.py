"""The results of a sweep as a flat table, a row for each point: CSV, or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.report.records import error_of, ratio_of
from rnnverify.results import Record, SweepResult

SUFFIXES = (".csv", ".parquet")
PLACE = ("layer", "timestep", "sample", "unit", "gate")


def refuse_unknown(path: str | None) -> None:
    """Find out before the work is done.

    Raises:
        RequestError: the file's name is of no known kind, or what it needs is not installed.
    """
    if path is None:
        return
    if not path.lower().endswith(SUFFIXES):
        raise RequestError(f"--export {path}: expected a file ending in {' or '.join(SUFFIXES)}")
    if path.lower().endswith(".parquet"):
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise RequestError(
                f"--export {path} needs PyArrow: pip install 'rnnverify[parquet]'; or give a .csv file"
            ) from None


def row(record: Record, axes: Iterable[str]) -> dict[str, Any]:
    """One point: its values, its verdict, its largest errors, and where it first diverges."""
    first = record.get("first_divergence") or {}
    failed = record["verdict"] == "error"
    return {
        **{axis: plain(record["point"].get(axis)) for axis in axes},
        "verdict": record["verdict"],
        "worst_ratio": None if failed else ratio_of(record),
        "max_abs_error": None if failed else error_of(record),
        "expected_error": max((output["expected_error"] for output in record.get("outputs", ())), default=None),
        "amplification": record.get("amplification"),
        **{f"first_{name}": first.get(name) for name in PLACE},
        **{f"seconds_{name}": record.get("seconds", {}).get(name) for name in ("build", "predict", "replay")},
        "message": record.get("message"),
    }


def plain(value: Any) -> Any:
    """A grid value as a cell: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def encodable(value: Any) -> Any:
    """A cell that any file can hold: a path may have bytes in it that are no text."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def write(result: SweepResult, path: str) -> None:
    """Write the table.

    Raises:
        RequestError: the file cannot be written.
    """
    rows = [{key: encodable(cell) for key, cell in row(record, result.axes).items()} for record in result.records]
    try:
        if path.lower().endswith(".parquet"):
            write_parquet(rows, path)
        else:
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows(rows)
    except OSError as error:
        raise RequestError(f"--export {path}: cannot be written: {error.strerror or error}") from None


def write_parquet(rows: Sequence[dict[str, Any]], path: str) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name in rows[0] if rows else ():
        values = [one[name] for one in rows]
        kinds = {type(value) for value in values if value is not None}
        mixed = len(kinds - {int, float}) > 0 and len(kinds) > 1  # one column has one type
        columns[name] = [None if value is None else str(value) for value in values] if mixed else values
    parquet.write_table(pyarrow.table(columns), path)
