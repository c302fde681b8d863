"""Python processes that we start: they find this package where we did."""

from __future__ import annotations

import os
from pathlib import Path


def environment_of_child(**more: str) -> dict[str, str]:
    """The environment of such a process: ours, with this package on its path, and with whatever else is asked for."""
    home = str(Path(__file__).resolve().parents[2])
    known = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": known, **more}
