"""A photo -> what the network sees: its whole luma, small and levelled, at a size the network takes; and its hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from colorize_tf.colorspace import encode_ab, rgb_to_lab
from colorize_tf.edge import Hint
from colorize_tf.edge.card import Card
from colorize_tf.edge.enlarge import mirror
from colorize_tf.edge.raster import reduce, resize
from colorize_tf.edge.space import RgbSpace
from colorize_tf.errors import InputError

__all__ = ["Prepared", "level", "paint_hints", "prepare", "tint"]

Array = np.ndarray[Any, Any]

LONGEST = 4  # times the short side; a panorama beyond it is made smaller as a whole
HINT_RADIUS = 3.0  # pixels of the network's input: hints of 7×7 are what it was trained on
TINT_PIXELS = 10_000  # or somewhat more, from which the photo's own tint is taken
MOST_GAIN = 3.0  # of the levels: a picture that is nearly one gray is no faded print


@dataclass(frozen=True)
class Prepared:
    """luma float32 [H,W], CIE L; `height` × `width` of it at the top left show the photo, the rest mirrors it."""

    luma: Array
    height: int
    width: int


def prepare(small: Array, height: int, width: int, card: Card, luma_of: Any, levels: bool) -> Prepared:
    """A photo of `height` × `width`, given as `small` uint8 or uint16 [h,w] or [h,w,3] -> the network's input.

    Only luma goes in, so a sepia tint is gone before the network sees anything; what fading did to the tones, `levels`
    takes back.
    """
    inner, outer = sizes(height, width, card)
    # Halving or thirding first costs the bicubic filter nothing in quality, and spares it most of its work.
    factor = min(small.shape[0] // inner[0], small.shape[1] // inner[1]) // 2
    seen = resize(reduce(small, factor) if factor > 1 else small, *inner, Image.Resampling.BICUBIC)
    if levels and seen.ndim == 2 and seen.dtype == np.uint8:  # as below, but there are only 256 values to move
        tones = luma_of(np.arange(256, dtype=np.uint8)[None])[0]
        luma = np.take(level(tones, np.bincount(seen.ravel(), minlength=256)), seen, mode="wrap")
    else:
        luma = luma_of(seen)
        luma = level(luma) if levels else luma
    if inner != outer:
        luma = luma[mirror(np.arange(outer[0]), inner[0])][:, mirror(np.arange(outer[1]), inner[1])]
    return Prepared(np.ascontiguousarray(luma, np.float32), *inner)


def sizes(height: int, width: int, card: Card) -> tuple[tuple[int, int], tuple[int, int]]:
    """The size of the photo in the network's input, and that of the input."""
    if card.height is not None and card.width is not None:
        outer = (card.height, card.width)
        if card.fit == "squash":
            return outer, outer
        scale = min(card.height / height, card.width / width)
        return (_length(height * scale, card.height), _length(width * scale, card.width)), outer
    scale = min(card.short_side / min(height, width), card.short_side * LONGEST / max(height, width))
    inner = (_length(height * scale), _length(width * scale))
    return inner, (-(-inner[0] // card.multiple) * card.multiple, -(-inner[1] // card.multiple) * card.multiple)


def _length(wanted: float, most: int | None = None) -> int:
    length = max(1, int(wanted + 0.5))
    return length if most is None else min(length, most)


def level(luma: Array, times: Array | None = None) -> Array:
    """CIE L [...] -> the same with its 1 % and 99 % points moved out towards 0 and 100, by at most MOST_GAIN.

    `times`, if given, is how often each of the values is there.
    """
    sums = np.cumsum(np.bincount((luma.ravel() * 4.0).astype(np.intp), times, minlength=401))
    share = sums / sums[-1]
    low, high = np.searchsorted(share, (0.01, 0.99)) / 4.0
    span = high - low
    if span <= 0:
        return luma
    slack = 100.0 - span
    taken = min(slack, (MOST_GAIN - 1.0) * span)
    low_to = low - taken * low / slack if slack else low
    gain = (span + taken) / span
    moved: Array = luma - np.float32(low)
    moved *= np.float32(gain)
    moved += np.float32(low_to)
    return np.clip(moved, 0.0, 100.0, out=moved)


def tint(small: Array, space: RgbSpace) -> Array:
    """A photo, uint8 or uint16 [h,w,3] -> the ab that half of its pixels exceed, float32 [2]: that of a sepia print."""
    fewer = reduce(small, max(1, int((small.shape[0] * small.shape[1] / TINT_PIXELS) ** 0.5)))
    return np.asarray(np.median(space.chroma(fewer).reshape(-1, 2), axis=0), np.float32)


def paint_hints(hints: Sequence[Hint], height: int, width: int, prepared: Prepared) -> Array:
    """Hints on a photo of `height` × `width` -> float32 [H,W,3]: a/110, b/110, 1 where a hint lies, else 0."""
    out = np.zeros((*prepared.luma.shape, 3), np.float32)
    rows = np.arange(prepared.height, dtype=np.float32)[:, None]
    columns = np.arange(prepared.width, dtype=np.float32)
    per_row, per_column = prepared.height / height, prepared.width / width
    for hint in hints:
        if not (0 <= hint.x < width and 0 <= hint.y < height):
            raise InputError("hint", f"must lie in the photo of {width}×{height}", f"{hint.x:g},{hint.y:g}")
        row, column = (hint.y + 0.5) * per_row - 0.5, (hint.x + 0.5) * per_column - 0.5
        radius = HINT_RADIUS if hint.radius is None else hint.radius * (per_row + per_column) / 2
        # The pixel it points at always counts, however small the photo became.
        radius = max(radius, 0.71)
        disc = np.square(rows - row) + np.square(columns - column) <= radius * radius
        ab = rgb_to_lab(np.array(hint.colour, np.float32) / 255.0)[1:]
        out[: prepared.height, : prepared.width][disc] = (*encode_ab(ab), 1.0)
    return out
