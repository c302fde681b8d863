"""Every gate and state of a model, at every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnverify.errors import RequestError
from rnnverify.results.shown import Shown

if TYPE_CHECKING:
    from rnnverify.observation.observed import Array


@dataclass(frozen=True, repr=False, eq=False)
class Trace(Shown, Mapping[str, Mapping[str, "Array"]]):
    """What each layer computes on the way to its outputs: `trace["lstm"]["i"]` is (N, T, M), in float64.

    An LSTM has `i`, `f`, `c~`, `o`, `c`, `h`, a GRU `z`, `r`, `h~`, `h`, a SimpleRNN `h`, in a Bidirectional with `forward_` and
    `backward_` before them; every layer has its `output`. The second axis is the timestep of x that a step reads. Gates of masked
    steps are NaN, and states stand as they were.
    """

    spec: str
    layers: Mapping[str, Mapping[str, Array]]
    walks: Mapping[
        str, Mapping[str, bool]
    ]  # of each recurrent layer the prefixes of its names; whether it walks backwards

    def __getitem__(self, layer: str) -> Mapping[str, Array]:
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def arrays(self) -> dict[str, Array]:
        """All of them under names such as `lstm.i`."""
        return {f"{layer}.{name}": array for layer, own in self.layers.items() for name, array in own.items()}

    def to_xarray(self) -> Any:
        """An xarray.Dataset with a variable for each array, such as `lstm.i`, of (sample, timestep, lstm.unit).

        Raises:
            RequestError: xarray is not installed.
        """
        try:
            import xarray
        except ImportError:
            raise RequestError("to_xarray: expected xarray to be installed; `pip install xarray` does it") from None
        sizes: dict[str, int] = {}

        def axis(name: str, own: str, size: int) -> str:
            """A name for an axis: the common one where it has this size everywhere, or else the layer's own."""
            return name if sizes.setdefault(name, size) == size else own

        made = {}
        for layer, arrays in self.layers.items():
            for name, array in arrays.items():
                timed = array.ndim > 2 or name != "output"
                dims = ["sample"]
                dims += [axis("timestep", f"{layer}.timestep", array.shape[1])] if timed and array.ndim > 1 else []
                rest = array.shape[len(dims) :]
                common = [*(f"{layer}.place_{index}" for index in range(len(rest) - 1)), f"{layer}.unit"]
                dims += [axis(common[index], f"{layer}.{name}_{index}", size) for index, size in enumerate(rest)]
                made[f"{layer}.{name}"] = (dims, array)
        return xarray.Dataset(made)
