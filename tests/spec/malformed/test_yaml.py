"""YAML that is none, YAML that is no plain data, and files that are no text."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rnnverify.spec import parsing
from tests.spec.malformed.refusals import case, check_refusal, check_spec, layers, run


def bomb(width: int, depth: int) -> str:
    rows = [f"a0: &a0 [{', '.join('x' * width)}]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join(rows)


SYNTAX = [
    case("unclosed bracket", "N: 1\nlayers: [\n", "spec.yaml:3: not valid YAML", "flow"),
    case("unclosed quote", 'N: 1\nlayer: "LSTM\n', "spec.yaml:3: not valid YAML", "end of stream"),
    case("tab", "N: 1\n\tT: 2\n", "spec.yaml:2: not valid YAML", "'T: 2'"),
    case("two colons", "N: 1\nT: 2: 3\n", "spec.yaml:2: not valid YAML", "'T: 2: 3'"),
    case("bad indent", "N: 1\n  T: 2\n", "spec.yaml:2: not valid YAML"),
    case("unknown alias", "N: *samples\n", "spec.yaml:1: not valid YAML", "undefined alias"),
    case("duplicate anchor target", "N: &a &b 1\n", "spec.yaml:1: not valid YAML"),
    case("bad escape", 'N: "\\q"\n', "spec.yaml:1: not valid YAML", "unknown escape"),
    case("an escape beyond Unicode", 'N: "\\UFFFFFFFF"\n', "not valid YAML"),
    case("an escape far beyond Unicode", 'N: "\\U00110000"\n', "not valid YAML"),
    case("half a surrogate", 'N: "\\ud800"\n', "spec.yaml:1: "),
    case("a version of 5,000 digits", f"%YAML 1.{'9' * 5000}\n---\nN: 1\n", "expected no YAML directives"),
    case("5,000 tags", "".join(f"%TAG !{i}! x\n" for i in range(5000)) + "---\nN: 1\n", "expected no YAML directives"),
    case("bad directive", "%YAML 9.9\n---\nN: 1\n", "spec.yaml:1: not valid YAML", "%YAML 9.9"),
    case("two documents", "N: 1\n---\nN: 2\n", "spec.yaml:2: not valid YAML", "single document"),
    case("control character", "N: 1\nT: \x07\n", "spec.yaml:2: not valid YAML", "U+0007", "remove it"),
    case("list", "- N: 1\n", "spec.yaml:1: spec: expected a mapping", "got a list of 1"),
    case("scalar", "hello\n", "spec.yaml:1: spec: expected a mapping", "got 'hello'"),
    case("nothing in the document", "---\n", "spec.yaml:1: spec: expected a mapping", "got nothing"),
    case("only a comment", "# later\n", "spec.yaml: empty", "N, T, D, M and K"),
    case("duplicate key", "N: 1\nT: 2\nN: 3\n", "spec.yaml:3: N: the key stands here twice, first on line 1"),
    case(
        "duplicate nested key",
        layers("LSTM:", "    units: 2").replace("  -     units: 2", "      units: 2\n      units: 3"),
        "spec.yaml:9: layers[0].LSTM.units: the key stands here twice, first on line 8",
    ),
    case("merge key", "a: &a {N: 1}\n<<: *a\n", "spec.yaml:2: spec: expected a name as key, got a merge (<<)"),
    case("list as key", "[N]: 1\n", "spec.yaml:1: spec: expected a name as key, got a list or mapping"),
    case("alias that holds itself", "N: 1\nlayers: &x [*x]\n", "spec.yaml:2: layers[0]: the alias contains itself"),
    case("document that holds itself", "&x {N: *x}\n", "spec.yaml:1: N: the alias contains itself"),
    case("billion laughs", bomb(9, 12), "spec.yaml: its aliases stand for more than 20000 values"),
    case("10,000 brackets", "layers: " + "[" * 10_000, "spec.yaml:1: nested too deeply", "fewer than 60"),
    case("10,000 braces", "{a: " * 10_000, "spec.yaml:1: nested too deeply"),
    case("10,000 question marks", "? " * 10_000, "spec.yaml:1: nested too deeply"),
    case("deep through aliases", "a: &a " + 35 * "[" + 35 * "]" + "\nb: " + 35 * "[" + "*a" + 35 * "]", "nested too d"),
    case("100,000 values", "layers:\n" + "- a\n" * 100_000, "spec.yaml:", "more than 20000 values"),
    case("too large", "#" * (1 << 20) + "\n", "spec.yaml: larger than 1048576 bytes"),
    case(
        "7,000 unknown keys",
        "".join(f"key{i}: 1\n" for i in range(7000)),
        "spec.yaml:8: key7: unknown key",
        "and 6992 more",
    ),
]

TAGS = [
    case("python/object/apply", "N: !!python/object/apply:os.system ['touch executed']\n", "!!python/object/apply"),
    case("python/object/new", "N: !!python/object/new:os.system ['touch executed']\n", "!!python/object/new"),
    case("python/name", "N: !!python/name:os.system\n", "spec.yaml:1: N: expected plain data", "remove the tag"),
    case("python/module", "N: !!python/module:antigravity\n", "spec.yaml:1: N: expected plain data"),
    case("binary", "T: 1\nN: !!binary aGVsbG8=\n", "spec.yaml:2: N: expected plain data, got the YAML tag !!binary"),
    case("set", "N: !!set {a, b}\n", "spec.yaml:1: N: expected plain data, got the YAML tag !!set"),
    case("custom", "N: !samples 3\n", "spec.yaml:1: N: expected plain data, got the YAML tag !samples"),
    case("custom with a newline", "N: !a%0Ab 3\n", r"the YAML tag !a\nb; remove the tag"),
    case("on a key", "!!python/name:os.system N: 1\n", "spec.yaml:1: spec: expected plain data", "on a key"),
    case("bool of a word", "N: !!bool maybe\n", "spec.yaml:1: N: expected true or false, got 'maybe'"),
    case("int of nothing", 'N: !!int ""\n', "spec.yaml:1: N: expected a whole number", "got ''"),
    case("float of nothing", 'N: !!float ""\n', "spec.yaml:1: N: expected a number, got ''"),
    case("map of a list", "N: !!map [1]\n", "spec.yaml:1: N: expected plain data, got the YAML tag !!map"),
]


OLD = [
    case("a float in base 60 that is none", "N: 1" + ":1" * 200 + ".5\n", "spec.yaml:1: N: expected a decimal number"),
    case("an integer in base 60 that takes minutes", "N: 1" + ":1" * 400_000 + "\n", "expected a decimal number"),
    case("a tagged float in base 60", 'N: !!float "1' + ":1" * 200 + '"\n', "N: expected a decimal number"),
    case("a tagged integer in base 60", 'N: !!int "1' + ":1" * 400_000 + '"\n', "N: expected a decimal number"),
    case("such a number in a list", "layers: [1" + ":1" * 200 + ".5]\n", "layers[0]: expected a decimal number"),
]


@pytest.fixture(params=["in Python", "as it is"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers, where there are two."""
    if request.param == "in Python":
        monkeypatch.setattr(parsing, "Loader", parsing.InPython)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "fragments"), SYNTAX + OLD)
def test_wrong_yaml_is_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)


def test_the_parser_in_c_is_used_where_it_is_there() -> None:
    assert (parsing.Loader is parsing.InPython) is not yaml.__with_libyaml__


@pytest.mark.parametrize(("text", "fragments"), TAGS)
def test_a_tag_is_refused_and_nothing_is_made_of_it(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        (b"", "spec.yaml: empty"),
        (
            "N: 1\n".encode("utf-16"),
            "spec.yaml: expected UTF-8 text, got byte 0xff at offset 0; save the file as UTF-8",
        ),
        ("N: 1\n".encode("utf-16-le"), "spec.yaml:1: not valid YAML: expected text, got the character U+0000"),
        ("# caf\u00e9\nN: 1\n".encode("latin-1"), "got byte 0xe9 at offset 5"),
        (b"N: 1\0\n", "U+0000"),
        (bytes(range(256)), "expected UTF-8 text"),
        (b"\x93NUMPY\x01\x00v\x00{}", "expected a YAML file; this is an array"),
    ],
)
def test_a_file_that_is_no_text_is_refused(raw: bytes, fragment: str) -> None:
    Path("spec.yaml").write_bytes(raw)
    check_refusal(run("spec.yaml"), fragment)
