"""Whose a part of a saved model is, as far as the file says: Keras's, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_package(package: str, *homes: str) -> bool:
    """Whether a part comes from one of these packages of Keras; one without a module comes from wherever Keras has it."""
    return not package or any(package == home or package.startswith(f"{home}.") for home in homes)


def is_foreign(module: Any) -> bool:
    """Whether a module is none of Keras's."""
    return isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins")


def own_name(part: Mapping[str, Any]) -> str | None:
    """What a class of the user's own is called; None where the file does not say that it is one."""
    module, name, registered = (part.get(key) for key in ("module", "class_name", "registered_name"))
    if is_foreign(module):
        return f"{module}.{name}"
    if module is None and isinstance(registered, str):
        return registered
    return name if isinstance(name, str) and ">" in name else None  # `package>name`, as they are registered
