"""What adding a layer takes: its class, and a line in the registry. Everything else follows from the class.

Two are added here: one that does nothing, and one around a cell of three states, of which two have rank 3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

import rnnverify
from rnnverify.api import observe
from rnnverify.cli import main
from rnnverify.layers.arrays import Array, blocks
from rnnverify.layers.cell import Cell, CellInParts, Gates, States
from rnnverify.layers.layer import Call, Layer, Outputs, Shape
from rnnverify.layers.recurrent import Recurrent
from rnnverify.layers.registry import LAYERS
from rnnverify.spec.arguments import arguments_of
from rnnverify.spec.ledger import ledger

ROWS = 2  # of the two states that have them


@dataclass(frozen=True)
class Identity(Layer):
    """keras.layers.Identity."""

    def __call__(self, call: Call) -> Outputs:
        return (call.x,)


@dataclass(frozen=True)
class RowsCell(CellInParts):
    """Gates for ROWS rows of units; h and s have rows, m has none."""

    kernel: Array  # (D, 2 * ROWS * M)
    recurrent_kernel: Array  # (M, 2M)
    bias: Array  # (2 * ROWS * M,)

    def project(self, x: Array) -> Array:
        zx = x @ self.kernel + self.bias
        return zx.reshape(len(x), ROWS, -1)

    def gates(self, zx: Array, h: Array) -> Gates:
        forget, candidate = blocks(zx + h @ self.recurrent_kernel, 2)
        return np.tanh(forget), np.tanh(candidate)

    def carry(self, gates: Gates, carried: States) -> States:
        forget, candidate = gates
        s, m = carried
        return forget * s + candidate, 0.5 * m + forget[:, 0]

    def output(self, gates: Gates, states: States) -> Array:
        _, s, m = states
        return np.tanh(s + m[:, np.newaxis])


@dataclass(frozen=True)
class Rows(Recurrent):
    state_names = ("h", "s", "m")
    fixed = MappingProxyType({**Recurrent.fixed, "use_bias": True, "activation": "tanh"})

    def cell_with(self, weights: Sequence[Array]) -> Cell:
        return RowsCell(*weights)

    def state_shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        return [(ROWS, self.units), (ROWS, self.units), (self.units,)]

    def weight_shapes(self, inputs: Sequence[Shape]) -> dict[str, Shape]:
        width = 2 * self.units
        return {
            "kernel": (inputs[0][-1], ROWS * width),
            "recurrent_kernel": (self.units, width),
            "bias": (ROWS * width,),
        }


def keras_rows(keras: Any) -> type[Any]:
    """The same in Keras."""
    ops = keras.ops

    class Cell(keras.layers.Layer):
        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(**options)
            self.units = units
            self.state_size = [units, units, units]
            self.output_size = units

        def build(self, shape: Any) -> None:
            width = 2 * self.units
            self.kernel = self.add_weight((shape[-1], ROWS * width), name="kernel")
            self.recurrent_kernel = self.add_weight((self.units, width), name="recurrent_kernel")
            self.bias = self.add_weight((ROWS * width,), name="bias")

        def get_initial_state(self, batch_size: Any = None) -> Any:
            shapes = [(ROWS, self.units), (ROWS, self.units), (self.units,)]
            return [ops.zeros((batch_size, *shape), dtype=self.compute_dtype) for shape in shapes]

        def call(self, x: Any, states: Any, training: bool = False) -> Any:
            h, s, m = states
            z = ops.reshape(ops.matmul(x, self.kernel) + self.bias, (-1, ROWS, 2 * self.units))
            z = z + ops.matmul(h, self.recurrent_kernel)
            forget, candidate = ops.tanh(z[..., : self.units]), ops.tanh(z[..., self.units :])
            s = forget * s + candidate
            m = 0.5 * m + forget[:, 0]
            h = ops.tanh(s + m[:, None])
            return h, [h, s, m]

    class Rows(keras.layers.RNN):
        def __init__(self, units: int, **options: Any) -> None:
            options = {key: value for key, value in options.items() if key not in WITHOUT_EFFECT}
            super().__init__(Cell(units), **options)
            self.units = units

        def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
            batch, timesteps, _ = sequences_shape
            h = (batch, ROWS, self.units)
            y = (batch, timesteps, *h[1:]) if self.return_sequences else h
            return [y, h, h, (batch, self.units)] if self.return_state else y

        def get_config(self) -> dict[str, Any]:
            config = super().get_config()
            del config["cell"]
            return {**config, "units": self.units, "activation": "tanh", "use_bias": True}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**config)

    return Rows


WITHOUT_EFFECT = ("activation", "use_bias")


@pytest.fixture
def added(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both layers, each with its line in the registry; and Keras with a class that it does not have."""
    arguments_of.cache_clear()
    monkeypatch.setitem(LAYERS, "Identity", Identity)
    monkeypatch.setitem(LAYERS, "Rows", Rows)
    monkeypatch.setattr(keras.layers, "Rows", keras_rows(keras), raising=False)


