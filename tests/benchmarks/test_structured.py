"""A share of benchmarks/structured.py: right models with structure, run in several ways, none of which may be called wrong."""

from __future__ import annotations

import pytest

from benchmarks import structured


@pytest.mark.parametrize("seed", [201, 202, 203])
def test_no_structured_model_is_called_wrong(
    seed: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structured, "DRAWS", 10)
    alarms = structured.main(models=100, seed=seed, longest=20)
    assert alarms == 0, capsys.readouterr().out


def test_no_structured_attention_is_called_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structured, "DRAWS", 10)
    alarms = structured.main(models=100, seed=204, longest=20, attention=True)
    assert alarms == 0, capsys.readouterr().out
