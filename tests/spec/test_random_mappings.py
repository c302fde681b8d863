"""Whatever a spec says: it is a Spec, or it is refused. No other exception, and no long wait. No Keras here."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import example, given, settings

from rnnverify.errors import RequestError
from rnnverify.layers.activations import ACTIVATIONS
from rnnverify.spec import Spec, load_spec, spec_from_mapping
from rnnverify.spec.arguments import INITIALIZERS, arguments_of
from rnnverify.spec.arguments import entries as entry_classes
from rnnverify.spec.data import KINDS
from rnnverify.spec.keys import SpecKeys, ToleranceKeys, WeightKeys
from rnnverify.spec.overrides import parse_override
from rnnverify.spec.types import LETTERS

HUGE = 10**5000
LONGEST_WAIT = 60.0  # seconds; the slowest example takes some hundredths

NAMED = entry_classes()
MODELS: list[Any] = [SpecKeys, WeightKeys, ToleranceKeys, *KINDS.values(), *map(arguments_of, NAMED)]
KEYS = sorted({key for model in MODELS for key in model.model_fields} | {*KINDS, *NAMED, "stateful"})
NAMES = ["a", "b", "input", "lstm", "gru.h", "lstm.c", "bidirectional.backward", "a.", ".h", "input_1"]
WORDS = [
    *LETTERS,
    *NAMES,
    *NAMED,
    *KINDS,
    *sorted(ACTIVATIONS)[:5],
    *INITIALIZERS[:5],
    "keras",
    "random",
    "zeros",
    "x.npy",
]


def misspelt(word: str) -> st.SearchStrategy[str]:
    """A letter is missing, or doubled, or the case is another."""
    place = st.integers(0, len(word) - 1)
    return st.one_of(
        place.map(lambda i: word[:i] + word[i + 1 :]),
        place.map(lambda i: word[:i] + word[i] + word[i:]),
        st.just(word.swapcase()),
    )


numbers = st.one_of(
    st.integers(-2, 9),
    st.sampled_from([0, -1, 2**31 - 1, 2**31, 2**63, 10**400, 10**4000, -(10**4000), 0.5, 1e-320, 1e308, -0.0]),
    st.floats(),
    st.booleans(),
)
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=8), st.sampled_from(WORDS).flatmap(misspelt))
scalars = st.one_of(st.none(), numbers, texts)
keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS).flatmap(misspelt), st.text(max_size=5))
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def arguments(model: Any, special: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with keys of this model; a value is mostly one that it takes, at times anything."""
    likely = st.one_of(st.integers(1, 9), st.sampled_from([*LETTERS, *NAMES, True, False, 0.5]), scalars)
    return st.fixed_dictionaries(
        {key: special.get(key, likely) for key, field in model.model_fields.items() if field.is_required()},
        optional={
            key: special.get(key, likely) for key, field in model.model_fields.items() if not field.is_required()
        },
    ).flatmap(few_of)


