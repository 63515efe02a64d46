"""Photos -> batches for training and evaluation: everything between the encoded bytes and the network, in tf.data.

Step k of a training stream depends on the seed and k alone: photos are ordered by an index permutation per epoch, and
each sample draws its crop and flip from (seed, sample number). So a stream started at step k continues exactly where
an interrupted one left off, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from colorize_tf.colorspace import encode_ab, encode_luma, encode_rgb, rgb_to_gray, rgb_to_lab
from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.datasets.examine import JPEG
from colorize_tf.errors import InputError

__all__ = ["VIEWS", "Augment", "evaluation_batches", "steps_per_epoch", "training_batches"]

VIEWS = ("rgb", "lab")

_IN_MEMORY = 1 << 30  # bytes of packed photos that are simply held; a range of a file costs more to read than this


@dataclass(frozen=True)
class Augment:
    """What training varies. `crop` is the crop's side as a share of the photo's shorter side, drawn from this range."""

    crop: tuple[float, float] = (256 / 286, 256 / 286)  # pix2pix: resize to 286, crop 256
    flip: bool = True


def steps_per_epoch(photos: Photos | Unpaired, batch: int, worker: tuple[int, int] = (0, 1)) -> int:
    """Steps after which every photo has been seen about once by the workers together (at least one)."""
    return max(1, photos.count // (batch * worker[1]))


def training_batches(
    photos: Photos,
    *,
    view: str,
    size: int,
    batch: int,
    seed: int,
    start_step: int = 0,
    worker: tuple[int, int] = (0, 1),
    augment: Augment = Augment(),
) -> tf.data.Dataset:
    """Photos -> endless (x, y) batches, float32.

    view "rgb": x gray thrice, y RGB, both [B,S,S,3] in -1..1. view "lab": x L/50-1 [B,S,S,1], y ab/110 [B,S,S,2].
    `batch` is per worker; `worker` is (own number, how many): together they see each photo once per epoch.
    """
    _check(photos, view, size, batch)
    rank, workers = worker
    count = tf.constant(photos.count, tf.int64)
    index = _Index(photos)
    seed64 = tf.constant(seed, tf.int64)

    def plan(step: tf.Tensor) -> dict[str, tf.Tensor]:
        sample = (step * workers + rank) * batch + tf.range(batch, dtype=tf.int64)
        epoch = sample // count
        seeds = tf.cast(tf.stack([tf.fill([batch], seed64), epoch, tf.zeros_like(epoch)], -1), tf.int32)
        # The raw op: its public wrapper pads a matrix of seeds along the wrong axis.
        which = tf.raw_ops.RandomIndexShuffle(index=sample % count, seed=seeds, max_index=count - 1, rounds=4)
        return {"which": which, "sample": sample}

    def load(chosen: dict[str, tf.Tensor]) -> tf.Tensor:
        draw = tf.random.stateless_uniform([4], tf.stack([seed64, chosen["sample"]]), alg="philox")
        share = augment.crop[0] + draw[0] * (augment.crop[1] - augment.crop[0])
        image = index.crop(chosen["which"], size, share, draw[1:3])
        if augment.flip:
            image = tf.where(draw[3] < 0.5, image, image[:, ::-1])
        return image

    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    samples = steps.map(plan).unbatch().map(load, num_parallel_calls=tf.data.AUTOTUNE)
    batches = samples.batch(batch, drop_remainder=True).map(lambda rgb: _view(rgb, view))
    return batches.prefetch(2).with_options(_options())


def evaluation_batches(photos: Photos, *, view: str, size: int, batch: int) -> tf.data.Dataset:
    """Photos -> every photo once, in order: the largest centred square at size²; the last batch may be smaller."""
    _check(photos, view, size, batch)
    index = _Index(photos)

    def load(which: tf.Tensor) -> tf.Tensor:
        return index.crop(which, size, tf.constant(1.0), tf.constant([0.5, 0.5]))

    images = tf.data.Dataset.range(photos.count).map(load, num_parallel_calls=tf.data.AUTOTUNE)
    batches = images.batch(batch).map(lambda rgb: _view(rgb, view))
    batches = batches.apply(tf.data.experimental.assert_cardinality(-(-photos.count // batch)))
    return batches.prefetch(2).with_options(_options())


class _Index:
    """Reads and decodes one photo of `Photos` on the graph."""

    def __init__(self, photos: Photos) -> None:
        self.files = tf.constant(list(photos.files))
        sizes = np.array([Path(path).stat().st_size for path in photos.files], np.int64)
        self.file = tf.constant(photos.file)
        self.offset, self.length = tf.constant(photos.offset), tf.constant(photos.length)
        self.footer = tf.constant(sizes[photos.file] - photos.offset - photos.length)
        self.format = tf.constant(photos.format)
        self.height, self.width = tf.constant(photos.height), tf.constant(photos.width)
        self.orientation = tf.constant(photos.orientation)
        self.encoded: tf.Tensor | None = None
        if bool(np.all(self.footer == 0)) and not photos.offset.any():
            self.whole = True
        else:
            self.whole = False
            if photos.length.sum() <= _IN_MEMORY:
                self.encoded = tf.constant([photos.encoded(i) for i in range(photos.count)])

    def read(self, which: tf.Tensor) -> tf.Tensor:
        """Index -> encoded bytes."""
        if self.encoded is not None:
            return tf.gather(self.encoded, which)
        path = tf.gather(self.files, tf.gather(self.file, which))
        if self.whole:
            return tf.io.read_file(path)
        offset, length, footer = (tf.gather(values, which) for values in (self.offset, self.length, self.footer))
        return tf.data.FixedLengthRecordDataset(path, length, offset, footer, buffer_size=1 << 16).get_single_element()

    def crop(self, which: tf.Tensor, size: int, share: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """A square window, `share` of the shorter side, at `place` in 0..1² -> upright uint8 RGB [size, size, 3]."""
        encoded = self.read(which)
        height, width = tf.gather(self.height, which), tf.gather(self.width, which)
        short = tf.cast(tf.minimum(height, width), tf.float32)
        side = tf.maximum(tf.cast(tf.round(short * share), tf.int32), 1)
        top = tf.cast(place[0] * tf.cast(height - side + 1, tf.float32), tf.int32)
        left = tf.cast(place[1] * tf.cast(width - side + 1, tf.float32), tf.int32)
        top, left = tf.minimum(top, height - side), tf.minimum(left, width - side)

        def jpeg(ratio: int) -> Any:
            window = tf.stack([top // ratio, left // ratio, side // ratio, side // ratio])
            return lambda: tf.image.decode_and_crop_jpeg(encoded, window, channels=3, ratio=ratio)

        def png() -> tf.Tensor:
            return tf.io.decode_png(encoded, channels=3)[top : top + side, left : left + side]

        is_jpeg = tf.gather(self.format, which) == JPEG
        # Decoding at 1/8, 1/4, 1/2 skips most of the inverse transform and is an exact box filter besides.
        cases = [(is_jpeg & (side // ratio >= size), jpeg(ratio)) for ratio in (8, 4, 2)]
        window = tf.case([*cases, (is_jpeg, jpeg(1))], default=png)
        window.set_shape([None, None, 3])
        resized = tf.image.resize(window, (size, size), antialias=True)
        resized = tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 255.0)), tf.uint8)
        return _upright(resized, tf.gather(self.orientation, which))


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undoes EXIF `orientation` of a square image; the eight are the symmetries of the square."""
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
    return tf.switch_case(tf.cast(orientation, tf.int32) - 1, turns)


def _view(rgb: tf.Tensor, view: str) -> tuple[tf.Tensor, tf.Tensor]:
    """uint8 RGB [B,S,S,3] -> (x, y) in network ranges."""
    if view == "rgb":
        y = encode_rgb(rgb)
        return tf.repeat(rgb_to_gray(y)[..., None], 3, axis=-1), y
    lab = rgb_to_lab(tf.cast(rgb, tf.float32) / 255.0)
    return encode_luma(lab[..., :1]), encode_ab(lab[..., 1:])


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = True
    # The stream is cut by worker already; tf.distribute must not cut it again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options


def _check(photos: Photos, view: str, size: int, batch: int) -> None:
    if view not in VIEWS:
        raise InputError("view", f"must be one of {', '.join(VIEWS)}", view)
    if size < 1 or batch < 1:
        raise InputError("size, batch", "must be at least 1", f"{size}, {batch}")
    if photos.count == 0:
        raise InputError("data", "must contain photos", photos.source)
