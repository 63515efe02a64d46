"""The baseline that comparisons start from: a convolutional encoder and decoder, L in, ab out, one plain loss.

With `global_features` a second path sums up the whole picture in one vector, which every pixel of the bottleneck is
told: the fusion of Iizuka et al. 2016 ("Let there be Color!", doi:10.1145/2897824.2925974, section 3), whose widths
these are; their vector is an average over the picture here, so that pictures may be of any size.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import keras
from keras import layers

from colorize_tf.errors import InputError
from colorize_tf.losses import l1, l2
from colorize_tf.models.blocks import Blocks, Norm, choice
from colorize_tf.models.learner import LabView, Learner

__all__ = ["DISTANCES", "Autoencoder", "autoencoder"]

Tensor = Any

Distance = Literal["l2", "l1"]
DISTANCES: tuple[str, ...] = get_args(Distance)


def autoencoder(channels: tuple[int, int], width: int, blocks: Blocks, *, global_features: bool) -> keras.Model:
    """Network range [B,H,W,channels[0]], sides multiples of 8 -> float32 [B,H,W,channels[1]] in -1..1."""
    inputs = x = keras.Input((None, None, channels[0]), name="gray")
    for i, (filters, stride) in enumerate([(1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1)]):
        x = blocks.conv(x, filters * width, f"down{i}", strides=stride)
    seen = x
    for i, filters in enumerate((8, 4)):
        x = blocks.conv(x, filters * width, f"middle{i}")
    if global_features:
        whole = _summary(seen, width, blocks)
        whole = layers.Dense(4 * width, use_bias=False, dtype=blocks.dtype, name="fusion_whole")(whole)
        # A 1x1 convolution of the two side by side, as a sum: the vector need not be spread over the picture.
        x = blocks.convolution(4 * width, 1, "fusion")(x)
        x = layers.Add(dtype=blocks.dtype, name="fusion_sum")([x, whole])
        x = layers.ReLU(dtype=blocks.dtype, name="fusion_act")(x)
    x = blocks.conv(x, 2 * width, "up0")
    for i, filters in enumerate((width, width // 2 or 1), start=1):
        x = layers.UpSampling2D(2, dtype=blocks.dtype, name=f"up{i}_resize")(x)
        x = blocks.conv(x, filters, f"up{i}")
    x = blocks.convolution(channels[1], 3, "ab", padding="same")(x)
    x = layers.Activation("tanh", dtype="float32", name="ab_tanh")(x)
    colour = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="colour")(x)
    return keras.Model(inputs, colour, name="generator")


def _summary(x: Tensor, width: int, blocks: Blocks) -> Tensor:
    """Features [B,h,w,C] -> what the picture is as a whole, [B,1,1,4*width]."""
    for i, stride in enumerate((2, 1, 2, 1)):
        x = blocks.conv(x, 8 * width, f"whole{i}", strides=stride)
    x = layers.GlobalAveragePooling2D(keepdims=True, dtype=blocks.dtype, name="whole_mean")(x)
    for i, filters in enumerate((8, 4), start=4):
        x = layers.Dense(filters * width, activation="relu", dtype=blocks.dtype, name=f"whole{i}")(x)
    return x


@keras.saving.register_keras_serializable(package="colorize_tf")
class Autoencoder(LabView, Learner):
    """L/50-1 [B,H,W,1], sides multiples of 8 -> ab/110 float32 [B,H,W,2] in -1..1.

    Args:
        size: side of the square pictures it learns on.
        base_width: filters of the first convolution; deeper ones have up to 8 times as many.
        global_features: whether a second path tells each pixel what the picture is as a whole.
        norm: "batch" (moving statistics at inference) or "instance".
        distance: mean squared ("l2") or mean absolute ("l1") difference of ab/110, the only loss.
    """

    multiple: ClassVar[int] = 8  # of the sides of the pictures that it can colorize

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        global_features: bool = False,
        norm: Norm = "batch",
        distance: Distance = "l2",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size < 8 or size % 8:
            raise InputError("size", "must be a multiple of 8", size)
        if base_width < 1:
            raise InputError("base_width", "must be at least 1", base_width)
        self.size, self.base_width, self.global_features, self.norm = size, base_width, global_features, norm
        self.distance = choice("distance", distance, DISTANCES)
        blocks = Blocks(norm, dtype=self.dtype_policy)
        self.generator = autoencoder(self.channels, base_width, blocks, global_features=global_features)
        self.built = True

    def _step_losses(self, x: Tensor, y: Tensor, *, training: bool) -> dict[str, Tensor]:
        distance = {"l1": l1, "l2": l2}[self.distance]
        return {"g_loss": distance(self.generator(x, training=training), y)}