def few_of(mapping: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Most keys of a full mapping are wrong together; a few are what a person writes."""
    kept = st.sets(st.sampled_from(sorted(mapping)), max_size=4) if mapping else st.just(set())
    common = {"units", "rate", "n", "layer", "layers", "input_dim", "output_dim", "shape", "activation", *LETTERS}
    return kept.map(lambda chosen: {key: value for key, value in mapping.items() if key in chosen | common})


def entry(name: str, depth: int = 0) -> st.SearchStrategy[Any]:
    inner = st.sampled_from(NAMED).flatmap(lambda other: entry(other, depth + 1)) if depth < 2 else scalars
    special = {"layer": inner, "backward_layer": inner, "shape": st.lists(numbers, max_size=3)}
    return arguments(arguments_of(name), special).map(lambda found: {name: found}) | st.just(name)


entries = st.sampled_from(NAMED).flatmap(entry)
data = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: arguments(
        KINDS[kind],
        {"documents": st.lists(texts, max_size=3), "texts": st.lists(st.text("ab", max_size=3), max_size=3)},
    ).map(lambda details: {kind: details})
)
likely_specs = arguments(
    SpecKeys,
    {
        **{letter: st.integers(1, 5) | numbers for letter in LETTERS},
        "layers": st.lists(entries, min_size=1, max_size=4),
        "data": data | texts,
        "weights": arguments(WeightKeys, {}) | texts,
        "tolerance": arguments(ToleranceKeys, {}),
        "seed": st.integers(0, 9),
    },
)
well_meant = st.builds(  # what a person writes: most of these are right
    lambda layers: {"N": 2, "T": 3, "D": 2, "M": 4, "K": 2, "layers": layers},
    st.lists(
        st.sampled_from(
            [
                {"LSTM": {"units": "M", "return_sequences": True}},
                {"GRU": {"units": "K", "return_sequences": True, "return_state": True, "name": "a"}},
                {"Bidirectional": {"layer": {"SimpleRNN": {"units": 3, "return_sequences": True}}}},
                {"SimpleRNN": {"units": 2, "inputs": "a", "initial_state": "a.h"}},
                {"Concatenate": {"inputs": ["input", "a"]}},
                {"Dense": {"units": 2, "name": "a"}},
                {"TimeDistributed": {"layer": {"Dense": {"units": 2}}}},
                {"InputLayer": {"shape": ["T", 2]}},
                {"RepeatVector": {"n": 3}},
                "Flatten",
                "Concatenate",
            ]
        ),
        min_size=1,
        max_size=6,
    ),
)
mappings = st.one_of(st.dictionaries(keys, anything, max_size=6), likely_specs, well_meant)


def spec_or_refusal(make: Any) -> Spec | str:
    """What came of it: a Spec or the message; any other exception passes through and fails the test."""
    started = time.perf_counter()
    try:
        found: Spec | str = make()
    except RequestError as error:
        found = str(error)
        assert 1 <= len(found.splitlines()) < 25
        assert found.isprintable() or found.replace("\n", "").isprintable()
    assert time.perf_counter() - started < LONGEST_WAIT
    return found


@settings(max_examples=400)
@given(mapping=mappings)
@example(mapping={"layers": [{"Bidirectional": {"layer": None}}]})
def test_any_mapping_is_a_spec_or_refused(mapping: Any) -> None:
    found = spec_or_refusal(lambda: spec_from_mapping(mapping))
    assert isinstance(found, Spec | str)


@settings(max_examples=200)
@given(mapping=well_meant)
def test_what_a_person_writes_is_a_spec_or_refused_at_a_layer(mapping: Any) -> None:
    found = spec_or_refusal(lambda: spec_from_mapping(mapping))
    assert isinstance(found, Spec) or "layers" in found


def test_both_specs_and_refusals_are_among_the_examples() -> None:
    """Otherwise the tests above claim little."""
    seen: set[type] = set()

    @settings(max_examples=200, database=None)
    @given(mapping=well_meant)
    def look(mapping: Any) -> None:
        seen.add(type(spec_or_refusal(lambda: spec_from_mapping(mapping))))

    look()
    assert seen == {Spec, str}


@settings(max_examples=100)
@given(mapping=mappings)
def test_any_mapping_written_as_yaml_is_a_spec_or_refused(tmp_path_factory: Any, mapping: Any) -> None:
    text = yaml.safe_dump(mapping, allow_unicode=True)
    found = spec_or_refusal(lambda: load_text(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass")))
    assert isinstance(found, Spec) or found.startswith("spec.yaml")


def load_text(folder: Path, raw: bytes) -> Spec:
    path = folder / "spec.yaml"
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        return load_spec("spec.yaml")


@settings(max_examples=150)
@given(raw=st.binary(max_size=200) | st.text("N:T 1[]{}&*!|>-#'\"\n\\,?%@`~<=.", max_size=60).map(str.encode))
def test_any_bytes_are_a_spec_or_refused(tmp_path_factory: Any, raw: bytes) -> None:
    found = spec_or_refusal(lambda: load_text(tmp_path_factory.getbasetemp(), raw))
    assert isinstance(found, Spec) or found.startswith("spec.yaml")


@settings(max_examples=150)
@given(
    key=st.lists(st.sampled_from([*KEYS, "0", "1", "-1", "9" * 30, "\u00b2", ""]), max_size=5).map(".".join)
    | st.text(max_size=9),
    value=st.text("N:T 1[]{}&*!|-#'\"\n,~", max_size=12),
    mapping=likely_specs | well_meant,
)
def test_any_override_gives_a_spec_or_is_refused(key: str, value: str, mapping: Any) -> None:
    found = spec_or_refusal(lambda: spec_from_mapping(mapping, overrides=[parse_override(f"{key}={value}")]))
    assert isinstance(found, Spec | str)


@pytest.mark.parametrize(
    "value",
    [
        HUGE,
        (HUGE,),
        {HUGE: 1},
        {(): 2},
        [{("a", HUGE): 1}],
        {"a": {HUGE: 1}},
        "\ud800",
        {"\ud800": 1},
        b"\xff",
        math.nan,
    ],
    ids=[f"value {i}" for i in range(10)],  # Python itself refuses to show 5000 digits
)
@pytest.mark.parametrize("key", ["N", "layer", "layers", "data", "weights", "tolerance", "model", "dtype", "other"])
def test_what_no_file_can_say_is_refused(key: str, value: Any) -> None:
    assert isinstance(spec_or_refusal(lambda: spec_from_mapping({key: value})), str)


def test_a_mapping_that_contains_itself_is_refused() -> None:
    mapping: dict[str, Any] = {"N": 1}
    mapping["data"] = mapping
    found = spec_or_refusal(lambda: spec_from_mapping(mapping))
    assert "nested too deeply" in str(found)


def test_a_mapping_that_stands_for_a_billion_values_is_refused() -> None:
    laughs: list[Any] = []
    for _ in range(30):
        laughs = [laughs] * 9
    found = spec_or_refusal(lambda: spec_from_mapping({"layers": laughs}))
    assert "more than 20000 values" in str(found)
