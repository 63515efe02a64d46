"""The arithmetic of one strip: luminance of the pixels + widened chroma -> pixels.

This is the inner loop of the whole product, hence its style: every step writes into a kept array, powers and roots are
looked up, and what only few strips need (dark pixels, colours outside the space) is done only there.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from colorize_tf.edge.space import STEPS, RgbSpace, cbrt_inverse, lab_root

__all__ = ["Strip"]

Array = np.ndarray[Any, Any]

PACKED = sys.byteorder == "little"
# Columns of a matrix product: nine times so many stay below the 2¹⁸ from which OpenBLAS wakes threads of its own, which
# would get into the way of ours.
PRODUCT = 28_000


class Strip:
    """Room for up to `rows` × `width` pixels of the kind of `like`, and the arithmetic on it."""

    def __init__(self, space: RgbSpace, rows: int, width: int, like: Array) -> None:
        self._space = space
        self._deep = like.dtype == np.uint16
        size = rows * width
        self._xyz = np.empty((3, size), np.float32)
        self._linear = np.empty((3, size), np.float32)
        self._index = np.empty((3, size), np.int32)
        self._red = np.empty(size, np.uint32)
        self._blue = np.empty(size, np.uint32)
        # Luminance arrives in green's unit (see Tables), so its column is divided by it.
        matrix = space.from_xyz[:, [0, 2, 1]] * STEPS
        matrix[:, 2] *= space.weights[1] / STEPS
        self._matrix = matrix.astype(np.float32)

    def colour(self, pixels: Array, shift: Array, out: Array) -> None:
        """[n,W] or [n,W,3] + shift float32 [n,2,W] (a/500, -b/200) -> out [n,W,≥3], channels R, G, B."""
        if self._deep:
            self._colour_deep(pixels, shift, out)
            return
        height, width = pixels.shape[:2]
        size = height * width
        xyz, linear, index = self._xyz[:, :size], self._linear[:, :size], self._index[:, :size]
        light = xyz[2]
        self._roots(pixels, light, linear[0])
        root = linear[0].reshape(height, width)
        np.add(root, shift[:, 0], out=xyz[0].reshape(height, width))
        np.add(root, shift[:, 1], out=xyz[1].reshape(height, width))
        both = xyz[:2]
        cube = cbrt_inverse(both)
        if cube is not both:
            both[...] = cube
        for start in range(0, size, PRODUCT):
            part = slice(start, start + PRODUCT)
            np.matmul(self._matrix, xyz[:, part], out=linear[:, part])
        np.copyto(index, linear, casting="unsafe")
        if int(index.view(np.uint32).max()) > STEPS:  # negative values are large ones here
            self._into_gamut(linear, light, index)
        self._encode(index, light, out)

    def _roots(self, pixels: Array, light: Array, root: Array) -> None:
        """Codes -> luminance in green's unit, and CIE Lab's f of it."""
        tables = self._space.tables
        if pixels.ndim == 2:
            codes = pixels.astype(np.intp).ravel()
            np.take(tables.gray_light, codes, out=light, mode="clip")
            np.take(tables.gray_root, codes, out=root, mode="clip")
            return
        shape = pixels.shape[:2]
        np.take(tables.light[0], pixels[..., 0], out=light.reshape(shape), mode="clip")
        for channel in (1, 2):
            np.take(tables.light[channel], pixels[..., channel], out=root.reshape(shape), mode="clip")
            light += root
        index = self._index[0][: len(light)]
        np.multiply(light, np.float32(self._space.weights[1]), out=root)
        np.copyto(index, root, casting="unsafe")
        np.take(tables.root, index, out=root, mode="clip")

    def _into_gamut(self, linear: Array, light: Array, index: Array) -> None:
        """Moves what lies outside 0..STEPS towards the neutral of its luminance, just far enough."""
        bits = index[0] | index[1]
        bits |= index[2]
        outside = np.flatnonzero(bits.view(np.uint32) > STEPS)  # STEPS has all its 16 bits set
        neutral = light[outside] * np.float32(self._space.weights[1])
        index[:, outside] = pull_in(linear.take(outside, axis=1), neutral, STEPS)

    def _encode(self, index: Array, light: Array, out: Array) -> None:
        """Linear light in steps, and the luminance to keep -> 8-bit codes."""
        tables = self._space.tables
        size = index.shape[1]
        red, blue = self._red[:size], self._blue[:size]
        np.take(tables.red, index[0], out=red, mode="clip")
        np.take(tables.blue, index[2], out=blue, mode="clip")
        red += blue  # codes of red and blue in the low bytes, the luminance of both above
        rest = index[1]
        np.copyto(rest, light, casting="unsafe")
        np.right_shift(red, 16, out=blue)
        rest -= blue.view(np.int32)
        if PACKED and out.shape[2] == 4 and out.flags.c_contiguous:
            # Whole words are quicker than bytes at every fourth place.
            word = out.view(np.uint32).reshape(size)
            np.take(tables.green, rest, out=blue, mode="clip")
            np.bitwise_or(red & 0xFF, blue, out=word)
            red &= 0xFF00
            red <<= 8
            word |= red
            return
        shape = out.shape[:2]
        out[..., 0] = red.reshape(shape)  # the low byte
        red >>= 8
        out[..., 2] = red.reshape(shape)
        np.take(tables.green, rest, out=blue, mode="clip")
        blue >>= 8
        out[..., 1] = blue.reshape(shape)

    def _colour_deep(self, pixels: Array, shift: Array, out: Array) -> None:
        """The same for 16-bit codes: they need no trick with rounding, and are rare enough for exact powers."""
        light = self._space.luminance(pixels)
        root = lab_root(light).astype(np.float32)
        xyz = np.stack([root + shift[:, 0], root + shift[:, 1]])
        xyz = np.concatenate([cbrt_inverse(xyz), light[None]]).reshape(3, -1)
        linear = self._space.from_xyz[:, [0, 2, 1]].astype(np.float32) @ xyz
        outside = np.flatnonzero(((linear < 0) | (linear > 1)).any(0))
        if outside.size:
            linear[:, outside] = pull_in(linear[:, outside], light.ravel()[outside], 1.0)
        for channel, curve in enumerate(self._space.curves):
            codes = curve.encode(np.clip(linear[channel], 0.0, 1.0)) * 65535.0 + 0.5
            out[..., channel] = codes.reshape(out.shape[:2]).astype(np.uint16)


def pull_in(linear: Array, light: Array, top: float) -> Array:
    """Linear RGB [3,n] and its luminance [n] -> the nearest towards the neutral with every channel in 0..`top`."""
    linear -= light
    tiny = np.float32(1e-20)
    share = (top - light) / np.maximum(linear.max(0), tiny)
    np.minimum(share, light / np.maximum(-linear.min(0), tiny), out=share)
    np.minimum(share, np.float32(1.0), out=share)
    linear *= share
    linear += light
    return linear
