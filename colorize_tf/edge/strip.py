"""The arithmetic of one strip: luminance of the pixels + widened chroma -> pixels.

This is the inner loop of the whole product, hence its style: every step writes into a kept array, powers and roots are
looked up, what only few strips need (dark pixels, colours outside the space) is done only there, and NumPy is called by
its shortest way: while Python finds its way to the arithmetic, no other thread goes on.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from colorize_tf.edge.enlarge import QUIET, blend_rows
from colorize_tf.edge.reds import REDDISH, round_reds
from colorize_tf.edge.space import CODE_AT, CUT_AT, KNEE, SLOPE, STEPS, RgbSpace, Tables, lab_root

__all__ = ["Cut", "Strip", "cube_of", "pull_in"]

Array = np.ndarray[Any, Any]

PACKED = sys.byteorder == "little"
PRODUCT = QUIET // 9  # pixels whose three values are multiplied by a matrix at once
CODES = np.array([[0xFF], [0xFF0000]], np.uint32)  # of red and blue, in a pixel's word

_kept = threading.local()


class Strip:
    """Room for up to `size` pixels, and the arithmetic on it."""

    def __init__(self, size: int) -> None:
        self.size = size = -(-size // 16) * 16  # rows that begin where a processor's registers like it
        self._xyz = np.empty((3, size), np.float32)
        self._linear = np.empty((3, size), np.float32)
        self._index = np.empty((3, size), np.int32)
        self._knee = np.full(size, KNEE, np.float32)
        self._place = np.empty(size, np.int64)
        self._wide = np.empty(0, np.float32)
        self._band = np.empty(0, np.uint8)
        self._cut = Cut(self, 1, 1)

    @classmethod
    def of_this_thread(cls, size: int) -> Strip:
        """The strip that this thread used last, or a larger one: fresh memory costs as much as half of the work."""
        strip: Strip | None = getattr(_kept, "strip", None)
        if strip is None or strip.size < size:
            strip = _kept.strip = cls(size)
        return strip

    def wide_room(self, size: int) -> Array:
        """float32 [size or more], for the chroma of a band, which several calls read."""
        if len(self._wide) < size:
            self._wide = np.empty(size, np.float32)
        return self._wide

    def band_room(self, rows: int, width: int) -> Array:
        """uint8 [rows,width,4] for the pixels of a band."""
        size = rows * width * 4
        if len(self._band) < size:
            self._band = np.empty(size, np.uint8)
        return self._band[:size].reshape(rows, width, 4)

    def cut(self, height: int, width: int) -> Cut:
        """The memory for so many pixels."""
        if self._cut.shape != (height, width):
            self._cut = Cut(self, height, width)
        return self._cut

    def colour(self, space: RgbSpace, pixels: Array, chroma: Array, upper: Array, share: Array, out: Array) -> None:
        """[n,W] or [n,W,3] -> out [n,W,≥3], channels R, G, B.

        `chroma`, float32 [2,h,W], is a/500 and -b/200; each row of pixels lies below its row `upper`, int [n], and as
        near to the next one as `share`, float32 [n], says.
        """
        if pixels.dtype == np.uint16:
            _colour_deep(space, pixels, chroma, upper, share, out)
            return
        tables, cut = space.tables, self.cut(*pixels.shape[:2])
        cut.roots(tables, pixels)
        blend_rows(chroma, upper, share, cut.root, cut.chroma, cut.spare)
        cube_of(cut.planes, cut.knee, cut.room)
        for xyz, linear in cut.products:
            np.matmul(tables.product, xyz, out=linear)
        np.copyto(cut.index, cut.linear, casting="unsafe")
        _into_gamut(cut.linear, cut.light, tables.unit, cut.index, cut.bits)
        cut.encode(tables, out, bool(chroma[0, upper[0] : upper[-1] + 2].max() > REDDISH / 500))


class Cut:
    """A strip's memory, cut to `height` × `width` pixels, and what is done in it alone.

    Each view takes Python a fraction of a microsecond in which no other thread goes on, and a strip needs dozens: they
    are made once for all strips of one size.
    """

    def __init__(self, strip: Strip, height: int, width: int) -> None:
        self.shape = (height, width)
        size = height * width
        xyz, self.linear, self.index = strip._xyz[:, :size], strip._linear[:, :size], strip._index[:, :size]
        self.planes, self.light = xyz[:2], xyz[2]
        self.knee, self.flat_root = strip._knee[:size], self.linear[0]
        self.room = self.linear[:2], self.index.view(np.float32)[:2]
        self.chroma = self.planes.reshape(2, height, width)
        self.root, self.spare = self.linear[:2].reshape(2, height, width)
        self.products = _products(xyz, self.linear)
        # Red, green and blue in steps of light, and room for their codes: the same memory as other types.
        self.steps = tuple(self.index)
        words = self.linear.view(np.uint32)
        self.codes, self.red_blue = tuple(words), words[::2]
        self.spares = tuple(self.index.view(np.uint32)[:2])
        self.place = strip._place[:size]
        self.place_rows = self.place.reshape(height, width)
        self.bits = self.place.view(np.uint32)[:size]
        # Grays are looked up two at a time.
        self.even = size // 2 * 2
        self.pairs = self.place[: size // 2]
        self.paired = tuple(row[: self.even].view(np.complex64) for row in (self.light, self.flat_root))

    def roots(self, tables: Tables, pixels: Array) -> None:
        """Codes -> luminance in green's unit, and CIE Lab's f of it, stirred."""
        light, root = self.light, self.flat_root
        if pixels.ndim == 2:
            codes = np.ascontiguousarray(pixels).reshape(-1)
            np.copyto(self.pairs, codes[: self.even].view(np.uint16))
            for double, out in zip((tables.light_pairs, tables.stirred_pairs), self.paired, strict=True):
                double.take(self.pairs, out=out, mode="wrap")
            for last in range(self.even, codes.size):
                light[last], root[last] = tables.gray_light[codes[last]], tables.gray_stirred[codes[last]]
            return
        for channel, out in enumerate((light, root, root)):
            np.copyto(self.place_rows, pixels[..., channel])
            tables.light[channel].take(self.place, out=out, mode="wrap")
            if channel:
                light += root
        np.multiply(light, tables.unit, out=root)
        np.copyto(self.steps[0], root, casting="unsafe")
        self.look_up(tables.stirred, self.steps[0], root)

    def look_up(self, table: Array, index: Array, out: Array) -> None:
        """table[index] -> out [n], for indices that are inside the table."""
        # NumPy looks up by 64-bit numbers alone, and would make them anew at each call; `wrap` costs it least.
        np.copyto(self.place, index)
        table.take(self.place, out=out, mode="wrap")

    def encode(self, tables: Tables, out: Array, reds: bool) -> None:
        """Linear light in steps -> 8-bit codes of the same luminance, each of them next to the exact one.

        Red becomes the code below, or the next one where that leaves green closer to a whole code. Green makes up for
        red, and is rounded. What rounding did to luminance decides whether blue becomes the code below or above.
        With `reds` there may be pixels in which red is better rounded alone.
        """
        alone = round_reds(tables, *self.steps) if reds else None
        red, green, blue = self.codes
        spare, rest = self.spares
        self.look_up(tables.red, self.steps[0], red)
        np.right_shift(red, CUT_AT, out=spare)
        rest += spare
        up = spare
        self.look_up(tables.up, rest, up)
        np.bitwise_and(red, up, out=green)  # from red's code to the next, or 0
        rest -= green
        red += up  # carries into the code where there is a step
        red >>= CODE_AT
        self.look_up(tables.green, rest, green)
        self.look_up(tables.blue, self.steps[2], blue)
        np.right_shift(green, 16, out=spare)
        blue += spare
        if alone:
            where, *codes = alone
            red[where], green[where], blue[where] = codes
        if PACKED and out.shape[2] == 4 and out.flags.c_contiguous:
            # Whole words are quicker than bytes at every fourth place; what is in the fourth byte does not matter.
            word = out.view(np.uint32).reshape(-1)
            np.bitwise_and(self.red_blue, CODES, out=self.red_blue)
            np.bitwise_or(red, green, out=word)
            word |= blue
            return
        out[..., 0] = red.reshape(self.shape)  # the low byte
        green >>= 8
        out[..., 1] = green.reshape(self.shape)
        blue >>= 16
        out[..., 2] = blue.reshape(self.shape)


def _products(xyz: Array, linear: Array) -> list[tuple[Array, Array]]:
    """float32 [3,n] twice -> the same memory in pairs of pieces [k,3,m], of which there are as few as can be."""
    size = xyz.shape[1]
    least = -(-size // PRODUCT)
    count = next((count for count in range(least, 32 * least) if size % count == 0), least)
    even = size - size % count
    pieces = [array[:, :even].reshape(3, count, -1).swapaxes(0, 1) for array in (xyz, linear)]
    rest = [(xyz[:, even:], linear[:, even:])] if even < size else []
    return [(pieces[0], pieces[1]), *rest]


def _into_gamut(linear: Array, light: Array, unit: np.float32, index: Array, room: Array) -> None:
    """Moves what lies outside 0..STEPS towards the neutral of its luminance, just far enough."""
    steps = index.view(np.uint32)  # negative values are large ones here
    if np.maximum.reduce(steps, axis=None) <= STEPS:
        return
    np.bitwise_or(steps[0], steps[1], out=room)
    room |= steps[2]  # STEPS has all its 16 bits set
    outside = (room > STEPS).nonzero()[0]
    inside = pull_in(linear.take(outside, axis=1), light[outside] * unit, STEPS).astype(np.int32)
    for row, values in zip(index, inside, strict=True):  # row by row: all at once takes NumPy far longer
        row[outside] = values


def _colour_deep(space: RgbSpace, pixels: Array, chroma: Array, upper: Array, share: Array, out: Array) -> None:
    """16-bit codes: they need no trick with rounding, and are rare enough for exact powers."""
    light = space.luminance(pixels)
    root = lab_root(light).astype(np.float32)
    xyz = np.stack([root, root, light])
    blend_rows(chroma, upper, share, root, xyz[:2], np.empty_like(root))
    cube_of(xyz[:2], np.full_like(root, KNEE), (np.empty_like(xyz[:2]), np.empty_like(xyz[:2])))
    linear = space.from_xyz[:, [0, 2, 1]].astype(np.float32) @ xyz.reshape(3, -1)
    outside = np.flatnonzero(((linear < 0) | (linear > 1)).any(0))
    if outside.size:
        linear[:, outside] = pull_in(linear[:, outside], light.ravel()[outside], 1.0)
    for channel, curve in enumerate(space.curves):
        codes = curve.encode(np.clip(linear[channel], 0.0, 1.0)) * 65535.0 + 0.5
        out[..., channel] = codes.reshape(out.shape[:2]).astype(np.uint16)


def cube_of(roots: Array, knee: Array, room: tuple[Array, Array]) -> None:
    """CIE Lab's f float32 [2,...] -> light relative to white, in its place; `knee` [...] is full of KNEE.

    The cube above the knee, the straight line below it. Both as one expression without a branch: the line continues
    the cube's tangent, so it is a cube of what exceeds the knee plus a line of what falls short of it.
    """
    above, cube = room
    if np.minimum.reduce(roots, axis=None) >= KNEE:
        np.multiply(roots, roots, out=cube)
        roots *= cube
        return
    np.maximum(roots, knee, out=above)  # with a scalar NumPy takes a path that is not vectorised
    roots -= above
    roots *= np.float32(1 / SLOPE)
    np.multiply(above, above, out=cube)
    cube *= above
    roots += cube


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
