"""The generator of the bundled network: a MobileNet's features, chances of 313 colours, and how to mix those."""

from __future__ import annotations

import functools
import operator
from typing import Any

import keras
from keras import layers, ops

from colorize_tf import bins
from colorize_tf.models.blocks import BatchNormalization, resized
from colorize_tf.models.guidance import Likeness
from colorize_tf.models.mobilenet import mobilenet

__all__ = ["COARSER", "NEIGHBOURS", "mixed", "mobile_generator"]

Tensor = Any

COARSER = 8  # is the grid of the bins than the photo
FINER = 4  # than that grid are the colours made from it
NEIGHBOURS = [(dy, dx) for dy in range(3) for dx in range(3)]
KEYS = 16  # numbers by which two pixels of that grid are told apart where hints spread
SLIGHT = keras.initializers.RandomNormal(stddev=0.01, seed=1)  # at first all pixels are much alike
GENERATOR = "generator"


def mobile_generator(
    alpha: float, width: int, dtype: Any, *, dropout: float = 0.0, name: str = GENERATOR
) -> keras.Model:
    """L and hints in network range [B,H,W,4] -> four answers about the pixels of a coarse grid h x w, all float32.

    logits [B,h,w,313] over the bins. Mixtures [B,h,w,144]: for each of the 16 places that such a pixel has in the
    colours, a score for each of the nine pixels around it. Hints [B,h,w,3] as they lie on the grid: means of a/110,
    b/110 and mask. Likeness [B,hw,hw/4]: how much a hint near one pixel says about another, see `guidance.py`.
    """
    inputs = keras.Input((None, None, 4), name="luma_and_hints")
    s4, s8, s16, s32 = mobilenet(inputs, alpha, dtype)
    make = _Layers(dtype)
    whole = layers.GlobalAveragePooling2D(keepdims=True, dtype=dtype, name="whole")(s32)
    # In training some features of what the photo shows are missing, so that none is relied on alone.
    whole = layers.Dropout(dropout, dtype=dtype, name="whole_dropout")(whole)
    scene = layers.Dense(width, dtype=dtype, name="scene")(whole)
    x = layers.Add(dtype=dtype, name="s32_scene")([make.lateral(s32, width, "s32"), scene])
    x = layers.ReLU(6.0, dtype=dtype, name="s32_act")(x)
    x = make.joined(x, s16, width, "s16")
    x = make.joined(x, s8, width, "s8")
    x = layers.SpatialDropout2D(dropout, dtype=dtype, name="s8_dropout")(x)
    # Hints once more, where they lie: the encoder may have lost a few pixels among so many.
    hinted = layers.Conv2D(32, COARSER, strides=COARSER, dtype=dtype, name="hints")(inputs)
    x = make.separable(layers.Concatenate(dtype=dtype, name="with_hints")([x, hinted]), width, "colour")
    logits = layers.Conv2D(len(bins.BINS), 1, dtype=dtype, name="logits")(x)
    # Which side of an edge a pixel is on, the photo shows at stride 4.
    edges = make.separable(s4, width // 2, "edges", stride=2)
    x = layers.Concatenate(dtype=dtype, name="with_edges")([x, edges])
    mixtures = layers.Conv2D(len(NEIGHBOURS) * FINER**2, 1, dtype=dtype, name="mixtures")(x)
    told = layers.AveragePooling2D(COARSER, dtype="float32", name="told")(inputs)
    keys = layers.Conv2D(KEYS, 1, use_bias=False, kernel_initializer=SLIGHT, dtype=dtype, name="keys")(x)
    likeness = Likeness(dtype="float32", name="likeness")([keys, told[..., 3:]])
    ends = {"logits": logits, "mixtures": mixtures, "hints": told[..., 1:], "likeness": likeness}
    outputs = [layers.Activation("linear", dtype="float32", name=f"{end}_float32")(x) for end, x in ends.items()]
    return keras.Model(inputs, outputs, name=name)


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
