"""Photos decoded, shrunk and kept as raw bytes on disk: what an epoch reads again, it need not decode again."""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from colorize_tf.atomic import atomic_path
from colorize_tf.colorspace import rgb8_to_lab
from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.photos import Photos
from colorize_tf.datasets.readable import readable
from colorize_tf.datasets.reading import PhotoReader, mapped, resize, window
from colorize_tf.errors import RunError

__all__ = ["PixelReader", "lab_to_bytes"]

_SPARE = 256 << 20  # bytes to leave on the disk, for what a run writes besides
_LONGEST = 2  # times the shorter side; of a panorama only the middle is kept

_log = logging.getLogger(__name__)


class PixelReader:
    """Cuts windows out of `Photos` kept at `side` pixels (of the shorter side), as RGB or as Lab bytes.

    The first use of a set of photos writes the file, as fast as photos can be decoded; it is mapped into memory, so
    the operating system decides how much of it stays there.
    """

    def __init__(self, photos: Photos, side: int, kind: str) -> None:
        height, width = _kept_sizes(photos, side)
        self._height, self._width = tf.constant(height), tf.constant(width)
        ends = np.cumsum(height.astype(np.int64) * width * 3)
        self._offset = tf.constant(np.concatenate([[0], ends[:-1]]))
        self._total = int(ends[-1])
        self._path = _file(photos, side, kind)
        if not self._path.is_file():
            self._write(photos, kind)

    def crop(
        self, which: tf.Tensor, size: int, share: tf.Tensor, place: tf.Tensor, smooth: bool, longer: Any = 1.0
    ) -> tf.Tensor:
        """A window (see `reading.window`), squashed to a square -> 0..255 [size, size, 3]."""
        height, width = tf.gather(self._height, which), tf.gather(self._width, which)
        top, left, rows, columns = window(height, width, share, place, longer)
        row = tf.cast(width * 3, tf.int64)
        start = tf.gather(self._offset, which) + tf.cast(top, tf.int64) * row
        stored = mapped(str(self._path), self._total)[start : start + tf.cast(rows, tf.int64) * row]
        cut = tf.reshape(stored, [rows, width, 3])[:, left : left + columns]
        as_it_is = (rows == size) & (columns == size)
        cut = tf.cond(as_it_is, lambda: tf.cast(cut, tf.float32), lambda: resize(cut, (size, size), smooth))
        return tf.ensure_shape(cut, [size, size, 3])

    def _write(self, photos: Photos, kind: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._path.parent).free
        need, spare, have = (f"{count / (1 << 20):,.1f} MiB" for count in (self._total, _SPARE, free))
        if free < self._total + _SPARE:
            rule = f"needs {need}, and {spare} for all else, but {self._path.parent} has {have} left"
            raise RunError(f"--cache: {rule}. Make room there, or do without: --no-cache")
        _log.info("the pixels of %s photos, %s, are kept in %s", photos.count, need, self._path)
        reader = PhotoReader(photos)

        def load(which: tf.Tensor) -> tf.Tensor:
            rgb = reader.fitted(which, tf.gather(self._height, which), tf.gather(self._width, which))
            rgb = tf.cast(tf.round(rgb), tf.uint8)
            return tf.reshape(rgb if kind == "rgb" else lab_to_bytes(rgb8_to_lab(rgb)), [-1])

        decoded = tf.data.Dataset.range(photos.count).map(load, num_parallel_calls=tf.data.AUTOTUNE).prefetch(8)
        pixels = decoded.as_numpy_iterator()
        with atomic_path(self._path) as temporary, open(temporary, "wb") as file:
            for name in tqdm(photos.names, "caching pixels", unit="photo", disable=None, leave=False):
                with readable(name):
                    part = next(pixels)
                file.write(part.data)


def lab_to_bytes(lab: tf.Tensor) -> tf.Tensor:
    """CIE Lab [..., 3] -> uint8: L in steps of 1/2.55, a and b in whole units from -128."""
    scaled = tf.round(lab * tf.constant([2.55, 1.0, 1.0]) + tf.constant([0.0, 128.0, 128.0]))
    return tf.cast(tf.clip_by_value(scaled, 0.0, 255.0), tf.uint8)


def _kept_sizes(photos: Photos, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Upright (height, width) at which each photo is kept: never enlarged."""
    turned = photos.orientation >= 5
    height, width = np.where(turned, photos.width, photos.height), np.where(turned, photos.height, photos.width)
    short = np.minimum(height, width)
    scale = np.minimum(1.0, side / short)
    limit = np.rint(short * scale) * _LONGEST
    height, width = (np.minimum(np.rint(length * scale), limit).astype(np.int32) for length in (height, width))
    return height, width


def _file(photos: Photos, side: int, kind: str) -> Path:
    digest = hashlib.sha256(f"2 {side} {kind} {_LONGEST} ".encode())
    digest.update(photos.hashes.tobytes())
    return cache_root() / "pixels" / f"{digest.hexdigest()[:32]}.u8"
