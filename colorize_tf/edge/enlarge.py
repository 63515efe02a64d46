"""Chroma made larger: bilinear for the last step, and before it a joint bilateral step that stops at edges of luma.

Both place samples as pixel areas: sample i of n covers i/n..(i+1)/n of the picture, so its centre is at (i + 0.5)/n.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from math import prod
from typing import Any

import numpy as np

__all__ = ["EDGE", "QUIET", "blend_rows", "joint_bilateral", "mirror", "positions", "widen"]

Array = np.ndarray[Any, Any]
Tap = tuple[int, int, Array]  # row and column of a neighbour (0 is the sample itself), and its weights

EDGE = 10.0  # L; a luma difference of this size halves a sample's weight
BLOCK = 32_768  # pixels worked on at once
# Multiplications of a matrix product, below the 2¹⁸ from which OpenBLAS wakes threads of its own, which would get into
# the way of ours.
QUIET = 250_000
MATRIX = 48  # rows of chroma up to which a product with a matrix that is mostly 0 is quicker than rows picked by number


def mirror(index: Array, length: int) -> Array:
    """Any integer positions [...] -> 0..length-1, reflected at the first and last sample without repeating them."""
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    folded: Array = np.abs(index) % period
    return np.asarray(np.minimum(folded, period - folded))


def positions(start: int, stop: int, scale: float, length: int) -> tuple[Array, Array]:
    """Output samples start..stop, `scale` input samples each -> left neighbour (int), share of the right (float32)."""
    at = (np.arange(start, stop) + 0.5) * scale - 0.5
    at = np.clip(at, 0.0, length - 1)
    left = at.astype(np.intp)
    return left, (at - left).astype(np.float32)


def widen(rows: Array, left: Array, share: Array, room: Array | None = None) -> Array:
    """float32 [..., w] -> float32 [..., W], bilinear along the last axis at the given positions.

    `room`, float32 of at least twice the result's size, is where the result is made.
    """
    if len(left) == rows.shape[-1] and not share.any():
        return rows
    shape = (2, *rows.shape[:-1], len(left))
    made = np.empty(shape, np.float32) if room is None else room[: prod(shape)].reshape(shape)
    out: Array = made[0]
    step: Array = made[1]
    rise = np.zeros_like(rows)
    np.subtract(rows[..., 1:], rows[..., :-1], out=rise[..., :-1])
    np.take(rows, left, axis=-1, out=out, mode="wrap")  # quicker than the other modes; nothing is outside
    np.take(rise, left, axis=-1, out=step, mode="wrap")
    step *= share
    out += step
    return out


def blend_rows(planes: Array, top: Array, share: Array, base: Array, out: Array, spare: Array) -> None:
    """float32 [k,h,W], bilinear along its rows at n rising places, + base [n,W] -> out [k,n,W]; `spare` [n,W]: room."""
    count, first = len(top), int(top[0])
    near = planes[:, first : int(top[-1]) + 2]
    if int(top[-1]) - first == count - 1 and not share.any():
        np.add(near[:, :count], base, out=out)
    elif near.shape[1] <= MATRIX:
        weights = np.zeros((count, near.shape[1] + 1), np.float32)  # one more: below the last row there is none
        row, upper = np.arange(count), top - first
        weights[row, upper], weights[row, upper + 1] = 1.0 - share, share
        _multiply(weights[:, :-1], near, out)
        out += base
    else:
        for rows, done in zip(planes, out, strict=True):
            np.take(rows, top, axis=0, out=done, mode="clip")
            np.take(rows, top + 1, axis=0, out=spare, mode="clip")
            spare -= done
            spare *= share[:, None]
            done += spare
            done += base


def _multiply(weights: Array, planes: Array, out: Array) -> None:
    """[n,h] times each of [k,h,W] -> out [k,n,W], in pieces of so few columns that no other threads wake."""
    width = out.shape[2]
    count = -(-weights.size * width // QUIET)
    even = width - width % count
    pieces = [array[..., :even].reshape(*array.shape[:2], count, -1).swapaxes(1, 2) for array in (planes, out)]
    np.matmul(weights, pieces[0], out=pieces[1])
    if even < width:
        np.matmul(weights, planes[..., even:], out=out[..., even:])


def joint_bilateral(ab: Array, luma: Array, factor: int, executor: Executor | None = None) -> Array:
    """float32 [2,h,w] and the luma [h·factor, w·factor] (CIE L) -> float32 [2, h·factor, w·factor].

    Each pixel blends the four samples around it by its bilinear weights times 1 / (1 + (ΔL / EDGE)²), ΔL being the
    difference between the pixel's luma and the mean luma of the sample's own area. What the means of the result then
    lack of `ab` is spread a second time by the same weights, so that smoothing does not drain small areas.

    All pixels at the same place within their sample form one phase, contiguous in memory: then every step is a plain
    operation on whole arrays, without an index. Rows are two samples longer than they need to be, so that a neighbour
    of all samples at once is a contiguous piece too, further on. Phases that lie on the same side of the sample share
    their neighbours and are worked on together, as many at once as fit into a core's cache.
    """
    _, height, width = ab.shape
    pitch = width + 2
    phases = np.zeros((factor, factor, height, pitch), np.float32)
    phases[..., :width] = (luma * np.float32(1.0 / EDGE)).reshape(height, factor, width, factor).transpose(1, 3, 0, 2)
    mean = _Neighbours(_means(phases[None])[0, :, :width])
    phases = phases.reshape(factor, factor, -1)
    out = np.empty((2, *phases.shape), np.float32)
    offset = (np.arange(factor, dtype=np.float32) + 0.5) / factor - 0.5
    blocks = list(_blocks(factor, height * pitch))
    kept: list[list[Tap]] = [[] for _ in blocks]

    def blend(samples: _Neighbours) -> None:
        def work(number: int) -> None:
            rows, columns = blocks[number]
            if not kept[number]:
                kept[number] = _taps(phases[rows, columns], mean, offset[rows], offset[columns])
            _blend(kept[number], samples, out[:, rows, columns])

        for _ in (executor.map if executor else map)(work, range(len(blocks))):
            pass

    pixels = out.reshape(2, factor, factor, height, pitch)[..., :width]
    blend(_Neighbours(ab[:, None, None]))
    spread = _means(out.reshape(2, factor, factor, height, pitch))[..., :width]
    blend(_Neighbours((2.0 * ab - spread)[:, None, None]))
    whole = np.empty((2, height, factor, width, factor), np.float32)
    for column in range(factor):  # one by one, because NumPy copies long lines faster than short ones
        whole[..., column] = pixels[:, :, column].transpose(0, 2, 1, 3)
    return whole.reshape(2, height * factor, width * factor)


def _means(phases: Array) -> Array:
    """float32 [k,p,q,h,w] -> means over all p·q phases, float32 [k,h,w]."""
    planes, rows, columns, *size = phases.shape
    lines = phases.reshape(planes, rows * columns, -1)
    sums: Array = np.add.reduce(lines, axis=1)  # NumPy takes four times as long for shorter lines, and for two axes
    sums *= np.float32(1.0 / (rows * columns))
    return sums.reshape(planes, *size)


class _Neighbours:
    """Samples [...,h,w], any neighbour of which is at hand as [..., h·(w + 2)]; the border is its own neighbour."""

    def __init__(self, samples: Array) -> None:
        height, width = samples.shape[-2:]
        self._pitch, self._size = width + 2, height * (width + 2)
        self._flat = np.zeros((*samples.shape[:-2], (height + 2) * self._pitch + 2), np.float32)
        padded = self._flat[..., :-2].reshape(*samples.shape[:-2], height + 2, self._pitch)
        padded[..., 1:-1, 1:-1] = samples
        padded[..., 1:-1, 0], padded[..., 1:-1, -1] = samples[..., 0], samples[..., -1]
        padded[..., 0, :], padded[..., -1, :] = padded[..., 1, :], padded[..., -2, :]

    def at(self, row: int, column: int) -> Array:
        """The neighbour in row -1, 0 or 1 and column -1, 0 or 1 of every sample."""
        start = (row + 1) * self._pitch + column + 1
        return self._flat[..., start : start + self._size]


def _blocks(factor: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of phases, each block on one side of the sample's centre in either direction."""
    middle = factor // 2
    for low, high in ((0, middle), (middle, factor)):
        for left, right in ((0, middle), (middle, factor)):
            columns = max(1, min(right - left, BLOCK // size))
            rows = max(1, min(high - low, BLOCK // (columns * size)))
            for row in range(low, high, rows):
                for column in range(left, right, columns):
                    yield slice(row, min(row + rows, high)), slice(column, min(column + columns, right))


def _taps(luma: Array, mean: _Neighbours, y: Array, x: Array) -> list[Tap]:
    """The normalised weights [p,q,n] of the four samples around the places (y [p], x [q]) off a sample's centre.

    `luma` and its means are given in units of EDGE.
    """
    taps: list[Tap] = []
    total = np.zeros(luma.shape, np.float32)
    for row, down in ((0, 1.0 - np.abs(y)), (-1 if y[0] < 0 else 1, np.abs(y))):
        for column, across in ((0, 1.0 - np.abs(x)), (-1 if x[0] < 0 else 1, np.abs(x))):
            weight = luma - mean.at(row, column)
            weight *= weight
            weight += np.float32(1.0)
            np.divide(np.outer(down, across)[..., None], weight, out=weight)
            total += weight
            taps.append((row, column, weight))
    np.reciprocal(total, out=total)
    for _, _, weight in taps:
        weight *= total
    return taps


def _blend(taps: list[Tap], samples: _Neighbours, out: Array) -> None:
    part = np.empty(out.shape, np.float32)
    for number, (row, column, weight) in enumerate(taps):
        np.multiply(weight, samples.at(row, column), out=part if number else out)
        if number:
            out += part
