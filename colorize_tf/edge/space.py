"""An RGB space as the tables that fusion reads: sRGB, or a space that a profile describes by three curves and a matrix.

Fusion keeps luminance exactly, so it has to work in the space in which the pixels are stored: a detour over sRGB would
clip the colours that sRGB lacks, and round twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from colorize_tf.colorspace import RGB_TO_XYZ, WHITE

__all__ = [
    "CODE_AT",
    "CUT_AT",
    "KNEE",
    "MOST",
    "SLOPE",
    "SRGB",
    "STEPS",
    "Curve",
    "RgbSpace",
    "SrgbCurve",
    "Tables",
    "lab_root",
]

Array = np.ndarray[Any, Any]

STEPS = 65535  # of linear light in the tables: at black, where 8-bit codes lie closest, a step is 1/20 of a code
KNEE = 0.2068966  # below it CIE Lab's cube root is a straight line of this slope:
SLOPE = 7.787
MOST = 1023  # steps between two codes of red, in green's unit, that a space may have; sRGB has 173
STIR = 0.6  # codes of red
MOST_STIR = 0.002  # one unit of a, for profiles with wild curves
GOLDEN = 0.618034  # multiples of it fall most evenly between whole numbers
NO_CHOICE = 1 / 32  # codes of red
LEAST = 0.03  # share of blue in luminance with which it makes up for something; sRGB's is 0.07, ProPhoto's 0.02
COARSE = 16  # steps from a code to the next, below which the table cannot tell fractions; sRGB has 20
# How a table of red packs, above the step, the code and what is cut off (plus MOST, so that nothing is negative).
CODE_AT, CUT_AT = 12, 20


def lab_root(light: Array) -> Array:
    """Light relative to white [...] -> CIE Lab's f [...], in float64."""
    light = np.asarray(light, np.float64)
    return np.where(light > 0.008856, np.cbrt(light), SLOPE * light + 16.0 / 116.0)


class Curve:
    """A tone curve given as samples: code 0..1 -> linear light 0..1, rising."""

    def __init__(self, samples: Array) -> None:
        self.samples = np.maximum.accumulate(np.clip(np.asarray(samples, np.float64), 0.0, 1.0))
        self._codes = np.linspace(0.0, 1.0, len(self.samples))

    def decode(self, codes: Array) -> Array:
        """Codes 0..1 [...] -> linear light 0..1, float64 [...]."""
        return np.interp(codes, self._codes, self.samples)

    def encode(self, light: Array) -> Array:
        """Linear light 0..1 [...] -> codes 0..1, float64 [...]."""
        return np.interp(light, self.samples, self._codes)


class SrgbCurve(Curve):
    """The curve of IEC 61966-2-1, in closed form."""

    def __init__(self) -> None:
        super().__init__(self.decode(np.linspace(0.0, 1.0, 4096)))

    def decode(self, codes: Array) -> Array:
        codes = np.asarray(codes, np.float64)
        return np.where(codes > 0.04045, ((np.maximum(codes, 0.04045) + 0.055) / 1.055) ** 2.4, codes / 12.92)

    def encode(self, light: Array) -> Array:
        light = np.asarray(light, np.float64)
        return np.where(light > 0.0031308, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055, 12.92 * light)


@dataclass(frozen=True, eq=False)
class Tables:
    """What the strips of `fusion` look up, for 8-bit codes; light is in steps of 1/STEPS."""

    light: Array  # float32 [3, 256]: luminance that a code of red, green or blue contributes, ÷ green's weight, × STEPS
    gray_light: Array  # float32 [256]: the same for a gray of this code
    gray_luma: Array  # float32 [256]: CIE L of a gray of this code
    luma: Array  # float32 [STEPS + 1]: CIE L of a luminance
    gray_stirred: Array  # float32 [256]: CIE Lab's f of a gray of this code + `RgbSpace.stir`, to which chroma is added
    stirred: Array  # float32 [STEPS + 1]: the same of a luminance
    # Of two grays next to each other, whose codes are read as one number of 16 bits: half as many look-ups.
    light_pairs: Array  # complex64 [65536], of which the parts are the two values of gray_light
    stirred_pairs: Array  # complex64 [65536]
    # How these four belong together is in strip.py, `encode`; indices of `up` and `green` are MOST larger than steps.
    red: Array  # uint32 [STEPS + 1]: luminance to the next code, 0 where there is no choice | code | luminance it lacks
    up: Array  # uint32 [STEPS + 1 + 2·MOST]: CODE_AT bits set where green does better with red's next code, else 0
    green: Array  # uint32 [STEPS + 1 + 2·MOST]: code << 8 | what is added to blue before it is cut, 1/256 codes << 24
    blue: Array  # uint32 [STEPS + 1]: code with eight bits of fraction << 8
    green_step: Array  # int64 [256]: from a code of green to the next, in luminance
    product: Array  # float32 [3, 3]: X and Z relative to white and luminance in green's unit -> linear RGB in steps
    unit: np.float32  # luminance in green's unit × unit = in steps


