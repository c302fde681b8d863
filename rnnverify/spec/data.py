"""What a spec may feed its model, and which letters the data itself decides. The arrays are drawn elsewhere."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from rnnverify.spec.types import (
    Arguments,
    FilePath,
    MaybeSize,
    MaybeVocabulary,
    Positive,
    Real,
    one_of,
    refuse,
    text,
    texts,
)

Padding = Annotated[str, one_of("pre", "post")]


class Data(Arguments):
    """One kind of input."""

    ids: ClassVar[bool] = False  # whether it gives token ids (N, T) rather than features (N, T, D)
    several: ClassVar[bool] = True  # whether it can be drawn for more than one input

    def letters(self) -> dict[str, int]:
        """The letters that this data fixes."""
        return {}


class Normal(Data):
    """Independent normal variables."""

    mean: Real = 0.0
    scale: Positive = 1.0


class Uniform(Data):
    """Independent uniform variables."""

    low: Real = 0.0
    high: Real = 1.0

    @model_validator(mode="after")
    def check_order(self) -> Self:
        if not self.low < self.high:
            raise refuse(f"low below high; low is {self.low:g} and high {self.high:g}")
        return self


class OneHot(Data):
    """A random feature is 1 at every step, the others 0."""


class Tokens(Data):
    """Random token ids from 1 up; 0 pads sequences of random length."""

    vocabulary: MaybeSize = None  # ids are below this; by default what the Embedding takes
    padding: Padding = "post"
    lengths: Annotated[str, one_of("full", "random")] = "full"

    ids = True

    @model_validator(mode="after")
    def check_padding(self) -> Self:
        if "padding" in self.model_fields_set and self.lengths == "full":
            raise refuse("lengths: random beside padding, as sequences of full length have none")
        return self


class Text(Data):
    """Documents: each word hashed to an id from 1 to vocabulary - 1, each document cut or padded with 0 to T ids."""

    documents: Annotated[tuple[str, ...], texts("a list of documents, each a text")]
    vocabulary: MaybeVocabulary = None
    padding: Padding = "post"

    ids = True
    several = False

    def letters(self) -> dict[str, int]:
        return {"N": len(self.documents)}

    def words(self) -> list[list[str]]:
        """Each document's words: lower case, without punctuation."""
        return [re.findall(r"[^\W_]+(?:'[^\W_]+)*", document.lower()) for document in self.documents]

    def word_ids(self, vocabulary: int) -> list[list[int]]:
        """The hashing trick. Python's own hash differs from run to run; MD5 does not."""
        return [
            [
                int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16) % (vocabulary - 1) + 1
                for word in words
            ]
            for words in self.words()
        ]


class Chars(Data):
    """Texts over an alphabet, one one-hot vector a character."""

    alphabet: Annotated[str, text(lambda v: len(v) >= 1 and len(set(v)) == len(v), "distinct characters, such as helo")]
    texts: Annotated[tuple[str, ...], texts("a list of texts")]

    several = False

    @model_validator(mode="after")
    def check_texts(self) -> Self:
        lengths = {len(item) for item in self.texts}
        if len(lengths) > 1 or 0 in lengths:
            raise refuse(f"texts of one length, at least 1; the lengths are {sorted(lengths)}")
        if strange := sorted(set("".join(self.texts)) - set(self.alphabet)):
            raise refuse(f"texts over the alphabet {self.alphabet!r}; {strange[0]!r} is not in it")
        return self

    def letters(self) -> dict[str, int]:
        return {"N": len(self.texts), "T": len(self.texts[0]), "D": len(self.alphabet)}


class File(Data):
    """An array in a .npy, .npz or .csv file. A .npz may hold one array for each input, under the inputs' names."""

    path: FilePath
    key: Annotated[str | None, text(bool, "the name of an array in the file")] = None

    @model_validator(mode="after")
    def check_key(self) -> Self:
        if self.key is not None and self.path.lower().endswith((".npy", ".csv")):
            raise refuse("no key beside a .npy or .csv file, which holds one array")
        return self


KINDS: dict[str, type[Data]] = {
    "normal": Normal,
    "uniform": Uniform,
    "one_hot": OneHot,
    "tokens": Tokens,
    "text": Text,
    "chars": Chars,
    "file": File,
}

# `{file: x.npy}` for `{file: {path: x.npy}}`, and the like.
SHORTHANDS = {"file": ("path", str), "text": ("documents", list)}
