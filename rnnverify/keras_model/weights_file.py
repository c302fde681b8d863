"""The weights in a plain HDF5 file (see `hdf5_copy`), by layer, and put into the order that Keras 3 has them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from rnnverify.keras_model.flattening import Member
from rnnverify.observation.arrays_file import DamagedError

Array = npt.NDArray[Any]
Places = Mapping[str, Sequence[str]]  # of each layer's arrays in the file, in the order of get_weights()

NAMES, LAYERS = "layer_names", ("layers", "_layer_checkpoint_dependencies")
# The parts of a layer that have weights of their own, in the order of get_weights().
PARTS = ("forward_layer", "backward_layer", "_query_dense", "_key_dense", "_value_dense", "_output_dense")
CUDNN = ("kernel", "recurrent_kernel", "bias")  # of a layer that runs on NVIDIA's GPUs alone


def places_by_name(group: Any, layers: Sequence[Member] = ()) -> dict[str, list[str]]:
    """Of a file with its layers' names: a whole model saved as .h5, or weights that Keras 2 saved.

    Args:
        group: where they are.
        layers: those of the file's config, of which some may be models.

    Raises:
        DamagedError: a name in it has nothing to it.
    """
    import h5py

    found: dict[str, list[str]] = {}
    for layer in texts(group, NAMES):
        inner = group.get(layer) if isinstance(group, h5py.Group) else None
        if not isinstance(inner, h5py.Group):
            raise DamagedError(f"it has no weights of the layer {layer!r} that it names")
        found[layer] = [f"{inner.name}/{name}" for name in texts(inner, "weight_names")]
    for model in (one for one in layers if one.inside and one.name in found):
        prefix = f"{group.name}/{model.name}/".replace("//", "/")
        own = [place.removeprefix(prefix) for place in found.pop(model.name)]
        found |= {name: [prefix + one for one in places] for name, places in places_inside(model, own).items()}
    return found


def places_inside(model: Member, places: Sequence[str], above: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Of the layers of a model inside another, to which such a file gives one list: by the arrays' names.

    Args:
        model: the one inside.
        places: where its arrays are, without its own name.
        above: the names of the models that it is inside of; an array's name may begin with them.
    """
    found: dict[str, list[str]] = {}
    for one in model.inside:
        own, around = one.name.removeprefix(f"{model.name}/"), (*above, model.name)
        if one.inside:
            found |= places_inside(one, places, around)
        else:
            found[one.name] = [place for place in places if begins(place, own, around)]
    return found


def begins(place: str, own: str, above: tuple[str, ...]) -> bool:
    """Whether a name begins with a layer's own, or with those of the models around it and then with that."""
    rest = [place, *(place.partition(f"{'/'.join(above[index:])}/")[2] for index in range(len(above)))]
    return any(one.startswith(f"{own}/") for one in rest)


def places_in_order(file: Any, layers: Sequence[Member]) -> dict[str, list[str]]:
    """Of a file in which layers are numbered by class: that in a .keras archive.

    Args:
        file: the HDF5 file, or the group of a model inside another.
        layers: in the order of the file's config.

    Raises:
        DamagedError: it has more or fewer layers of some class than the config.
    """
    import h5py

    top = next((file[name] for name in LAYERS if name in file), None)
    arrays = {name: arrays_of(top[name]) for name in top} if isinstance(top, h5py.Group) else {}
    by_class: dict[str, list[Member]] = {}
    for one in layers:
        by_class.setdefault(kind_of(one.class_name), []).append(one)
    found: dict[str, list[str]] = {}
    for kind, members in by_class.items():
        pattern = re.compile(re.escape(kind) + r"(?:_(\d{1,9}))?")
        numbered = {int(match[1] or 0): name for name in arrays if (match := pattern.fullmatch(name))}
        groups = [numbered[number] for number in sorted(numbered)]
        if len(groups) != len(members):  # early ones count a layer twice, and leave one of its groups empty
            groups = [name for name in groups if arrays[name]]
        if groups and len(groups) != len(members):
            raise DamagedError(f"expected weights of {len(members)} layers of the kind {kind}, got {len(groups)}")
        for one, name in zip(members, groups, strict=False):
            if one.inside and top is not None:
                found |= places_in_order(top[name], one.inside)
            else:
                found[one.name] = ordered(arrays[name], one.cells)
    return found


def kind_of(class_name: str) -> str:
    """What Keras calls the layers of a class where it numbers them."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)).lower()


def arrays_of(group: Any) -> list[str]:
    """The arrays in a layer's group: those of a Bidirectional's forward layer before the other's."""
    import h5py

    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(name)

    if isinstance(group, h5py.Group):
        group.visititems(visit)
    return [f"{group.name}/{name}" for name in sorted(found, key=rank)]


