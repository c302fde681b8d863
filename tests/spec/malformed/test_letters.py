"""The letters and the seed: what is no number, what is missing, and sizes that no memory holds."""

from __future__ import annotations

import pytest

from tests.spec.malformed.refusals import LETTERS, case, check_spec, layers, tokens

NINES = 9 * "9"


def without(letter: str, *more: str) -> str:
    return "".join(f"{line}\n" for line in [*LETTERS.splitlines(), *more] if not line.startswith(letter))


NUMBERS = [
    case(f"{key}: {value[:12]}", f"# first line\n{key}: {value}\n", f"spec.yaml:2: {key}: expected a whole number", got)
    for key, value, got in [
        ("N", "0", "got 0"),
        ("N", "-3", "got -3"),
        ("T", "2.5", "got 2.5"),
        ("T", "3.0", "got 3.0"),
        ("D", ".nan", "got nan"),
        ("D", ".inf", "got inf"),
        ("M", "true", "got true"),
        ("M", "three", "got 'three'"),
        ("K", "[1]", "got a list of 1"),
        ("K", "{a: 1}", "got a mapping with a"),
        ("K", "", "got nothing"),
        ("N", "T", "got 'T'"),
        ("N", "2147483648", "from 1 to 2147483647; got 2147483648"),
        ("N", "9" * 400, "got a huge number"),
        ("N", "0x" + "f" * 5000, "got a huge number"),
        ("N", "9" * 5000, f"got '{NINES}"),
        ("seed", "-1", "from 0 to 2147483647; got -1"),
        ("seed", "1.5", "got 1.5"),
        ("seed", "true", "got true"),
        ("seed", "N", "got 'N'"),
        ("seed", "4294967296", "got 4294967296"),
    ]
] + [
    case("octal", "N: 010\n", "spec.yaml:1: N: expected a decimal number, got '010'"),
    case("sexagesimal", "N: 1:30\n", "spec.yaml:1: N: expected a decimal number, got '1:30'"),
]

MISSING = [
    case("no M", without("M"), "the letter M is not set; a spec without `layers` needs"),
    case("no N", without("N", "layers: [Flatten]"), "spec.yaml:1: spec: the letter N, the number of samples"),
    case("no T", without("T", "layers: [Flatten]"), "spec.yaml:5: layers[0].Flatten", "needs the letter T"),
    case("no D", without("D", "layers: [Flatten]"), "spec.yaml:5: layers[0].Flatten", "needs the letter D"),
]

SIZES = [
    case("N", "N: 2000000000\nT: 3\nD: 2\nM: 4\nK: 2\n", "fit into memory", "GiB", "make N, T, D or M smaller"),
    case("T", "N: 1\nT: 2000000000\nD: 2\nM: 4\nK: 2\n", "fit into memory", "simple_rnn takes"),
    case("M", "N: 1\nT: 1\nD: 2\nM: 2000000000\nK: 2\n", "fit into memory", "simple_rnn takes"),
    case(
        "units", layers("Dense: {units: 2147483647}", "LSTM: {units: 2147483647}"), "spec.yaml:8: layers[1]: expected"
    ),
    case("RepeatVector", layers("Flatten", "RepeatVector: {n: 2147483647}"), "layers[1]: expected sizes that fit"),
    case("Embedding", tokens("{input_dim: 2147483647, output_dim: 99}", "tokens"), "embedding takes"),
    case(
        "Concatenate, again and again",
        layers(
            *[f"Concatenate: {{name: a{i}, inputs: [{', '.join([f'a{i - 1}'] * 99)}]}}" for i in range(1, 99)]
        ).replace("a0", "input"),
        "expected outputs of at most 2147483647 along each axis",
    ),
]


@pytest.mark.parametrize(("text", "fragments"), NUMBERS)
def test_what_is_no_number_is_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)


@pytest.mark.parametrize(("text", "fragments"), MISSING)
def test_a_letter_that_is_needed_is_named(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)


@pytest.mark.parametrize(("text", "fragments"), SIZES)
def test_sizes_that_no_memory_holds_are_refused(text: str, fragments: tuple[str, ...]) -> None:
    check_spec(text, *fragments)
