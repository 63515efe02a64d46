"""Reads photos inside a TensorFlow graph: an index and a window -> upright pixels, decoding no more than needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from colorize_tf.datasets.examine import JPEG
from colorize_tf.datasets.photos import Photos

__all__ = ["PhotoReader", "mapped", "resize", "window"]

_MOST_MAPPED = 256  # files; each is a node of the graph


class PhotoReader:
    """Decodes windows of `Photos`."""

    def __init__(self, photos: Photos) -> None:
        self._format, self._orientation = tf.constant(photos.format), tf.constant(photos.orientation)
        self._height, self._width = tf.constant(photos.height), tf.constant(photos.width)
        self.encoded = _byte_reader(photos)

    def crop(
        self, which: tf.Tensor, size: int, share: tf.Tensor, place: tf.Tensor, smooth: bool, longer: Any = 1.0
    ) -> tf.Tensor:
        """A window, see `window`, squashed to a square -> upright RGB in 0..255 [size, size, 3].

        `smooth` averages away all that is too fine for `size`. Otherwise JPEG photos are decoded at the fraction
        nearest above it, which averages too, and the rest, less than a factor 2, is interpolated: it costs half.
        """
        cut = window(tf.gather(self._height, which), tf.gather(self._width, which), share, place, longer)
        pixels = self.pixels(which, cut, tf.minimum(cut[2], cut[3]), size)
        return self.upright(which, resize(pixels, (size, size), smooth))

    def fitted(self, which: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """As much of the photo's middle as has this shape -> upright RGB in 0..255 [height, width, 3]."""
        full_height, full_width = tf.gather(self._height, which), tf.gather(self._width, which)
        turned = tf.gather(self._orientation, which) >= 5
        height, width = tf.where(turned, width, height), tf.where(turned, height, width)
        scale = tf.minimum(full_height, full_width) / tf.minimum(height, width)
        window_height, window_width = (
            tf.minimum(full, tf.cast(tf.round(tf.cast(part, scale.dtype) * scale), tf.int32))
            for full, part in ((full_height, height), (full_width, width))
        )
        middle = (full_height - window_height) // 2, (full_width - window_width) // 2, window_height, window_width
        pixels = self.pixels(which, middle, tf.minimum(window_height, window_width), tf.minimum(height, width))
        return self.upright(which, resize(pixels, (height, width), smooth=True))

    def pixels(self, which: tf.Tensor, cut: tuple[tf.Tensor, ...], side: tf.Tensor, wanted: Any) -> tf.Tensor:
        """Pixels as stored in a window (top, left, height, width) -> uint8 RGB [h, w, 3], JPEG at 1/1, 1/2, 1/4 or 1/8.

        The fraction is the smallest at which `side` still has the `wanted` number of pixels.
        """
        encoded = self.encoded(which)
        top, left, height, width = cut

        def jpeg(ratio: int) -> Callable[[], tf.Tensor]:
            place = tf.stack([top // ratio, left // ratio, height // ratio, width // ratio])
            # TensorFlow's default is the fast transform: no faster nowadays, and off by one level on average.
            return lambda: tf.image.decode_and_crop_jpeg(
                encoded, place, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE"
            )

        def png() -> tf.Tensor:
            return tf.io.decode_png(encoded, channels=3)[top : top + height, left : left + width]

        is_jpeg = tf.gather(self._format, which) == JPEG
        cases = [(is_jpeg & (side // ratio >= wanted), jpeg(ratio)) for ratio in (8, 4, 2)]
        pixels = tf.case([*cases, (is_jpeg, jpeg(1))], default=png)
        pixels.set_shape([None, None, 3])
        return pixels

    def upright(self, which: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """Undoes the EXIF orientation: one of the eight symmetries of the square."""
        turns: list[Callable[[], tf.Tensor]] = [
            lambda: image,
            lambda: image[:, ::-1],
            lambda: image[::-1, ::-1],
            lambda: image[::-1],
            lambda: tf.transpose(image, [1, 0, 2]),
            lambda: tf.transpose(image[::-1], [1, 0, 2]),
            lambda: tf.transpose(image[::-1, ::-1], [1, 0, 2]),
            lambda: tf.transpose(image[:, ::-1], [1, 0, 2]),
        ]
        orientation = tf.cast(tf.gather(self._orientation, which), tf.int32)
        return tf.cond(orientation == 1, lambda: image, lambda: tf.switch_case(orientation - 1, turns))


def window(
    height: tf.Tensor, width: tf.Tensor, share: tf.Tensor, place: tf.Tensor, longer: Any
) -> tuple[tf.Tensor, ...]:
    """The (top, left, height, width) of a window in a photo, at `place` in 0..1² of where it can lie.

    Its shorter side is `share` of the photo's; the other, along the photo's longer side, up to `longer` times that.
    """
    sides = tf.stack([height, width])
    short = tf.maximum(tf.round(tf.cast(tf.minimum(height, width), tf.float32) * share), 1.0)
    long = tf.cast(tf.round(short * longer), tf.int32)
    # Along the shorter side of the photo it stays short, however long the photo is in the other direction.
    cut = tf.where(sides > tf.minimum(height, width), tf.minimum(long, sides), tf.cast(short, tf.int32))
    room = sides - cut
    corner = tf.minimum(tf.cast(place * tf.cast(room + 1, tf.float32), tf.int32), room)
    return corner[0], corner[1], cut[0], cut[1]


def resize(image: tf.Tensor, size: Any, smooth: bool) -> tf.Tensor:
    """uint8 [h, w, 3] -> float32 in 0..255, `size`; unless `smooth`, averages only when shrinking below a half."""
    if smooth:
        return tf.image.resize(image, size, antialias=True)
    far = tf.reduce_any(tf.shape(image)[:2] > 2 * tf.stack(size))
    # The mean of what each new pixel covers: a third of the time that antialiasing takes.
    return tf.cond(far, lambda: tf.image.resize(image, size, "area"), lambda: tf.image.resize(image, size))


@tf.autograph.experimental.do_not_convert  # graph code as it stands; of the path's conversion TensorFlow would complain
def mapped(path: str, size: int) -> tf.Tensor:
    """A file of `size` bytes -> uint8 [size] in the page cache: what is not touched is not read, nothing is copied."""
    return tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[size], memory_region_name=os.fsencode(path))


def _byte_reader(photos: Photos) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph function from the index of a photo to its encoded bytes (a scalar string)."""
    sizes = np.array([Path(path).stat().st_size for path in photos.files], np.int64)
    whole = (photos.offset == 0) & (photos.length == sizes[photos.file])
    paths, file = tf.constant([os.fsencode(path) for path in photos.files]), tf.constant(photos.file)

    def read_file(which: tf.Tensor) -> tf.Tensor:
        return tf.io.read_file(tf.gather(paths, tf.gather(file, which)))

    if whole.all():
        return read_file
    read_range = _range_reader(photos, sizes, whole)
    if not whole.any():
        return read_range
    is_whole = tf.constant(whole)
    return lambda which: tf.cond(tf.gather(is_whole, which), lambda: read_file(which), lambda: read_range(which))


def _range_reader(photos: Photos, sizes: np.ndarray, whole: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """For photos that are byte ranges of larger files."""
    offset, length = tf.constant(photos.offset), tf.constant(photos.length)
    numbers = np.unique(photos.file[~whole])
    shards = [(photos.files[number], int(sizes[number])) for number in numbers]
    shard = tf.constant(np.searchsorted(numbers, photos.file).astype(np.int32))  # of a whole file: never asked for

    def read_mapped(which: tf.Tensor) -> tf.Tensor:
        start, count = tf.gather(offset, which), tf.gather(length, which)
        branches = [lambda path=path, size=size: mapped(path, size)[start : start + count] for path, size in shards]
        part = tf.switch_case(tf.gather(shard, which), branches)
        # No operation turns bytes into a string, but in a serialized tensor they come last, as they are.
        message = tf.io.serialize_tensor(part)
        size = tf.cast(count, tf.int32)
        return tf.strings.substr(message, tf.strings.length(message) - size, size)

    def read_skipping(which: tf.Tensor) -> tf.Tensor:
        start, count = tf.gather(offset, which), tf.gather(length, which)
        rest = tf.gather(ends, which) - start - count
        path = tf.gather(paths, tf.gather(shard, which))
        return tf.data.FixedLengthRecordDataset(path, count, start, rest).get_single_element()

    if len(shards) <= _MOST_MAPPED:
        return read_mapped
    ends = tf.constant(sizes[photos.file])
    paths = tf.constant([os.fsencode(path) for path, _ in shards])
    return read_skipping
