"""What a process that works on one photo after the other does with the memory of the last one: it keeps some."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Numbers of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 << 20  # bytes that may lie idle: what a photo of some 20 megapixels needs
LARGEST = 32 << 20  # bytes of an array that is kept too; glibc takes no more


def keep_freed_memory() -> bool:
    """Lets the allocator reuse freed memory rather than hand it back; whether it does.

    By default each photo's arrays come fresh from the kernel, page by page, which takes a tenth of the time of a small
    photo. Where the C library is another than glibc, nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
