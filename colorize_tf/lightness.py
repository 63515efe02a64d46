"""The lightness of a photo in training: as sharp and grainy as other cameras give it, and worn as an old print.

All is drawn from (seed, sample number) alone, as crops are, so a stream that goes on draws the same again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from colorize_tf.fused import fused

__all__ = ["aged", "retaken"]

_REACH = 4  # pixels of the Gaussian either way
_FINE = 0.7  # sigma, pixels, of the Gaussian beyond which detail counts as fine


def retaken(luma: tf.Tensor, seed: tf.Tensor, sharpen: float, grain: float) -> tf.Tensor:
    """Lightness L/50-1 [S,S,1] and a seed int64 [2] -> the same photo as another camera might have taken it.

    It gains up to `sharpen` times its fine detail, and grain of up to `grain` units of L, mostly little. Photos kept
    at about S pixels are soft at S, their crops softer, and compressed so that no grain is left; one of thousands of
    pixels, made smaller, shows every pixel sharp. A network that has seen small photos alone answers others palely.
    """
    draw = tf.random.stateless_uniform([2], seed, alg="philox")
    return tf.ensure_shape(
        _retake(luma.shape[0])(luma, sharpen * draw[0], grain * draw[1] ** 2, _words(luma, seed)), luma.shape
    )


@functools.lru_cache
def _retake(size: int) -> Callable[..., tf.Tensor]:
    """A graph function: L/50-1 [S,S,1], how often its fine detail is added, grain in L, random words -> L/50-1."""

    def retake(luma: tf.Tensor, sharpen: tf.Tensor, grain: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        sharp = luma + sharpen * (luma - _blurred(luma, tf.constant(_FINE)))
        return tf.clip_by_value(sharp + grain / 50.0 * _normal(words), -1.0, 1.0)

    plane = tf.TensorSpec([size, size, 1])
    return fused(retake, plane, tf.TensorSpec([]), tf.TensorSpec([]), tf.TensorSpec(plane.shape, tf.int32))


def aged(luma: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Lightness L/50-1 [S,S,1] and a seed int64 [2] -> the same, for `share` of all seeds as an old print shows it.

    Faded (less contrast, any grade), out of focus by up to two pixels, with grain of up to 6 units of L.
    """
    draw = tf.random.stateless_uniform([6], seed, alg="philox")
    print_of = _old_print(luma.shape[0])

    def old() -> tf.Tensor:
        return print_of(luma, draw, _words(luma, seed))

    return tf.ensure_shape(tf.cond(draw[5] < share, old, lambda: luma), luma.shape)


@functools.lru_cache
def _old_print(size: int) -> Callable[..., tf.Tensor]:
    """A graph function: L/50-1 [S,S,1], draws [6] in 0..1 and random words int32 [S,S,1] -> L/50-1 of an old print."""

    def old_print(luma: tf.Tensor, draw: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        light = tf.clip_by_value((luma + 1.0) / 2.0, 1e-4, 1.0)
        light = tf.exp(tf.math.log(light) * tf.exp(0.8 * (draw[0] - 0.5)))
        black, white = 0.2 * draw[1], 1.0 - 0.2 * draw[2]
        light = _blurred(black + (white - black) * light, 2.0 * draw[3])
        light += 0.06 * draw[4] * _blurred(_normal(words), tf.constant(0.7))
        return tf.clip_by_value(2.0 * light - 1.0, -1.0, 1.0)

    plane = tf.TensorSpec([size, size, 1])
    return fused(old_print, plane, tf.TensorSpec([6]), tf.TensorSpec(plane.shape, tf.int32))


def _words(luma: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Random words int32 of luma's shape, apart from what else is drawn from the seed."""
    apart = seed + tf.constant([1 << 40, 0], tf.int64)
    return tf.random.stateless_uniform(luma.shape, apart, None, None, tf.int32, alg="philox")


def _normal(words: tf.Tensor) -> tf.Tensor:
    """Random words -> noise of mean 0 and deviation 1: how many of 32 bits are set is as good as normal.

    It is drawn in a third of the time.
    """
    return (tf.cast(tf.raw_ops.PopulationCount(x=words), tf.float32) - 16.0) / 8.0**0.5


def _blurred(image: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """[S,S,1] and sigma -> the same under a Gaussian of `sigma` pixels, at most two."""
    size = image.shape[0]
    weights = tf.exp(-tf.square(tf.range(-_REACH, _REACH + 1.0)) / (2.0 * tf.square(tf.maximum(sigma, 0.1))))
    weights = tf.unstack(weights / tf.reduce_sum(weights))
    padded = tf.pad(image, [[_REACH, _REACH], [_REACH, _REACH], [0, 0]], "REFLECT")
    across = tf.add_n([weight * padded[:, k : k + size] for k, weight in enumerate(weights)])
    return tf.add_n([weight * across[k : k + size] for k, weight in enumerate(weights)])
