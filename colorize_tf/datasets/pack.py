"""Writes photos as TFRecord shards, with all that was found out about them: reading them back examines nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from colorize_tf.atomic import atomic_folder, write_text
from colorize_tf.datasets.examine import Examined, RejectError, examine
from colorize_tf.datasets.parallel import parallel
from colorize_tf.datasets.photos import Photos, Rejected
from colorize_tf.errors import InputError, RunError
from colorize_tf.out_folder import check_out_folder

__all__ = ["REJECTED", "SHARD_BYTES", "Item", "ShardWriter", "features", "pack", "stream"]

SHARD_BYTES = 256 << 20
REJECTED = "rejected.json"  # beside streamed shards: what was left out, as [name, reason]

Item = tuple[str, str, bytes]  # name, class or "", encoded photo
Features = dict[str, bytes | int | float]


def pack(photos: Photos, out: Path, *, shard_bytes: int = SHARD_BYTES, overwrite: bool = False) -> int:
    """Writes `photos` into the folder `out`, which appears complete or not at all; returns how many shards."""
    out = out.resolve()  # "." has no name to put another beside
    check_out_folder(out)
    if out.exists() and not overwrite:
        raise InputError("--out", "must not exist yet", str(out), "Give --overwrite to replace it.")
    if out.exists() and any(file.suffix != ".tfrecord" for file in out.iterdir()):
        raise InputError("--out", "holds other things than shards, which --overwrite would remove", str(out))
    if {Path(file).resolve().parent for file in photos.files} & {out.resolve()}:
        raise InputError("--out", "must not be the folder that is read", str(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    need, free = int(photos.length.sum()), shutil.disk_usage(out.parent).free
    if need > free:
        raise RunError(f"--out: needs {_mebibytes(need)}, but {out.parent} has {_mebibytes(free)} left")
    with atomic_folder(out) as folder, ShardWriter(folder, shard_bytes=shard_bytes) as writer:
        for index in tqdm(range(photos.count), "packing", unit="photo", disable=None, leave=False):
            name, encoded = str(photos.names[index]), photos.encoded(index)
            writer.write(features(name, photos.label(index), encoded, photos.known(index)))
    return len(list(out.glob("*.tfrecord")))


def stream(out: Path, items: Iterable[Item], total: int | None = None) -> None:
    """Examines and writes `items` into the new folder `out`; the unusable are listed in its `rejected.json`."""

    def look(item: Item) -> tuple[Item, Examined | Rejected]:
        try:
            return item, examine(item[2])
        except RejectError as error:
            return item, Rejected(item[0], str(error))

    rejected: list[Rejected] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    with _first_come(out) as folder, ShardWriter(folder) as writer:
        for (name, label, original), known in tqdm(
            parallel(look, items), f"writing {out.name}", total, unit="photo", disable=None, delay=1, leave=False
        ):
            if isinstance(known, Rejected):
                rejected.append(known)
                continue
            encoded = original if known.converted is None else known.converted
            writer.write(features(name, label, encoded, replace(known, converted=None)))
        if rejected:
            write_text(folder / REJECTED, json.dumps([[bad.name, bad.reason] for bad in rejected]))


def features(name: str, label: str, encoded: bytes, known: Examined) -> Features:
    """What a record of ours holds; the names are those TensorFlow's own image sets use, where there are any."""
    content: Features = {
        "image/encoded": encoded,
        "image/filename": os.fsencode(name),
        "image/sha256": known.sha256.encode(),
        "image/format": b"png" if known.format else b"jpeg",
        "image/height": known.height,
        "image/width": known.width,
        "image/orientation": known.orientation,
        "image/chroma": known.chroma,
    }
    if label:
        content["image/class/text"] = os.fsencode(label)
    return content


@contextmanager
def _first_come(out: Path) -> Iterator[Path]:
    """A temporary folder that becomes `out`, unless another process made the same meanwhile and may be reading it."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name[:80]}.", dir=out.parent))
    try:
        yield temporary
        try:
            temporary.rename(out)
        except OSError:
            if not out.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class ShardWriter:
    """Writes examples into `folder` as NAME-00000-of-00007.tfrecord and so on; use it as a context manager."""

    def __init__(self, folder: Path, name: str = "photos", shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.name, self.shard_bytes = folder, name, shard_bytes
        self._paths: list[Path] = []
        self._writer: Any = None
        self._written = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._close()
        if kind is None:
            for number, path in enumerate(self._paths):
                path.rename(self.folder / f"{self.name}-{number:05d}-of-{len(self._paths):05d}.tfrecord")

    def write(self, content: Features) -> None:
        """One record."""
        import tensorflow as tf

        if self._writer is None or self._written >= self.shard_bytes:
            self._close()
            self._paths.append(self.folder / f"{self.name}-{len(self._paths):05d}.partial")
            self._writer, self._written = tf.io.TFRecordWriter(os.fsencode(self._paths[-1])), 0
        lists = {
            bytes: lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])),
            int: lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
            float: lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=[value])),
        }
        feature = {name: lists[type(value)](value) for name, value in content.items()}
        record = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)
        try:
            self._writer.write(record)
        except tf.errors.OpError as error:
            raise RunError(f"{self.folder.parent}: the shard could not be written: {_reason(error)}") from error
        self._written += len(record)

    def _close(self) -> None:
        import tensorflow as tf

        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                writer.close()
            except tf.errors.OpError as error:
                raise RunError(f"{self.folder.parent}: the shard could not be written: {_reason(error)}") from error


def _reason(error: Any) -> str:
    return str(error.message).splitlines()[0][:200]


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
