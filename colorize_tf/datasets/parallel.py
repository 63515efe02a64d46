"""A map over threads: ordered, bounded, cancelled when its reader stops."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["parallel"]

T = TypeVar("T")
U = TypeVar("U")


def parallel(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Like map(), on all cores; holds only a few items at a time, so no source is read into memory whole."""
    workers = os.cpu_count() or 1
    iterator = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[U]] = deque(pool.submit(function, item) for item in islice(iterator, 4 * workers))
        try:
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(iterator, 1))
                yield result
        finally:
            for future in pending:
                future.cancel()
