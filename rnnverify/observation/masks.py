"""The masks of recurrent layers: of timesteps, and of nothing smaller."""

from __future__ import annotations

from typing import Any

from rnnverify.errors import UnsupportedError


def check_of_timesteps(title: str, mask: Any) -> None:
    """Refuse a mask, of Keras's or ours, that has more axes, such as a Masking of images hands to a ConvLSTM.

    Raises:
        UnsupportedError: it has.
    """
    if mask is not None and len(mask.shape) != 2:
        raise UnsupportedError(
            f"{title}: a mask for every place is not implemented by the replay, only one for every timestep, (N, T), is:"
            " Masking of sequences, and a TimeDistributed Reshape behind it"
        )
