"""sRGB ↔ CIE Lab (D65, 2°), gray and the ranges networks see: one formula for NumPy, tf.data and keras.ops.

Constants are those of scikit-image's `rgb2lab` (sRGB primaries of IEC 61966-2-1, CIE 15:2004), so results agree with
it. Every function takes and returns the kind of array it was given. Fractional powers are taken of clamped values
only: the unused branch of a `where` must not produce the NaN that would poison a gradient.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = [
    "decode_ab",
    "decode_luma",
    "decode_rgb",
    "encode_ab",
    "encode_luma",
    "encode_rgb",
    "gamut_clip",
    "lab_to_rgb",
    "luma_to_gray",
    "rgb8_to_lab",
    "rgb_to_gray",
    "rgb_to_lab",
]

# An array of any of the three worlds: they share no static type, and importing two just to name one is too dear.
Array = Any

RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, 2° observer
GRAY_WEIGHTS = (0.2989, 0.5870, 0.1140)  # ITU-R BT.601, as MATLAB's rgb2gray and the pix2pix studies print them
AB_RANGE = 110.0  # the sRGB gamut reaches a in -86.2..98.2, b in -107.9..94.5

_TO_WHITE = RGB_TO_XYZ / WHITE[:, None]
_FROM_WHITE = np.linalg.inv(_TO_WHITE)
_BYTES = np.arange(256) / 255
_LINEAR_OF_BYTE = np.where(_BYTES > 0.04045, ((_BYTES + 0.055) / 1.055) ** 2.4, _BYTES / 12.92).astype(np.float32)


def rgb_to_lab(rgb: Array) -> Array:
    """sRGB [..., 3] in 0..1 -> CIE Lab [..., 3], L in 0..100."""
    xp = _namespace(rgb)
    rgb = xp.floating(rgb)
    bent = xp.power((xp.maximum(rgb, 0.04045) + 0.055) / 1.055, 2.4)
    linear = xp.where(rgb > 0.04045, bent, rgb / 12.92)
    return _linear_to_lab(xp, linear)


def rgb8_to_lab(rgb: Array) -> Array:
    """sRGB uint8 [..., 3] -> CIE Lab [..., 3]: `rgb_to_lab(rgb / 255)` with half of its powers read from a table."""
    xp = _namespace(rgb)
    return _linear_to_lab(xp, xp.take(_LINEAR_OF_BYTE, rgb))


def lab_to_rgb(lab: Array) -> Array:
    """CIE Lab [..., 3] -> sRGB [..., 3], clipped to 0..1; `gamut_clip` first keeps L of colours outside."""
    xp = _namespace(lab)
    linear = _lab_to_linear(xp, xp.floating(lab))
    bent = 1.055 * xp.power(xp.maximum(linear, 0.0031308), 1 / 2.4) - 0.055
    return xp.clip(xp.where(linear > 0.0031308, bent, 12.92 * linear), 0.0, 1.0)


def rgb_to_gray(rgb: Array) -> Array:
    """RGB [..., 3] in any range -> gray [...] in the same range, BT.601 weights."""
    red, green, blue = GRAY_WEIGHTS
    rgb = _namespace(rgb).floating(rgb)
    return red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]


def luma_to_gray(luma: Array) -> Array:
    """CIE L [...] in 0..100 -> the sRGB value [...] in 0..1 of the neutral that has this L."""
    xp = _namespace(luma)
    luma = xp.floating(luma)
    root = (luma + 16.0) / 116.0
    light = xp.where(root > 0.2068966, root * root * root, (root - 16.0 / 116.0) / 7.787)
    bent = 1.055 * xp.power(xp.maximum(light, 0.0031308), 1 / 2.4) - 0.055
    return xp.clip(xp.where(light > 0.0031308, bent, 12.92 * light), 0.0, 1.0)


def gamut_clip(lab: Array, steps: int = 12) -> Array:
    """CIE Lab [..., 3] -> the same L and hue with the largest chroma ≤ the given one that sRGB can show.

    Bisection on a share of the chroma: `steps` halvings leave an error of 2^-steps of it. A neutral of L 0..100 is
    always inside, so the search cannot fail.
    """
    xp = _namespace(lab)
    lab = xp.floating(lab)
    luma, ab = xp.clip(lab[..., :1], 0.0, 100.0), lab[..., 1:]
    tolerance = 1e-4  # of linear light: below half a step of 8 bit everywhere, above the noise of float32

    def inside(share: Array) -> Array:
        linear = _lab_to_linear(xp, xp.concat([luma, ab * share]))
        low, high = xp.minimum(linear[..., 0:1], linear[..., 1:2]), xp.maximum(linear[..., 0:1], linear[..., 1:2])
        return (xp.minimum(low, linear[..., 2:3]) >= -tolerance) & (xp.maximum(high, linear[..., 2:3]) <= 1 + tolerance)

    low = luma * 0.0
    whole = low + 1.0
    high = whole
    for _ in range(steps):
        middle = (low + high) / 2
        fits = inside(middle)
        low, high = xp.where(fits, middle, low), xp.where(fits, high, middle)
    return xp.concat([luma, ab * xp.where(inside(whole), whole, low)])


def encode_rgb(rgb: Array) -> Array:
    """RGB [...] in 0..255 -> network range -1..1."""
    return _namespace(rgb).floating(rgb) / 127.5 - 1.0


def decode_rgb(encoded: Array) -> Array:
    """Network range -1..1 -> RGB [...] in 0..255, not rounded."""
    return (_namespace(encoded).floating(encoded) + 1.0) * 127.5


def encode_luma(luma: Array) -> Array:
    """CIE L [...] in 0..100 -> network range -1..1."""
    return _namespace(luma).floating(luma) / 50.0 - 1.0


def decode_luma(encoded: Array) -> Array:
    """Network range -1..1 -> CIE L [...] in 0..100."""
    return (_namespace(encoded).floating(encoded) + 1.0) * 50.0


def encode_ab(ab: Array) -> Array:
    """CIE ab [...] in Lab units -> network range, within -1..1 for every sRGB colour."""
    return _namespace(ab).floating(ab) / AB_RANGE


def decode_ab(encoded: Array) -> Array:
    """Network range -1..1 -> CIE ab [...] in Lab units."""
    return _namespace(encoded).floating(encoded) * AB_RANGE


def _linear_to_lab(xp: Any, linear: Array) -> Array:
    # Plane by plane: stacked in between, XLA would compute every root twice.
    x, y, z = (_root(xp, plane) for plane in _mix(linear, _TO_WHITE))
    return xp.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def _root(xp: Any, light: Array) -> Array:
    bent = xp.power(xp.maximum(light, 0.008856), 1 / 3)
    return xp.where(light > 0.008856, bent, 7.787 * light + 16.0 / 116.0)


def _lab_to_linear(xp: Any, lab: Array) -> Array:
    y = (lab[..., 0] + 16.0) / 116.0
    x, z = y + lab[..., 1] / 500.0, xp.maximum(y - lab[..., 2] / 200.0, 0.0)
    f = xp.stack([x, y, z])
    return xp.stack(_mix(xp.where(f > 0.2068966, f * f * f, (f - 16.0 / 116.0) / 7.787), _FROM_WHITE))


def _mix(channels: Array, matrix: np.ndarray) -> list[Array]:
    # Sums, not a matrix product: JAX on a GPU multiplies float32 matrices in TF32, which is too coarse for Lab.
    x, y, z = channels[..., 0], channels[..., 1], channels[..., 2]
    return [float(m[0]) * x + float(m[1]) * y + float(m[2]) * z for m in matrix]


class _NumPy:
    where, maximum, minimum, clip = np.where, np.maximum, np.minimum, np.clip

    @staticmethod
    def floating(x: Array) -> Array:
        x = np.asarray(x)
        return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)

    @staticmethod
    def power(x: Array, exponent: float) -> Array:
        return np.power(x, exponent)

    @staticmethod
    def take(table: np.ndarray, index: Array) -> Array:
        return table[index]

    @staticmethod
    def stack(parts: list[Array]) -> Array:
        return np.stack(parts, axis=-1)

    @staticmethod
    def concat(parts: list[Array]) -> Array:
        return np.concatenate(parts, axis=-1)


class _TensorFlow:
    """Plain TensorFlow, for tensors inside tf.data: there keras.ops may belong to another backend."""

    def __init__(self, tf: Any) -> None:
        self.where, self.maximum, self.minimum, self.clip = tf.where, tf.maximum, tf.minimum, tf.clip_by_value
        self._tf = tf

    def floating(self, x: Array) -> Array:
        return x if x.dtype in ("float32", "float64") else self._tf.cast(x, "float32")

    def power(self, x: Array, exponent: float) -> Array:
        # exp(log) runs at about twice the speed of tf.pow on a CPU and differs in the seventh digit.
        return self._tf.exp(exponent * self._tf.math.log(x))

    def take(self, table: np.ndarray, index: Array) -> Array:
        return self._tf.gather(table, self._tf.cast(index, "int32"))

    def stack(self, parts: list[Array]) -> Array:
        return self._tf.stack(parts, axis=-1)

    def concat(self, parts: list[Array]) -> Array:
        return self._tf.concat(parts, axis=-1)


class _Keras:
    def __init__(self, ops: Any) -> None:
        self.where, self.maximum, self.minimum, self.clip = ops.where, ops.maximum, ops.minimum, ops.clip
        self._ops = ops

    def floating(self, x: Array) -> Array:
        return self._ops.cast(x, "float32")

    def power(self, x: Array, exponent: float) -> Array:
        return self._ops.exp(exponent * self._ops.log(x))

    def take(self, table: np.ndarray, index: Array) -> Array:
        return self._ops.take(table, index)

    def stack(self, parts: list[Array]) -> Array:
        return self._ops.stack(parts, axis=-1)

    def concat(self, parts: list[Array]) -> Array:
        return self._ops.concatenate(parts, axis=-1)


def _namespace(x: Array) -> Any:
    """The functions for arrays of the kind of `x`; never imports a framework that the caller has not already loaded."""
    if isinstance(x, (np.ndarray, np.generic, list, tuple, float, int)):
        return _NumPy
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(x, (tensorflow.Tensor, tensorflow.Variable)):
        return _TensorFlow(tensorflow)
    keras = sys.modules.get("keras")
    if keras is None:
        return _NumPy  # anything else NumPy can read
    return _Keras(keras.ops)
