"""Files that people have, and that cannot be verified: the message says which step mends each, and it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import main

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 4, 3)
NETS = """\
import keras


class Net(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.lstm, self.head = keras.layers.LSTM(3), keras.layers.Dense(2)

    def call(self, x):
        return self.head(self.lstm(x))


class Attend(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def twice(x):
    return 2 * x


def functional(net=None):
    x = keras.Input((4, 3))
    return keras.Model(x, (net or Net()).call(x))
"""
MENDED = (
    "a class of your own, whose code no file holds; save keras.Model(x, model.call(x)), with x = keras.Input(...), or name a"
    " function that returns it (`model: module:function` in a spec, with --allow-code)"
)
OWN_LAYER = (
    "is a class of your own, whose code no file holds, and which has no replay; end the model before it, or put layers of"
    " Keras's in its place, and save that"
)
ANEW = "put one of Keras's own in its place, and save the model anew"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", "-q", *arguments])


def refusal(*arguments: str) -> str:
    """What is said of a file that is refused, in one line."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's, in the folder that we work in."""
    import importlib

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_nets.py").write_text(NETS)
    module = importlib.import_module("own_nets")
    yield module
    import sys

    del sys.modules["own_nets"]


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built:UserWarning")
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_sequential_that_was_saved_before_it_was_built(keras: Any, nets: Any, ending: str) -> None:
    model = keras.Sequential([keras.layers.LSTM(3), keras.layers.Dense(2)])
    model.save(f"m.{ending}")
    assert refusal(f"m.{ending}") == (
        f"m.{ending}: expected a model that is built, got a Sequential that was saved before it was, without weights; call it"
        " once on data, or give it a keras.Input as its first layer, and save it anew"
    )
    model(X)
    model.save(f"m.{ending}")
    assert run(f"m.{ending}").exit_code == 0


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_of_a_class_of_one_s_own(keras: Any, nets: Any, ending: str) -> None:
    model = nets.Net()
    model(X)
    model.save(f"m.{ending}")
    name = "own_nets.Net" if ending == "keras" else "Net"
    assert refusal(f"m.{ending}") == f"m.{ending}: expected a Sequential or functional model, got {name}, {MENDED}"
    nets.functional(model).save(f"m.{ending}")
    assert run(f"m.{ending}").exit_code == 0


def test_a_function_that_returns_a_model_of_one_s_own_as_a_functional_one(nets: Any, tmp_path: Path) -> None:
    Path("spec.yaml").write_text("{model: 'own_nets:functional', N: 2}")
    assert "runs only with --allow-code" in refusal("spec.yaml")
    assert run("spec.yaml", "--allow-code").exit_code == 0
    Path("spec.yaml").write_text("{model: 'own_nets:Net', N: 2}")
    assert refusal("spec.yaml", "--allow-code") == (
        "spec.yaml: model: expected a Sequential or functional model, got 'net' of the class Net, which has no fixed graph;"
        " verify keras.Model(x, model.call(x)), with x = keras.Input(...), in its place"
    )


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda k, n: n.Attend(name="attend"), f"layer 'attend': own_nets.Attend {OWN_LAYER}"),
        (lambda k, n: n.Net(name="inner"), f"layer 'inner': own_nets.Net {OWN_LAYER}"),
        (
            lambda k, n: k.layers.Lambda(lambda x: 2 * x, name="f"),
            "layer 'f': the class Lambda has no replay: it is code, which is never loaded; verify the model from memory",
        ),
        (
            lambda k, n: k.layers.Dense(2, name="d", activation=lambda x: x),
            f"layer 'd': the activation is a function of Python code, which is never run; {ANEW}",
        ),
        (
            lambda k, n: k.layers.Dense(2, name="d", activation=n.twice),
            "layer 'd': the activation 'twice' is not implemented by the replay; use one that is: celu, elu, exponential,",
        ),
        (
            lambda k, n: k.layers.Dense(2, name="d", activation=k.layers.Identity()),
            f"layer 'd': the activation given as a layer, Identity, is not implemented; {ANEW}",
        ),
        (
            lambda k, n: k.layers.Dense(2, name="d", kernel_initializer=lambda shape, dtype=None: k.ops.ones(shape)),
            f"layer 'd': kernel_initializer: expected one of Keras's own, got __lambda__; {ANEW}",
        ),
    ],
)
def test_a_part_of_one_s_own(keras: Any, nets: Any, layer: Any, message: str) -> None:
    x = keras.Input((4, 3))
    keras.Model(x, layer(keras, nets)(x)).save("m.keras")
    assert refusal("m.keras").startswith(f"m.keras: {message}")


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_alone(keras: Any, nets: Any, legacy: bool) -> None:
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(3), keras.layers.Dense(2)])
    path = "w.h5" if legacy else "w.weights.h5"
    if legacy:
        import h5py

        with h5py.File(path, "w") as file:  # as Keras 2 wrote it
            file.attrs["layer_names"] = [b"lstm"]
            file.create_group("lstm")["kernel:0"] = np.ones((3, 12))
    else:
        model.save_weights(path)
    assert refusal(path) == (
        f"{path}: expected a saved model, got no more than weights, as save_weights writes them; name their model beside them in"
        f" a spec (`layers`, or `model: module:function`, with `weights: {{file: {path}}}`), or load them into it (load_weights),"
        " and save that with model.save('model.keras')"
    )
    if not legacy:
        model.load_weights(path)
        model.save("model.keras")
        assert run("model.keras").exit_code == 0
        Path("spec.yaml").write_text(
            "N: 2\nT: 4\nD: 3\nlayers: [{LSTM: {units: 3}}, {Dense: {units: 2}}]\nweights: {file: w.weights.h5}\n"
        )
        assert run("spec.yaml").exit_code == 0


def test_a_file_of_the_other_format(keras: Any, nets: Any) -> None:
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(3)])
    for name, other in {"m.h5": "keras", "m.keras": "h5"}.items():
        model.save(f"right.{other}")
        Path(f"right.{other}").rename(name)
    assert refusal("m.h5").endswith("it begins as a .keras file does: then let its name end so")
    assert run("m.keras").exit_code == 0
