"""Image-to-image translation with conditional adversarial networks (Isola et al. 2017, arXiv:1611.07004), for colour.

`Pix2PixRGB` paints gray as RGB; `Pix2PixLab`, its subclass, adds ab to the L it is given. Section 6.1 of the paper
describes the networks: U-Net generator, 70x70 PatchGAN.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import keras
from keras import layers

from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss
from colorize_tf.models.adversarial import ConditionalGan
from colorize_tf.models.blocks import Blocks, NoiseDropout, Norm, Upsampling, choice
from colorize_tf.models.learner import LabView, RgbView
from colorize_tf.models.residual import residual_generator

__all__ = [
    "ARCHITECTURES",
    "NOISES",
    "Pix2PixLab",
    "Pix2PixRGB",
    "multiscale_discriminator",
    "patch_discriminator",
    "unet_generator",
]

Tensor = Any

Noise = Literal["train", "dropout"]
Architecture = Literal["unet", "resnet"]
NOISES: tuple[str, ...] = get_args(Noise)
ARCHITECTURES: tuple[str, ...] = get_args(Architecture)


def unet_generator(
    size: int, channels: tuple[int, int], width: int, blocks: Blocks, dropout: float, always_drop: bool
) -> keras.Model:
    """Network range [B,S,S,channels[0]] -> float32 [B,S,S,channels[1]] in -1..1: as many halvings as lead to 1x1."""
    widths = [width * min(2**i, 8) for i in range(size.bit_length() - 1)]
    last = len(widths) - 1
    drop = NoiseDropout if always_drop else layers.Dropout
    if size < 32 or size & (size - 1):
        raise InputError("size", "must be a power of two, at least 32", size)
    inputs = x = keras.Input((size, size, channels[0]), name="gray")
    skips = []
    for i, filters in enumerate(widths):
        # No norm on the first (paper), nor on the 1x1 bottleneck, where that of a batch of one would leave only zeros.
        x = blocks.down(x, filters, f"down{i}", activate=i > 0, normalize=0 < i < last)
        skips.append(x)
    for i, filters in enumerate(reversed(widths[:-1])):
        x = blocks.up(x, filters, f"up{i}")
        if i < 3 and dropout:
            x = drop(dropout, dtype=blocks.dtype, name=f"up{i}_drop")(x)
        x = layers.Concatenate(dtype=blocks.dtype, name=f"up{i}_skip")([x, skips[last - 1 - i]])
    x = blocks.up(x, channels[1], f"up{last}", normalize=False)
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(inputs, colour, name="generator")


def patch_discriminator(
    size: int, channels: int, width: int, blocks: Blocks, name: str = "discriminator"
) -> keras.Model:
    """Gray beside colour [B,S,S,channels] -> float32 logits, one for each 70x70 patch: [B,30,30,1] at S=256.

    Padding is one pixel of zeros on every side, as in the authors' code: "same" of a 4x4 kernel would pad unevenly.
    """
    inputs = x = keras.Input((size, size, channels), name="pair")
    for i, (filters, stride) in enumerate([(width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)]):
        x = layers.ZeroPadding2D(1, dtype=blocks.dtype, name=f"conv{i}_pad")(x)
        x = blocks.convolution(filters, 4, f"conv{i}", strides=stride, use_bias=i == 0)(x)
        if i > 0:
            x = blocks.normalization(f"conv{i}_norm")(x)
        x = blocks.leaky(f"conv{i}_act")(x)
    x = layers.ZeroPadding2D(1, dtype=blocks.dtype, name="logits_pad")(x)
    x = blocks.convolution(1, 4, "logits")(x)
    logits = layers.Activation("linear", dtype="float32", name="logits_float32")(x)
    return keras.Model(inputs, logits, name=name)


def multiscale_discriminator(size: int, channels: int, width: int, blocks: Blocks, scales: int) -> keras.Model:
    """The same input -> logits of one patch discriminator for each scale: full, half, a quarter (Wang et al. 2018)."""
    if scales < 1 or size >> (scales - 1) < 32:
        raise InputError("scales", "must be at least 1, the smallest still 32 pixels wide", f"{scales} of {size}")
    if scales == 1:
        return patch_discriminator(size, channels, width, blocks)
    inputs = x = keras.Input((size, size, channels), name="pair")
    logits = []
    for i in range(scales):
        if i > 0:
            x = layers.AveragePooling2D(2, dtype=blocks.dtype, name=f"half{i}")(x)
        logits.append(patch_discriminator(size >> i, channels, width, blocks, name=f"scale{i}")(x))
    return keras.Model(inputs, logits, name="discriminator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class Pix2PixRGB(RgbView, ConditionalGan):
    """Gray replicated [B,S,S,3] in -1..1 -> RGB float32 [B,S,S,3] in -1..1.

    Args:
        size: side S of the square pictures, a power of two from 32.
        base_width: filters of the outermost convolutions of both networks; deeper ones have up to 8 times as many.
        norm: "batch" (moving statistics at inference) or "instance".
        upsampling: "transposed" convolutions, or "bilinear" resizing and a convolution, which draws no checkerboards.
        gan_loss: "vanilla" (cross entropy), "lsgan" or "hinge".
        l1_weight: λ of the paper, the weight of the mean absolute difference beside the adversarial loss.
        label_smoothing: how far below 1 the discriminator's target for real pictures lies.
        dropout: rate in the three innermost up blocks.
        noise: "train": dropout in training only; "dropout": also at inference, so that every call paints anew.
        architecture: of the generator: "unet", or "resnet", that of CycleGAN, which has no dropout.
        residual_blocks: how many a "resnet" has.
        spectral_norm: whether the discriminator's kernels are divided by their norm.
        scales: discriminators, each for a picture of half the size of the one before.
    """

    discriminator_loss_weight: ClassVar[float] = 1.0  # real + fake

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        norm: Norm = "batch",
        upsampling: Upsampling = "transposed",
        gan_loss: GanLoss = "vanilla",
        l1_weight: float = 100.0,
        label_smoothing: float = 0.0,
        dropout: float = 0.5,
        noise: Noise = "train",
        architecture: Architecture = "unet",
        residual_blocks: int = 9,
        spectral_norm: bool = False,
        scales: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_numbers(base_width, l1_weight, dropout)
        self.size, self.base_width, self.norm, self.upsampling = size, base_width, norm, upsampling
        self.gan_loss, self.l1_weight, self.label_smoothing = gan_loss, l1_weight, label_smoothing
        self.dropout, self.noise = dropout, choice("noise", noise, NOISES)
        self.architecture = choice("architecture", architecture, ARCHITECTURES)
        self.residual_blocks, self.spectral_norm, self.scales = residual_blocks, spectral_norm, scales
        self.adversarial_loss = AdversarialLoss(gan_loss, label_smoothing)

        self.generator = self.make_generator()
        judging = Blocks(norm, upsampling, self.dtype_policy, spectral_norm)
        self.discriminator = multiscale_discriminator(size, sum(self.channels), base_width, judging, scales)
        self.built = True

    def make_generator(self) -> keras.Model:
        """A new generator; a subclass may have one of its own."""
        blocks = Blocks(self.norm, self.upsampling, self.dtype_policy)
        if self.architecture == "resnet":
            return residual_generator(self.channels, self.base_width, self.residual_blocks, blocks)
        drops = self.noise == "dropout"
        return unet_generator(self.size, self.channels, self.base_width, blocks, self.dropout, drops)


@keras.saving.register_keras_serializable(package="colorize_tf")
class Pix2PixLab(LabView, Pix2PixRGB):
    """L/50-1 [B,S,S,1] -> ab/110 float32 [B,S,S,2] in -1..1; arguments as for `Pix2PixRGB`."""

    discriminator_loss_weight: ClassVar[float] = 0.5  # the mean of real and fake


def _check_numbers(base_width: int, l1_weight: float, dropout: float) -> None:
    if base_width < 1:
        raise InputError("base_width", "must be at least 1", base_width)
    if l1_weight < 0:
        raise InputError("l1_weight", "must not be negative", l1_weight)
    if not 0 <= dropout < 1:
        raise InputError("dropout", "must be at least 0 and below 1", dropout)
