"""What fits into memory: the one place that refuses a size, from headers and shapes, before anything is allocated."""

from __future__ import annotations

ALWAYS_FITS = 1 << 28  # bytes; below this the machine is not asked
# How many times its size a packed file may unpack to. Numbers hardly shrink: 20 times is generous, and a thousand is a bomb.
MOST_TIMES = 20
SMALL = 1 << 26  # bytes that any file may unpack to


class NoRoomError(Exception):
    """More than there is room for; says how much there is, and how much was asked for."""


def check_fits(need: int) -> None:
    """Refuse what does not fit into the memory that is free now.

    Args:
        need: bytes.

    Raises:
        NoRoomError: it does not.
    """
    if need <= ALWAYS_FITS:
        return
    import psutil  # only what is large pays for it

    free = psutil.virtual_memory().available
    if need > free:
        raise NoRoomError(f"expected sizes that fit into memory ({gib(free)} are free), got about {gib(need)}")


def check_unpacked(packed: int, unpacked: int, needed: int) -> None:
    """Refuse a file that is made to fill the memory, or that does fill it.

    Args:
        packed: its size in bytes.
        unpacked: the size of all that is to be read from it, as its headers say.
        needed: the memory that it takes to work with that.

    Raises:
        NoRoomError: it is such a file.
    """
    if unpacked > SMALL and unpacked > MOST_TIMES * packed:
        raise NoRoomError(
            f"expected a file that unpacks to at most {MOST_TIMES} times its size, got {packed} bytes that claim to be"
            f" {gib(unpacked)}; save it anew, without compression"
        )
    try:
        check_fits(needed)
    except NoRoomError as error:
        raise NoRoomError(f"{error}; use a machine with more memory, or a smaller file") from None


def gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
