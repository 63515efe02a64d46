"""A photo's own luma at full resolution + a network's small chroma -> colour at full resolution, in strips.

Luminance is kept exactly, chroma gives way: where the wanted colour lies outside the space, it moves towards the
neutral of the same luminance, in linear light. The three channels of the 8-bit result are rounded together, so that of
their errors in luminance little is left: |ΔL| stays below 0.25, and is 0.036 on average.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from colorize_tf.edge.enlarge import joint_bilateral, mirror, positions, widen
from colorize_tf.edge.palette import Palette
from colorize_tf.edge.raster import ArrayRaster, Raster, gray_of, resize
from colorize_tf.edge.space import SRGB, RgbSpace
from colorize_tf.edge.strip import Strip

__all__ = ["Chroma", "Fusion", "available_threads", "fuse", "fuse_raster", "pool"]

Array = np.ndarray[Any, Any]

GUIDE_PIXELS = 2_000_000  # of the small copy of the photo, more or less
EDGE_PIXELS = 1_000_000  # the edge-aware step works on at most so many
SMALL = 100_000  # pixels below which threads cost more than they save
BAND_ROWS, BAND_PIXELS = 192, 1_000_000  # rows whose chroma is widened together, fewer of a very wide photo
# Worked on at once: few enough to stay in a core's cache, and enough that NumPy's cost per call vanishes, which is
# larger where threads have to wait for each other's calls.
STRIP_PIXELS, SHARED_STRIP_PIXELS = 32_768, 131_072


@dataclass(frozen=True)
class Chroma:
    """ab float32 [h,w,2] in Lab units, of which the top left `height` × `width` samples cover the photo."""

    ab: Array
    height: float
    width: float

    @classmethod
    def of(cls, ab: Array) -> Chroma:
        """ab [h,w,2] that covers the photo wholly."""
        return cls(np.asarray(ab, np.float32), ab.shape[0], ab.shape[1])


def fuse(
    image: Array, chroma: Chroma | Array, *, edges: bool = True, space: RgbSpace = SRGB, threads: int | None = None
) -> Array:
    """uint8 or uint16 [H,W] gray or [H,W,3] + ab -> the same type [H,W,3] with the image's CIE L and the ab."""
    raster = ArrayRaster(image)
    fuse_raster(raster, chroma if isinstance(chroma, Chroma) else Chroma.of(chroma), edges, space, threads)
    return raster.result


def fuse_raster(
    raster: Raster,
    chroma: Chroma,
    edges: bool = True,
    space: RgbSpace = SRGB,
    threads: int | None = None,
    executor: Executor | None = None,
    small: Array | None = None,
) -> None:
    """Reads the raster's pixels, and writes them back with colour; for the arguments see `Fusion`."""
    with nullcontext(executor) if executor else pool(threads, raster) as own:
        Fusion(raster, chroma, edges, space, threads, own, small).run(own)


