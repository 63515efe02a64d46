"""What has been found out about photos, kept between runs: each is examined, and each shard read through, only once."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.examine import Examined
from colorize_tf.datasets.photos import Rejected

__all__ = ["Entry", "Memory", "Row"]

_TABLES = (
    "CREATE TABLE IF NOT EXISTS photo (path BLOB, offset INTEGER, length INTEGER, stamp INTEGER, reason TEXT,"
    " sha256 TEXT, format INTEGER, height INTEGER, width INTEGER, orientation INTEGER, chroma REAL,"
    " converted INTEGER, PRIMARY KEY (path, offset)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS shard (path BLOB PRIMARY KEY, length INTEGER, stamp INTEGER, content BLOB)",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A candidate: a byte range of a file, when that file was changed (ns), its name and class."""

    name: str
    path: str
    offset: int
    length: int
    stamp: int = 0
    label: str = ""

    def read(self) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


@dataclass(frozen=True)
class Row:
    """An accepted entry: where the bytes to decode lie, and what is known of it."""

    entry: Entry
    known: Examined


class Memory:
    """A small database in the cache folder; where there can be none, everything is simply found out again."""

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None
        self._new: list[tuple[object, ...]] = []
        path = cache_root() / "index-2.sqlite3"  # 1 knew nothing of colour profiles
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30)
            with self._database:
                for table in _TABLES:
                    self._database.execute(table)
        except (sqlite3.Error, OSError) as error:
            self._forget(error)

    def recall(self, entry: Entry) -> Examined | str | None:
        """What an entry is, why it was rejected, or None if it is new or its file has changed."""
        found = self._find(
            "SELECT reason, sha256, format, height, width, orientation, chroma, converted FROM photo"
            " WHERE path = ? AND offset = ? AND length = ? AND stamp = ?",
            _place(entry),
        )
        if found is None:
            return None
        reason, sha256, format_, height, width, orientation, chroma, converted = found
        if reason:
            return str(reason)
        return Examined(sha256, format_, height, width, orientation, chroma, b"" if converted else None)

    def keep(self, entry: Entry, known: Examined | str) -> None:
        if isinstance(known, str):
            self._new.append((*_place(entry), known, "", 0, 0, 0, 0, 0.0, 0))
        else:
            measures = (known.format, known.height, known.width, known.orientation, known.chroma)
            self._new.append((*_place(entry), "", known.sha256, *measures, int(known.converted is not None)))
        if len(self._new) >= 1000:
            self._write()

    def recall_shard(self, path: Path) -> list[Row | Rejected] | None:
        """What a shard holds, or None if it is new or has changed."""
        status = path.stat()
        query = "SELECT content FROM shard WHERE path = ? AND length = ? AND stamp = ?"
        found = self._find(query, (os.fsencode(path), status.st_size, status.st_mtime_ns))
        if found is None:
            return None
        where, rows = str(path), json.loads(zlib.decompress(found[0]))
        return [
            Rejected(*row)
            if len(row) == 2
            else Row(Entry(row[0], where, row[2], row[3], status.st_mtime_ns, row[1]), Examined(*row[4]))
            for row in rows
        ]

    def keep_shard(self, path: Path, found: Sequence[Row | Rejected]) -> None:
        rows: list[list[object]] = []
        for one in found:
            if isinstance(one, Rejected):
                rows.append([one.name, one.reason])
            else:
                place = [one.entry.name, one.entry.label, one.entry.offset, one.entry.length]
                rows.append([*place, astuple(one.known)[:-1]])
        content = zlib.compress(json.dumps(rows).encode(), 1)
        status = path.stat()
        self._store(
            "INSERT OR REPLACE INTO shard VALUES (?, ?, ?, ?)",
            [(os.fsencode(path), status.st_size, status.st_mtime_ns, content)],
        )

    def close(self) -> None:
        self._write()
        if self._database is not None:
            self._database.close()

    def _find(self, query: str, values: tuple[object, ...]) -> Any:
        if self._database is None:
            return None
        try:
            return self._database.execute(query, values).fetchone()
        except sqlite3.Error as error:
            self._forget(error)
            return None

    def _write(self) -> None:
        self._store(f"INSERT OR REPLACE INTO photo VALUES ({', '.join('?' * 12)})", self._new)
        self._new = []

    def _store(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._database is not None and rows:
            try:
                with self._database:
                    self._database.executemany(statement, rows)
            except sqlite3.Error as error:
                self._forget(error)

    def _forget(self, error: Exception) -> None:
        _log.info("no index is kept between runs: %s", error)
        if self._database is not None:
            self._database.close()
        self._database = None


def _place(entry: Entry) -> tuple[bytes, int, int, int]:
    return os.fsencode(entry.path), entry.offset, entry.length, entry.stamp  # a path need not be Unicode
