"""A share of benchmarks/soundness.py: right models of all kinds, none of which may be called wrong."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks import soundness
from rnnverify.keras_model.built import Built


@pytest.mark.parametrize("at_once", [False, True], ids=["seen in two predictions", "seen in one, as in a sweep"])
@pytest.mark.parametrize("seed", [101, 102])
def test_no_right_model_is_called_wrong(
    seed: int, at_once: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tracing takes nearly all of the time: an architecture, once traced, is given twice as many weights and data here.
    monkeypatch.setattr(soundness, "DRAWS", 16)
    monkeypatch.setattr(Built, "of_spec", partial(Built.of_spec, at_once=at_once))
    alarms = soundness.main(models=125, seed=seed + 2 * at_once, largest=256, longest=300)
    assert alarms == 0, capsys.readouterr().out
