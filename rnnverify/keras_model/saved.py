"""A saved model's file: read once, in the format that will be loaded, checked, and written anew; Keras loads what was written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

from rnnverify.errors import RequestError
from rnnverify.keras_model.allowed import Allowed
from rnnverify.keras_model.config_graph import calls_of, shapes_of_inputs
from rnnverify.keras_model.copied import CONFIG, Copy, copy_of_keras_2, translated, translation
from rnnverify.keras_model.hdf5_copy import BYTES_A_SECOND
from rnnverify.keras_model.hdf5_copy import CONFIG as ATTRIBUTE
from rnnverify.keras_model.unreplayed import check_asked
from rnnverify.machine.children import environment_of_child
from rnnverify.machine.memory import MOST_TIMES, SMALL, NoRoomError, check_unpacked
from rnnverify.observation.arrays_file import ENCRYPTED, KNOWN_METHODS, DamagedError, one_line
from rnnverify.observation.recognised import ARCHIVE, HDF5
from rnnverify.spec.architecture import check_architecture, with_opaque
from rnnverify.spec.loading import SAVED_MODELS
from rnnverify.spec.model import Spec
from rnnverify.text import cleaned

LARGEST_CONFIG = 4 << 20  # bytes; a layer takes some 1,500
WEIGHTS, METADATA = "model.weights.h5", "metadata.json"
SOME_KERAS_2 = "2.x"  # what a file is of that does not say so; those of Keras 3 do
ENDLESS = "reading it takes longer than any file of its size"
SIGXCPU = getattr(signal, "SIGXCPU", 0)
LONGEST_WAIT = (
    120  # seconds for the copy of a file, beside what its size takes; its processor time is limited more narrowly
)
# What zipfile, zlib and json raise on a damaged file.
DAMAGE = (ValueError, LookupError, EOFError, RuntimeError, MemoryError, BadZipFile, zlib.error)


Check = Callable[[Any], dict[str, Any]]  # of a config: it is made anew


class WeightsAloneError(Exception):
    """An HDF5 file without a model."""


@contextmanager
def checked_copy(spec: Spec, known: Collection[str]) -> Iterator[Copy]:
    """A copy of the saved model that a spec names, which holds nothing but what is allowed in it.

    Args:
        spec: with the samples and timesteps that it is to be fed, which must fit into memory.
        known: the classes that have a replay.

    Raises:
        RequestError: the file is missing, damaged, too large, or no Keras model.
        UnsupportedError: a layer in it, or one of its options, has no replay.
    """
    path = spec.model or ""

    def made(config: Any) -> dict[str, Any]:
        check_asked(path, spec.opaque, config)
        allowed = Allowed(path, known, opaque=spec.opaque).model(config)
        shapes = shapes_of_inputs(allowed, spec.T or 1)
        if not shapes and allowed["class_name"] == "Sequential":
            raise RequestError(
                f"{path}: expected a model that is built, got a Sequential that was saved before it was, without weights; call it"
                " once on data, or give it a keras.Input as its first layer, and save it anew"
            )
        calls = with_opaque(path, spec.opaque, calls_of(path, allowed))
        check_architecture(path, shapes, calls, (spec.N or 1) * (spec.calls or 1))
        return allowed

    with TemporaryDirectory(prefix="rnnverify-") as folder:
        with reading(path) as file:
            copy = copy_of_archive if is_archive(path, file) else copy_of_hdf5
            copied = copy(file, Path(folder), made, path)
        yield copied


@contextmanager
def reading(path: str) -> Iterator[IO[bytes]]:
    """An open file, and whatever goes wrong with it as one message."""
    if not path.lower().endswith(SAVED_MODELS):
        raise RequestError(f"{path}: expected a saved model, a file ending in {' or '.join(SAVED_MODELS)}")
    if not os.path.isfile(path):  # a pipe may never end, and is not even opened
        raise RequestError(f"{path}: no such file; give the path of a saved model (.keras, .h5)")
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise RequestError(f"{path}: cannot be read or copied: {error.strerror or error}") from None
    except NoRoomError as error:
        raise RequestError(f"{path}: {error}") from None
    except WeightsAloneError:
        raise RequestError(
            f"{path}: expected a saved model, got no more than weights, as save_weights writes them; name their model"
            f" beside them in a spec (`layers`, or `model: module:function`, with `weights: {{file: {os.path.basename(path)}}}`),"
            " or load them into it (load_weights), and save that with model.save('model.keras')"
        ) from None
    except (DamagedError, *DAMAGE) as error:
        reason = str(error) if isinstance(error, DamagedError) else one_line(error)
        raise RequestError(
            f"{path}: not a saved Keras model: {reason}; give a .keras or .h5 file{of_other_format(path)}"
        ) from None


def of_other_format(path: str) -> str:
    """What to add of a file that begins as an archive does, and is not called one."""
    with open(path, "rb") as file:
        other = not path.lower().endswith(".keras") and file.read(len(ARCHIVE)) == ARCHIVE
    return "; it begins as a .keras file does: then let its name end so" if other else ""


def is_archive(path: str, file: IO[bytes]) -> bool:
    """Whether a file is read as an archive: a .keras file is one, but for those of Keras 2 that are HDF5."""
    start = file.read(len(HDF5))
    file.seek(0)
    return path.lower().endswith(".keras") and (start != HDF5 or is_zipfile(file))


def copy_of_archive(file: IO[bytes], folder: Path, check: Check, path: str) -> Copy:
    """The copy of a .keras file, an archive of a config and weights."""
    with ZipFile(file) as archive:
        old = translation(path, version_in(archive))
        made = check(translated(document(archive, CONFIG), old))
        weights = archive.getinfo(WEIGHTS)
        check_unpacked(weights.compress_size, weights.file_size, weights.file_size)
        with opened(archive, weights) as stream, open(folder / "unpacked.h5", "w+b") as unpacked:
            shutil.copyfileobj(stream, unpacked, 1 << 20)
            unpacked.seek(0)
            copy_plain(unpacked, weights.compress_size, folder / WEIGHTS, folder / CONFIG)
    if old is not None:
        return copy_of_keras_2(folder, made, old, folder / WEIGHTS)
    with ZipFile(folder / "model.keras", "w") as copy:
        copy.writestr(CONFIG, json.dumps(made))
        copy.writestr(METADATA, "{}")
        copy.write(folder / WEIGHTS, WEIGHTS)
    return Copy(str(folder / "model.keras"))


def document(archive: ZipFile, name: str) -> Any:
    """One of the documents in JSON in an archive."""
    entry = archive.getinfo(name)
    if entry.file_size > LARGEST_CONFIG:
        raise DamagedError(f"its {name} is larger than {LARGEST_CONFIG} bytes; no model's is")
    with opened(archive, entry) as stream:
        return json.loads(stream.read())


def version_in(archive: ZipFile) -> Any:
    """Which version of Keras saved an archive, as it says itself; older ones of Keras 3 need not say so."""
    if METADATA not in archive.namelist():
        return None
    found = document(archive, METADATA)
    return found.get("keras_version") if isinstance(found, dict) else None


@contextmanager
def opened(archive: ZipFile, entry: ZipInfo) -> Iterator[IO[bytes]]:
    """One entry of an archive, if it is packed in a way that is read piece by piece."""
    if entry.flag_bits & ENCRYPTED or entry.compress_type not in KNOWN_METHODS:
        raise DamagedError(f"expected {entry.filename} to be stored or deflated, without a password")
    with archive.open(entry) as stream:
        yield stream


def copy_of_hdf5(file: IO[bytes], folder: Path, check: Check, path: str) -> Copy:
    """The copy of an .h5 file."""
    copied, config = folder / "model.h5", folder / CONFIG
    copy_plain(file, os.fstat(file.fileno()).st_size, copied, config)
    if not config.exists():
        raise WeightsAloneError
    if config.stat().st_size > LARGEST_CONFIG:
        raise DamagedError(f"its {ATTRIBUTE} is larger than {LARGEST_CONFIG} bytes; no model's is")
    import h5py  # only .h5 files need it

    with h5py.File(copied, "r+") as copy:
        old = translation(path, copy.attrs.get("keras_version", SOME_KERAS_2))
        made = check(translated(json.loads(config.read_bytes()), old))
        copy.attrs[ATTRIBUTE] = json.dumps(made)
    return Copy(str(copied)) if old is None else copy_of_keras_2(folder, made, old, copied)


def copy_plain(source: IO[bytes], packed: int, copy: Path, config: Path) -> None:
    """Have a process of its own copy what is plain in an HDF5 file: see `hdf5_copy`.

    Args:
        source: the file.
        packed: how many bytes it takes on the disk, to which that is held what it unpacks to.
        copy: where to.
        config: where to its own config goes, if it has one.

    Raises:
        DamagedError: it cannot be read, or holds something else.
    """
    most = max(SMALL, MOST_TIMES * packed)
    words = [sys.executable, "-P", "-m", "rnnverify.keras_model.hdf5_copy", str(copy), str(config), str(most)]
    try:
        done = subprocess.run(
            words,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment_of_child(OPENBLAS_NUM_THREADS="1", HDF5_PLUGIN_PRELOAD="::"),
            timeout=LONGEST_WAIT + most // BYTES_A_SECOND,
        )
    except subprocess.TimeoutExpired:
        raise DamagedError(ENDLESS) from None
    if done.returncode:
        said = cleaned(done.stdout.decode(errors="replace"))
        raise DamagedError(said or (ENDLESS if done.returncode == -SIGXCPU else "the HDF5 library crashes over it"))
