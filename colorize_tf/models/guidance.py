"""How a colour hint reaches what looks like the place it was given for, and lies near it.

A network that is only shown hints learns to glance at them. Here they correct it: what its own colours lack at the
hinted pixels is passed on to all others, by how alike they are to those. Without a hint nothing changes; where one lies
it is right, up to what its neighbours object. It is a kernel regression of the residual, whose kernel is learned.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from colorize_tf.colorspace import AB_RANGE

__all__ = ["Likeness", "guided"]

Tensor = Any

FIRM = 100.0  # pixels as like as a wholly hinted one that outweigh the network's own opinion a hundredfold
REACH = 8.0  # pixels apart at which two of the same look start out being unlike by 1


@keras.saving.register_keras_serializable(package="colorize_tf")
class Likeness(layers.Layer):
    """Features [B,h,w,C] -> likeness float32 [B,hw,hw] of every two pixels, 1 for the same and falling fast with d²."""

    def build(self, _: tuple[int | None, ...]) -> None:
        self.apart = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(1.0 / REACH), autocast=False, name="apart"
        )

    def call(self, inputs: Tensor) -> Tensor:
        keys = ops.cast(inputs, "float32")
        batch, height, width, channels = ops.shape(keys)
        rows = self.apart * ops.reshape(ops.arange(height, dtype="float32"), (1, -1, 1, 1))
        columns = self.apart * ops.reshape(ops.arange(width, dtype="float32"), (1, 1, -1, 1))
        none = 0.0 * keys[..., :1]
        points = ops.concatenate([keys, none + rows, none + columns], axis=-1)
        points = ops.reshape(points, (batch, height * width, channels + 2))
        squares = ops.sum(ops.square(points), axis=-1, keepdims=True)
        products = ops.matmul(points, ops.transpose(points, (0, 2, 1)))
        distance = ops.relu(squares + ops.transpose(squares, (0, 2, 1)) - 2.0 * products)
        # A power of a quotient: phones have no fast exponential.
        return ops.square(ops.square(1.0 / (1.0 + distance)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        pixels = None if height is None or width is None else height * width
        return (batch, pixels, pixels)


def guided(ab: Tensor, told: Tensor, likeness: Tensor) -> Tensor:
    """ab [B,h,w,2] in Lab units, means of hints (a/110, b/110, mask) [B,h,w,3], likeness [B,hw,hw] -> ab as hinted."""
    batch, height, width, _ = ops.shape(ab)
    lacking = AB_RANGE * told[..., :2] - told[..., 2:] * ab
    hints = ops.reshape(ops.concatenate([lacking, told[..., 2:]], axis=-1), (batch, height * width, 3))
    heard = ops.matmul(likeness, FIRM * hints)
    change = heard[..., :2] / (1.0 + heard[..., 2:])
    return ab + ops.reshape(change, (batch, height, width, 2))
