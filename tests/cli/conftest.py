"""What the tests of the commands share: Keras is observed once for each spec file that several of them read."""

from __future__ import annotations

from typing import Any

import pytest

from rnnverify import api


@pytest.fixture(scope="session")
def observations() -> dict[str, Any]:
    return {}


@pytest.fixture
def observed_once(observations: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what Keras was observed to do for the same spec, of the same path, from a test before."""
    observe = api.observe

    def remembered(spec: Any, *rest: Any) -> Any:
        if repr(spec) not in observations:
            observations[repr(spec)] = observe(spec, *rest)
        return observations[repr(spec)]

    monkeypatch.setattr(api, "observe", remembered)
