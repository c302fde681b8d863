"""What a model is fed, and how more of its kind is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnverify.layers.graph import Graph
from rnnverify.layers.masking import Masking
from rnnverify.observation import Observation
from rnnverify.observation.precision import rounded


class Data:
    """What a model is fed, and how more of its kind is drawn."""

    def __init__(self, observed: Observation, graph: Graph) -> None:
        self.ids, self.mask_values = {}, {}
        for node in observed.nodes:
            layer = graph.layers[node.name]
            (ref, *_) = node.inputs
            if ref.node in observed.inputs and layer.vocabulary is not None:
                self.ids[ref.node] = layer.vocabulary
            if ref.node in observed.inputs and isinstance(layer, Masking):
                self.mask_values[ref.node] = layer.mask_value
        self.data = [name for name in observed.inputs if name not in observed.states_fed]
        self.states = [name for name in observed.inputs if name in observed.states_fed]
        self.first = dict(observed.inputs)
        first = observed.inputs[self.data[0]]
        timed = self.data[0] in self.ids or first.ndim > 2
        self.sizes = len(first), first.shape[1] if timed else None
        masking = any(getattr(layer, "mask_zero", False) for layer in graph.layers.values())
        self.maskable = bool(self.mask_values) or (masking and bool(self.ids))

    @property
    def floats(self) -> bool:
        return any(name not in self.ids for name in self.data)

    @property
    def spread(self) -> float:
        """How large its numbers are, about; without the squares of those that are as large as their precision holds."""
        given = next((self.first[name].astype(np.float64) for name in self.data if name not in self.ids), np.ones(1))
        largest = float(np.abs(given).max(initial=0)) or 1.0
        return largest * float(np.std(given / largest)) or 1.0

    def drawn(
        self,
        observed: Observation,
        seed: int,
        samples: int | None = None,
        timesteps: int | None = None,
        scale: float = 1.0,
    ) -> Observation:
        """Inputs like those that there are: so many samples, so many timesteps."""
        rng = np.random.default_rng(seed)
        inputs = {}
        for name, x in observed.inputs.items():
            shape = [samples or len(x), *x.shape[1:]]
            if timesteps is not None and name in self.data and len(shape) > 1 and x.shape[1] == self.sizes[1]:
                shape[1] = timesteps
            if name in self.ids:
                inputs[name] = rng.integers(min(1, self.ids[name] - 1), self.ids[name], size=shape).astype(x.dtype)
            elif x.dtype.kind == "f":
                spread = float(np.std(x)) or 1.0
                made = float(np.mean(x)) + scale * spread * rng.standard_normal(shape)
                inputs[name] = made.astype(x.dtype)
            else:
                inputs[name] = rng.choice(x.reshape(-1), size=shape)
        return replace(observed, inputs=inputs)

    def masked(self, observed: Observation, seed: int, place: str) -> Observation:
        """The same inputs, of which every sample has masked steps, each another number of them."""
        del seed  # the places are the same
        inputs = dict(observed.inputs)
        for name in [*self.ids, *self.mask_values]:
            x = np.array(inputs[name])
            samples, timesteps = x.shape[:2]
            position = np.arange(timesteps)
            lengths = 1 + np.arange(samples)[:, np.newaxis] % max(1, timesteps - 1)
            kept = {
                "at the end": position < lengths,
                "in front": position >= timesteps - lengths,
                "in between": (position + np.arange(samples)[:, np.newaxis]) % 3 != 1,
                "everywhere": np.zeros((samples, timesteps), dtype=bool),
            }[place]
            value = 0 if name in self.ids else rounded(np.asarray(self.mask_values[name]), "float32")
            x[~kept] = value
            inputs[name] = x
        return replace(observed, inputs=inputs)
