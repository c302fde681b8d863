"""What stands in an observation's file beside its arrays, which it names."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from rnnverify.observation.arrays_file import DamagedError

FORMAT, WITHOUT_MASKS, BY_NUMBER = (
    5,
    4,
    3,
)  # what is written; before that no call had a mask; earlier yet arrays had numbers
READ = (FORMAT, WITHOUT_MASKS, BY_NUMBER)
MOST_NODES = 1000  # calls of layers
Index = Annotated[int, Field(ge=0)]
Demand = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def one_line(text: str) -> str:
    """A text that is printed as it is, on a line."""
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


def name_of_number(value: Any, info: ValidationInfo) -> Any:
    """The name that an array of format 3 has in its file."""
    return f"array_{value}" if info.context == BY_NUMBER and type(value) is int else value


def by_name(value: Any, info: ValidationInfo) -> Any:
    """The list of dtypes of format 3, by the names of the arrays."""
    numbered = info.context == BY_NUMBER and isinstance(value, list)
    return {f"array_{index}": dtype for index, dtype in enumerate(value)} if numbered else value


Text = Annotated[str, Field(max_length=4096), AfterValidator(one_line)]
ArrayName = Annotated[Text, BeforeValidator(name_of_number)]
Reference = tuple[Text, Index]  # a node, or an input, and which of its outputs


class Part(BaseModel):
    """Keys that are all there, each of its type, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tolerance(Part):
    atol: Demand | None
    rtol: Demand | None


class Asked(Part):
    spec: Text
    seed: int | None  # of a model or layer there is none
    dtype: Text
    tolerance: Tolerance


class Node(Part):
    name: Text
    layer: Text
    class_name: Text
    config: dict[Text, Any]
    weights: dict[Text, ArrayName]
    inputs: list[Reference]
    initial_state: list[Reference]
    masked: bool
    opaque: bool = False
    mask: list[Reference | None] = []


class Walk(Part):
    sequence: ArrayName
    others: list[ArrayName]


class Content(Part):
    """All of it."""

    format: int
    asked: Asked
    inputs: dict[Text, ArrayName]
    nodes: Annotated[list[Node], Field(max_length=MOST_NODES)]
    outputs: list[Reference]
    predictions: list[ArrayName]
    emitted: list[tuple[Text, Index, ArrayName]]
    walks: dict[Text, list[Walk]]
    masks: list[tuple[Text, Index, ArrayName]] = []
    paths: list[list[Text | Index]] = []
    turns: list[tuple[list[Text], bool]] = []
    tf32: bool
    environment: dict[Text, Text]
    seconds: dict[Text, Demand]
    dtypes: Annotated[dict[Text, Text], BeforeValidator(by_name)]  # of every array, as Keras had it


def read_content(text: bytes, written_in: int) -> Content:
    """The content from its JSON.

    Args:
        text: the JSON.
        written_in: its format, one of READ.

    Raises:
        DamagedError: it is not whole, or not what it should be.
    """
    try:
        return Content.model_validate_json(text, context=written_in)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:80]
        raise DamagedError(
            f"{place if place.isprintable() else repr(place)}: {first['msg']}".removeprefix(": ")
        ) from None
