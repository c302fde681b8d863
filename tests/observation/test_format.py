"""The file of an observation, as its page describes it: what a program in another language finds, and older files."""

from __future__ import annotations

import ast
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from rnnverify import load_observation, verify
from rnnverify.api import observe
from rnnverify.cli import main
from rnnverify.errors import RequestError
from rnnverify.observation import Asked, Node, Observation, Ref, Walked
from rnnverify.observation.file import save_observation
from rnnverify.spec import spec_from_mapping
from tests.pages import PAGES

# A SimpleRNN without activation: h = 2 x + 3 h + 1. From x = 1, 2 it makes 3 and 14.
X, STEPS = np.array([[[1.0], [2.0]]], np.float32), np.array([[[3.0], [14.0]]], np.float32)
WEIGHTS = {"kernel": np.float32([[2]]), "recurrent_kernel": np.float32([[3]]), "bias": np.float32([1])}
NO = ("go_backwards", "return_state", "unroll", "zero_output_for_mask")
CONFIG: dict[str, Any] = {
    "name": "rnn",
    "dtype": "float32",
    "units": 1,
    "activation": "linear",
    **dict.fromkeys(NO, False),
}
CONFIG |= {"return_sequences": True, "use_bias": True}
BY_HAND = Observation(
    asked=Asked("by_hand.yaml", 7, "float32"),
    inputs={"x": X},
    nodes=(Node("rnn", "rnn", "SimpleRNN", CONFIG, WEIGHTS, (Ref("x"),)),),
    outputs=(Ref("rnn"),),
    predictions=(STEPS,),
    emitted={Ref("rnn"): STEPS},
    walks={"rnn": (Walked(STEPS),)},
    tf32=False,
    environment={"keras": "3"},
    seconds={"predict": 0.5},
)


