"""Changes that make a right file a wrong one: of its bytes, its text, the tree of its values, its arrays."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import h5py
import numpy as np

from rnnverify.spec.arguments import arguments_of, entries
from rnnverify.spec.data import KINDS
from rnnverify.spec.keys import SpecKeys

KEYS = sorted(
    {*SpecKeys.model_fields, *KINDS, *entries(), *(key for one in entries() for key in arguments_of(one).model_fields)}
)
DEEP: Any = []
for _ in range(80):
    DEEP = [DEEP]
# Sizes that are honest work, which takes as long as it takes, are not among them.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 7, 257, 1000, 2**31 - 1, 2**31, 2**63, -(2**63), 2**70, 10**400),
    *(0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), "", "a", "T", "N", "M", "tanh", "x.npy", "x.npz", "x.csv"),
    *(
        "a\nb",
        "\x1b[31m",
        "\u2603",
        "a" * 5000,
        "1:1:1.5",
        "float16",
        "keras",
        "random",
        "__import__('os')",
        "/dev/zero",
    ),
    *([], {}, [[]], {"a": 1}, [1, 2, 3], [None, 4, 3], {"class_name": "Lambda", "config": {}}, DEEP),
    *({"module": "os", "class_name": "system", "config": "x"}, ["x", 0, 0], {"class_name": "__lambda__", "config": {}}),
)
SCRAPS = (
    *(
        "\\UFFFFFFFF",
        "1:1:1:1:1.5",
        "!!python/object/apply:os.abort []",
        "!!int '1:1'",
        "&a",
        "*a",
        "<<: *a",
        "? ",
        "- ",
    ),
    *(
        "%YAML 9.9\n",
        "{",
        "}",
        "[",
        "]",
        ":",
        "#",
        "'",
        '"',
        "|\n",
        ">\n",
        "\t",
        "\n",
        "---\n",
        "...\n",
        "~",
        "0x",
        "1e",
    ),
    *("\u2028", "\x85", "\ufeff", "@"),
)


def of_text(text: str, random: Random) -> str:
    """A text with a few characters, lines or scraps put in, taken out or changed."""
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        place, other = random.randrange(len(text) + 1), random.randrange(len(text) + 1)
        change = random.randrange(6)
        if change == 0:
            text = text[:place] + random.choice(SCRAPS) + text[place:]
        elif change == 1:
            text = text[:place] + text[place + random.choice([1, 1, 3, 20]) :]
        elif change == 2:
            text = (
                text[:place] + chr(random.choice([random.randrange(128), random.randrange(0x3000)])) + text[place + 1 :]
            )
        elif change == 3:
            text = text[:place] + text[other : other + 40] + text[place:]
        elif change == 4:
            text = text[:place] + random.choice(KEYS) + text[place:]
        else:
            lines = text.split("\n")
            random.shuffle(lines)
            text = "\n".join(lines)
    return text


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a tree."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from places(tree[key])


def of_tree(tree: Any, random: Random) -> Any:
    """A tree with a few values replaced, taken out, renamed, or put in another's place."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        known = list(places(tree))
        if not known:
            return random.choice(VALUES)
        container, key = random.choice(known)
        change = random.randrange(8)
        if change < 4:
            container[key] = copy.deepcopy(random.choice(VALUES))
        elif change == 4:
            del container[key]
        elif change == 5:
            other, its = random.choice(known)
            if its in other if isinstance(other, dict) else its < len(other):
                container[key] = copy.deepcopy(other[its])
        elif isinstance(container, dict):
            container[random.choice([*KEYS, "class_name", "config", "more"])] = container.pop(key)
        else:
            container.insert(key, copy.deepcopy(container[key]))
    return tree


def of_bytes(raw: bytes, random: Random) -> bytes:
    """Bytes of which some are changed, lost or doubled."""
    made = bytearray(raw)
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        if not made:
            break
        place, other = random.randrange(len(made)), random.randrange(len(made))
        change = random.randrange(6)
        if change == 0:
            made[place] = random.randrange(256)
        elif change == 1:
            made[place] ^= 1 << random.randrange(8)
        elif change == 2:
            made[place : place + 8] = random.choice([b"\xff", b"\0", b"\x7f"]) * 8
        elif change == 3:
            size = random.randrange(1, 100)
            made[place : place + size] = made[other : other + size]
        elif change == 4:
            del made[place : place + random.randrange(1, 200)]
        elif random.random() < 0.2:
            del made[place:]
    return bytes(made)


