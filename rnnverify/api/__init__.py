"""The library's calls: observe, verify and replay a model, a layer or a spec; compare somebody else's; check many; sweep."""

from __future__ import annotations

from rnnverify.api.blind import blind_spots
from rnnverify.api.comparing import compare, diagnose
from rnnverify.api.explaining import explain
from rnnverify.api.golden import vectors
from rnnverify.api.many import check, sweep
from rnnverify.api.observing import load_observation, observe
from rnnverify.api.paging import page
from rnnverify.api.replaying import replay
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
