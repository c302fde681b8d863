"""Names from outside, with line ends, escape sequences and a CI server's commands in them: none gets through, in any format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from rnnverify import Observation, load_spec, observe, save_observation
from rnnverify.cli import main
from rnnverify.observation import Ref

EVIL = "a\n::error::b\r\x1b[31m\x9b2J\x7f\u202e\u2028##[error]c ##vso[task.complete]d"
SMALL = "N: 2\nT: 3\nD: 2\nM: 3\nK: 2\n"
PORT = """\
import numpy as np

EVIL = "a\\n::error::b\\x1b[2J"


def raising(x, weights):
    raise ValueError(EVIL)


def naming(x, weights):
    return {EVIL: np.zeros(3)}


def wrong(x, weights):
    return np.zeros((2, 2))
"""


def rnnverify(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def obeyed(text: str, commands: str = "") -> list[str]:
    """The lines that a terminal or a CI server would take for more than text; `commands` are meant to be one."""
    wrong = []
    for line in text.split("\n"):
        ours = bool(commands) and line.startswith(commands)
        command = re.match(r"\s*::[a-z]", line) is not None and not ours
        if command or re.search(r"##\w*\[", line) or not line.isprintable():
            wrong.append(line)
    return wrong


@pytest.fixture(scope="module")
def observed() -> Observation:
    """What Keras did, of a model whose first layer, and its spec, are called so."""
    seen = observe(load_spec(str(Path(__file__).parents[2] / "configs" / "lstm_softmax.yaml")))

    def renamed(name: str) -> str:
        return EVIL if name == "lstm" else name

    def of(ref: Ref) -> Ref:
        return Ref(renamed(ref.node), ref.output)

    nodes = (
        replace(node, name=renamed(node.name), layer=renamed(node.layer), inputs=tuple(map(of, node.inputs)))
        for node in seen.nodes
    )
    return replace(
        seen,
        asked=replace(seen.asked, spec=f"::error::spec{EVIL}"),
        nodes=tuple(nodes),
        outputs=tuple(map(of, seen.outputs)),
        emitted={of(ref): array for ref, array in seen.emitted.items()},
        walks={renamed(name): walks for name, walks in seen.walks.items()},
        environment={**seen.environment, EVIL: EVIL},
    )


def with_first(observed: Observation, **changes: Any) -> Observation:
    return replace(observed, nodes=(replace(observed.nodes[0], **changes), *observed.nodes[1:]))


def other_weights(
    observed: Observation, changed: Mapping[str, float] = MappingProxyType({}), ending: str = ""
) -> Observation:
    weights = {name + ending: array + changed.get(name, 0.0) for name, array in observed.nodes[0].weights.items()}
    return with_first(observed, weights=weights)


@pytest.mark.parametrize(
    "change",
    [
        lambda seen: seen,
        lambda seen: other_weights(seen, {"kernel": 0.5}),
        lambda seen: other_weights(seen, ending=EVIL),
        lambda seen: with_first(seen, class_name=EVIL),
        lambda seen: with_first(seen, config={**seen.nodes[0].config, EVIL: 1}),
        lambda seen: with_first(seen, config={**seen.nodes[0].config, "activation": EVIL}),
    ],
)
def test_an_observation_with_names_that_are_no_text_is_refused(
    observed: Observation, change: Any, tmp_path: Path
) -> None:
    file = tmp_path / "::error::a\n::error::b.npz"
    save_observation(change(observed), str(file))
    for arguments in (["run"], ["run", "-v"], ["run", "-q"], ["run", "--format", "json"], ["blindspots"], ["trace"]):
        result = rnnverify(*arguments, file)
        assert obeyed(result.output) == [], arguments
        assert result.exit_code == 2, result.output
        assert len(result.output) > 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("specs")
    (made / "::error::a\n::error::b.yaml").write_text(SMALL)
    (made / "::error::c\x1b[31m.yaml").write_text("N: 0\n")
    (made / "##[error]d\r.yaml").write_text(SMALL + "tolerance: {atol: 1.0e-12}\n")
    (made / "e.yaml").write_text(f"{json.dumps(EVIL)}: 1\nmodel: {json.dumps(EVIL)}\n")
    (made / "f.yaml").write_text(SMALL + f"data: {{file: {json.dumps(EVIL)}}}\n")
    return made


@pytest.mark.parametrize("form", ["table", "json", "junit", "github"])
def test_names_of_files_are_text_in_every_format_of_a_check(form: str, folder: Path) -> None:
    result = rnnverify("check", folder, "--format", form)
    assert result.exit_code == 1
    assert obeyed(result.output, commands="::error file=" if form == "github" else "") == []
    if form == "github":
        assert result.output.count("::error file=") == 4
    if form == "junit":
        assert len(ElementTree.fromstring(result.output)[0]) == 5
    if form == "json":
        specs = {one["spec"] for one in json.loads(result.output)["results"]}
        assert str(folder / "::error::a\n::error::b.yaml") in specs


@pytest.mark.parametrize("function", ["raising", "naming", "wrong", "missing"])
def test_what_a_candidate_says_is_text(function: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "po\n::error::rt.py").write_text(PORT)
    candidate = f"{tmp_path}/po\n::error::rt.py:{function}"
    for more in ([], ["-v"], ["-q"], ["--format", "json"]):
        result = rnnverify("compare", tmp_path / "a.yaml", "--candidate", candidate, *more)
        assert result.exit_code == (2 if function == "missing" else 1)
        assert obeyed(result.output) == [], more


def test_files_that_are_written_hold_names_as_text(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "v\n::error::ectors"
    assert obeyed(rnnverify("vectors", folder / "::error::a\n::error::b.yaml", "-o", made).output) == []
    assert obeyed((made / "vectors.h").read_text()) == []
    (tmp_path / "po\nimport os\n.py").write_text(PORT)
    kept = tmp_path / "case.py"
    candidate = f"{tmp_path}/po\nimport os\n.py:wrong"
    rnnverify("compare", folder / "::error::a\n::error::b.yaml", "--candidate", candidate, "--script", kept)
    comment, first, *_ = kept.read_text().splitlines()
    assert comment.startswith("# The smallest call of ")
    assert first == "import numpy as np"


def test_a_grids_names_and_values_are_text(tmp_path: Path) -> None:
    grid = tmp_path / "::error::g\n::error::h.yaml"
    grid.write_text("base: {T: 3, D: 2, K: 2, M: 2}\ngrid: {N: [1, 2], seed: [1, 2]}\n")
    result = rnnverify("sweep", grid, "--output", tmp_path / "o\n::error::ut", "--workers", "1")
    assert (result.exit_code, obeyed(result.output)) == (0, [])
    grid.write_text(f"base: {{T: 3, D: 2, K: 2, M: 2}}\ngrid: {{N: [1, 2], layer: [LSTM, {json.dumps(EVIL)}]}}\n")
    result = rnnverify("sweep", grid, "--output", tmp_path / "out")
    assert (result.exit_code, obeyed(result.output)) == (2, [])


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        [f"--{EVIL}"],
        ["run", EVIL],
        ["run", f"{EVIL}.npz"],
        ["run", "--format", EVIL, "a.yaml"],
        ["run", "--set", EVIL, "a.yaml"],
        ["run", "--set", f"{EVIL}=1", "a.yaml"],
        ["run", "--save-observation", f"{EVIL}/x.npz", "a.yaml"],
        ["check", EVIL],
        ["mistakes", EVIL],
        ["sweep", EVIL],
        ["report", EVIL],
        ["report", f"{EVIL}.json"],
        ["report", "a.yaml", "-o", f"{EVIL}/x.html"],
        ["run", "--html", f"{EVIL}/x.html", "a.yaml"],
    ],
)
def test_wrong_requests_are_told_in_text(arguments: list[str]) -> None:
    result = rnnverify(*arguments)
    assert result.exit_code == 2
    assert obeyed(result.output) == []
    assert "b" in result.output
