"""What a process that does nothing but colour photos asks of the C library and of Python, for speed.

It would not be right in a library, whose caller's process it is.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory", "prepare_process"]

# Numbers of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 << 20  # bytes that may lie idle: what a photo of some 20 megapixels needs
LARGEST = 32 << 20  # bytes of an array that is kept too; glibc takes no more
TURN = 0.0005  # seconds


def prepare_process() -> None:
    """Makes this process quick at photos."""
    keep_freed_memory()
    # Two threads that do arithmetic on strips need the interpreter every few microseconds. One that falls asleep over
    # it finds it taken again when it wakes, and is heard only at the end of a turn: by default after 5 ms, a strip's
    # whole time.
    sys.setswitchinterval(TURN)


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
