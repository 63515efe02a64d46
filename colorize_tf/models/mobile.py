"""The network that ships: a MobileNet that knows pictures, 313 bins of colour on a coarse grid, ab at half the size.

The encoder comes from ImageNet and sees the photo at three quarters of the size: there it is fast enough to look deep.
The decoder gives each pixel of an eighth of that a distribution over the bins (Zhang et al. 2016), and each pixel of
its half mixes the nine colours around it (Teed & Deng 2020, arXiv:2003.12039, do so for optical flow): a mixture
cannot invent a colour, and follows edges that the grid is too coarse for.

Rare colours weigh more in the loss, so the distribution is livelier than the truth. `share` says how much of that is
taken back before the mean is formed: all of it gives the most probable and palest picture. The `vivid` input of an
exported file moves it towards `lively_share`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from colorize_tf import bins, colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import GanLoss
from colorize_tf.models.blocks import BatchNormalization, resized
from colorize_tf.models.mobilenet import load_imagenet, mobilenet
from colorize_tf.models.pix2pix import Pix2PixRGB

__all__ = ["Mobile", "mobile_generator"]

Tensor = Any

COARSER = 8  # is the grid of the bins than what the encoder sees
FINER = 4  # than that grid are the colours made from it
STRIDE = 32  # of the encoder's last features: sides of what it sees are multiples
NEIGHBOURS = [(dy, dx) for dy in range(3) for dx in range(3)]
GENERATOR = "generator"


def mobile_generator(alpha: float, width: int, dtype: Any, name: str = GENERATOR) -> keras.Model:
    """L and hints in network range [B,H,W,4] -> logits [B,h,w,313] over the bins and mixtures [B,h,w,144], float32.

    A mixture has, for each of the 16 places that a pixel of the grid h x w has in the colours, a score for each of the
    nine pixels around it.
    """
    inputs = keras.Input((None, None, 4), name="luma_and_hints")
    seen = Reduced(dtype="float32", name="seen")(inputs)
    s4, s8, s16, s32 = mobilenet(seen, alpha, dtype)
    make = _Layers(dtype)
    whole = layers.GlobalAveragePooling2D(keepdims=True, dtype=dtype, name="whole")(s32)
    scene = layers.Dense(width, dtype=dtype, name="scene")(whole)
    x = layers.Add(dtype=dtype, name="s32_scene")([make.lateral(s32, width, "s32"), scene])
    x = layers.ReLU(6.0, dtype=dtype, name="s32_act")(x)
    x = make.joined(x, s16, width, "s16")
    x = make.joined(x, s8, width, "s8")
    # Hints once more, where they lie: the encoder may have lost a few pixels among so many.
    hinted = layers.Conv2D(32, COARSER, strides=COARSER, dtype=dtype, name="hints")(seen)
    x = make.separable(layers.Concatenate(dtype=dtype, name="with_hints")([x, hinted]), width, "colour")
    logits = layers.Conv2D(len(bins.BINS), 1, dtype=dtype, name="logits")(x)
    # Which side of an edge a pixel is on, the photo shows at stride 4.
    edges = make.separable(s4, width // 2, "edges", stride=2)
    x = layers.Concatenate(dtype=dtype, name="with_edges")([x, edges])
    mixtures = layers.Conv2D(len(NEIGHBOURS) * FINER**2, 1, dtype=dtype, name="mixtures")(x)
    ends = {"logits": logits, "mixtures": mixtures}
    outputs = [layers.Activation("linear", dtype="float32", name=f"{end}_float32")(x) for end, x in ends.items()]
    return keras.Model(inputs, outputs, name=name)


@keras.saving.register_keras_serializable(package="colorize_tf")
class Reduced(layers.Layer):
    """[B,H,W,C] -> three quarters of the size, rounded to what the encoder can halve to the end, bilinear."""

    def call(self, inputs: Tensor) -> Tensor:
        height, width = ops.shape(inputs)[1:3]
        return resized(inputs, (self._reduced(height), self._reduced(width)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        sides = (None if side is None else self._reduced(side) for side in input_shape[1:3])
        return (input_shape[0], *sides, input_shape[3])

    def _reduced(self, side: Any) -> Any:
        return (3 * side + 2 * STRIDE) // (4 * STRIDE) * STRIDE


@keras.saving.register_keras_serializable(package="colorize_tf")
class Doubled(layers.Layer):
    """[B,H,W,C] -> [B,2H,2W,C], bilinear; `UpSampling2D` asks for a size known beforehand."""

    def call(self, inputs: Tensor) -> Tensor:
        height, width = ops.shape(inputs)[1:3]
        return resized(inputs, (2 * height, 2 * width))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        height, width = (None if side is None else 2 * side for side in input_shape[1:3])
        return (input_shape[0], height, width, input_shape[3])


class _Layers:
    """Makes the decoder's layers: convolutions without bias, each followed by a batch norm."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def lateral(self, x: Tensor, filters: int, name: str) -> Tensor:
        x = layers.Conv2D(filters, 1, use_bias=False, dtype=self.dtype, name=name)(x)
        return BatchNormalization(momentum=0.9, epsilon=1e-3, dtype=self.dtype, name=f"{name}_bn")(x)

    def separable(self, x: Tensor, filters: int, name: str, stride: int = 1) -> Tensor:
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype}
        x = layers.DepthwiseConv2D(3, strides=stride, name=f"{name}_dw", **options)(x)
        x = self.lateral(x, filters, f"{name}_pw")
        return layers.ReLU(6.0, dtype=self.dtype, name=f"{name}_pw_act")(x)

    def joined(self, x: Tensor, skip: Tensor, filters: int, name: str) -> Tensor:
        """Features, and skips of twice their size -> features of the skips' size."""
        x = Doubled(dtype=self.dtype, name=f"{name}_grown")(x)
        x = layers.Add(dtype=self.dtype, name=f"{name}_sum")([x, self.lateral(skip, filters, f"{name}_skip")])
        return self.separable(layers.ReLU(6.0, dtype=self.dtype, name=f"{name}_act")(x), filters, name)


