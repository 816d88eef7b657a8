"""Keeps freed memory at hand between tasks, where the C library can be told to."""

from __future__ import annotations

import ctypes

# Names of mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20  # bytes; glibc takes no more on 64-bit machines
_KEPT = 64 << 20  # bytes


def keep_freed_memory() -> bool:
    """Have arrays of up to 32 MiB come from memory that earlier ones left.

    Else the system takes back the pages of every picture and clears them anew for the next: 2000 pages, 5 to 8 ms, for a call of one
    megapixel. Up to 64 MiB of freed memory stay with the process.

    Returns:
        Whether the C library could be told; others than glibc cannot.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Both, because setting one of them ends glibc's own fitting of the other.
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
