"""What the command is given: paths, settings and options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spec.malformed.refusals import LETTERS, check_refusal, layers, run


@pytest.mark.parametrize(
    ("path", "fragment"),
    [
        ("nothing.yaml", "nothing.yaml: cannot be read: No such file"),
        (".", ".: expected a YAML file, got a directory; `rnnverify check .` takes a directory"),
        ("loop.yaml", "loop.yaml: cannot be read: Too many levels of symbolic links"),
        ("x" * 300 + ".yaml", "cannot be read: File name too long"),
        ("x" * 300 + ".keras", "no such file; give the path of a saved model"),
        ("nothing.keras", "nothing.keras: no such file; give the path of a saved model"),
        ("/dev/zero", "larger than 1048576 bytes"),
    ],
)
def test_a_path_that_is_no_spec_is_refused(path: str, fragment: str) -> None:
    Path("loop.yaml").symlink_to("loop.yaml")
    check_refusal(run(path), fragment)


@pytest.mark.parametrize(
    ("setting", "fragment"),
    [
        ("T", "--set: expected KEY=VALUE, such as T=50 or layers.0.LSTM.units=7; got 'T'"),
        ("=3", "--set: expected KEY=VALUE"),
        ("t=3", "t: unknown key, did you mean 'T'?"),
        ("T=0", "T: expected a whole number"),
        ("T=", "T: expected a whole number from 1 to 2147483647; got nothing"),
        ("T.x=1", "T: expected a whole number from 1 to 2147483647; got a mapping with x"),
        ("T=[", "--set T:1: not valid YAML"),
        ("T=!!python/object/apply:os.system ['touch executed']", "expected plain data, got the YAML tag"),
        ("layers.1.Dense.units=3", "--set layers.1: expected an index below 1 after layers, got '1'"),
        ("layers.x.Dense.units=3", "expected an index below 1 after layers, got 'x'"),
        ("layers.-1.Dense.units=3", "expected an index below 1 after layers, got '-1'"),
        ("layers.\u00b2.Dense.units=3", "expected an index below 1 after layers"),
        (f"layers.{'1' * 5000}.x=3", "expected an index below 1 after layers"),
        ("layers.0.Dense.unit=3", "layers[0].Dense.unit: unknown key, did you mean 'units'?"),
        ("data.uniform.hihg=3", "spec.yaml: data.uniform.hihg: unknown key, did you mean 'high'?"),
        ("model.x=3", "spec.yaml: model: expected the path of a file; got a mapping with x"),
    ],
)
def test_a_wrong_override_is_refused(setting: str, fragment: str) -> None:
    Path("spec.yaml").write_text(layers("Dense: {units: 2}"), encoding="utf-8")
    check_refusal(run("spec.yaml", "--set", setting), fragment)


@pytest.mark.parametrize(
    "options", [["--seed", "-1"], ["--seed", "4294967296"], ["--atol", "nan"], ["--atol", "inf"], ["--rtol", "-1"]]
)
def test_an_option_out_of_range_is_refused(options: list[str]) -> None:
    Path("spec.yaml").write_text(LETTERS, encoding="utf-8")
    check_refusal(run("spec.yaml", *options), f"{options[0][2:]}: expected", "got")


def test_every_spec_is_read_before_any_is_run() -> None:
    Path("good.yaml").write_text(LETTERS, encoding="utf-8")
    Path("bad.yaml").write_text("N: 0\n", encoding="utf-8")
    check_refusal(run("good.yaml", "bad.yaml"), "bad.yaml:1: N")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("N: 0\n", "spec.yaml:1: N: expected a whole number"),
        ("layers: " + "[" * 10_000, "spec.yaml:1: nested too deeply"),
        ("N: !!python/object/apply:os.system ['touch executed']\n", "expected plain data"),
        (layers("Dense: {units: 2, name: caf\u00e9}"), "layers[0].Dense.name: expected a name"),
    ],
)
@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "1"}])
def test_the_command_itself_refuses_with_exit_code_2(text: str, fragment: str, environment: dict[str, str]) -> None:
    Path("spec.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rnnverify", "run", "spec.yaml"],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    message = done.stderr.decode()
    assert done.returncode == 2
    assert done.stdout == b""
    assert fragment in message
    assert "Traceback" not in message
    assert len(message.splitlines()) < 25
    assert not Path("executed").exists()
