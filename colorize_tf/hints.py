"""A user's colour hints, as a photo in training is shown with them.

They are drawn from (seed, sample number) alone, as crops are, so a stream that goes on draws the same again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from colorize_tf.fused import fused

__all__ = ["hint_draws", "hinted"]

_MOST = 40  # hints; the geometric distribution below gives more once in 200 photos
_STOP = 1 / 8  # probability that no further point follows
_LARGEST = 9  # side of a hint, pixels
_CELL = 8  # side of the patches by which striking places are found, pixels


def hint_draws(seed: tf.Tensor) -> tf.Tensor:
    """A seed int64 [2] -> all that chance decides about the hints of one photo: float32 [8,40] in 0..1."""
    return tf.random.stateless_uniform([8, _MOST], seed, alg="philox")


def hinted(
    luma: tf.Tensor, ab: tf.Tensor, draws: tf.Tensor, hintless: float, striking: float = 0.0, revealed: float = 0.0
) -> tf.Tensor:
    """L/50-1 [B,S,S,1], the truth ab/110 [B,S,S,2] and draws [B,8,40] -> x [B,S,S,4]: L, hints ab/110 and their mask.

    As in Zhang et al. 2017 (arXiv:1705.02999, section 3.2): a geometric number of points, placed by a Gaussian about
    the middle; each shows the mean colour of a patch of 1 to 9 pixels. `revealed` is the share of photos, in the paper
    1 %, that are shown with all of their true colours instead, which teaches to copy what is told. `hintless` is the
    share of the others, beyond those that happen to draw no point, that get none. Beyond the paper, `striking` is the
    share of points that lie where the photo is coloured unlike the rest of it: there people click, as there a network
    is furthest off.

    Where there is no hint all three are zero.
    """
    batch, size = ab.shape[0], ab.shape[1]
    photo, *middle, chosen, cell, down, across, side = tf.unstack(draws, axis=1)  # each [B,40]
    count = tf.math.floor(tf.math.log1p(-photo[:, :1]) / tf.math.log1p(-_STOP))
    wanted = (tf.range(float(_MOST)) < count) & (photo[:, 1:2] >= hintless)
    centre = size * (0.5 + 0.25 * tf.math.ndtri(tf.stack(middle, axis=-1)))
    if striking:
        centre = tf.where((chosen < striking)[..., None], _striking_places(ab, cell, down, across), centre)
    # A point outside is moved to the rim: there must be as many as were drawn.
    centre = tf.cast(tf.clip_by_value(tf.floor(centre), 0, size - 1), tf.int32)
    side = 1 + tf.cast(_LARGEST * side, tf.int32)
    number = tf.cast(tf.where(wanted)[:, 0], tf.int32)
    pixels, shown = _patches(ab, number, tf.boolean_mask(centre, wanted), tf.boolean_mask(side, wanted))
    hints = tf.concat([tf.zeros_like(shown[:, :1]), shown, tf.ones_like(shown[:, :1])], axis=-1)
    plain = tf.reshape(_widened(batch, size)(luma), [-1, 4])
    # Written where they belong: tf.tensor_scatter_nd_add would copy the whole batch first.
    told = tf.reshape(tf.raw_ops.InplaceAdd(x=plain, i=pixels, v=hints), [batch, size, size, 4])
    if not revealed:
        return told
    whole = tf.concat([luma, ab, tf.ones_like(luma)], axis=-1)
    return tf.where((photo[:, 2] < revealed)[:, None, None, None], whole, told)


def _patches(ab: tf.Tensor, number: tf.Tensor, centre: tf.Tensor, side: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The truth [B,S,S,2]; patches by photo [N], centre [N,2] and side [N], int32 -> pixels [P] and their hints [P,2].

    The pixels are all that patches cover, counted through the whole batch; each shows its patch's mean colour.
    """
    size, step = ab.shape[1], tf.range(_LARGEST)
    side = side[:, None, None]
    places = centre[..., None] + step - side // 2  # [N,2,9]: rows and columns of the largest patch
    inside = (step < side) & (places >= 0) & (places < size)
    inside = inside[:, 0, :, None] & inside[:, 1, None, :]
    pixels = (number[:, None] * size + places[:, 0])[..., None] * size + places[:, 1, None, :]
    pixels, patch = tf.boolean_mask(pixels, inside), tf.where(inside)[:, 0]
    means = tf.math.segment_mean(tf.gather(tf.reshape(ab, [-1, 2]), pixels), patch)
    # Where patches overlap, the mean of theirs.
    pixels, which = tf.unique(pixels)
    return pixels, tf.math.unsorted_segment_mean(tf.gather(means, patch), which, tf.size(pixels))


@functools.lru_cache
def _widened(batch: int, size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph function: [B,S,S,1] -> the same with three channels of zeros behind, at a tenth of `tf.pad`'s time."""
    return fused(lambda luma: tf.pad(luma, [[0, 0], [0, 0], [0, 0], [0, 3]]), tf.TensorSpec([batch, size, size, 1]))


def _striking_places(ab: tf.Tensor, cell: tf.Tensor, down: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
    """ab [B,S,S,2] and draws [B,40] -> rows and columns [B,40,2], the likelier the further from the mean colour."""
    cells = tf.nn.avg_pool2d(ab, _CELL, _CELL, "VALID")
    unlike = tf.reduce_sum(tf.square(cells - tf.reduce_mean(cells, (1, 2), keepdims=True)), axis=-1)
    upto = tf.cumsum(tf.reshape(unlike, [cells.shape[0], -1]) + 1e-6, axis=1)
    cell = tf.minimum(tf.searchsorted(upto, cell * upto[:, -1:]), upto.shape[1] - 1)
    places = tf.cast(tf.stack([cell // cells.shape[2], cell % cells.shape[2]], axis=-1), tf.float32)
    return _CELL * (places + tf.stack([down, across], axis=-1))
