"""Examines the entries of a source on all cores and gathers what they are into `Photos`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from colorize_tf.atomic import write_bytes
from colorize_tf.datasets.examine import SMALLEST, Examined, RejectError, examine
from colorize_tf.datasets.photos import Photos, Rejected

__all__ = ["Entry", "Row", "cache_root", "examined", "gather"]

T, U = TypeVar("T"), TypeVar("U")


@dataclass(frozen=True)
class Entry:
    """A candidate: a byte range of a file, its name and class."""

    name: str
    path: str
    offset: int
    length: int
    label: str = ""

    def read(self) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


@dataclass(frozen=True)
class Row:
    """An accepted entry: where the bytes to decode lie, and its measures."""

    entry: Entry
    sha256: str
    format: int
    height: int
    width: int
    orientation: int
    chroma: float


def cache_root() -> Path:
    """Where converted photos, streamed sources and indexes are kept: $COLORIZE_TF_CACHE, or the user's cache folder."""
    chosen = os.environ.get("COLORIZE_TF_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorize_tf"


def examined(entries: Iterable[Entry], *, smallest: int = SMALLEST) -> Iterator[tuple[Entry, bytes, Examined | str]]:
    """(entry, original bytes, what it is or why it is rejected) for each entry, in order, on all cores."""

    def look(entry: Entry) -> tuple[Entry, bytes, Examined | str]:
        original = b""
        try:
            original = entry.read()
            return entry, original, examine(original, smallest=smallest)
        except RejectError as error:
            return entry, original, str(error)
        except OSError as error:
            return entry, original, error.strerror or "unreadable"

    yield from _parallel(look, entries)


def gather(source: str, rows: Iterable[Row | Rejected]) -> Photos:
    """Rows and rejections -> Photos, in the rows' order."""
    good: list[Row] = []
    rejected: list[Rejected] = []
    for row in rows:
        if isinstance(row, Row):
            good.append(row)
        else:
            rejected.append(row)
    files = {path: number for number, path in enumerate(dict.fromkeys(row.entry.path for row in good))}
    label_names = tuple(sorted({row.entry.label for row in good} - {""}))
    numbers = {name: number for number, name in enumerate(label_names)}
    labelled = bool(good) and all(row.entry.label for row in good)
    names = np.empty(len(good), dtype=object)
    names[:] = [row.entry.name for row in good]
    return Photos(
        source=source,
        files=tuple(files),
        file=np.array([files[row.entry.path] for row in good], np.int32),
        offset=np.array([row.entry.offset for row in good], np.int64),
        length=np.array([row.entry.length for row in good], np.int64),
        format=np.array([row.format for row in good], np.uint8),
        height=np.array([row.height for row in good], np.int32),
        width=np.array([row.width for row in good], np.int32),
        orientation=np.array([row.orientation for row in good], np.uint8),
        chroma=np.array([row.chroma for row in good], np.float32),
        hashes=np.array([row.sha256 for row in good], "S64"),
        names=names,
        labels=np.array([numbers[row.entry.label] for row in good], np.int32) if labelled else None,
        label_names=label_names if labelled else (),
        rejected=tuple(rejected),
    )


def look_up(entries: Iterable[Entry], *, smallest: int = SMALLEST) -> Iterator[Row | Rejected]:
    """Examines entries where they lie; what had to be converted is kept in the cache folder and read from there."""
    for entry, original, result in examined(entries, smallest=smallest):
        if isinstance(result, str):
            yield Rejected(entry.name, result)
            continue
        if result.encoded is not original:
            path = cache_root() / "converted" / result.sha256[:2] / f"{result.sha256}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, result.encoded)
            entry = Entry(entry.name, str(path), 0, len(result.encoded), entry.label)
        yield Row(entry, result.sha256, result.format, result.height, result.width, result.orientation, result.chroma)


def _parallel(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """map() over threads, in order, with a bounded number under way so that no source is read into memory whole."""
    workers = os.cpu_count() or 1
    iterator = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(function, item) for item in islice(iterator, 4 * workers)]
        while pending:
            first, pending = pending[0], pending[1:]
            result = first.result()
            pending.extend(pool.submit(function, item) for item in islice(iterator, 1))
            yield result
