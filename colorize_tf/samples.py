"""The samples of a training stream: which photo each shows, and what crop, turn, wear and class it is shown with.

All of it is drawn from (seed, number of the sample) alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from colorize_tf.datasets.pixels import PixelReader
from colorize_tf.datasets.reading import PhotoReader
from colorize_tf.errors import InputError
from colorize_tf.hints import hint_draws, hinted
from colorize_tf.lightness import aged, retaken
from colorize_tf.views import labelled

__all__ = ["PLAIN", "USUAL", "Augment", "Samples"]


@dataclass(frozen=True)
class Augment:
    """What training varies.

    `crop` is the range of the crop's side as a share of the photo's shorter side; the default, one value, is pix2pix's
    "resize to 286, crop 256", a range varies the scale. `stretch` lets crops be up to so many times longer than wide,
    or wider than long, before they are squashed to squares. `rotation` is the largest angle in degrees, either way.
    `sharpen` is how many times its fine detail a photo's lightness gains at most, `grain` how much grain, units of L,
    both as photos of other cameras have; `aging` the share of photos whose lightness is that of an old print;
    `hintless` the share that gets no hints, or
    whose class is not told, in a view that has them; `striking` the share of hints that lie where colours are unusual,
    `revealed` the share of photos that are shown with all of their colours as hints.
    """

    crop: tuple[float, float] = (256 / 286, 256 / 286)
    flip: bool = True
    stretch: float = 1.0
    rotation: float = 0.0
    sharpen: float = 0.0
    grain: float = 0.0
    aging: float = 0.0
    hintless: float = 0.0
    striking: float = 0.0
    revealed: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise InputError("crop", "must be a range within 0..1 of the photo's shorter side", self.crop)
        if not 0 <= self.rotation <= 45:
            raise InputError("rotation", "must be 0 to 45 degrees", self.rotation)
        if not 1 <= self.stretch <= 4:
            raise InputError("stretch", "must be 1 to 4", self.stretch)


USUAL = Augment()
PLAIN = Augment(crop=(1.0, 1.0), flip=False)


class Samples:
    """Which photo each sample of a stream shows, and how it is cut out, flipped and turned."""

    def __init__(
        self,
        reader: PhotoReader | PixelReader,
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
        """A sample as the network is to see it: retaken, aged, with its class, as the view and the options say.

        In view "hinted" x is L and what decides about the hints; they join it in the batch, see `joined`.
        """
        if view == "rgb":
            return sample
        if view == "labelled":
            draw = tf.random.stateless_uniform([], self._key(number, 3), alg="philox")
            label = tf.where(draw < self.augment.hintless, -1, label)
            if isinstance(sample, tf.Tensor):  # of unpaired sets
                return labelled(sample, label)
            return labelled(sample[0], label), sample[1]
        x, y = sample
        if self.augment.sharpen or self.augment.grain:
            x = retaken(x, self._key(number, 4), self.augment.sharpen, self.augment.grain)
        if self.augment.aging:
            x = aged(x, self._key(number, 1), self.augment.aging)
        return ((x, hint_draws(self._key(number, 2))) if view == "hinted" else x), y

    def joined(self, x: tuple[tf.Tensor, tf.Tensor], y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch of view "hinted" with its hints."""
        augment = self.augment
        return hinted(x[0], y, x[1], augment.hintless, augment.striking, augment.revealed), y

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
