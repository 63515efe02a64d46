"""Photos -> batches for training and evaluation: everything between the encoded bytes and the network, in tf.data.

    python -m colorize_tf.pipeline bench folder:photos

Step k of a training stream depends on the seed and k alone: photos are ordered by an index permutation per epoch, and
each sample draws its crop and flip from (seed, sample number). So a stream started at step k continues exactly where
an interrupted one left off, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

if __name__ == "__main__":
    from colorize_tf.quiet import load_tensorflow

    load_tensorflow()

import numpy as np
import tensorflow as tf

from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.datasets.pixels import PixelReader
from colorize_tf.datasets.reading import PhotoReader
from colorize_tf.errors import InputError, command_line
from colorize_tf.samples import PLAIN, USUAL, Augment, Samples
from colorize_tf.views import UNPAIRED_VIEWS, VIEWS, View, labelled, view_of

__all__ = ["PLAIN", "VIEWS", "Augment", "evaluation_batches", "steps_per_epoch", "training_batches"]


def steps_per_epoch(photos: Photos | Unpaired, batch: int, worker: tuple[int, int] = (0, 1)) -> int:
    """Steps after which every photo has been seen about once by the workers together (at least one)."""
    return max(1, photos.count // (batch * worker[1]))


def training_batches(
    photos: Photos | Unpaired,
    *,
    view: str,
    size: int,
    batch: int,
    seed: int,
    start_step: int = 0,
    worker: tuple[int, int] = (0, 1),
    augment: Augment = USUAL,
    cache: bool = False,
) -> tf.data.Dataset:
    """Photos -> endless (x, y) batches, float32.

    view "rgb": x gray thrice, y RGB, both [B,S,S,3] in -1..1. view "lab": x L/50-1 [B,S,S,1], y ab/110 [B,S,S,2].
    view "hinted": x is joined by hints, a/110, b/110 and a mask, to [B,S,S,4]; the mask is zero where there is none.
    view "labelled": as "rgb", x joined by a mask and the number of the photo's class, both the same for all pixels of
    [B,S,S,5]; both are zero where no class is told. Unpaired sets: (a, b), RGB in -1..1, each in its own order;
    [B,S,S,3] in view "rgb", joined by mask and class in view "labelled".

    `batch` is per worker; `worker` is (own number, how many): together they see each photo once per epoch. `cache`
    first decodes all photos once onto disk (as Lab in steps of one unit for view "lab"), which pays from the second
    epoch on.
    """
    _check(view, size, batch, worker)

    def stream(one: Photos, salt: int, look: View, kind: str) -> tf.data.Dataset:
        _check_photos(one)
        reader = PixelReader(one, round(size / augment.crop[0]), kind) if cache else PhotoReader(one)
        samples = Samples(reader, one.count, size, batch, seed * 2 + salt, worker, augment)
        classes = tf.constant(one.classes(photos.label_names))

        def load(which: tf.Tensor, number: tf.Tensor) -> Any:
            return samples.dressed(view, number, look(*samples.load(which, number)), tf.gather(classes, which))

        steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
        planned = _mapped(steps, samples.plan).unbatch()
        batches = _mapped(planned, load, tf.data.AUTOTUNE).batch(batch, drop_remainder=True)
        return _mapped(batches, samples.joined) if view == "hinted" else batches

    if isinstance(photos, Unpaired):
        if view not in UNPAIRED_VIEWS:
            raise InputError("view", f"must be {' or '.join(UNPAIRED_VIEWS)} for unpaired sets", view)
        colour = view_of("colour", "rgb", size)
        batches = tf.data.Dataset.zip((stream(photos.a, 0, colour, "rgb"), stream(photos.b, 1, colour, "rgb")))
    else:
        kind = "lab" if cache and view not in UNPAIRED_VIEWS else "rgb"
        batches = stream(photos, 0, view_of(view, kind, size), kind)
    return batches.prefetch(4).with_options(_options())


def evaluation_batches(photos: Photos, *, view: str, size: int, batch: int) -> tf.data.Dataset:
    """Photos -> (x, y) as in training, every photo once, in order: the largest centred square, shrunk smoothly.

    The last batch may be smaller.
    """
    _check(view, size, batch)
    _check_photos(photos)
    reader, look = PhotoReader(photos), view_of(view, "rgb", size)
    everything = (tf.constant(1.0), tf.constant([0.5, 0.5]))
    classes = tf.constant(photos.classes(photos.label_names))

    def load(which: tf.Tensor) -> Any:
        x, y = look(reader.crop(which, size, *everything, smooth=True), tf.constant(False))
        if view == "labelled":
            x = labelled(x, tf.gather(classes, which))
        return (tf.pad(x, [[0, 0], [0, 0], [0, 3]]) if view == "hinted" else x), y  # hints: none

    batches = _mapped(tf.data.Dataset.range(photos.count), load, tf.data.AUTOTUNE).batch(batch)
    batches = batches.apply(tf.data.experimental.assert_cardinality(-(-photos.count // batch)))
    return batches.prefetch(4).with_options(_options())


def _mapped(dataset: tf.data.Dataset, function: Callable[..., Any], parallel: int | None = None) -> tf.data.Dataset:
    # These functions are graph code as they stand; converting them would only take time.
    return dataset.map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=parallel)


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    # The stream is cut by worker already; tf.distribute must not cut it again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options


def _check(view: str, size: int, batch: int, worker: tuple[int, int] = (0, 1)) -> None:
    if view not in VIEWS:
        raise InputError("view", f"must be one of {', '.join(VIEWS)}", view)
    if size < 1 or batch < 1:
        raise InputError("size, batch", "must be at least 1", f"{size}, {batch}")
    if not 0 <= worker[0] < worker[1]:
        raise InputError("worker", "must be (own number from 0, how many)", worker)


def _check_photos(photos: Photos) -> None:
    if photos.count == 0:
        raise InputError("data", "must contain photos", photos.source)


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """`bench SOURCE`: images per second beside bare JPEG decoding of the same files."""
    from colorize_tf.throughput import main as bench

    return bench(argv)


if __name__ == "__main__":
    raise SystemExit(main())
