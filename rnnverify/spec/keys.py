"""The keys of a spec, and what stands under them but for the layers."""

from __future__ import annotations

from typing import Annotated, Any

from rnnverify.machine.backends import BACKENDS
from rnnverify.observation.precision import POLICIES
from rnnverify.spec.arguments import RECURRENT
from rnnverify.spec.data import KINDS, SHORTHANDS, Data, Text
from rnnverify.spec.graph import MOST_LAYERS
from rnnverify.spec.model import Spec, Weights
from rnnverify.spec.problems import Problems, near, shown
from rnnverify.spec.source import Path
from rnnverify.spec.types import (
    LETTERS,
    SIZE,
    Arguments,
    Letter,
    MaybeCandidate,
    MaybeFilePath,
    MaybeNonNegative,
    Opaque,
    Positive,
    Seed,
    Size,
    integers,
    one_of,
)

MOST_CALLS = 100
SAVED_MODEL_LETTERS = {"N": 3, "T": 7}  # where a spec for a saved model leaves them out: they differ, and exceed 1


class SpecKeys(Arguments):
    """The keys of a spec."""

    N: Letter = None
    T: Letter = None
    D: Letter = None
    M: Letter = None
    K: Letter = None
    layer: Annotated[str | None, one_of(*RECURRENT)] = None
    layers: Any = None
    model: MaybeFilePath = None
    data: Any = "normal"
    weights: Any = None
    initial_state: Annotated[str, one_of("zeros", "random")] = "zeros"
    dtype: Annotated[str, one_of(*POLICIES)] = "float32"
    seed: Seed = 0
    tolerance: Any = None
    candidate: MaybeCandidate = None
    opaque: Opaque = ()
    calls: Any = None
    backend: Annotated[str | None, one_of(*BACKENDS, None)] = None


class CallKeys(Arguments):
    """The keys of `calls`, where it is more than a number."""

    count: Size = 2
    reset: Annotated[tuple[int, ...], integers(SIZE, 100, "a list of the numbers of calls, such as [3]")] = ()


class WeightKeys(Arguments):
    """The keys of `weights`."""

    bias: Annotated[str, one_of("random", "keras")] = "random"
    file: MaybeFilePath = None
    scale: Positive = 1.0


class ToleranceKeys(Arguments):
    """The keys of `tolerance`."""

    atol: MaybeNonNegative = None
    rtol: MaybeNonNegative = None


def layer_entries(problems: Problems, keys: SpecKeys) -> tuple[list[Any], Path]:
    """The list of layers, and the path it stands at; `layer` and the letters alone are shorthands for one."""
    if "layers" not in keys.model_fields_set:
        for letter in LETTERS:
            if getattr(keys, letter) is None and not (letter in "NTD" and keys.data != "normal"):
                problems.add((), f"the letter {letter} is not set; a spec without `layers` needs N, T, D, M and K")
        return [{keys.layer or "SimpleRNN": {"units": "M"}}, {"Dense": {"units": "K"}}], ()
    if keys.layer is not None:
        problems.add(("layer",), "expected either `layer` or `layers`, got both; remove one")
    if not isinstance(keys.layers, list) or not keys.layers:
        problems.add(
            ("layers",), f"expected a list of layers, such as `- LSTM: {{units: M}}`; got {shown(keys.layers)}"
        )
    elif len(keys.layers) > MOST_LAYERS:
        problems.add(("layers",), f"expected at most {MOST_LAYERS} layers; got {len(keys.layers)}")
    return keys.layers, ("layers",)


def default_shapes(spec: Spec, letters: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """The shape of the input that a list of layers implies, for features and for token ids."""
    shapes: dict[str, tuple[int, ...]] = {}
    if "T" in letters:
        shapes["ids"] = (letters["T"],)
        if "D" in letters:
            shapes["features"] = (letters["T"], letters["D"])
    return shapes


def read_data(problems: Problems, value: Any) -> Data | None:
    """`normal`, or `{normal: {scale: 2}}`, or `{file: x.npy}`; None where the spec does not say."""
    if value is None:
        return None
    mapping = {value: None} if isinstance(value, str) else value
    if not isinstance(mapping, dict) or len(mapping) != 1:
        problems.add(
            ("data",), f"expected one of {', '.join(KINDS)}, or one of them with its details; got {shown(value)}"
        )
        return None
    ((kind, details),) = mapping.items()
    if kind not in KINDS:
        problems.add(("data",), f"expected one of {', '.join(KINDS)}; got {shown(kind)}{near(kind, KINDS)}")
        return None
    if kind in SHORTHANDS and isinstance(details, SHORTHANDS[kind][1]):
        details = {SHORTHANDS[kind][0]: details}
    own = {letter: problems.source.value[letter] for letter in LETTERS if letter in problems.source.value}
    return problems.validate(KINDS[kind], details, ("data", kind), own)


def read_weights(problems: Problems, keys: SpecKeys) -> Weights | None:
    if keys.weights == "keras" or (keys.weights is None and keys.model is not None):
        return Weights(bias="keras")
    if keys.weights is not None and not isinstance(keys.weights, dict):
        problems.add(("weights",), f"expected `keras`, or a mapping of bias, file, scale; got {shown(keys.weights)}")
        return None
    found = problems.validate(WeightKeys, keys.weights, ("weights",), None)
    if found is None:
        return None
    for key in ("bias", "scale"):
        if found.file is not None and key in found.model_fields_set:
            problems.add(("weights", key), f"expected either `file` or `{key}`: a file holds every weight as it is")
    bias = "keras" if found.file is not None or (keys.model and "bias" not in found.model_fields_set) else found.bias
    return Weights(bias, found.file, found.scale)


def read_calls(problems: Problems, value: Any, letters: dict[str, int]) -> CallKeys | None:
    """`3`, or `{count: 3, reset: [3]}`; None where the spec does not say, or says something else."""
    if value is None:
        return None
    found = problems.validate(CallKeys, value if isinstance(value, dict) else {"count": value}, ("calls",), letters)
    if found is None:
        return None
    if found.count > MOST_CALLS:
        problems.add(("calls",), f"expected at most {MOST_CALLS} calls; got {found.count}")
    if wrong := [number for number in found.reset if number > found.count]:
        problems.add(("calls", "reset"), f"expected numbers of calls, from 1 to {found.count}; got {wrong[0]}")
    return found


def read_letters(problems: Problems, keys: SpecKeys, data: Data | None) -> dict[str, int]:
    """The letters that are set, together with those that the data decides."""
    letters = {letter: getattr(keys, letter) for letter in LETTERS if getattr(keys, letter) is not None}
    fixed = data.letters() if data is not None else {}
    if isinstance(data, Text) and "T" not in letters:
        fixed["T"] = max(1, *(len(words) for words in data.words()))
    for letter, value in fixed.items():
        if letters.setdefault(letter, value) != value:
            problems.add(
                (letter,), f"expected {value}, which is what `data` has, or no {letter} at all; got {letters[letter]}"
            )
    return letters