SPECS = {
    "Identity": """
N: 3
T: 5
D: 2
layers:
  - Identity
  - GRU: {units: 4, return_sequences: true}
  - Identity: {name: same}
  - TimeDistributed: {layer: Identity}
""",
    "Rows": """
N: 3
T: 5
D: 2
M: 4
layers:
  - Masking: {mask_value: 0.5}
  - Rows: {units: M, return_sequences: true, return_state: true, name: all}
  - Rows: {inputs: masking, units: 6, go_backwards: true, name: last}
  - Flatten: {inputs: last}
  - Dense: {units: 2}
""",
}


def run(folder: Path, name: str, *options: str) -> Result:
    path = folder / "spec.yaml"
    path.write_text(SPECS[name])
    return CliRunner().invoke(main, ["run", str(path), *options])


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("name", SPECS)
def test_it_is_verified_from_a_spec(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, name, "--format", "json")
    assert done.exit_code == 0, done.output
    (result,) = json.loads(done.stdout)["results"]
    assert result["verdict"] == "match"
    assert name in [layer["class"] for layer in result["layers"]]


@pytest.mark.usefixtures("added")
def test_every_state_of_every_rank_is_an_output(tmp_path: Path) -> None:
    (result,) = json.loads(run(tmp_path, "Rows", "--format", "json").stdout)["results"]
    shapes = {output["output"]: output["shape"] for output in result["outputs"]}
    assert [shapes[f"all{name}[3]"] for name in ("", ".h", ".s", ".m")] == [[3, 5, ROWS], [3, ROWS], [3, ROWS], [3]]
    timesteps = {output["output"]: output["at"]["timestep"] is not None for output in result["outputs"]}
    assert (timesteps["all[0]"], timesteps["all.h[0]"], timesteps["all.m[0]"]) == (True, False, False)


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(("state", "timestep"), [("recurrent_kernel", 1), ("kernel", 0)])
def test_a_wrong_weight_is_placed(tmp_path: Path, state: str, timestep: int) -> None:
    from dataclasses import replace

    (tmp_path / "spec.yaml").write_text(SPECS["Rows"])
    seen = observe(rnnverify.load_spec(str(tmp_path / "spec.yaml")))
    nodes = list(seen.nodes)
    wrong = nodes[1].weights[state].copy()
    wrong[1, 3] += np.float32(0.01)
    nodes[1] = replace(nodes[1], weights={**nodes[1].weights, state: wrong})
    result = rnnverify.verify(replace(seen, nodes=tuple(nodes)))
    first = result.first_divergence
    assert first is not None
    assert (first.layer, first.timestep) == ("all", timestep)
    assert [layer.layer for layer in result.layers if not layer.passed] == ["all"]


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("name", SPECS)
def test_it_is_in_the_table_the_schema_and_the_ledger(tmp_path: Path, name: str) -> None:
    assert name in run(tmp_path, name).stdout
    import yaml

    schema = json.loads(CliRunner().invoke(main, ["schema", "spec"]).stdout)
    jsonschema.validate(yaml.safe_load(SPECS[name]), schema)
    assert f"{name} arguments" in schema["$defs"]
    assert any(line.startswith(f"| [`{name}`]") for line in ledger())


@pytest.mark.usefixtures("added")
def test_what_it_does_not_take_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("N: 2\nT: 3\nD: 2\nlayers: [Rows: {units: 3, activations: tanh}]\n")
    done = CliRunner().invoke(main, ["run", str(tmp_path / "spec.yaml")])
    assert done.exit_code == 2
    assert "Rows.activations: unknown key, did you mean 'activation'?" in done.stderr