def mixed(coarse: Tensor, scores: Tensor) -> Tensor:
    """ab [B,h,w,2] and scores [B,h,w,9*16] -> ab [B,4h,4w,2]: each pixel a weighted mean of the nine around it."""
    height, width = ops.shape(coarse)[1], ops.shape(coarse)[2]
    # An edge pixel's missing neighbours are its nearest ones.
    rows = ops.concatenate([coarse[:, :1], coarse, coarse[:, -1:]], axis=1)
    around = ops.concatenate([rows[:, :, :1], rows, rows[:, :, -1:]], axis=2)
    # Sigmoids, which phones compute fast; the small addend keeps the sum away from zero.
    weights = ops.split(ops.sigmoid(scores) + 1e-3, len(NEIGHBOURS), axis=-1)
    total = functools.reduce(operator.add, weights)
    planes = []
    for channel in range(2):
        parts = [
            weight * around[:, dy : dy + height, dx : dx + width, channel : channel + 1]
            for (dy, dx), weight in zip(NEIGHBOURS, weights, strict=True)
        ]
        planes.append(ops.depth_to_space(functools.reduce(operator.add, parts) / total, FINER))
    return ops.concatenate(planes, axis=-1)


@keras.saving.register_keras_serializable(package="colorize_tf")
class Mobile(Pix2PixRGB):
    """L/50-1 and hints (a/110, b/110, mask) [B,H,W,4] -> ab/110 float32 [B,H,W,2]; any size.

    Args:
        size: side of the square pictures it learns on; the encoder sees three quarters of it.
        alpha: width of the encoder, as MobileNetV1 counts it.
        width: channels of the decoder.
        balance: λ of Zhang et al., how evenly bins weigh in the loss: 1 all alike, 0 the rarer the more.
        share: how much of the weight of rare colours is taken back, 0..1, where `vivid` is 0.
        lively_share: the same where `vivid` is 1.
        temperature: of the distribution over the bins; below 1 the likeliest colour counts for more.
        colour_weight: weight of the squared error of the mean colour beside the cross entropy of the bins.
        gan_weight: weight of the adversarial loss, in the phase that has one.
        base_width: filters of the discriminator's first convolution.
        average: share of the averaged weights that one step keeps; they are what `colorize` uses.

    Phase "l1" is the one without the discriminator, as in pix2pix, though its loss is that of the bins.
    """

    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_class", "g_colour", "g_gan", "d_loss")
    view: ClassVar[str] = "hinted"
    channels: ClassVar[tuple[int, int]] = (4, 2)
    discriminator_loss_weight: ClassVar[float] = 0.5
    multiple: ClassVar[int] = 32  # of the sides of the pictures that it can colorize
    short_side: ClassVar[int] = 256  # of those it is meant for, whatever size it learnt on

    def __init__(
        self,
        *,
        size: int = 256,
        alpha: float = 0.75,
        width: int = 192,
        balance: float = 0.5,
        share: float = 0.6,
        lively_share: float = 0.0,
        temperature: float = 1.0,
        colour_weight: float = 20.0,
        gan_weight: float = 0.05,
        gan_loss: GanLoss = "hinge",
        base_width: int = 32,
        average: float = 0.999,
        **kwargs: Any,
    ) -> None:
        self.alpha, self.width, self.balance, self.average = alpha, width, balance, average
        super().__init__(size=size, base_width=base_width, gan_loss=gan_loss, l1_weight=0.0, **kwargs)
        self.share, self.lively_share, self.temperature = share, lively_share, temperature
        self.colour_weight, self.gan_weight = colour_weight, gan_weight
        self.averaged = mobile_generator(alpha, width, self.dtype_policy, name="averaged")
        self.averaged.set_weights(self.generator.get_weights())
        self.averaged.trainable = False
        self.log_rarity = self.add_weight(
            shape=(len(bins.BINS),), initializer="zeros", trainable=False, autocast=False, name="log_rarity"
        )

    def make_generator(self) -> keras.Model:
        if self.size < 64 or self.size % 32:
            raise InputError("size", "must be a multiple of 32, at least 64", self.size)
        return mobile_generator(self.alpha, self.width, self.dtype_policy)

    def load_encoder(self, path: str | Path) -> None:
        """Starts the encoder from the ImageNet weights in an npz file (see `mobilenet.load_imagenet`)."""
        load_imagenet(self.generator, path)
        self.averaged.set_weights(self.generator.get_weights())

    def prepare(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """(x, y) batches of the training photos -> the weights of rare colours in the loss."""
        truths = (colorspace.decode_ab(y) for _, y in batches)
        counts = np.sum([bins.bin_counts(ops.average_pool(ab, COARSER)) for ab in truths], axis=0)
        self.log_rarity.assign(np.log(bins.rarity(bins.smoothed(counts), self.balance)).astype(np.float32))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        ab = self.colours(self.generator(inputs, training=training), self.share)
        return resized(colorspace.encode_ab(ab), ops.shape(inputs)[1:3])

    def colorize(self, luma: Tensor, hints: Tensor | None = None, vivid: Tensor | None = None) -> Tensor:
        """CIE L [B,H,W,1], hints [B,H,W,3] (a/110, b/110, mask) and vivid [1] in 0..1 -> ab float32 [B,H/2,W/2,2]."""
        luma = colorspace.encode_luma(luma)
        hints = ops.repeat(ops.zeros_like(luma), 3, axis=-1) if hints is None else ops.cast(hints, "float32")
        share = self.share if vivid is None else self.share + (self.lively_share - self.share) * vivid
        seen = ops.concatenate([luma, hints], axis=-1)
        height, width = ops.shape(seen)[1:3]
        return resized(self.colours(self.averaged(seen, training=False), share), (height // 2, width // 2))

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,H,W,1] in 0..100 -> RGB float32 [B,H,W,3] in 0..1 of this L with the network's ab."""
        luma = ops.cast(luma, "float32")
        return colorspace.lab_to_rgb(
            ops.concatenate([luma, resized(self.colorize(luma), ops.shape(luma)[1:3])], axis=-1)
        )

    def colours(self, answer: list[Tensor], share: Tensor | float, temperature: float | None = None) -> Tensor:
        """The generator's answer -> ab float32 [B,4h,4w,2] in Lab units."""
        logits, mixtures = answer
        logits = (logits - share * self.log_rarity) / (self.temperature if temperature is None else temperature)
        return mixed(bins.expected_ab(logits), mixtures)

    def shown(self, painted: list[Tensor]) -> Tensor:
        """The generator's answer -> the colours in it, ab/110 float32 [B,S,S,2]."""
        ab = colorspace.encode_ab(self.colours(painted, self.share))
        return resized(ab, (self.size, self.size))

    def reconstruction(self, painted: list[Tensor], y: Tensor) -> dict[str, Tensor]:
        """The generator's answer and the truth, ab/110 [B,S,S,2] -> the losses without the discriminator."""
        logits, truth = painted[0], colorspace.decode_ab(y)
        nearest, weights = bins.soft_encode(resized(truth, ops.shape(logits)[1:3], antialias=True))
        entropy = bins.soft_cross_entropy(logits, nearest, weights)
        best = ops.take_along_axis(nearest, ops.argmax(weights, axis=-1, keepdims=True), axis=-1)[..., 0]
        rarity = ops.exp(ops.take(self.log_rarity, best))
        # The whole share: what is left is the mean of the plausible colours, of which a square error asks.
        ab = self.colours(painted, 1.0, 1.0)
        error = (ab - resized(truth, ops.shape(ab)[1:3], antialias=True)) / colorspace.AB_RANGE
        return {
            "g_class": ops.mean(rarity * entropy),
            "g_colour": self.colour_weight * ops.mean(ops.sum(ops.square(error), axis=-1)),
        }

    def after_step(self) -> None:
        """Moves the averaged weights towards the generator's; the training loop calls it after each step."""
        steps = ops.cast(self.optimizer.iterations, "float32")
        kept = ops.minimum(self.average, (1.0 + steps) / (10.0 + steps))  # early weights are soon forgotten
        for average, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            average.assign(kept * average + (1.0 - kept) * weight)
