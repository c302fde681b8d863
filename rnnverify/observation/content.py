"""What stands in an observation's file beside its arrays, which it names by their numbers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rnnverify.observation.arrays_file import DamagedError

FORMAT = 3
MOST_NODES = 1000  # calls of layers
Index = Annotated[int, Field(ge=0)]
Demand = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def one_line(text: str) -> str:
    """A text that is printed as it is, on a line."""
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


Text = Annotated[str, Field(max_length=4096), AfterValidator(one_line)]
Reference = tuple[Text, Index]  # a node, or an input, and which of its outputs


class Part(BaseModel):
    """Keys that are all there, each of its type, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tolerance(Part):
    atol: Demand | None
    rtol: Demand | None


class Asked(Part):
    spec: Text
    seed: int
    dtype: Text
    tolerance: Tolerance


class Node(Part):
    name: Text
    layer: Text
    class_name: Text
    config: dict[Text, Any]
    weights: dict[Text, Index]
    inputs: list[Reference]
    initial_state: list[Reference]
    masked: bool


class Walk(Part):
    sequence: Index
    others: list[Index]


class Content(Part):
    """All of it."""

    format: int
    asked: Asked
    inputs: dict[Text, Index]
    nodes: Annotated[list[Node], Field(max_length=MOST_NODES)]
    outputs: list[Reference]
    predictions: list[Index]
    emitted: list[tuple[Text, Index, Index]]
    walks: dict[Text, list[Walk]]
    tf32: bool
    environment: dict[Text, Text]
    seconds: dict[Text, Demand]
    dtypes: list[Text]


def read_content(text: bytes) -> Content:
    """The content from its JSON.

    Raises:
        DamagedError: it is not whole, or not what it should be.
    """
    try:
        return Content.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:80]
        raise DamagedError(
            f"{place if place.isprintable() else repr(place)}: {first['msg']}".removeprefix(": ")
        ) from None