def content_of(observed: Observation, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What stands in the JSON of its file, and the arrays beside it."""
    save_observation(observed, str(folder / "o.npz"))
    with np.load(folder / "o.npz") as file:
        arrays = dict(file)
    return json.loads(arrays.pop("content").tobytes()), arrays


def write(path: Path, content: Any, arrays: dict[str, Any]) -> str:
    np.savez(path, content=np.frombuffer(json.dumps(content).encode(), np.uint8), **arrays)
    return str(path)


def test_every_array_has_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    content, arrays = content_of(BY_HAND, tmp_path)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "inputs/x": [[[1], [2]]],
        "layers/rnn/kernel": [[2]],
        "layers/rnn/recurrent_kernel": [[3]],
        "layers/rnn/bias": [1],
        "outputs/0": [[[3], [14]]],
        "emitted/rnn/0": [[[3], [14]]],
        "walks/rnn/0/sequence": [[[3], [14]]],
    }
    assert content["format"] == 5
    assert content["inputs"] == {"x": "inputs/x"}
    assert content["nodes"][0]["weights"] == {name: f"layers/rnn/{name}" for name in WEIGHTS}
    assert (content["outputs"], content["predictions"]) == ([["rnn", 0]], ["outputs/0"])
    assert content["emitted"] == [["rnn", 0, "emitted/rnn/0"]]
    assert content["walks"] == {"rnn": [{"sequence": "walks/rnn/0/sequence", "others": []}]}
    assert content["dtypes"] == dict.fromkeys(arrays, "float32")


def test_it_is_read_without_numpy(tmp_path: Path) -> None:
    save_observation(
        replace(BY_HAND, inputs={"x": np.asfortranarray(np.arange(6.0).reshape(1, 2, 3))}), str(tmp_path / "o.npz")
    )
    with zipfile.ZipFile(tmp_path / "o.npz") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        raw = archive.read("inputs/x.npy")
        text = archive.read("content.npy")
    (length,) = struct.unpack_from("<H", raw, 8)
    assert ast.literal_eval(raw[10 : 10 + length].decode()) == {
        "descr": "<f8",
        "fortran_order": False,
        "shape": (1, 2, 3),
    }
    assert struct.unpack_from("<6d", raw, 10 + length) == (0, 1, 2, 3, 4, 5)
    assert json.loads(text[10 + struct.unpack_from("<H", text, 8)[0] :])["inputs"] == {"x": "inputs/x"}


def test_both_directions_and_both_states_of_an_lstm(tmp_path: Path) -> None:
    layers = [{"Bidirectional": {"layer": {"LSTM": {"units": 3, "return_sequences": True}}, "name": "both"}}]
    observed = observe(spec_from_mapping({"N": 2, "T": 4, "D": 5, "layers": layers, "dtype": "bfloat16"}))
    content, arrays = content_of(observed, tmp_path)
    assert content["walks"] == {
        "both": [
            {"sequence": "walks/both/0/sequence", "others": ["walks/both/0/others/0"]},
            {"sequence": "walks/both/1/sequence", "others": ["walks/both/1/others/0"]},
        ]
    }
    assert arrays["walks/both/1/others/0"].shape == (2, 4, 3)
    assert arrays["layers/both/backward_kernel"].shape == (5, 12)
    assert (content["dtypes"]["outputs/0"], arrays["outputs/0"].dtype) == ("bfloat16", np.float32)
    assert verify(load_observation(str(tmp_path / "o.npz"))).verdict == verify(observed).verdict == "match"


def test_a_layer_that_is_called_twice_has_its_weights_once(tmp_path: Path) -> None:
    first = BY_HAND.nodes[0]
    second = replace(first, name="rnn:2")
    content, arrays = content_of(replace(BY_HAND, nodes=(first, second)), tmp_path)
    assert content["nodes"][0]["weights"] == content["nodes"][1]["weights"]
    assert [name for name in arrays if name.startswith("layers")] == [f"layers/rnn/{name}" for name in WEIGHTS]
    other = replace(second, weights={**WEIGHTS, "bias": np.float32([5])})  # which no Keras does
    content, arrays = content_of(replace(BY_HAND, nodes=(first, other)), tmp_path)
    assert content["nodes"][1]["weights"]["bias"] == "layers/rnn/bias_2"
    assert (arrays["layers/rnn/bias"], arrays["layers/rnn/bias_2"]) == ([1], [5])


def test_names_that_clash_are_told_apart(tmp_path: Path) -> None:
    inputs = {"a*": np.ones(1), "a_": np.zeros(1), "a?": np.full(1, np.nan), "a_ ": np.ones(1), "a%": np.ones(1)}
    content, arrays = content_of(replace(BY_HAND, inputs=inputs), tmp_path)
    assert content["inputs"] == {
        "a*": "inputs/a_",
        "a_": "inputs/a__2",
        "a?": "inputs/a__3",
        "a_ ": "inputs/a_ ",
        "a%": "inputs/a_",  # the same numbers
    }
    assert [arrays[content["inputs"][name]][0] for name in inputs] == pytest.approx([1, 0, np.nan, 1, 1], nan_ok=True)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/x", "inputs/_/_/etc/x"),
        ("C:\\x", "inputs/C:_x"),
        ("größe", "inputs/größe"),
        ("\udce9", "inputs/_"),
        ("x" * 70_000, "inputs/" + "x" * 193),
    ],
)
def test_a_name_does_no_harm_to_whoever_unpacks_the_file(tmp_path: Path, name: str, stored: str) -> None:
    content, arrays = content_of(replace(BY_HAND, inputs={name: X}), tmp_path)
    assert content["inputs"] == {name: stored}
    assert stored in arrays


def test_a_file_of_format_4_is_verified(tmp_path: Path) -> None:
    content, arrays = content_of(BY_HAND, tmp_path)
    for node in content["nodes"]:
        assert node.pop("mask") == []
    path = write(tmp_path / "o.npz", {**content, "format": 4}, arrays)
    assert load_observation(path).nodes[0].mask == ()
    assert verify(path).verdict == "match"


def of_format_3() -> tuple[dict[str, Any], dict[str, Any]]:
    """BY_HAND as versions before this one wrote it."""
    node = {**vars(BY_HAND.nodes[0]), "weights": {"kernel": 1, "recurrent_kernel": 2, "bias": 3}}
    content = {
        "format": 3,
        "asked": {"spec": "by_hand.yaml", "seed": 7, "dtype": "float32", "tolerance": {"atol": None, "rtol": None}},
        "inputs": {"x": 0},
        "nodes": [node],
        "outputs": [["rnn", 0]],
        "predictions": [4],
        "emitted": [["rnn", 0, 5]],
        "walks": {"rnn": [{"sequence": 6, "others": []}]},
        "tf32": False,
        "environment": {"keras": "3"},
        "seconds": {"predict": 0.5},
        "dtypes": ["float32"] * 7,
    }
    arrays = [X, *WEIGHTS.values(), STEPS, STEPS, STEPS]
    return content, {f"array_{index}": array for index, array in enumerate(arrays)}


def test_a_file_of_format_3_is_verified(tmp_path: Path) -> None:
    path = write(tmp_path / "o.npz", *of_format_3())
    observed = load_observation(path)
    assert observed.asked == BY_HAND.asked
    assert (observed.nodes[0].weights["recurrent_kernel"].item(), observed.inputs["x"].tolist()) == (3, X.tolist())
    result = CliRunner().invoke(main, ["run", path, "--format", "json"])
    (found,) = json.loads(result.stdout)["results"]
    assert (found["outputs"][0]["keras"], found["outputs"][0]["max_abs_error"], result.exit_code) == (3.0, 0.0, 0)
    content, arrays = of_format_3()
    wrong = write(tmp_path / "wrong.npz", content, {**arrays, "array_3": np.float32([1.5])})  # the bias
    assert CliRunner().invoke(main, ["run", wrong]).exit_code == 1


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda c: c["inputs"].update(x=7), "there is no array array_7"),
        (lambda c: c["inputs"].update(x=-1), "there is no array array_-1"),
        (lambda c: c["inputs"].update(x=True), "inputs.x: Input should be a valid string"),
        (lambda c: c["inputs"].update(x=0.0), "inputs.x: Input should be a valid string"),
        (lambda c: c.update(dtypes=["float32"] * 8), "it lacks the array array_7"),
        (lambda c: c.update(dtypes=[1] * 7), "dtypes.array_0: Input should be a valid string"),
        (lambda c: c.update(format=4), "inputs.x: Input should be a valid string"),
        (lambda c: c.update(format=3.0), "format: Input should be a valid integer"),
        (
            lambda c: c.update(format=2),
            "got 2; it lacks states that are verified now: save it anew (rnnverify run SPEC",
        ),
        (lambda c: c.update(format=1), "expected an observation of format 5, 4 or 3, got 1; it lacks states"),
        (
            lambda c: c.update(format=6),
            "got 6; a later version of rnnverify wrote it: verify it with that one, or save it",
        ),
        (lambda c: c.update(format="4"), "got '4'; save it anew (rnnverify run SPEC --save-observation FILE.npz)"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path: Path, change: Callable[[Any], Any], fragment: str) -> None:
    content, arrays = of_format_3()
    change(content)
    with pytest.raises(RequestError) as caught:
        load_observation(write(tmp_path / "o.npz", content, arrays))
    assert fragment in str(caught.value)


def test_a_layer_without_a_replay_is_refused_with_the_file_s_name(tmp_path: Path) -> None:
    path = str(tmp_path / "o.npz")
    save_observation(replace(BY_HAND, nodes=(replace(BY_HAND.nodes[0], class_name="Own"),)), path)
    with pytest.raises(RequestError) as caught:
        load_observation(path)
    assert str(caught.value).startswith(f"{path}: layer 'rnn': the class Own has no replay")


def test_the_page_names_the_arrays(tmp_path: Path) -> None:
    section = PAGES["docs/reference/observation-file.md"]
    rows = re.findall(r"^\| `(\S+)` \| (.*) \|$", section, flags=re.MULTILINE)
    named = {name for row in rows for name in (row[0], *re.findall(r"`(\w+/[\w/]+)`", row[1]))} - {"content"}
    observed = observe(spec_from_mapping({"N": 2, "T": 3, "D": 2, "M": 2, "K": 2, "layer": "LSTM"}))
    content, arrays = content_of(replace(observed, inputs={"x": observed.inputs["input"]}), tmp_path)
    assert named <= arrays.keys()
    assert {name.split("/")[0] for name in named} == {name.split("/")[0] for name in arrays}
    assert f"`format` is {content['format']}." in section
