"""A U-Net whose encoder knows ImageNet, trained in two phases: L1 alone, then against a discriminator.

The recipe that lifts a conditional GAN in Lab when photos are few. The decoder is dynamic: it follows whatever sizes
and widths the encoder's features have, as that of DynamicUnet in fastai (Howard & Gugger 2020, arXiv:2002.04688).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss
from colorize_tf.models import backbones
from colorize_tf.models.adversarial import ConditionalGan
from colorize_tf.models.blocks import Blocks, resized
from colorize_tf.models.learner import LabView
from colorize_tf.models.pix2pix import patch_discriminator

__all__ = ["UNet", "dynamic_unet"]

Tensor = Any


@keras.saving.register_keras_serializable(package="colorize_tf")
class ResizeLike(layers.Layer):
    """[B,h,w,C] and [B,H,W,D] -> [B,H,W,C], bilinear."""

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        x, like = inputs
        return resized(x, ops.shape(like)[1:3])

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        (batch, _, _, channels), (_, height, width, _) = input_shape
        return batch, height, width, channels


def dynamic_unet(encoder: keras.Model, channels: int, width: int, blocks: Blocks) -> keras.Model:
    """An encoder of gray pictures -> L/50-1 [B,S,S,1] to float32 [B,S,S,channels] in -1..1."""
    gray = keras.Input(encoder.input_shape[1:], name="gray")
    *skips, x = encoder(gray)
    for i in reversed(range(len(skips))):
        filters = width * max(1, 2 ** (i - 1))  # width at a half and a quarter of the size, then doubling
        x = ResizeLike(dtype=blocks.dtype, name=f"up{i}_resize")([x, skips[i]])
        x = blocks.conv(x, filters, f"up{i}_reduce")
        # Features of different networks differ in scale: the decoder sees them normalised.
        skip = blocks.normalization(f"up{i}_skip_norm")(skips[i])
        x = layers.Concatenate(dtype=blocks.dtype, name=f"up{i}_skip")([x, skip])
        x = blocks.conv(x, filters, f"up{i}_a")
        x = blocks.conv(x, filters, f"up{i}_b")
    x = ResizeLike(dtype=blocks.dtype, name="full_resize")([x, gray])
    x = layers.Concatenate(dtype=blocks.dtype, name="full_skip")([x, gray])
    x = blocks.conv(x, width, "full")
    x = blocks.convolution(channels, 1, "ab")(x)
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(gray, colour, name="generator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class UNet(LabView, ConditionalGan):
    """L/50-1 [B,S,S,1] -> ab/110 float32 [B,S,S,2] in -1..1.

    Args:
        size: side S of the square pictures, a multiple of 32.
        backbone: the encoder, a name of `backbones.BACKBONES`; `load_encoder` gives it what ImageNet teaches.
        encoder_width: of the first stage of resnet18; ImageNet teaches one of 64.
        decoder_width: channels of the decoder's outer levels, which double from an eighth of the size inwards.
        base_width: filters of the discriminator's first convolution.
        gan_loss: "vanilla" (cross entropy), "lsgan" or "hinge".
        l1_weight: of the mean absolute difference beside the adversarial loss.
        label_smoothing: how far below 1 the discriminator's target for real pictures lies.
    """

    def __init__(
        self,
        *,
        size: int = 256,
        backbone: str = "resnet18",
        encoder_width: int = 64,
        decoder_width: int = 64,
        base_width: int = 64,
        gan_loss: GanLoss = "vanilla",
        l1_weight: float = 100.0,
        label_smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(decoder_width, base_width) < 1:
            raise InputError("decoder_width, base_width", "must be at least 1", f"{decoder_width}, {base_width}")
        self.size, self.backbone, self.encoder_width = size, backbone, encoder_width
        self.decoder_width, self.base_width = decoder_width, base_width
        self.gan_loss, self.l1_weight, self.label_smoothing = gan_loss, l1_weight, label_smoothing
        self.adversarial_loss = AdversarialLoss(gan_loss, label_smoothing)
        blocks = Blocks(dtype=self.dtype_policy)
        encoder = backbones.backbone(backbone, size, self.dtype_policy, encoder_width)
        self.generator = dynamic_unet(encoder, self.channels[1], decoder_width, blocks)
        self.discriminator = patch_discriminator(size, sum(self.channels), base_width, blocks)
        self.built = True

    def load_encoder(self, weights: str | Path) -> None:
        """Starts the encoder from ImageNet: "imagenet" where Keras has them, or a file."""
        backbones.load_weights(self.generator.get_layer("backbone"), self.backbone, weights)
