"""Many walks through time taken at once.

A port that reads its weights otherwise takes the same walk with other numbers, and one that takes x or the states otherwise
does too. On small models a step costs what its calls of NumPy cost, however many numbers they are for: so such walks are taken
side by side, along an axis before the samples. In float32 where the model computes in no wider precision, as it is to tell which
of them are worth a closer look.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from rnnverify.layers.activations import MIXING, ActivationFunction
from rnnverify.layers.arrays import Array
from rnnverify.layers.walk import Walk
from rnnverify.observation import Walked

Key = TypeVar("Key", bound=Hashable)
Kind = type[np.floating[Any]]
MOST = 1 << 23  # numbers that are held at once: beyond that the products are what takes time, and nothing is gained
CACHED = 1 << 17  # numbers that a processor has at hand


def together(walks: Mapping[Key, Walk], kind: Kind = np.float32, every_step: bool = False) -> dict[Key, Walked]:
    """Take those walks that can be taken side by side; the others are left out.

    Args:
        walks: about to be taken, in whatever order, by any key.
        kind: what they are computed in.
        every_step: whether every state at every step is kept.
    """
    groups: dict[Hashable, list[Key]] = {}
    for key, walk in walks.items():
        if (alike := what_is_alike(walk)) is not None:
            groups.setdefault(alike, []).append(key)
    done: dict[Key, Walked] = {}
    for keys in groups.values():
        keys.sort(key=lambda key: [id(function) for function in functions_of(walks[key])])  # the same side by side
        for some in parts_of([walks[key] for key in keys], keys):
            try:
                made = side_by_side([walks[key] for key in some], kind, every_step)
            except (
                ValueError,
                IndexError,
            ):  # shapes that do not go together: what that means for each, it tells by itself
                continue
            done.update(zip(some, made, strict=True))
    return done


def what_is_alike(walk: Walk) -> Hashable | None:
    """What walks must have in common; None where a walk goes its own way."""
    plain = walk.x.ndim == 3 and all(state.ndim == 2 for state in walk.states)
    if type(walk) is not Walk or not plain or not fits(walk):
        return None
    cell = walk.cell
    if type(cell).__module__.split(".")[1] != "layers" or not hasattr(cell, "recurrent_kernel"):
        return None  # a cell that is changed
    if any(function in MIXING for function in functions_of(walk)):
        return None
    weights = tuple((name, np.shape(value)) for name, value in vars(cell).items() if not callable(value))
    masks = walk.mask is not None, walk.layer.zero_output_for_mask
    return type(cell), weights, masks, walk.x.shape, tuple(state.shape for state in walk.states)


def fits(walk: Walk) -> bool:
    """Whether its mask and states are those of its samples; where they are not, that comes out when it is taken by itself."""
    masked = walk.mask is None or walk.mask.shape == walk.x.shape[:2]
    return masked and all(len(state) == len(walk.x) for state in walk.states)


def functions_of(walk: Walk) -> list[Any]:
    """The activations of its cell."""
    return [value for value in vars(walk.cell).values() if callable(value)]


def parts_of(walks: Sequence[Walk], keys: Sequence[Key]) -> list[Sequence[Key]]:
    """As many at once as memory allows; none where one walk by itself fills it."""
    samples, timesteps = walks[0].x.shape[:2]
    each = timesteps * samples * np.shape(walks[0].cell.recurrent_kernel)[-1]  # type: ignore[attr-defined]
    count = MOST // max(1, each)
    return [keys[start : start + count] for start in range(0, len(keys), count)] if count > 1 else []


def side_by_side(walks: Sequence[Walk], kind: Kind, every_step: bool) -> list[Walked]:
    """As `Walk.run`, for walks of one kind: states are (K, N, M), of K walks."""
    first, timesteps = walks[0], walks[0].x.shape[1]
    shares: dict[tuple[int, ...], Array] = {}  # of walks that have the input and its weights in common
    for walk in walks:
        if share_of(walk) not in shares:
            shares[share_of(walk)] = projected(walk, kind)
    own = [shares[share_of(walk)] for walk in walks]
    cell: Any = stacked([walk.cell for walk in walks], kind)
    states = tuple(
        np.stack(parts, dtype=kind, casting="same_kind") for parts in zip(*(walk.states for walk in walks), strict=True)
    )
    awake = None if first.mask is None else np.stack([walk.mask for walk in walks])  # type: ignore[misc] # (K, N, T)
    output = np.zeros_like(states[0])
    kept = [np.empty((timesteps, *state.shape), dtype=state.dtype) for state in states[: None if every_step else 1]]
    stretch = max(1, CACHED // (len(walks) * own[0][0].size))
    for t in range(timesteps):
        if t % stretch == 0:
            zx = np.stack([share[t : t + stretch] for share in own], axis=1)  # (t, K, N, gates * M)
        new = cell.step(zx[t % stretch], states)
        states, output = first.after(new, states, output, None if awake is None else awake[..., t])
        for array, made in zip(kept, (output, *states[1:]), strict=False):
            array[t] = made
    ended = []
    for index, walk in enumerate(walks):
        put_out, *others = (np.swapaxes(array[:, index], 0, 1) for array in kept)
        put_out = put_out if every_step or walk.layer.return_sequences else put_out[:, -1:]
        ended.append(Walked(put_out, tuple(state[index] for state in states), tuple(others)))
    return ended


def share_of(walk: Walk) -> tuple[int, ...]:
    """Which arrays the input's share is made of; those of the walks that are at hand, so that none goes and another comes."""
    own = [
        value for name, value in vars(walk.cell).items() if not callable(value) and not name.startswith("recurrent_")
    ]
    return id(walk.x), *map(id, own)


def projected(walk: Walk, kind: Kind) -> Array:
    """The input's share of every step, (T, N, gates * M)."""
    by_time = np.swapaxes(walk.x, 0, 1)
    made = walk.cell.project(by_time.reshape(-1, *walk.x.shape[2:])).astype(kind)
    return made.reshape(*by_time.shape[:2], *made.shape[1:])


def stacked(cells: Sequence[Any], kind: Kind) -> Any:
    """A cell whose recurrent weights have an axis before their own, so that each walk meets its own; functions likewise."""
    made: dict[str, Any] = {}
    for field in fields(cells[0]):
        values = [getattr(cell, field.name) for cell in cells]
        if callable(values[0]):
            made[field.name] = piecewise(values)
        elif field.name.startswith("recurrent_") and np.ndim(values[0]):
            arrays = np.stack(values, dtype=kind, casting="same_kind")
            made[field.name] = (
                arrays if arrays.ndim > 2 else arrays[:, np.newaxis]
            )  # a bias is the same for all samples
    return replace(cells[0], **made)


def piecewise(functions: Sequence[ActivationFunction]) -> ActivationFunction:
    """For each walk its own function, along the first axis."""
    places: dict[ActivationFunction, list[int]] = {}
    for index, function in enumerate(functions):
        places.setdefault(function, []).append(index)
    most = max(places, key=lambda function: len(places[function]))
    others = [(function, run_of(own)) for function, own in places.items() if function is not most]
    if not others:
        return most

    def applied(z: Array) -> Array:
        made = most(z)
        for function, own in others:
            made[own] = function(z[own])
        return made

    return applied


def run_of(places: list[int]) -> Any:
    """An index of these places: a slice, which copies nothing, where they are next to each other."""
    first, last = places[0], places[-1]
    return slice(first, last + 1) if last - first + 1 == len(places) else np.array(places)
