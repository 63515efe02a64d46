"""Photos -> batches for training and evaluation: everything between the encoded bytes and the network, in tf.data.

    python -m colorize_tf.pipeline bench folder:photos

Step k of a training stream depends on the seed and k alone: photos are ordered by an index permutation per epoch, and
each sample draws its crop and flip from (seed, sample number). So a stream started at step k continues exactly where
an interrupted one left off, whatever the number of threads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

if __name__ == "__main__":
    from colorize_tf.quiet import load_tensorflow

    load_tensorflow()

import numpy as np
import tensorflow as tf

from colorize_tf.colorspace import encode_ab, encode_luma, encode_rgb, rgb8_to_lab, rgb_to_gray
from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.datasets.pixels import PixelReader
from colorize_tf.datasets.reading import PhotoReader
from colorize_tf.errors import InputError, command_line
from colorize_tf.fused import fused
from colorize_tf.hints import aged, hint_draws, hinted

__all__ = ["VIEWS", "Augment", "evaluation_batches", "steps_per_epoch", "training_batches"]

VIEWS = ("rgb", "lab", "hinted", "labelled")

UNPAIRED_VIEWS = ("rgb", "labelled")

Reader = PhotoReader | PixelReader
View = Callable[[tf.Tensor, tf.Tensor], Any]


@dataclass(frozen=True)
class Augment:
    """What training varies.

    `crop` is the range of the crop's side as a share of the photo's shorter side; the default, one value, is pix2pix's
    "resize to 286, crop 256", a range varies the scale. `stretch` lets crops be up to so many times longer than wide,
    or wider than long, before they are squashed to squares. `rotation` is the largest angle in degrees, either way.
    `aging` is the share of photos whose lightness is that of an old print; `hintless` the share that gets no hints, or
    whose class is not told, in a view that has them; `striking` the share of hints that lie where colours are unusual.
    """

    crop: tuple[float, float] = (256 / 286, 256 / 286)
    flip: bool = True
    stretch: float = 1.0
    rotation: float = 0.0
    aging: float = 0.0
    hintless: float = 0.0
    striking: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise InputError("crop", "must be a range within 0..1 of the photo's shorter side", self.crop)
        if not 0 <= self.rotation <= 45:
            raise InputError("rotation", "must be 0 to 45 degrees", self.rotation)
        if not 1 <= self.stretch <= 4:
            raise InputError("stretch", "must be 1 to 4", self.stretch)


PLAIN = Augment(crop=(1.0, 1.0), flip=False)


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
    augment: Augment = Augment(),
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
        samples = _Samples(reader, one.count, size, batch, seed * 2 + salt, worker, augment)
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
        colour = _view("colour", "rgb", size)
        batches = tf.data.Dataset.zip((stream(photos.a, 0, colour, "rgb"), stream(photos.b, 1, colour, "rgb")))
    else:
        kind = "lab" if cache and view not in UNPAIRED_VIEWS else "rgb"
        batches = stream(photos, 0, _view(view, kind, size), kind)
    return batches.prefetch(4).with_options(_options())


def evaluation_batches(photos: Photos, *, view: str, size: int, batch: int) -> tf.data.Dataset:
    """Photos -> (x, y) as in training, every photo once, in order: the largest centred square, shrunk smoothly.

    The last batch may be smaller.
    """
    _check(view, size, batch)
    _check_photos(photos)
    reader, look = PhotoReader(photos), _view(view, "rgb", size)
    everything = (tf.constant(1.0), tf.constant([0.5, 0.5]))
    classes = tf.constant(photos.classes(photos.label_names))

    def load(which: tf.Tensor) -> Any:
        x, y = look(reader.crop(which, size, *everything, smooth=True), tf.constant(False))
        if view == "labelled":
            x = _labelled(x, tf.gather(classes, which))
        return (tf.pad(x, [[0, 0], [0, 0], [0, 3]]) if view == "hinted" else x), y  # hints: none

    batches = _mapped(tf.data.Dataset.range(photos.count), load, tf.data.AUTOTUNE).batch(batch)
    batches = batches.apply(tf.data.experimental.assert_cardinality(-(-photos.count // batch)))
    return batches.prefetch(4).with_options(_options())


class _Samples:
    """Which photo each sample of a stream shows, and how it is cut out, flipped and turned."""

    def __init__(
        self,
        reader: Reader,
        count: int,
        size: int,
        batch: int,
        seed: int,
        worker: tuple[int, int],
        augment: Augment,
    ) -> None:
        self.reader, self.size, self.batch, self.worker, self.augment = reader, size, batch, worker, augment
        self.count, self.seed = tf.constant(count, tf.int64), tf.constant(seed, tf.int64)

    def plan(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Step -> (index of the photo, number of the sample) of each sample in this worker's batch."""
        rank, workers = self.worker
        number = (step * workers + rank) * self.batch + tf.range(self.batch, dtype=tf.int64)
        epoch = number // self.count
        seeds = tf.stack([tf.fill([self.batch], self.seed), epoch, tf.zeros_like(epoch)], -1)
        # The raw op: its public wrapper pads a matrix of seeds along the wrong axis.
        which = tf.raw_ops.RandomIndexShuffle(index=number % self.count, seed=seeds, max_index=self.count - 1, rounds=4)
        return which, number

    def load(self, which: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(photo, sample) -> its crop in 0..255 [size, size, 3], and whether to flip it."""
        augment = self.augment
        draw = tf.random.stateless_uniform([6], self._key(number, 0), alg="philox")
        share = augment.crop[0] + draw[0] * (augment.crop[1] - augment.crop[0])
        longer = 1 + draw[5] * (augment.stretch - 1)
        if augment.rotation:
            angle = (2 * draw[4] - 1) * math.radians(augment.rotation)
            image = self._turned(which, share, draw[1:3], longer, angle)
        else:
            image = self.reader.crop(which, self.size, share, draw[1:3], smooth=False, longer=longer)
        return image, draw[3] < (0.5 if augment.flip else 0.0)

    def dressed(self, view: str, number: tf.Tensor, sample: Any, label: tf.Tensor) -> Any:
        """A sample as the network is to see it: aged, with its class, as the view and the options say.

        In view "hinted" x is L and what decides about the hints; they join it in the batch, see `joined`.
        """
        if view == "rgb":
            return sample
        if view == "labelled":
            draw = tf.random.stateless_uniform([], self._key(number, 3), alg="philox")
            label = tf.where(draw < self.augment.hintless, -1, label)
            if isinstance(sample, tf.Tensor):  # of unpaired sets
                return _labelled(sample, label)
            return _labelled(sample[0], label), sample[1]
        x, y = sample
        if self.augment.aging:
            x = aged(x, self._key(number, 1), self.augment.aging)
        return ((x, hint_draws(self._key(number, 2))) if view == "hinted" else x), y

    def joined(self, x: tuple[tf.Tensor, tf.Tensor], y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch of view "hinted" with its hints."""
        return hinted(x[0], y, x[1], self.augment.hintless, self.augment.striking), y

    def _key(self, number: tf.Tensor, purpose: int) -> tf.Tensor:
        return tf.stack([self.seed + (purpose << 32), number])

    def _turned(
        self, which: tf.Tensor, share: tf.Tensor, place: tf.Tensor, longer: tf.Tensor, angle: tf.Tensor
    ) -> tf.Tensor:
        """The crop, turned by `angle` (radians): cut from a window large enough to leave no corner empty."""
        most = math.radians(self.augment.rotation)
        reach = math.cos(most) + math.sin(most)
        outer = tf.minimum(share * reach, 1.0)
        side = math.ceil(self.size * reach)
        window = self.reader.crop(which, side, outer, place, smooth=False, longer=longer)
        cos, sin = tf.cos(angle), tf.sin(angle)
        # Output to input: about the middles, scaled so that the turned square keeps its share or just fits.
        scale = tf.minimum(share / outer, 1 / (cos + tf.abs(sin))) * side / self.size
        half, middle = (self.size - 1) / 2, (side - 1) / 2
        a, b = cos * scale, sin * scale
        transform = tf.stack([a, -b, middle - (a - b) * half, b, a, middle - (a + b) * half, 0.0, 0.0])
        turned = tf.raw_ops.ImageProjectiveTransformV3(
            images=window[None],
            transforms=transform[None],
            output_shape=[self.size, self.size],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
        return turned[0]


def _mapped(dataset: tf.data.Dataset, function: Callable[..., Any], parallel: int | None = None) -> tf.data.Dataset:
    # These functions are graph code as they stand; converting them would only take time.
    return dataset.map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=parallel)


@functools.lru_cache
def _view(view: str, kind: str, size: int) -> View:
    """A graph function: pixels [S,S,3] in 0..255 (`kind` "rgb", or "lab" as kept) -> what the network sees of them."""
    convert = {
        ("rgb", "rgb"): _rgb_of_rgb,
        ("lab", "rgb"): _lab_of_rgb,
        ("lab", "lab"): _lab_of_lab,
        ("hinted", "rgb"): _lab_of_rgb,
        ("hinted", "lab"): _lab_of_lab,
        ("labelled", "rgb"): _rgb_of_rgb,
        ("colour", "rgb"): encode_rgb,
    }[view, kind]

    def look(pixels: tf.Tensor, flip: tf.Tensor) -> Any:
        if pixels.dtype != tf.uint8:  # interpolated: back to the steps in which photos are stored
            pixels = tf.cast(tf.round(pixels), tf.uint8)
        return convert(tf.cond(flip, lambda: pixels[:, ::-1], lambda: pixels))

    return fused(look, tf.TensorSpec([size, size, 3]), tf.TensorSpec([], tf.bool))


def _rgb_of_rgb(rgb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    gray = encode_rgb(rgb_to_gray(rgb))[..., None]
    return tf.repeat(gray, 3, axis=-1), encode_rgb(rgb)


def _lab_of_rgb(rgb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lab = rgb8_to_lab(rgb)
    return encode_luma(lab[..., :1]), encode_ab(lab[..., 1:])


def _lab_of_lab(stored: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lab = tf.cast(stored, tf.float32)
    return encode_luma(lab[..., :1] / 2.55), encode_ab(lab[..., 1:] - 128.0)


def _labelled(picture: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """[S,S,3] and the number of a class, -1 for none -> [S,S,5], joined by a mask and that number."""
    told = tf.stack([tf.cast(label >= 0, tf.float32), tf.cast(tf.maximum(label, 0), tf.float32)])
    return tf.concat([picture, tf.ones_like(picture[..., :2]) * told], axis=-1)


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
