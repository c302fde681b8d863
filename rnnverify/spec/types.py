"""The types of a spec's values. Each says in words what it expects, and the words stand in the error message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rnnverify.layers.arguments import LARGEST_SIZE as LARGEST_SIZE

LETTERS = ("N", "T", "D", "M", "K")


class Arguments(BaseModel):
    """Keys that may stand together in one mapping of a spec; any other key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True)
class Check:
    """A pydantic annotation: how a value is checked, and its JSON schema."""

    validate: Callable[[Any, dict[str, int]], Any]  # the value and the spec's letters, to the value
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def call(value: Any, info: ValidationInfo) -> Any:
            return self.validate(value, info.context or {})

        return core_schema.with_info_plain_validator_function(call)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def refuse(expected: str) -> PydanticCustomError:
    """The error for a value that is not what was expected; the message adds what was received."""
    return PydanticCustomError("expected", "expected {expected}", {"expected": expected})


def one_of(*choices: Any) -> Check:
    """A value out of a short list."""
    words = ", ".join({None: "null", True: "true", False: "false"}.get(choice, str(choice)) for choice in choices)

    def check(value: Any, letters: dict[str, int]) -> Any:
        if not any(value is choice or (isinstance(choice, str) and value == choice) for choice in choices):
            context = {"words": words, "choices": [choice for choice in choices if isinstance(choice, str)]}
            raise PydanticCustomError("choice", "expected one of {words}", context)
        return value

    return Check(check, {"enum": list(choices)})


def integer(smallest: int, expected: str, or_letter: bool = True) -> Check:
    """A whole number, or a letter that the spec sets to one."""

    def check(value: Any, letters: dict[str, int]) -> int:
        if or_letter and isinstance(value, str) and value in LETTERS:
            if value not in letters:
                raise refuse(f"{expected}; the letter {value} is not set in this spec (add `{value}: 4`, say)")
            value = letters[value]
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= LARGEST_SIZE:
            raise refuse(expected)
        return value

    schema = {"type": "integer", "minimum": smallest, "maximum": LARGEST_SIZE}
    return Check(check, {"anyOf": [schema, {"enum": list(LETTERS)}]} if or_letter else schema)