class Fusion:
    """A picture and its chroma, enlarged as far as is done at once; rows are coloured where and when they are wanted.

    Args:
        raster: the picture.
        chroma: its colour.
        edges: False leaves out the edge-aware step, and large gray photos get their colours from a table.
        space: that of the picture's codes.
        threads: to colour the whole in; as many as there are processors if not given.
        executor: for the edge-aware step, or the table.
        small: what the raster's `reduced` gave for GUIDE_PIXELS, where somebody asked before.
    """

    def __init__(
        self,
        raster: Raster,
        chroma: Chroma,
        edges: bool = True,
        space: RgbSpace = SRGB,
        threads: int | None = None,
        executor: Executor | None = None,
        small: Array | None = None,
    ) -> None:
        self._raster, self._space, self._threads = raster, space, threads
        planes = np.ascontiguousarray(np.moveaxis(chroma.ab, -1, 0), np.float32)
        self._covered = (chroma.height, chroma.width)
        factor = _factor(chroma, raster) if edges else 1
        if factor > 1:
            small = raster.reduced(GUIDE_PIXELS, executor) if small is None else small
            guide, self._covered = _guide(small, chroma, factor, space)
            planes = joint_bilateral(planes, guide, factor, executor)
        # In the unit of CIE Lab's f: x = f(Y) + a/500, z = f(Y) - b/200.
        self._planes = planes * np.array([1 / 500, -1 / 200], np.float32)[:, None, None]
        self._palette = None if edges else self._make_palette(executor)
        if self._palette:
            self._planes = self._palette.steps(self._planes)

    def run(self, executor: Executor | None = None) -> None:
        """Colours the raster."""
        raster, strip = self._raster, self._strip_rows()
        band = max(1, min(BAND_ROWS, BAND_PIXELS // raster.width))
        rows = -(-band // strip) * strip

        def work(top: int) -> None:
            bottom = min(top + rows, raster.height)
            out = raster.room(top, bottom)
            self._colour(top, bottom, out)
            raster.keep(top, bottom, out)

        with nullcontext(executor) if executor else pool(self._threads, raster) as own:
            for _ in (own.map if own else map)(work, range(0, raster.height, rows)):
                pass

    def rows(self, top: int, bottom: int) -> Array:
        """Coloured rows of an 8-bit picture, uint8 [n,W,4], in memory that this thread's next call uses again."""
        width = self._raster.width
        out = Strip.of_this_thread(self._strip_rows() * width).band_room(bottom - top, width)
        self._colour(top, bottom, out)
        return out

    def _make_palette(self, executor: Executor | None) -> Palette | None:
        row = self._raster.read(0, 1)
        if row.ndim == 3 or row.dtype != np.uint8:
            return None
        return Palette.of(self._space, self._planes, self._raster.height, self._raster.width, executor)

    def _strip_rows(self) -> int:
        alone = _threads(self._threads, self._raster) == 1
        return max(1, (STRIP_PIXELS if alone else SHARED_STRIP_PIXELS) // self._raster.width)

    def _colour(self, top: int, bottom: int, out: Array) -> None:
        """Rows top..bottom, with colour -> out [n,W,≥3]."""
        raster, planes = self._raster, self._planes
        width = raster.width
        upper, share = positions(top, bottom, self._covered[0] / raster.height, planes.shape[1])
        first, last = int(upper[0]), min(int(upper[-1]) + 2, planes.shape[1])
        step = min(self._strip_rows(), bottom - top)
        strip = Strip.of_this_thread(step * width)
        room = strip.wide_room(4 * (last - first) * width)
        wide = widen(planes[:, first:last], *positions(0, width, self._covered[1] / width, planes.shape[2]), room)
        pixels = raster.read(top, bottom)
        for start in range(0, bottom - top, step):
            stop = min(start + step, bottom - top)
            some = pixels[start:stop], wide, upper[start:stop] - first, share[start:stop], out[start:stop]
            if self._palette:
                self._palette.colour(strip.cut(stop - start, width), top + start, *some)
            else:
                strip.colour(self._space, *some)


def available_threads() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def pool(threads: int | None, raster: Raster) -> Iterator[Executor | None]:
    """As many threads as the picture deserves; None where one will do."""
    count = _threads(threads, raster)
    if count < 2:
        yield None
        return
    with ThreadPoolExecutor(count) as executor:
        yield executor


def _threads(wanted: int | None, raster: Raster) -> int:
    return 1 if raster.height * raster.width < SMALL else wanted or available_threads()


def _factor(chroma: Chroma, raster: Raster) -> int:
    """How many times the chroma is enlarged with its edges kept: up to the photo's size, or as far as memory goes."""
    rows, columns = chroma.ab.shape[:2]
    most = int((EDGE_PIXELS / (rows * columns)) ** 0.5)
    wanted = max(raster.height / chroma.height, raster.width / chroma.width)
    return max(1, min(most, int(np.ceil(wanted))))


def _guide(small: Array, chroma: Chroma, factor: int, space: RgbSpace) -> tuple[Array, tuple[int, int]]:
    """A small copy of the photo -> the luma [h·factor, w·factor] over the whole chroma, and how much of it is photo.

    Beyond the photo it is mirrored.
    """
    rows, columns = chroma.ab.shape[0] * factor, chroma.ab.shape[1] * factor
    covered = max(1, round(chroma.height * factor)), max(1, round(chroma.width * factor))
    if small.ndim == 3:  # edges are edges in any gray, and one channel is resized sooner than three
        small = gray_of(small)
    luma = space.luma(resize(small, *covered))
    if covered != (rows, columns):
        luma = luma[mirror(np.arange(rows), covered[0])][:, mirror(np.arange(columns), covered[1])]
    return luma, covered
