"""What makes nothing in a saved model's config: numbers, texts, shapes, and which tensors a layer is called on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from rnnverify.errors import RequestError, UnsupportedError
from rnnverify.observation.arguments import ARRAYS, ELLIPSIS, SLICE, TENSOR
from rnnverify.spec.types import LARGEST_SIZE
from rnnverify.text import cleaned

DTYPES = {"bool", "bfloat16", "float16", "float32", "float64"}
DTYPES |= {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
NOT_CONNECTED = "its layers are not connected"
LONGEST_TEXT, LONGEST_LIST, DEEPEST = 300, 2000, 20


@dataclass
class Plain:
    """Makes values anew, each of the kind that is wanted; `path` is the file's, for messages."""

    path: str

    def call(self, call: Any) -> Any:
        """What a layer is called on."""
        if not isinstance(call, dict):
            self.damaged(NOT_CONNECTED)
        return {key: self.tensors(call.get(key), empty) for key, empty in (("args", list), ("kwargs", dict))}

    def tensors(self, value: Any, kind: type, depth: int = 0) -> Any:
        """Tensors, in lists and mappings, among plain values."""
        if not isinstance(value, kind) or depth > DEEPEST:
            self.damaged("its layers are called on what is no tensor")
        if isinstance(value, list):
            return [self.tensors(one, object, depth + 1) for one in self.items(value)]
        if not isinstance(value, dict):
            return self.plain(value)
        if value.get("class_name") != TENSOR:
            if value.get("class_name") in (SLICE, ELLIPSIS, *ARRAYS):
                return self.constant(value)
            if "class_name" in value:
                self.unsupported(f"a layer is called on {shown(value['class_name'])}, which is no tensor")
            return {self.key(key): self.tensors(one, object, depth + 1) for key, one in value.items()}
        inner = value.get("config")
        if not isinstance(inner, dict) or not is_dtype(inner.get("dtype")):
            self.damaged("it has a tensor that is none")
        history, shape = self.reference(inner.get("keras_history")), self.shape(inner.get("shape"))
        return {"class_name": TENSOR, "config": {"shape": shape, "dtype": inner["dtype"], "keras_history": history}}

    def constant(self, value: dict[str, Any]) -> dict[str, Any]:
        """A slice, the points of an index, or numbers, beside the tensors of an operation."""
        kind, inner = value["class_name"], value.get("config")
        inner = inner if isinstance(inner, dict) else {}
        if kind == ELLIPSIS:
            return {"class_name": kind, "config": {}}
        if kind == SLICE:
            ends = {key: inner.get(key) for key in ("start", "stop", "step")}
            if not all(end is None or type(end) is int for end in ends.values()):
                self.damaged("it has a slice that is none")
            return {"class_name": kind, "config": ends}
        if not is_dtype(inner.get("dtype")):
            self.damaged("it has numbers that are none")
        return {"class_name": kind, "config": {"value": self.plain(inner.get("value")), "dtype": inner["dtype"]}}

    def references(self, value: Any, depth: int = 0) -> Any:
        """`input_layers` or `output_layers`: [name, call, output], or lists or mappings of those."""
        if isinstance(value, dict) and depth <= DEEPEST:
            return {self.key(key): self.references(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list) and value and isinstance(value[0], list) and depth <= DEEPEST:
            return [self.references(one, depth + 1) for one in value]
        return self.reference(value)

    def reference(self, value: Any) -> list[Any]:
        """One output of one call of a layer."""
        name, call, output = value if isinstance(value, list) and len(value) == 3 else (None, None, None)
        if not all(type(index) is int and 0 <= index < LONGEST_LIST for index in (call, output)):
            self.damaged(NOT_CONNECTED)
        return [self.name(name), call, output]

    def shape(self, value: Any) -> list[int | None]:
        """A shape with its samples, some of it open."""
        sizes = self.items(value)
        if not all(size is None or (type(size) is int and 0 < size <= LARGEST_SIZE) for size in sizes):
            self.damaged(f"expected the sizes of a shape, got {shown(sizes)}")
        return sizes

    def plain(self, value: Any, depth: int = 0) -> Any:
        """A value that makes nothing: null, a number, a short text, or a list or mapping of such."""
        if isinstance(value, dict) and "class_name" not in value and depth <= DEEPEST:
            return {self.key(key): self.plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list) and depth <= DEEPEST:
            return [self.plain(one, depth + 1) for one in self.items(value)]
        if isinstance(value, str):
            return self.key(value)
        if value is not None and not isinstance(value, bool | int | float):
            self.unsupported(f"expected plain values in the config of a layer, got {shown(value)}")
        return value

    def name(self, value: Any) -> str:
        if not isinstance(value, str) or not value or not value.isprintable():
            self.damaged(f"expected a name, got {shown(value)}")
        return self.key(value)

    def key(self, value: str) -> str:
        if len(value) > LONGEST_TEXT:
            self.damaged(f"expected texts of at most {LONGEST_TEXT} characters")
        return value

    def items(self, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > LONGEST_LIST:
            self.damaged(f"expected a list of at most {LONGEST_LIST} values, got {shown(value)}")
        return value

    def damaged(self, reason: str) -> NoReturn:
        self.refuse(f"not a saved Keras model: {reason}; save it anew")

    def refuse(self, message: str) -> NoReturn:
        raise RequestError(f"{self.path}: {message}")

    def unsupported(self, message: str) -> NoReturn:
        raise UnsupportedError(f"{self.path}: {message}")


def is_dtype(value: Any) -> bool:
    """Whether it is the name of a kind of numbers."""
    return isinstance(value, str) and value in DTYPES


def shown(value: Any) -> str:
    """A value out of the file, short, on one line."""
    return cleaned(str(value) if isinstance(value, str) else repr(value)[:200])[:80]
