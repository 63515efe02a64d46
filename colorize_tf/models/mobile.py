"""The network that ships: a MobileNet that knows pictures, 313 bins of colour on a coarse grid, ab at half the size.

The encoder comes from ImageNet. The decoder gives each pixel of an eighth of the photo's size a distribution over the
bins (Zhang et al. 2016), and each pixel of half the size mixes the nine colours around it (Teed & Deng 2020,
arXiv:2003.12039, do so for optical flow): a mixture cannot invent a colour, and follows edges that the grid is too
coarse for.

Rare colours weigh more in the loss, so the distribution is livelier than the truth. `share` says how much of that is
taken back before the mean is formed: all of it gives the most probable and palest picture; `temperature` how much more
the likeliest colours count. The `vivid` input of an exported file moves both towards their lively values.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from colorize_tf import bins, colorspace
from colorize_tf.colorspace import AB_RANGE
from colorize_tf.errors import InputError
from colorize_tf.losses import GanLoss
from colorize_tf.models.blocks import resized
from colorize_tf.models.frozen import Frozen, measure_norms
from colorize_tf.models.guidance import guided
from colorize_tf.models.mobile_network import COARSER, mixed, mobile_generator
from colorize_tf.models.mobilenet import load_imagenet
from colorize_tf.models.pix2pix import Pix2PixRGB
from colorize_tf.picture_losses import colourfulness, false_colour, log_error

__all__ = ["Mobile"]

Tensor = Any

FALSE_COLOUR = 3.0  # units of colourfulness that a unit of chroma costs where the truth is gray


@keras.saving.register_keras_serializable(package="colorize_tf")
class Mobile(Pix2PixRGB):
    """L/50-1 and hints (a/110, b/110, mask) [B,H,W,4] -> ab/110 float32 [B,H,W,2]; any size.

    Args:
        size: side of the square pictures it learns on.
        alpha: width of the encoder, as MobileNetV1 counts it.
        width: channels of the decoder.
        balance: λ of Zhang et al., how evenly bins weigh in the loss: 1 all alike, 0 the rarer the more.
        share: how much of the weight of rare colours is taken back, 0..1, where `vivid` is 0.
        lively_share: the same where `vivid` is 1.
        temperature: of the distribution over the bins, where `vivid` is 0: below 1 the likeliest colour counts more.
        lively_temperature: the same where `vivid` is 1.
        colour_weight: weight of the squared error of the mean colour beside the cross entropy of the bins.
        picture_weight: weight of what `evaluate` measures, at both ends of `vivid`: the logarithm of each photo's
            squared error, and its distance from the true colourfulness.
        colourful: what a unit of that distance costs in that logarithm where `vivid` is 0: how pale it may be.
        lively_colourful: the same where `vivid` is 1.
        gan_weight: weight of the adversarial loss, in the phase that has one.
        dropout: share of the features that training hides, of the whole photo and of each place.
        base_width: filters of the discriminator's first convolution.
        average: share of the averaged weights that one step keeps; they are what `colorize` uses.

    Phase "l1" is the one without the discriminator, as in pix2pix, though its loss is that of the bins.
    """

    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_class", "g_colour", "g_picture", "g_lively", "g_gan", "d_loss")
    view: ClassVar[str] = "hinted"
    channels: ClassVar[tuple[int, int]] = (4, 2)
    discriminator_loss_weight: ClassVar[float] = 0.5
    multiple: ClassVar[int] = 32  # of the sides of the pictures that it can colorize
    short_side: int  # of those that it sees: what it learnt on larger pictures than icons holds for 256, too

    def __init__(
        self,
        *,
        size: int = 256,
        alpha: float = 0.75,
        width: int = 192,
        balance: float = 0.5,
        share: float = 0.6,
        lively_share: float = -0.8,
        temperature: float = 1.0,
        lively_temperature: float = 0.8,
        colour_weight: float = 20.0,
        picture_weight: float = 1.0,
        colourful: float = 0.02,
        lively_colourful: float = 0.08,
        gan_weight: float = 0.05,
        gan_loss: GanLoss = "hinge",
        dropout: float = 0.1,
        base_width: int = 32,
        average: float = 0.999,
        **kwargs: Any,
    ) -> None:
        self.alpha, self.width, self.balance, self.average = alpha, width, balance, average
        self.short_side = 256 if size > 128 else size
        super().__init__(size=size, base_width=base_width, dropout=dropout, gan_loss=gan_loss, l1_weight=0.0, **kwargs)
        self.share, self.lively_share = share, lively_share
        self.temperature, self.lively_temperature = temperature, lively_temperature
        self.colour_weight, self.gan_weight, self.picture_weight = colour_weight, gan_weight, picture_weight
        self.colourful, self.lively_colourful = colourful, lively_colourful
        self.averaged = mobile_generator(alpha, width, self.dtype_policy, name="averaged")
        self.averaged.set_weights(self.generator.get_weights())
        self.averaged.trainable = False
        self.log_rarity = self.add_weight(
            shape=(len(bins.BINS),), initializer="zeros", trainable=False, autocast=False, name="log_rarity"
        )

    def make_generator(self) -> keras.Model:
        if self.size < 64 or self.size % 32:
            raise InputError("size", "must be a multiple of 32, at least 64", self.size)
        return mobile_generator(self.alpha, self.width, self.dtype_policy, dropout=self.dropout)

    def load_encoder(self, path: str | Path) -> None:
        """Starts the encoder from the ImageNet weights in an npz file (see `mobilenet.load_imagenet`)."""
        load_imagenet(self.generator, path)
        self.averaged.set_weights(self.generator.get_weights())

    def load_exported(self, path: Path, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """Goes on from a float TFLite file of this network; (x, y) batches of the photos it is to learn from."""
        frozen = Frozen(path)
        frozen.give(self.generator)
        self.log_rarity.assign(frozen.variable(tuple(self.log_rarity.shape)))
        measure_norms(self.generator, (x for x, _ in batches))
        self.averaged.set_weights(self.generator.get_weights())

    def prepare(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """(x, y) batches of the training photos -> the weights of rare colours in the loss."""
        truths = (colorspace.decode_ab(y) for _, y in batches)
        counts = np.sum([bins.bin_counts(ops.average_pool(ab, COARSER)) for ab in truths], axis=0)
        self.log_rarity.assign(np.log(bins.rarity(bins.smoothed(counts), self.balance)).astype(np.float32))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        ab = self.colours(self.generator(inputs, training=training))
        return resized(colorspace.encode_ab(ab), ops.shape(inputs)[1:3])

    def colorize(self, luma: Tensor, hints: Tensor | None = None, vivid: Tensor | None = None) -> Tensor:
        """CIE L [B,H,W,1], hints [B,H,W,3] (a/110, b/110, mask) and vivid [1] in 0..1 -> ab float32 [B,H/2,W/2,2]."""
        luma = colorspace.encode_luma(luma)
        hints = ops.repeat(ops.zeros_like(luma), 3, axis=-1) if hints is None else ops.cast(hints, "float32")
        seen = ops.concatenate([luma, hints], axis=-1)
        return self.colours(self.averaged(seen, training=False), 0.0 if vivid is None else vivid)

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,H,W,1] in 0..100 -> RGB float32 [B,H,W,3] in 0..1 of this L with the network's ab."""
        luma = ops.cast(luma, "float32")
        return colorspace.lab_to_rgb(
            ops.concatenate([luma, resized(self.colorize(luma), ops.shape(luma)[1:3])], axis=-1)
        )

    def colours(self, answer: list[Tensor], vivid: Tensor | float = 0.0) -> Tensor:
        """The generator's answer, and `vivid` in 0..1 -> ab float32 [B,4h,4w,2] in Lab units."""
        share = self.share + (self.lively_share - self.share) * vivid
        return self._drawn(answer, share, self.temperature + (self.lively_temperature - self.temperature) * vivid)

    def _drawn(self, answer: list[Tensor], share: Tensor | float, temperature: Tensor | float) -> Tensor:
        logits, mixtures, hints, likeness = answer
        logits = (logits - share * self.log_rarity) * (1.0 / temperature)
        return mixed(guided(bins.expected_ab(logits), hints, likeness), mixtures)

    def shown(self, painted: list[Tensor]) -> Tensor:
        """The generator's answer -> the colours in it, ab/110 float32 [B,S,S,2]."""
        ab = colorspace.encode_ab(self.colours(painted))
        return resized(ab, (self.size, self.size))

    def reconstruction(self, x: Tensor, y: Tensor, painted: list[Tensor]) -> dict[str, Tensor]:
        """x, y and the generator's answer to x -> the losses without the discriminator."""
        logits, truth = painted[0], colorspace.decode_ab(ops.cast(y, "float32"))
        nearest, weights = bins.soft_encode(resized(truth, ops.shape(logits)[1:3], antialias=True))
        entropy = bins.soft_cross_entropy(logits, nearest, weights)
        best = ops.take_along_axis(nearest, ops.argmax(weights, axis=-1, keepdims=True), axis=-1)[..., 0]
        rarity = ops.exp(ops.take(self.log_rarity, best))
        # The whole share: what is left is the mean of the plausible colours, of which a square error asks.
        mean = self._drawn(painted, 1.0, 1.0)
        size = ops.shape(mean)[1:3]
        small = resized(truth, size, antialias=True)
        luma = resized(colorspace.decode_luma(ops.cast(x[..., :1], "float32")), size, antialias=True)
        losses = {
            "g_class": ops.mean(rarity * entropy),
            "g_colour": self.colour_weight * ops.mean(ops.sum(ops.square((mean - small) / AB_RANGE), axis=-1)),
        }
        # With the same L on both sides: the one that the network was given may be aged, that is no fault of its colour.
        true_rgb = _rgb(luma, small)
        ends = {"g_picture": (0.0, self.colourful), "g_lively": (1.0, self.lively_colourful)}
        for name, (vivid, price) in ends.items():
            ab = self.colours(painted, vivid)
            rgb = _rgb(luma, ab)
            pale = ops.abs(colourfulness(rgb) - colourfulness(true_rgb)) + FALSE_COLOUR * false_colour(small, ab)
            losses[name] = self.picture_weight * ops.mean(log_error(true_rgb, rgb) + price * pale)
        return losses

    def after_step(self) -> None:
        """Moves the averaged weights towards the generator's; the training loop calls it after each step."""
        steps = ops.cast(self.optimizer.iterations, "float32")
        kept = ops.minimum(self.average, (1.0 + steps) / (10.0 + steps))  # early weights are soon forgotten
        for average, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            average.assign(kept * average + (1.0 - kept) * weight)


def _rgb(luma: Tensor, ab: Tensor) -> Tensor:
    return colorspace.lab_to_rgb(ops.concatenate([luma, ab], axis=-1))