@dataclass(frozen=True, eq=False)
class RgbSpace:
    """Three tone curves and a matrix to XYZ (D65, white = 1, 1, 1)."""

    name: str
    curves: tuple[Curve, Curve, Curve]
    to_xyz: Array  # float64 [3, 3], rows sum to 1
    gray: Curve | None = None  # code -> luminance of gray pixels, if their codes are not those of a neutral here

    @cached_property
    def weights(self) -> Array:
        """The share of red, green and blue in luminance, float64 [3]."""
        return np.asarray(self.to_xyz[1])

    @cached_property
    def from_xyz(self) -> Array:
        """XYZ, white = 1 -> linear RGB, float64 [3, 3]."""
        return np.linalg.inv(self.to_xyz)

    @cached_property
    def coarse(self) -> int:
        """The step of light below which the codes of some channel lie too close for `tables`."""
        return max(map(_coarse, self.curves))

    @cached_property
    def tables(self) -> Tables:
        """The 8-bit tables; some milliseconds at first use."""
        green = self.weights[1]
        linear = np.stack([curve.decode(np.arange(256) / 255.0) for curve in self.curves])
        share = self.weights[:, None] * linear
        gray = self.gray.decode(np.arange(256) / 255.0) if self.gray else share.sum(0)
        light = share / green * STEPS
        centre = (np.arange(STEPS + 1) + 0.5) / STEPS
        if self.coarse:
            centre[0] = 0.0  # where half a step is a code or more, black would not stay black
        exact, wanted, codes_of_blue = (_codes(curve) for curve in self.curves)
        # Close to a whole code there is no choice: on its other side the choice is another, and the codes of colours a
        # hair apart would differ by two. Black has no other side.
        whole = (np.abs(exact - np.rint(exact)) < NO_CHOICE) & (exact > 0.5)
        below = np.where(whole, np.rint(exact), np.clip(np.floor(exact), 0, 254)).astype(np.uint32)
        cut = np.clip(np.rint(self.weights[0] / green * STEPS * centre - light[0][below]), -MOST, MOST) + MOST
        step = np.where(whole, 0, np.clip(np.rint(np.diff(light[0], append=0.0)), 0, MOST)[below])
        # Green is solved with what red lacks, for a moment beyond white and, where red is all there is, below black.
        beyond = (np.arange(1, MOST + 1) + 0.5) / STEPS / max(linear[1][255] - linear[1][254], 1.0 / STEPS)
        wanted = np.concatenate([np.zeros(MOST), wanted, 255 + beyond])
        code, part = np.clip(np.floor(wanted + 0.5), 0, 255), wanted % 1.0
        ratio = self.weights[0] / green  # of a step of red to one of green, in luminance, near neutral colours
        gain = green / self.weights[2] if self.weights[2] > LEAST else 0.0  # of green to blue
        bias = np.clip(0.5 + gain * (wanted - code), 0.0, 255 / 256)
        gray_light, gray_root, root = (gray / green * STEPS).astype(np.float32), lab_root(gray), lab_root(centre)
        gray_stirred = (gray_root + self.stir(gray)).astype(np.float32)
        return Tables(
            light=light.astype(np.float32),
            gray_light=gray_light,
            gray_luma=_luma(gray_root),
            luma=_luma(root),
            gray_stirred=gray_stirred,
            stirred=(root + self.stir(centre)).astype(np.float32),
            light_pairs=_pairs(gray_light),
            stirred_pairs=_pairs(gray_stirred),
            red=_packed((step, 0), (below, CODE_AT), (cut, CUT_AT)),
            up=np.where((part > ratio / 2) & (part < (1 + ratio) / 2), (1 << CODE_AT) - 1, 0).astype(np.uint32),
            green=_packed((code, 8), (bias * 256.0, 24)),
            blue=_packed((codes_of_blue * 256.0, 8)),
            green_step=np.rint(np.append(np.diff(light[1]), MOST)).astype(np.int64),
            product=(self.from_xyz[:, [0, 2, 1]] * [STEPS, STEPS, green]).astype(np.float32),
            unit=np.float32(green),
        )

    def stir(self, light: Array) -> Array:
        """Luminance 0..1 [n] -> what, added to CIE Lab's f, makes up to STIR codes of red more or less, float64 [n].

        In a tint that is even over the photo the fractions of the codes are alike at all grays, and so are the errors
        that rounding leaves in luminance. With red shifted by another share at every gray they even out.
        """
        curve = self.curves[0]
        code = curve.encode(light) * 255.0
        # Less towards black and white: how far a colour outside the space is pulled in, a little of red decides there.
        most = STIR * np.minimum(np.minimum(code / 20.0, (255.0 - code) / 40.0), 1.0)
        share = most * (4.0 * np.abs(code * GOLDEN % 1.0 - 0.5) - 1.0)
        share[light * STEPS < self.coarse] = 0.0  # there are no fractions
        step = curve.decode((code + 0.5) / 255.0) - curve.decode((code - 0.5) / 255.0)
        root = lab_root(light)
        slope = np.where(root > KNEE, 3.0 * root**2, 1.0 / SLOPE) * max(self.from_xyz[0, 0] + self.from_xyz[0, 2], 0.5)
        return np.asarray(np.clip(share * step / slope, -MOST_STIR, MOST_STIR))

    def luminance(self, pixels: Array) -> Array:
        """uint8 or uint16 [H,W] gray or [H,W,3] in this space -> luminance 0..1, float32 [H,W]."""
        if pixels.dtype == np.uint8:
            gray, light, unit = self.tables.gray_light, self.tables.light, np.float32(self.weights[1] / STEPS)
        else:
            gray, light, unit = self.deep_gray, self.deep_light, np.float32(1.0)
        if pixels.ndim == 2:
            return np.asarray(gray[pixels] * unit)
        return np.asarray((light[0][pixels[..., 0]] + light[1][pixels[..., 1]] + light[2][pixels[..., 2]]) * unit)

    @cached_property
    def deep_light(self) -> Array:
        """Luminance that every 16-bit code of red, green or blue contributes, float32 [3, 65536]."""
        linear = np.stack([curve.decode(np.arange(65536) / 65535.0) for curve in self.curves])
        return np.asarray((self.weights[:, None] * linear).astype(np.float32))

    @cached_property
    def deep_gray(self) -> Array:
        """Luminance of every 16-bit gray, float32 [65536]."""
        if self.gray:
            return np.asarray(self.gray.decode(np.arange(65536) / 65535.0), np.float32)
        return np.asarray(self.deep_light.sum(0))

    def luma(self, pixels: Array) -> Array:
        """uint8 or uint16 [H,W] gray or [H,W,3] in this space -> CIE L 0..100, float32 [H,W]."""
        if pixels.dtype == np.uint8 and pixels.ndim == 2:
            return np.take(self.tables.gray_luma, pixels, mode="wrap")
        index = (self.luminance(pixels) * np.float32(STEPS)).astype(np.int32)
        return np.take(self.tables.luma, index, mode="clip")

    def chroma(self, pixels: Array) -> Array:
        """uint8 or uint16 [H,W,3] in this space -> CIE ab, float64 [H,W,2]."""
        linear = [curve.decode(pixels[..., i] / np.iinfo(pixels.dtype).max) for i, curve in enumerate(self.curves)]
        x, y, z = (
            lab_root(sum(weight * light for weight, light in zip(row, linear, strict=True))) for row in self.to_xyz
        )
        return np.stack([500.0 * (x - y), 200.0 * (y - z)], -1)


