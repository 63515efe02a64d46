"""The generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, section 7.2), after Johnson et al. 2016."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from colorize_tf.errors import InputError
from colorize_tf.models.blocks import Blocks, ReflectionPadding

__all__ = ["residual_generator"]

Tensor = Any


def residual_generator(
    channels: tuple[int, int],
    width: int,
    residual_blocks: int,
    blocks: Blocks,
    name: str = "generator",
    code: int = 0,
) -> keras.Model:
    """Network range [B,H,W,channels[0]], sides multiples of 4 -> float32 [B,H,W,channels[1]] in -1..1.

    c7s1-64, d128, d256, R256 as often as `residual_blocks` says (9 in the paper at 256x256), u128, u64, c7s1-3.
    With a `code`, so many numbers [B,code] as a second input, what each block normalises is shifted by it: as further
    channels of the picture, the same for all pixels, the code would not survive the first instance norm.
    """
    if residual_blocks < 1:
        raise InputError("residual_blocks", "must be at least 1", residual_blocks)

    def padded(x: Tensor, filters: int, size: int, name: str, **options: Any) -> Tensor:
        x = ReflectionPadding(size // 2, dtype=blocks.dtype, name=f"{name}_pad")(x)
        return blocks.convolution(filters, size, name, **options)(x)

    def normed(x: Tensor, name: str) -> Tensor:
        x = blocks.normalization(f"{name}_norm")(x)
        if code:
            shift = layers.Dense(x.shape[-1], use_bias=False, dtype=blocks.dtype, name=f"{name}_told")(told)
            shift = layers.Reshape((1, 1, x.shape[-1]), dtype=blocks.dtype, name=f"{name}_shift")(shift)
            x = layers.Add(dtype=blocks.dtype, name=f"{name}_shifted")([x, shift])
        return layers.ReLU(dtype=blocks.dtype, name=f"{name}_act")(x)

    inputs = keras.Input((None, None, channels[0]), name="picture")
    told = keras.Input((code,), name="code") if code else None
    x = normed(padded(inputs, width, 7, "first", use_bias=False), "first")
    for i, filters in enumerate((2 * width, 4 * width)):
        x = blocks.conv(x, filters, f"down{i}", strides=2)
    for i in range(residual_blocks):
        y = normed(padded(x, 4 * width, 3, f"block{i}_a", use_bias=False), f"block{i}_a")
        y = blocks.normalization(f"block{i}_b_norm")(padded(y, 4 * width, 3, f"block{i}_b", use_bias=False))
        x = layers.Add(dtype=blocks.dtype, name=f"block{i}_sum")([x, y])
    for i, filters in enumerate((2 * width, width)):
        x = blocks.up(x, filters, f"up{i}", activate=i > 0, size=3)  # a sum of blocks goes on as it is
    x = layers.ReLU(dtype=blocks.dtype, name="last_act")(x)
    x = padded(x, channels[1], 7, "last")
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model([inputs, told] if code else inputs, colour, name=name)
