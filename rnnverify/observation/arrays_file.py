"""Arrays in a .npz under any names, `file` among them, which NumPy's own function takes for an argument of its."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array


def write_arrays(to: str | IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write a .npz, not compressed."""
    with zipfile.ZipFile(to, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def plain(array: Array) -> Array:
    """An array that NumPy can read without further packages: bfloat16 as float32, which holds it."""
    return array if array.dtype.kind in "fiub" else array.astype(np.float32)
