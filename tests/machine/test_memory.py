"""Sizes that do not fit, and files that are made to fill the memory."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from rnnverify.machine.memory import ALWAYS_FITS, SMALL, NoRoomError, check_fits, check_unpacked


def test_what_is_small_is_not_even_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: pytest.fail("the memory was asked"))
    check_fits(ALWAYS_FITS)


def test_what_is_free_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    check_fits(2**30)
    with pytest.raises(
        NoRoomError, match=r"expected sizes that fit into memory \(1.0 GiB are free\), got about 1.0 GiB"
    ):
        check_fits(2**30 + 1)


@pytest.mark.parametrize(
    ("packed", "unpacked", "right"), [(1, SMALL, True), (1, SMALL + 1, False), (SMALL, 20 * SMALL, True)]
)
def test_a_file_may_unpack_to_some_times_its_size(
    monkeypatch: pytest.MonkeyPatch, packed: int, unpacked: int, right: bool
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**40))
    if right:
        check_unpacked(packed, unpacked, unpacked)
        return
    with pytest.raises(NoRoomError, match="expected a file that unpacks to at most 20 times its size, got 1 bytes"):
        check_unpacked(packed, unpacked, unpacked)
