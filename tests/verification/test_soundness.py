"""A share of benchmarks/soundness.py: right models of all kinds, none of which may be called wrong."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks import soundness
from rnnverify.keras_model.built import Built


@pytest.mark.parametrize(("seed", "at_once"), [(101, False), (102, True), (103, True), (104, True)])
def test_no_right_model_is_called_wrong(
    seed: int, at_once: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tracing takes nearly all of the time. So an architecture is given more weights and data here, once it is traced, and
    # most are seen in one prediction, as a sweep sees them, in place of two.
    monkeypatch.setattr(soundness, "DRAWS", 20)
    monkeypatch.setattr(Built, "of_spec", partial(Built.of_spec, at_once=at_once))
    alarms = soundness.main(models=125, seed=seed, largest=256, longest=300)
    assert alarms == 0, capsys.readouterr().out
