"""What a network weighs and computes, against sums done by hand."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from colorize_tf.footprint import Footprint, footprint


def of_layer(layer: keras.Layer, *shape: int) -> Footprint:
    return footprint(lambda x: layer(x), shape, side=shape[1])


def test_convolution() -> None:
    assert of_layer(layers.Conv2D(6, 3, strides=2, padding="same"), 1, 8, 8, 5) == Footprint(
        parameters=3 * 3 * 5 * 6 + 6, macs=4 * 4 * 6 * 3 * 3 * 5, side=8
    )


def test_depthwise_convolution() -> None:
    layer = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
    assert of_layer(layer, 1, 8, 8, 5) == Footprint(3 * 3 * 5, 8 * 8 * 5 * 3 * 3, 8)


def test_transposed_convolution_costs_what_it_undoes() -> None:
    layer = layers.Conv2DTranspose(6, 4, strides=2, padding="same", use_bias=False)
    assert of_layer(layer, 1, 8, 8, 5) == Footprint(4 * 4 * 5 * 6, 8 * 8 * 5 * 4 * 4 * 6, 8)


def test_dense() -> None:
    assert of_layer(layers.Dense(7), 1, 8) == Footprint(8 * 7 + 7, 8 * 7, 8)


def test_what_is_not_asked_does_not_count() -> None:
    asked, other = layers.Dense(7), layers.Dense(9)
    other.build((1, 8))
    inner = tf.function(asked)

    def call(x: Any) -> Any:
        return inner(x)

    assert footprint(call, (1, 8), side=8) == Footprint(8 * 7 + 7, 8 * 7, 8)
