"""Does this arithmetic compute the same network as this Keras model?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The package `replay` and the call `replay` share a name. Imported here, the package is bound to it once and for all,
# and the line after that leaves the name to the call.
import rnnverify.replay

del rnnverify.replay

if TYPE_CHECKING:
    from rnnverify.errors import RequestError
    from rnnverify.library import replay, verify
    from rnnverify.spec import Spec, load_spec
    from rnnverify.verification import Verification

__version__ = "0.1.0"
__all__ = ["RequestError", "Spec", "Verification", "load_spec", "replay", "verify"]

HOMES = {
    "RequestError": "rnnverify.errors",
    "Spec": "rnnverify.spec",
    "Verification": "rnnverify.verification",
    "load_spec": "rnnverify.spec",
    "replay": "rnnverify.library",
    "verify": "rnnverify.library",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import rnnverify` loads neither NumPy nor Keras."""
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module 'rnnverify' has no attribute {name!r}")
