"""The user's own Python, run as it stands now.

Python takes bytecode that it kept of a file for the file itself where both are of one second and one size. A port in which a `+`
became a `-` can be such a file, and would be told what the version before it did.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType
from typing import NoReturn


class AsItStands(SourceFileLoader):
    """Reads the file itself: nothing is known of the time at which it was written, so no bytecode can be of it."""

    def path_stats(self, path: object) -> NoReturn:
        raise OSError


def module_at(path: str) -> ModuleType:
    """The module in a file, which may import what stands beside it, now or when it is called: for a process of its own.

    Raises:
        Exception: whatever the file raises.
    """
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    name = os.path.splitext(os.path.basename(path))[0]
    loader = AsItStands(name, path)
    spec = spec_from_loader(name, loader)
    assert spec is not None  # it is None where a loader cannot tell whether it is a package
    module = sys.modules[name] = module_from_spec(spec)
    loader.exec_module(module)
    return module


def module_called(name: str) -> ModuleType:
    """The module of this name, imported if it is not yet; it may stand in the folder that we work in.

    Raises:
        Exception: there is none, or whatever it raises.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()  # it may have been written a moment ago
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = kept
