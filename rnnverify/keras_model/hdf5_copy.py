"""A copy of an HDF5 file that holds plain arrays and texts alone, made by a process of its own.

The HDF5 library may crash, loop or ask for any amount of memory over a file that is made to hurt it, and follows links into
other files. So it reads such a file here, in a process with little time and memory, and its parent reads the copy.

    python -m rnnverify.keras_model.hdf5_copy COPY CONFIG MOST_BYTES < FILE
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_OBJECTS = 5_000  # groups and datasets
DEEPEST = 30  # groups within groups; a group may contain itself
LONGEST_TEXTS = 1 << 24  # bytes of an attribute
NUMBERS = "fiub"
BFLOAT16 = ("V", 2)  # Keras keeps it as two bytes of no kind, and says so
KNOWN_FILTERS = {1, 2, 3, 32_000}  # deflate, shuffle, checksums, LZF: all else is a library that would be loaded
SKIPPED = {"optimizer", "optimizer_weights"}  # at the top: of training
KEPT = "keras_version", "layer_names"  # of the attributes at the top, where the config and what is of training are, too
CONFIG = "model_config"  # the attribute that holds the config
SECONDS, BYTES_A_SECOND = (
    3,
    1_000_000_000,
)  # of processor time: that for what may be copied, which is rarely half as much
ROOM = 1 << 30  # bytes beside what is copied


class NotPlainError(Exception):
    """What the file holds is no model of plain arrays; says what it holds."""


@dataclass
class Copying:
    """What is left of what may be copied."""

    bytes: int
    objects: int = MOST_OBJECTS

    def group(self, source: Any, target: Any, depth: int = 0) -> None:
        """Copy what is in a group."""
        import h5py

        if depth > DEEPEST:
            raise NotPlainError(f"expected fewer than {DEEPEST} groups within each other, at {source.name}")
        self.texts(source, target, KEPT if depth == 0 else None)
        for name in source:
            if depth == 0 and name in SKIPPED:
                continue
            self.objects -= 1
            if self.objects < 0:
                raise NotPlainError(f"expected at most {MOST_OBJECTS} groups and datasets")
            link = source.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise NotPlainError(f"expected all of it in one file, got a {type(link).__name__} at {name}")
            item = source[name]
            if isinstance(item, h5py.Group):
                self.group(item, target.create_group(name), depth + 1)
            elif isinstance(item, h5py.Dataset):
                self.dataset(item, target, name)
            else:
                raise NotPlainError(f"expected groups and arrays, got a {type(item).__name__} at {name}")

    def dataset(self, source: Any, target: Any, name: str) -> None:
        """Copy an array."""
        if source.is_virtual or source.external:
            raise NotPlainError(f"expected all of it in one file, got an array at {source.name} that lies in others")
        kind = source.dtype.kind, source.dtype.itemsize
        if source.shape is None or not (kind[0] in NUMBERS or kind == BFLOAT16):
            raise NotPlainError(f"expected numbers at {source.name}, got {source.dtype}")
        properties = source.id.get_create_plist()
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if not filters <= KNOWN_FILTERS:
            raise NotPlainError(f"expected another compression than that of {source.name}; save the model anew")
        self.bytes -= source.size * source.dtype.itemsize
        if self.bytes < 0:
            raise NotPlainError("expected arrays of the file's size, or thereabouts; it unpacks to many times as much")
        self.texts(source, target.create_dataset(name, data=source[()]))

    def texts(self, source: Any, target: Any, only: tuple[str, ...] | None = None) -> None:
        """Copy the attributes that are texts, or lists of them; `only` are how the names of those begin that are wanted."""
        import h5py
        import numpy as np

        for name in source.attrs:
            if only is not None and not name.startswith(only):
                continue
            value = source.attrs[name]
            listed = value.ravel().tolist() if isinstance(value, np.ndarray) else [value]
            if not all(isinstance(text, str | bytes) for text in listed):
                continue  # a number, of which Keras reads none
            if sum(map(len, listed)) > LONGEST_TEXTS:
                raise NotPlainError(f"expected at most {LONGEST_TEXTS} bytes in the attribute {name} of {source.name}")
            texts = [text.decode() if isinstance(text, bytes) else text for text in listed]
            kind = h5py.string_dtype()
            target.attrs.create(name, np.array(texts, dtype=kind) if np.ndim(value) else texts[0], dtype=kind)


def limit(most: int) -> None:
    """Let this process have little time and memory."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    seconds, room = SECONDS + most // BYTES_A_SECOND, ROOM + 3 * most
    for what, value in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, room), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        with suppress(ValueError, OSError):  # a system that has no such limit
            resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def main(copy: str, config: str, most: int) -> int:
    """Make the copy, and write the file's own `model_config`, if it has one, to another file.

    Returns:
        0; or 1, where there is no copy, with why not on stdout.
    """
    limit(most)
    import h5py

    try:
        with (
            os.fdopen(sys.stdin.fileno(), "rb", closefd=False) as raw,
            h5py.File(raw, "r") as source,
            h5py.File(copy, "w") as target,
        ):
            Copying(most).group(source, target)
            text = source.attrs.get(CONFIG)
            if isinstance(text, str | bytes):
                Path(config).write_bytes(text if isinstance(text, bytes) else text.encode())
    except Exception as error:  # h5py raises all kinds; each means that this file cannot be read
        sys.stdout.buffer.write(" ".join(str(error).split())[:300].encode(errors="backslashreplace"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