def of_array(array: Any, random: Random) -> Any:
    """An array of another dtype, shape or value."""
    change = random.randrange(7)
    if change == 0:
        with np.errstate(all="ignore"):
            return array.astype(random.choice(["f8", "f2", "i4", "i1", "u1", "?", "c8", "U3", "S2", ">f4"]))
    if change == 1:
        return array[..., :-1] if random.random() < 0.5 else array[:0]
    if change == 2:
        return array[np.newaxis] if random.random() < 0.5 else array.ravel()
    if change == 3:
        return np.swapaxes(array, 0, -1)
    made = np.array(array)
    if made.size and made.dtype.kind == "f":
        made.flat[random.randrange(made.size)] = random.choice([np.nan, np.inf, -np.inf, 1e30, -1e38, 0.0])
    elif made.size:
        made.flat[random.randrange(made.size)] = random.choice([-1, 0, 100])
    with np.errstate(all="ignore"):
        return made if change < 6 else made * random.choice([0, 1e30, -1])


def of_archive(raw: bytes, random: Random, changes: dict[str, Callable[[bytes, Random], bytes]]) -> bytes:
    """An archive of which a part is changed, lost, doubled or renamed; by the end of its name, how it is changed."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    heart = [index for index, (name, _) in enumerate(parts) if name in ("content.npy", "config.json")]
    index = heart[0] if heart and random.random() < 0.5 else random.randrange(len(parts))
    name, part = parts[index]
    if random.random() < 0.9:
        of_part = next((change for ending, change in changes.items() if name.endswith(ending)), of_bytes)
        parts[index] = name, of_part(part, random)
    else:
        del parts[index]
        if random.random() < 0.5:
            parts.append((random.choice(["x.npy", ".npy", "/", "..", "content.npy", "config.json"]), part))
    made = io.BytesIO()
    with zipfile.ZipFile(
        made, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    ) as archive:
        for name, part in dict(parts).items() if random.random() < 0.9 else parts:
            archive.writestr(name, part)
    return made.getvalue()


def of_json(raw: bytes, random: Random) -> bytes:
    """JSON of which the tree is changed."""
    return json.dumps(of_tree(json.loads(raw), random)).encode("utf-8", "surrogatepass")


def of_npy(raw: bytes, random: Random) -> bytes:
    """A .npy of which the array is changed, or the JSON in it, or some bytes."""
    array = np.load(io.BytesIO(raw))
    if random.random() < 0.2:
        return of_bytes(raw, random)
    if array.dtype == np.uint8:
        array = np.frombuffer(of_json(array.tobytes(), random), np.uint8)
    else:
        array = of_array(array, random)
    made = io.BytesIO()
    np.lib.format.write_array(made, array)
    return made.getvalue()


def of_hdf5(raw: bytes, random: Random) -> bytes:
    """An HDF5 file with a changed array, group, attribute or config."""
    if random.random() < 0.3:
        return of_bytes(raw, random)
    made = io.BytesIO(raw)
    with h5py.File(made, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        if "model_config" in file.attrs and random.random() < 0.6:
            file.attrs["model_config"] = of_json(file.attrs["model_config"].encode(), random).decode()
            return made.getvalue()
        item = file[random.choice(names)]
        change = random.randrange(4)
        if change == 0:
            del file[item.name]
        elif change == 1:
            file[f"{random.choice(names)}_"] = random.choice(
                [h5py.SoftLink("/"), h5py.ExternalLink("x.h5", "/"), file["/"]]
            )
        elif change == 2 and item.attrs:
            item.attrs[random.choice(list(item.attrs))] = random.choice([3, "a", b"\xff", ["a", "b"], np.ones(3)])
        elif isinstance(item, h5py.Dataset):
            name, array = item.name, of_array(item[()], random)
            del file[name]
            file[name] = array.astype("S3") if array.dtype.kind == "U" else array
    return made.getvalue()
