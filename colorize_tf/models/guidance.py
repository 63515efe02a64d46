"""How a colour hint reaches what looks like the place it was given for, and lies near it.

A network that is only shown hints learns to glance at them. Here they correct it: what its own colours lack at the
hinted pixels is passed on to all others, by how alike they are to those. Without a hint nothing changes; where one lies
it is right, up to what its neighbours object. It is a kernel regression of the residual, whose kernel is learned.

Hints are gathered in cells of four pixels: a cell is where its hint is and looks like that place, so that the table of
likeness is a quarter as large and the answer nearly the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from colorize_tf.colorspace import AB_RANGE

__all__ = ["CELL", "Likeness", "guided"]

Tensor = Any

CELL = 2  # pixels, the side of a cell
FIRM = 600.0  # times as much as the network's own opinion counts what a wholly hinted pixel says of its like
STRICT = 3.0  # times as unlike as they learn to be are two pixels held: or hints would seep through faint edges
REACH = 8.0  # pixels apart at which two of the same look start out being unlike by 1
FAINT = 1e-6  # a mask that decides where a cell lies only if nothing in it is hinted


@keras.saving.register_keras_serializable(package="colorize_tf")
class Likeness(layers.Layer):
    """Features [B,h,w,C], hints' mask [B,h,w,1] -> how like each pixel is to each cell, float32 [B,hw,hw/4].

    1 for the same, falling fast with the distance of features and places, so that few of what is unlike hear of a
    hint, however firm it is; h and w are even.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.apart = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(1.0 / REACH), autocast=False, name="apart"
        )

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        keys, mask = (ops.cast(one, "float32") for one in inputs)
        batch, height, width, channels = ops.shape(keys)
        rows = self.apart * ops.reshape(ops.arange(height, dtype="float32"), (1, -1, 1, 1))
        columns = self.apart * ops.reshape(ops.arange(width, dtype="float32"), (1, 1, -1, 1))
        none = 0.0 * keys[..., :1]
        points = ops.concatenate([keys, none + rows, none + columns], axis=-1)
        weight = mask + FAINT
        cells = ops.average_pool(points * weight, CELL) / ops.average_pool(weight, CELL)
        points = ops.reshape(points, (batch, height * width, channels + 2))
        cells = ops.reshape(cells, (batch, height // CELL * (width // CELL), channels + 2))
        # 1 + S |p - c|² as one product: of (p, |p|², 1) and (-2Sc, S, 1 + S|c|²).
        one = ops.ones_like(points[..., :1]), ops.ones_like(cells[..., :1])
        points = ops.concatenate([points, _squares(points), one[0]], axis=-1)
        cells = ops.concatenate([-2.0 * STRICT * cells, STRICT * one[1], 1.0 + STRICT * _squares(cells)], axis=-1)
        distance = ops.maximum(ops.matmul(points, ops.transpose(cells, (0, 2, 1))), 1.0)
        # A power of a quotient: phones have no fast exponential.
        return ops.square(ops.square(ops.square(1.0 / distance)))

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape[0]
        pixels = None if height is None or width is None else height * width
        return (batch, pixels, None if pixels is None else pixels // CELL**2)


def guided(ab: Tensor, told: Tensor, likeness: Tensor) -> Tensor:
    """ab [B,h,w,2] in Lab units, means of hints (a/110, b/110, mask) [B,h,w,3], likeness [B,hw,hw/4] -> ab as told."""
    batch, height, width, _ = ops.shape(ab)
    lacking = AB_RANGE * told[..., :2] - told[..., 2:] * ab
    hints = CELL**2 * ops.average_pool(ops.concatenate([lacking, told[..., 2:]], axis=-1), CELL)
    hints = ops.reshape(hints, (batch, height // CELL * (width // CELL), 3))
    heard = ops.matmul(likeness, FIRM * hints)
    change = heard[..., :2] / (1.0 + heard[..., 2:])
    return ab + ops.reshape(change, (batch, height, width, 2))


def _squares(points: Tensor) -> Tensor:
    return ops.sum(ops.square(points), axis=-1, keepdims=True)