def ordered(places: list[str], cells: Sequence[str] = ()) -> list[str]:
    """The same, of a layer, perhaps with a stack of cells of these classes.

    Raises:
        DamagedError: it has parts of which nobody knows the order.
    """
    kinds = [kind_of(cell) for cell in cells]
    earlier = [kinds[:index].count(kind) for index, kind in enumerate(kinds)]
    names = [f"{kind}_{count}" if count else kind for kind, count in zip(kinds, earlier, strict=True)]
    parts = {place.rpartition("/")[0] for place in places}
    if len({rank(f"{part}/0", names) for part in parts}) < len(parts):
        raise DamagedError(f"the order of these weights is not known: {', '.join(sorted(parts))}")
    return sorted(places, key=lambda place: rank(place, names))


def rank(name: str, cells: Sequence[str] = ()) -> tuple[int, int, int]:
    """Which part of the layer an array is of, in which cell of a stack, and its number there."""
    *path, last = name.split("/")
    part = next((index for index, part in enumerate(PARTS, 1) if part in path), 0)
    cell = cells.index(path[-2]) + 1 if len(path) > 1 and path[-2] in cells else 0  # .../cells/lstm_cell_1/vars/0
    return part, cell, int(last) if last.isdecimal() and len(last) < 10 else 0


def texts(group: Any, name: str) -> list[str]:
    """A list of texts among the attributes of a group, which may be in pieces."""
    if name in group.attrs:
        return listed(group.attrs[name])
    return [text for piece in pieces(group, name) for text in listed(piece)]


def pieces(group: Any, name: str) -> Iterator[Any]:
    number = 0
    while f"{name}{number}" in group.attrs:
        yield group.attrs[f"{name}{number}"]
        number += 1


def listed(value: Any) -> list[str]:
    return [str(text) for text in np.ravel(value).tolist()]


def arrays_at(file: Any, places: Sequence[str], names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """The arrays of one layer, as Keras 3 has them.

    Args:
        file: the HDF5 file.
        places: where they are, in their order.
        names: Keras 3's names for them.
        shapes: Keras 3's.

    Raises:
        DamagedError: they are not what this layer has. Nothing of them was read.
    """
    found = [file.get(place) for place in places[: len(names) + 1]]
    got = [getattr(one, "shape", None) for one in found]
    if len(got) == len(names) and all(fits(*three) for three in zip(names, got, shapes, strict=True)):
        return rearranged([as_numbers(one[()]) for one in found if one is not None], names, shapes)
    wanted = ", ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))
    raise DamagedError(f"expected {wanted or 'none'}; got {', '.join(map(shown, got)) or 'none'}")


def as_numbers(array: Any) -> Array:
    """An array, of which two bytes of no kind are what Keras keeps of a bfloat16."""
    made = np.asarray(array)
    return made.view(ml_dtypes.bfloat16) if made.dtype.kind == "V" else made


def shown(shape: Any) -> str:
    return "nothing" if shape is None else f"an array {shape}"


def fits(name: str, got: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    """Whether an array has the shape of a weight, or is a bias of a layer that runs on a GPU alone."""
    return got == wanted or (name.endswith("bias") and got is not None and of_cudnn(got, wanted))


def of_cudnn(got: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Two biases one after the other, where Keras 3 has their sum, or has them one above the other."""
    return got == (2 * wanted[0],) if len(wanted) == 1 else len(wanted) == 2 and got == (2 * wanted[1],)


def rearranged(arrays: list[Array], names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Weights of cuDNN's order in Keras 3's, three by three; others as they are."""
    made = list(arrays)
    for index in range(0, len(arrays) - 2, 3):
        three = slice(index, index + 3)
        labels = [
            name.split("_", 1)[-1] if name.startswith(("forward_", "backward_")) else name for name in names[three]
        ]
        if tuple(labels) == CUDNN and arrays[index + 2].shape != shapes[index + 2]:
            made[three] = from_cudnn(arrays[index], arrays[index + 1], arrays[index + 2], len(shapes[index + 2]))
    return made


def from_cudnn(kernel: Array, recurrent: Array, bias: Array, rank: int) -> list[Array]:
    """The weights of a CuDNNLSTM or CuDNNGRU as those of an LSTM, or of a GRU with reset_after.

    Each gate's matrix is held row by row as cuDNN takes it, from the left: (M, D), though its array is said to be (D, M).
    The two biases are one above the other where `rank` is 2, and else added up.
    """
    units = len(recurrent)
    gates = range(recurrent.shape[1] // units)
    columns = [slice(gate * units, (gate + 1) * units) for gate in gates]
    kernels = [kernel[:, one].reshape(units, -1).T for one in columns]
    recurrents = [recurrent[:, one].T for one in columns]
    halves = bias.reshape(2, -1)
    return [np.hstack(kernels), np.hstack(recurrents), halves if rank == 2 else halves.sum(axis=0)]
