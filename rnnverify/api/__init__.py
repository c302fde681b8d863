"""The library's calls: observe, verify and replay a model, a layer or a spec; compare somebody else's; check many; sweep."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnverify.api.blind import blind_spots
    from rnnverify.api.checking import check
    from rnnverify.api.comparing import compare, diagnose
    from rnnverify.api.explaining import explain
    from rnnverify.api.golden import vectors
    from rnnverify.api.observing import load_observation, observe
    from rnnverify.api.paging import page
    from rnnverify.api.replaying import replay
    from rnnverify.api.sweeping import sweep
    from rnnverify.api.tracing import trace
    from rnnverify.api.verifying import verified, verify
    from rnnverify.api.writing import write_script

__all__ = [
    "blind_spots",
    "check",
    "compare",
    "diagnose",
    "explain",
    "load_observation",
    "observe",
    "page",
    "replay",
    "sweep",
    "trace",
    "vectors",
    "verified",
    "verify",
    "write_script",
]

HOMES = {
    "blind_spots": "blind",
    "check": "checking",
    "compare": "comparing",
    "diagnose": "comparing",
    "explain": "explaining",
    "load_observation": "observing",
    "observe": "observing",
    "page": "paging",
    "replay": "replaying",
    "sweep": "sweeping",
    "trace": "tracing",
    "vectors": "golden",
    "verified": "verifying",
    "verify": "verifying",
    "write_script": "writing",
}


def __getattr__(name: str) -> Any:
    """Import a call when it is first used: what all of them need together takes half a second."""
    if name in HOMES:
        return getattr(import_module(f"rnnverify.api.{HOMES[name]}"), name)
    raise AttributeError(f"module 'rnnverify.api' has no attribute {name!r}")
