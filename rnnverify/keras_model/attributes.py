"""Attributes of Keras's objects that are others for a while. Works on them without importing Keras."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def having(part: Any, **values: Any) -> Iterator[None]:
    """Have attributes of a layer or a cell be others for a while, without Keras taking notice of them."""
    own = vars(part)
    before = {name: own[name] for name in values if name in own}
    own.update(values)
    try:
        yield
    finally:
        for name in values:
            del own[name]
        own.update(before)
