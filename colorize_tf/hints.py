"""What a photo in training is shown with: a user's colour hints, and the wear of an old print on its lightness.

Both are drawn from (seed, sample number) alone, as crops are, so a stream that goes on draws the same again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from colorize_tf.fused import fused

__all__ = ["aged", "simulated_hints"]

_MOST = 40  # hints; the geometric distribution below gives more once in 200 photos
_STOP = 1 / 8  # probability that no further point follows
_LARGEST = 9  # side of a hint, pixels
_REACH = 4  # pixels of the Gaussian either way
_CELL = 8  # side of the patches by which striking places are found, pixels


def simulated_hints(ab: tf.Tensor, seed: tf.Tensor, hintless: float, striking: float = 0.0) -> tf.Tensor:
    """The truth, ab/110 [S,S,2], and a seed int64 [2] -> hints [S,S,3]: ab/110 and a mask, zero where there is none.

    As in Zhang et al. 2017 (arXiv:1705.02999, section 3.2): a geometric number of points, placed by a Gaussian about
    the middle; each shows the mean colour of a patch of 1 to 9 pixels. `hintless` is the share of photos beyond
    those that happen to draw no point that get none. Beyond the paper, `striking` is the share of points that lie
    where the photo is coloured unlike the rest of it: there people click, as there a network is furthest off.
    """
    size = ab.shape[0]
    draw = tf.random.stateless_uniform([2], seed, alg="philox")
    count = tf.math.floor(tf.math.log(1.0 - draw[0]) / tf.math.log1p(-_STOP))
    count = tf.where(draw[1] < hintless, 0.0, count)

    def told() -> tf.Tensor:
        centre = size * (0.5 + 0.25 * tf.random.stateless_normal([2, _MOST, 1], _apart(seed, 1), alg="philox"))
        if striking:
            chosen = tf.random.stateless_uniform([1, _MOST, 1], _apart(seed, 3), alg="philox") < striking
            centre = tf.where(chosen, _striking_places(ab, _apart(seed, 4)), centre)
        side = 1 + tf.cast(_LARGEST * tf.random.stateless_uniform([_MOST, 1], _apart(seed, 2), alg="philox"), tf.int32)
        points = tf.minimum(tf.cast(count, tf.int32), _MOST)
        side = side[:points]
        # A point outside is moved to the rim: there must be as many as were drawn.
        centre = tf.cast(tf.clip_by_value(tf.floor(centre[:, :points]), 0, size - 1), tf.int32)
        step = tf.range(_LARGEST)
        places = centre - side // 2 + step  # [2, points, 9]: rows and columns of the largest patch
        inside = (step < side) & (places >= 0) & (places < size)
        covered = tf.cast(inside[0, :, :, None] & inside[1, :, None, :], tf.float32)[..., None]  # [points, 9, 9, 1]
        places = tf.clip_by_value(places, 0, size - 1)
        pixels = tf.reshape(places[0, :, :, None] * size + places[1, :, None, :], [-1])
        under = covered * tf.reshape(tf.gather(tf.reshape(ab, [-1, 2]), pixels), [-1, _LARGEST, _LARGEST, 2])
        means = tf.reduce_sum(under, (1, 2), True) / tf.maximum(tf.reduce_sum(covered, (1, 2), True), 1.0)
        painted = tf.reshape(tf.concat([covered * means, covered], axis=-1), [-1, 3])
        # Where patches overlap, their mean; only there and below them is there anything to divide.
        sums = tf.math.unsorted_segment_sum(painted, pixels, size * size)
        shown = tf.gather(sums, pixels)
        shown = tf.math.divide_no_nan(shown, shown[:, 2:])
        return tf.reshape(tf.tensor_scatter_nd_update(sums, pixels[:, None], shown), [size, size, 3])

    return tf.cond(count > 0, told, lambda: tf.zeros([size, size, 3]))


def _striking_places(ab: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """ab [S,S,2] -> rows and columns float32 [2,points,1], the likelier the further a place is from the mean colour."""
    cells = tf.nn.avg_pool2d(ab[None], _CELL, _CELL, "VALID")[0]
    across = cells.shape[1]
    unlike = tf.reduce_sum(tf.square(cells - tf.reduce_mean(cells, (0, 1))), axis=-1)
    upto = tf.cumsum(tf.reshape(unlike, [-1]) + 1e-6)
    draw = tf.random.stateless_uniform([3, _MOST], seed, alg="philox")
    cell = tf.minimum(tf.searchsorted(upto, draw[0] * upto[-1]), upto.shape[0] - 1)
    places = tf.cast(tf.stack([cell // across, cell % across]), tf.float32)
    return (_CELL * (places + draw[1:]))[..., None]


def aged(luma: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Lightness L/50-1 [S,S,1] and a seed int64 [2] -> the same, for `share` of all seeds as an old print shows it.

    Faded (less contrast, any grade), out of focus by up to two pixels, with grain of up to 6 units of L.
    """
    draw = tf.random.stateless_uniform([6], seed, alg="philox")
    print_of = _old_print(luma.shape[0])

    def old() -> tf.Tensor:
        words = tf.random.stateless_uniform(luma.shape, _apart(seed, 1), None, None, tf.int32, alg="philox")
        return print_of(luma, draw, words)

    return tf.ensure_shape(tf.cond(draw[5] < share, old, lambda: luma), luma.shape)


def _apart(seed: tf.Tensor, purpose: int) -> tf.Tensor:
    return seed + tf.constant([purpose << 40, 0], tf.int64)


@functools.lru_cache
def _old_print(size: int) -> Callable[..., tf.Tensor]:
    """A graph function: L/50-1 [S,S,1], draws [6] in 0..1 and random words int32 [S,S,1] -> L/50-1 of an old print."""

    def old_print(luma: tf.Tensor, draw: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        light = tf.clip_by_value((luma + 1.0) / 2.0, 1e-4, 1.0)
        light = tf.exp(tf.math.log(light) * tf.exp(0.8 * (draw[0] - 0.5)))
        black, white = 0.2 * draw[1], 1.0 - 0.2 * draw[2]
        light = _blurred(black + (white - black) * light, 2.0 * draw[3])
        # How many of 32 bits are set is as good as normal, and drawn in a third of the time.
        grain = (tf.cast(tf.raw_ops.PopulationCount(x=words), tf.float32) - 16.0) / 8.0**0.5
        light += 0.06 * draw[4] * _blurred(grain, tf.constant(0.7))
        return tf.clip_by_value(2.0 * light - 1.0, -1.0, 1.0)

    plane = tf.TensorSpec([size, size, 1])
    return fused(old_print, plane, tf.TensorSpec([6]), tf.TensorSpec(plane.shape, tf.int32))


def _blurred(image: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """[S,S,1] and sigma -> the same under a Gaussian of `sigma` pixels, at most two."""
    size = image.shape[0]
    weights = tf.exp(-tf.square(tf.range(-_REACH, _REACH + 1.0)) / (2.0 * tf.square(tf.maximum(sigma, 0.1))))
    weights = tf.unstack(weights / tf.reduce_sum(weights))
    padded = tf.pad(image, [[_REACH, _REACH], [_REACH, _REACH], [0, 0]], "REFLECT")
    across = tf.add_n([weight * padded[:, k : k + size] for k, weight in enumerate(weights)])
    return tf.add_n([weight * across[k : k + size] for k, weight in enumerate(weights)])
