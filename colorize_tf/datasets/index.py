"""Examines the entries of a source, each once in its life, and gathers what they are into `Photos`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorize_tf.atomic import write_bytes
from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.examine import LARGEST, PNG, Examined, RejectError, UnreadError, examine
from colorize_tf.datasets.memory import Entry, Memory, Row
from colorize_tf.datasets.parallel import parallel
from colorize_tf.datasets.photos import Photos, Rejected

__all__ = ["examine_entries", "gather"]

MOST_BYTES = 8 * LARGEST  # of a file: four channels of 16 bits, not compressed


def examine_entries(entries: Iterable[Entry], total: int | None = None) -> Iterator[Row | Rejected]:
    """Entries -> rows and rejections, in order.

    What an entry is, is remembered by path, byte range and time of change, so a source is examined once. What had to
    be converted is kept in the cache folder and read from there.
    """
    memory = Memory()

    def look(item: tuple[Entry, Examined | str | None]) -> tuple[Entry, Examined | str, bool]:
        entry, known = item
        if isinstance(known, Examined) and known.converted is not None and not _converted(known).is_file():
            known = None
        if known is not None:
            return entry, known, False
        if entry.length > MOST_BYTES:
            return entry, f"larger than {MOST_BYTES >> 20} MiB", False
        try:
            result = examine(entry.read())
        except RejectError as error:
            # Not remembered: what cannot be read now may be readable tomorrow.
            return entry, str(error), not isinstance(error, UnreadError)
        except OSError as error:
            return entry, error.strerror or "unreadable", False
        if result.converted is not None:
            _converted(result).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(_converted(result), result.converted)
            result = replace(result, converted=b"")
        return entry, result, True

    items = ((entry, memory.recall(entry)) for entry in entries)
    progress = tqdm(parallel(look, items), "examining photos", total, unit="photo", disable=None, delay=1, leave=False)
    try:
        for entry, known, new in progress:
            if new:
                memory.keep(entry, known)
            yield Rejected(entry.name, known) if isinstance(known, str) else Row(_where(entry, known), known)
    finally:
        memory.close()


def gather(source: str, rows: Iterable[Row | Rejected], smallest: int) -> Photos:
    """Rows and rejections -> Photos, in the rows' order; photos with a side below `smallest` are rejected too."""
    good: list[Row] = []
    rejected: list[Rejected] = []
    for row in rows:
        if isinstance(row, Rejected):
            rejected.append(row)
        elif min(row.known.height, row.known.width) < smallest:
            rejected.append(Rejected(row.entry.name, f"smaller than {smallest} pixels"))
        else:
            good.append(row)
    entries, known = [row.entry for row in good], [row.known for row in good]
    files = {path: number for number, path in enumerate(dict.fromkeys(entry.path for entry in entries))}
    classes = tuple(sorted({entry.label for entry in entries} - {""}))
    numbers = {"": -1} | {name: number for number, name in enumerate(classes)}
    names = np.empty(len(good), dtype=object)
    names[:] = [entry.name for entry in entries]
    return Photos(
        source=source,
        files=tuple(files),
        file=np.array([files[entry.path] for entry in entries], np.int32),
        offset=np.array([entry.offset for entry in entries], np.int64),
        length=np.array([entry.length for entry in entries], np.int64),
        format=np.array([one.format for one in known], np.uint8),
        height=np.array([one.height for one in known], np.int32),
        width=np.array([one.width for one in known], np.int32),
        orientation=np.array([one.orientation for one in known], np.uint8),
        chroma=np.array([one.chroma for one in known], np.float32),
        hashes=np.array([one.sha256 for one in known], "S64"),
        names=names,
        labels=np.array([numbers[entry.label] for entry in entries], np.int32) if classes else None,
        label_names=classes,
        rejected=tuple(rejected),
    )


def _converted(known: Examined) -> Path:
    suffix = "png" if known.format == PNG else "jpg"
    return cache_root() / "converted" / known.sha256[:2] / f"{known.sha256}.{suffix}"


def _where(entry: Entry, known: Examined) -> Entry:
    """The entry itself, or the converted file that stands for it."""
    if known.converted is None:
        return entry
    path = _converted(known)
    return Entry(entry.name, str(path), 0, path.stat().st_size, 0, entry.label)
