"""Does this arithmetic compute the same network as this Keras recurrent model?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnverify.api import (
        blind_spots,
        check,
        compare,
        diagnose,
        explain,
        load_observation,
        observe,
        page,
        replay,
        sweep,
        trace,
        vectors,
        verify,
        write_script,
    )
    from rnnverify.errors import RequestError
    from rnnverify.layers.registered import register
    from rnnverify.observation import Observation
    from rnnverify.observation.file import save_observation
    from rnnverify.results import Verification
    from rnnverify.spec import Spec, load_spec

__version__ = "0.1.0"
__all__ = [
    "Observation",
    "RequestError",
    "Spec",
    "Verification",
    "blind_spots",
    "check",
    "compare",
    "diagnose",
    "explain",
    "load_observation",
    "load_spec",
    "observe",
    "page",
    "register",
    "replay",
    "save_observation",
    "sweep",
    "trace",
    "vectors",
    "verify",
    "write_script",
]

HOMES = {
    "Observation": "rnnverify.observation",
    "RequestError": "rnnverify.errors",
    "Spec": "rnnverify.spec",
    "Verification": "rnnverify.results",
    "blind_spots": "rnnverify.api",
    "check": "rnnverify.api",
    "compare": "rnnverify.api",
    "diagnose": "rnnverify.api",
    "explain": "rnnverify.api",
    "load_observation": "rnnverify.api",
    "load_spec": "rnnverify.spec",
    "observe": "rnnverify.api",
    "page": "rnnverify.api",
    "register": "rnnverify.layers.registered",
    "replay": "rnnverify.api",
    "save_observation": "rnnverify.observation.file",
    "sweep": "rnnverify.api",
    "trace": "rnnverify.api",
    "vectors": "rnnverify.api",
    "verify": "rnnverify.api",
    "write_script": "rnnverify.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import rnnverify` loads neither NumPy nor Keras."""
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module 'rnnverify' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
