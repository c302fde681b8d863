"""A share of benchmarks/soundness.py: right models of all kinds, none of which may be called wrong."""

from __future__ import annotations

import pytest

from benchmarks import soundness


@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_no_right_model_is_called_wrong(
    seed: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tracing takes nearly all of the time: an architecture, once traced, is given more weights and data here.
    monkeypatch.setattr(soundness, "DRAWS", 20)
    alarms = soundness.main(models=125, seed=seed, largest=256, longest=300)
    assert alarms == 0, capsys.readouterr().out
