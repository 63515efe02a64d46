"""The colours of a large gray photo from a table: all that its 256 grays can become under the chroma that it is given.

The arithmetic of `strip.py` is done once for each gray and each step of chroma, and pixels are looked up, which takes a
fifth of the time. Chroma falls between two steps, and a pattern decides which of them a pixel takes, so that none is
seen. Luminance is as exact as without: each gray has its own colours.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

from colorize_tf.edge.enlarge import blend_rows
from colorize_tf.edge.space import RgbSpace
from colorize_tf.edge.strip import Cut, Strip

__all__ = ["Palette"]

Array = np.ndarray[Any, Any]

STEP = np.array([1 / 500, 1 / 200], np.float32)[:, None, None]  # of a/500 and -b/200: one unit of Lab
GRAYS = 256
PAYS = 4  # pixels for each colour in the table, from which it is worth making
MOST = 1 << 22  # colours, 16 MB; float32 counts to four times as many
ROWS = 128  # of the table that are made at once
# By which shares of a step pixels move before they are rounded down: each share once in every square (Bayer's pattern).
PATTERN = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 + np.float32(1 / 32)


class Palette:
    """The table for chroma a/500 and -b/200, float32 [2,h,w], of a gray photo `width` pixels wide."""

    @classmethod
    def of(
        cls, space: RgbSpace, planes: Array, height: int, width: int, executor: Executor | None = None
    ) -> Palette | None:
        """The one for an 8-bit gray photo; None where it would cost more than it saves."""
        low = np.floor(planes.min((1, 2), keepdims=True) / STEP)
        high = np.floor(planes.max((1, 2), keepdims=True) / STEP)
        down, across = (int(size) + 2 for size in (high - low).flat)
        if down * across * GRAYS > min(height * width // PAYS, MOST):
            return None
        return cls(space, low, (down, across), width, executor)

    def __init__(
        self, space: RgbSpace, low: Array, sizes: tuple[int, int], width: int, executor: Executor | None
    ) -> None:
        self._low, self._across = low, np.float32(sizes[1] * GRAYS)
        self._pattern = np.tile(PATTERN, -(-width // 4))[:, :width]
        chroma = ((np.indices(sizes).reshape(2, -1, 1) + low) * STEP).astype(np.float32)
        rows = chroma.shape[1]
        colours = np.empty((rows, GRAYS, 4), np.uint8)

        def make(start: int) -> None:
            some = chroma[:, start : start + ROWS]
            count = some.shape[1]
            grays = np.broadcast_to(np.arange(GRAYS, dtype=np.uint8), (count, GRAYS))
            even = np.arange(count), np.zeros(count, np.float32)
            wide = np.repeat(some, GRAYS, axis=2)
            Strip.of_this_thread(ROWS * GRAYS).colour(space, grays, wide, *even, colours[start : start + count])

        for _ in (executor.map if executor else map)(make, range(0, rows, ROWS)):
            pass
        self._words = colours.view(np.uint32).reshape(-1)

    def steps(self, planes: Array) -> Array:
        """The chroma that the table was made for, in its steps, float32 [2,h,w]."""
        return np.asarray(planes / STEP - self._low, np.float32)

    def colour(self, cut: Cut, top: int, pixels: Array, chroma: Array, upper: Array, share: Array, out: Array) -> None:
        """As `Strip.colour`, for gray pixels [n,W] from row `top` on, and chroma in steps."""
        rows = len(pixels)
        pattern = self._pattern[(top + np.arange(rows)) % 4]
        steps = cut.chroma
        blend_rows(chroma, upper, share, pattern, steps, cut.spare)
        np.floor(steps, out=steps)
        index = steps[0]
        index *= self._across
        steps[1] *= np.float32(GRAYS)
        index += steps[1]
        index += pixels
        np.copyto(cut.place_rows, index, casting="unsafe")
        whole = out.shape[2] == 4 and out.flags.c_contiguous
        words = out.view(np.uint32).reshape(-1) if whole else cut.codes[0]
        self._words.take(cut.place, out=words, mode="wrap")
        if not whole:
            out[...] = words.view(np.uint8).reshape(*out.shape[:2], 4)[..., : out.shape[2]]
