"""What another library says of what it refuses, in one line."""

from __future__ import annotations


def refusal(origin: str, layer: str, error: BaseException) -> str:
    return f"{origin}: layer {layer!r}: Keras refuses to build it: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The gist of another library's error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return f"{type(error).__name__}: {told[0][:300]}" if told else type(error).__name__
