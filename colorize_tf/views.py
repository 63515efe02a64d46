"""What networks are shown of a photo: pixels -> x and y in one of the views."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from colorize_tf.colorspace import encode_ab, encode_luma, encode_rgb, rgb8_to_lab, rgb_to_gray
from colorize_tf.fused import fused

__all__ = ["UNPAIRED_VIEWS", "VIEWS", "View", "labelled", "view_of"]

VIEWS = ("rgb", "lab", "hinted", "labelled")
UNPAIRED_VIEWS = ("rgb", "labelled")

View = Callable[[tf.Tensor, tf.Tensor], Any]


@functools.lru_cache
def view_of(view: str, kind: str, size: int) -> View:
    """A graph function: pixels [S,S,3] in 0..255 (`kind` "rgb", or "lab" as kept) -> what the network sees of them."""
    convert = {
        ("rgb", "rgb"): _rgb_of_rgb,
        ("lab", "rgb"): _lab_of_rgb,
        ("lab", "lab"): _lab_of_lab,
        ("hinted", "rgb"): _lab_of_rgb,
        ("hinted", "lab"): _lab_of_lab,
        ("labelled", "rgb"): _rgb_of_rgb,
        ("colour", "rgb"): encode_rgb,
    }[view, kind]

    def look(pixels: tf.Tensor, flip: tf.Tensor) -> Any:
        if pixels.dtype != tf.uint8:  # interpolated: back to the steps in which photos are stored
            pixels = tf.cast(tf.round(pixels), tf.uint8)
        return convert(tf.cond(flip, lambda: pixels[:, ::-1], lambda: pixels))

    return fused(look, tf.TensorSpec([size, size, 3]), tf.TensorSpec([], tf.bool))


def _rgb_of_rgb(rgb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    gray = encode_rgb(rgb_to_gray(rgb))[..., None]
    return tf.repeat(gray, 3, axis=-1), encode_rgb(rgb)


def _lab_of_rgb(rgb: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lab = rgb8_to_lab(rgb)
    return encode_luma(lab[..., :1]), encode_ab(lab[..., 1:])


def _lab_of_lab(stored: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lab = tf.cast(stored, tf.float32)
    return encode_luma(lab[..., :1] / 2.55), encode_ab(lab[..., 1:] - 128.0)


def labelled(picture: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """[S,S,3] and the number of a class, -1 for none -> [S,S,5], joined by a mask and that number."""
    told = tf.stack([tf.cast(label >= 0, tf.float32), tf.cast(tf.maximum(label, 0), tf.float32)])
    return tf.concat([picture, tf.ones_like(picture[..., :2]) * told], axis=-1)
