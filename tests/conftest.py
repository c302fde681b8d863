"""What all tests share: Keras without its chatter, and Hypothesis with room for TensorFlow's slow first calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from rnnverify.keras_model.session import load_keras
from rnnverify.keras_model.settings import quiet
from tests.report.alone import Bare, bare_python

# Examples are drawn anew from a fixed seed, so that a run next year tries the same ones.
settings.register_profile(
    "rnnverify",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("rnnverify")

# Reports are as wide as COLUMNS says, which xdist sets for its workers: as without it, and without a terminal.
os.environ.pop("COLUMNS", None)

# What these assert is shown in full when it fails, as in the tests themselves.
pytest.register_assert_rewrite("tests.layers.against_keras", "tests.spec.malformed.refusals")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-keras", action="store_true", help="only tests that do not call Keras")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--without-keras"):
        calling = [item for item in items if "keras" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=calling)
        items[:] = [item for item in items if "keras" not in getattr(item, "fixturenames", ())]


@pytest.fixture(scope="session")
def bare() -> Iterator[Bare]:
    """A Python without anything but NumPy, to run scripts in."""
    with bare_python() as found:
        yield found


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras itself, for expected values."""
    with quiet():
        return load_keras()
