"""Image colorization using generative adversarial networks (Nazeri, Ng & Ebrahimi 2018, arXiv:1803.05400).

A conditional DCGAN (Radford et al. 2016): no pooling and no dense layer, batch norm everywhere but at the ends, leaky
ReLU on the way down and in the discriminator, ReLU on the way up, real labels smoothed to 0.9.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss
from colorize_tf.models.adversarial import ConditionalGan
from colorize_tf.models.blocks import Blocks
from colorize_tf.models.learner import LabView
from colorize_tf.models.pix2pix import patch_discriminator

__all__ = ["DCGAN", "dcgan_generator"]


def dcgan_generator(
    size: int, channels: tuple[int, int], width: int, blocks: Blocks, dropout: float = 0.5
) -> keras.Model:
    """Network range [B,S,S,channels[0]] -> float32 [B,S,S,channels[1]] in -1..1: figure 1, halved down to 2x2."""
    if size < 32 or size & (size - 1):
        raise InputError("size", "must be a power of two, at least 32", size)
    widths = [width * min(2**i, 8) for i in range(size.bit_length() - 2)]
    inputs = keras.Input((size, size, channels[0]), name="gray")
    x = blocks.convolution(width, 4, "down0", padding="same")(inputs)  # at full size, and without a norm
    skips = []
    for i, filters in enumerate(widths, start=1):
        skips.append(x)
        x = blocks.down(x, filters, f"down{i}")
    for i, filters in enumerate(reversed([width, *widths[:-1]])):
        x = blocks.up(x, filters, f"up{i}")
        if i < 3 and dropout:
            x = layers.Dropout(dropout, dtype=blocks.dtype, name=f"up{i}_drop")(x)
        x = layers.Concatenate(dtype=blocks.dtype, name=f"up{i}_skip")([x, skips.pop()])
    x = layers.ReLU(dtype=blocks.dtype, name="ab_act")(x)
    x = blocks.convolution(channels[1], 1, "ab")(x)  # pools across channels
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(inputs, colour, name="generator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class DCGAN(LabView, ConditionalGan):
    """L/50-1 [B,S,S,1] -> ab/110 float32 [B,S,S,2] in -1..1. The paper's network gives L too, as it was given it.

    Args:
        size: side S of the square pictures, a power of two from 32.
        base_width: filters of the outermost convolutions of both networks; deeper ones have up to 8 times as many.
        gan_loss: "vanilla" (cross entropy, the generator's part non-saturating as in the paper), "lsgan" or "hinge".
        l1_weight: λ of the paper, the weight of the mean absolute difference beside the adversarial loss.
        label_smoothing: how far below 1 the discriminator's target for real pictures lies.
        dropout: rate in the three innermost up blocks.
    """

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        gan_loss: GanLoss = "vanilla",
        l1_weight: float = 100.0,
        label_smoothing: float = 0.1,
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if base_width < 1:
            raise InputError("base_width", "must be at least 1", base_width)
        self.size, self.base_width, self.dropout = size, base_width, dropout
        self.gan_loss, self.l1_weight, self.label_smoothing = gan_loss, l1_weight, label_smoothing
        self.adversarial_loss = AdversarialLoss(gan_loss, label_smoothing)
        blocks = Blocks(dtype=self.dtype_policy)
        self.generator = dcgan_generator(size, self.channels, base_width, blocks, dropout)
        self.discriminator = patch_discriminator(size, sum(self.channels), base_width, blocks)
        self.built = True