def _luma(root: Array) -> Array:
    """CIE Lab's f -> CIE L, float32, rounded as on every host of a model: its int8 file notices the last digit."""
    return np.asarray(root.astype(np.float32) * np.float32(116.0) - np.float32(16.0))


def _coarse(curve: Curve) -> int:
    """The step of light as far as which, from black on, codes lie too close for the table."""
    light = curve.decode(np.arange(256) / 255.0) * STEPS
    first = int(np.argmax(np.diff(light) >= COARSE))
    return int(light[first + 1]) if first else 0


def _codes(curve: Curve) -> Array:
    """For each step of light its code, float64 [STEPS + 1] with fractions; where there are none, that of a neutral."""
    codes = curve.encode(np.minimum((np.arange(STEPS + 1) + 0.5) / STEPS, 1.0)) * 255.0
    dark = _coarse(curve)
    codes[:dark] = np.rint(curve.encode(np.arange(dark) / STEPS) * 255.0)
    codes[: min(dark, 1)] = 0.0  # where the curve begins with several blacks
    return codes


def _pairs(table: Array) -> Array:
    """float32 [256] -> complex64 [65536]: its values for both bytes of a number, in the order they lie in memory."""
    codes = np.arange(65536, dtype=np.uint16).view(np.uint8)
    return np.asarray(table[codes].view(np.complex64))


def _packed(*fields: tuple[Array, int]) -> Array:
    """Whole numbers and the bit where each begins -> uint32."""
    return np.asarray(sum(values.astype(np.uint32) << np.uint32(start) for values, start in fields))


def _srgb() -> RgbSpace:
    to_xyz = RGB_TO_XYZ / WHITE[:, None]
    curve = SrgbCurve()
    # The published matrix misses its own white by 1.5e-5; with rows of exactly 1 a neutral stays a neutral.
    return RgbSpace("sRGB", (curve, curve, curve), to_xyz / to_xyz.sum(1, keepdims=True))


SRGB = _srgb()