def integers(size: Check, most: int, expected: str) -> Check:
    """A list of one to `most` whole numbers."""

    def check(value: Any, letters: dict[str, int]) -> tuple[int, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise refuse(expected)
        return tuple(size.validate(item, letters) for item in value)

    return Check(check, {"type": "array", "items": size.schema, "minItems": 1, "maxItems": most})


def one_or_several(one: Check, expected: str) -> Check:
    """A value, or a list of one to eight such."""

    def check(value: Any, letters: dict[str, int]) -> Any:
        try:
            if not isinstance(value, list):
                return one.validate(value, letters)
            if 1 <= len(value) <= 8:
                return tuple(one.validate(item, letters) for item in value)
        except PydanticCustomError as error:
            if "the letter" in error.message():  # says which
                raise
        raise refuse(expected)

    several = {"type": "array", "items": one.schema, "minItems": 1, "maxItems": 8}
    return Check(check, {"anyOf": [one.schema, several]})


def or_none(check: Check) -> Check:
    """The same, or null."""

    def checked(value: Any, letters: dict[str, int]) -> Any:
        return None if value is None else check.validate(value, letters)

    return Check(checked, {"anyOf": [check.schema, {"type": "null"}]})


def number(accepts: Callable[[float], bool], expected: str, **schema: Any) -> Check:
    """A finite number in a range."""

    def check(value: Any, letters: dict[str, int]) -> float:
        # `not ... <` also refuses NaN; compared before it is converted, as an integer of 400 digits is no float.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise refuse(expected)
        if not accepts(float(value)):
            raise refuse(expected)
        return float(value)

    return Check(check, {"type": "number", **schema})


def text(accepts: Callable[[str], bool], expected: str) -> Check:
    def check(value: Any, letters: dict[str, int]) -> str:
        if not isinstance(value, str) or not accepts(value):
            raise refuse(expected)
        return value

    return Check(check, {"type": "string"})


def texts(expected: str) -> Check:
    """A list of at least one text."""

    def check(value: Any, letters: dict[str, int]) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise refuse(expected)
        return tuple(value)

    return Check(check, {"type": "array", "items": {"type": "string"}, "minItems": 1})


def check_flag(value: Any, letters: dict[str, int]) -> bool:
    if not isinstance(value, bool):
        raise refuse("true or false")
    return value


def check_references(value: Any, letters: dict[str, int]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise refuse("the name of an earlier layer, or a list of names")
    return tuple(names)


def check_opaque(value: Any, letters: dict[str, int]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refuse("the name or the class of a layer, `all`, or a list of such")
    return tuple(names)


SIZE = integer(1, f"a whole number from 1 to {LARGEST_SIZE}")
LETTER = integer(1, f"a whole number from 1 to {LARGEST_SIZE}", or_letter=False)
SHAPE = integers(SIZE, 6, "a list of 1 to 6 sizes without the samples, such as [T, D]")
VOCABULARY = integer(2, f"a whole number from 2 to {LARGEST_SIZE}, as id 0 is the padding")
AXIS = Check(integer(-8, "a whole number").validate, {"type": "integer"})
COUNT = integer(0, f"a whole number from 0 to {LARGEST_SIZE}")
OPEN_SIZE = integer(-1, f"a whole number from 1 to {LARGEST_SIZE}, or -1")
SEED = integer(0, f"a whole number from 0 to {LARGEST_SIZE}")
WHOLE_SEED = integer(0, f"a whole number from 0 to {LARGEST_SIZE}", or_letter=False)
FLAG = Check(check_flag, {"type": "boolean"})
RATE = number(lambda v: 0 <= v < 1, "a number of at least 0 and below 1", minimum=0, exclusiveMaximum=1)
REAL = number(lambda v: True, "a finite number")
POSITIVE = number(lambda v: v > 0, "a finite number above 0", exclusiveMinimum=0)
NON_NEGATIVE = number(lambda v: v >= 0, "a finite number of at least 0", minimum=0)
CANDIDATE_FORM = re.compile(r"(cmd|export|backend):.+|.+\.py:[^\W\d]\w*|.+\.(np[yz]|onnx|tflite|xml)", re.DOTALL)
NAME = text(
    lambda v: v.isidentifier() and v.isascii() and len(v) <= 100,
    "a name of letters, digits and underscores, such as encoder",
)
FILE = text(lambda v: bool(v.strip()) and "\0" not in v, "the path of a file")
CANDIDATE = text(
    lambda v: bool(CANDIDATE_FORM.fullmatch(v)) and "\0" not in v,
    "port.py:forward, outputs.npz, outputs.npy, model.onnx, model.tflite, export:onnx, backend:jax or cmd:./port {inputs}"
    " {outputs}",
)
REFERENCES = Check(
    check_references,
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
)
OPAQUE = Check(check_opaque, {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})

Size = Annotated[int, SIZE]
MaybeSize = Annotated[int | None, SIZE]
MaybeVocabulary = Annotated[int | None, VOCABULARY]
Axis = Annotated[int, AXIS]
Letter = Annotated[int | None, LETTER]
Sizes = Annotated[tuple[int, ...], SHAPE]
Seed = Annotated[int, WHOLE_SEED]
Flag = Annotated[bool, FLAG]
Rate = Annotated[float, RATE]
Real = Annotated[float, REAL]
Positive = Annotated[float, POSITIVE]
MaybeNonNegative = Annotated[float | None, NON_NEGATIVE]
MaybeName = Annotated[str | None, NAME]
FilePath = Annotated[str, FILE]
MaybeFilePath = Annotated[str | None, FILE]
MaybeCandidate = Annotated[str | None, CANDIDATE]
Opaque = Annotated[tuple[str, ...], OPAQUE]
References = Annotated[tuple[str, ...] | None, REFERENCES]
