"""Chroma made larger: bilinear for the last step, and before it a joint bilateral step that stops at edges of luma.

Both place samples as pixel areas: sample i of n covers i/n..(i+1)/n of the picture, so its centre is at (i + 0.5)/n.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

__all__ = ["EDGE", "blend_rows", "joint_bilateral", "mirror", "positions", "widen"]

Array = np.ndarray[Any, Any]

EDGE = 10.0  # L; a luma difference of this size halves a sample's weight


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
    left = np.minimum(at.astype(np.intp), max(length - 2, 0))
    return left, (at - left).astype(np.float32)


def widen(rows: Array, left: Array, share: Array) -> Array:
    """float32 [..., w] -> float32 [..., W], bilinear along the last axis at the given positions."""
    right = np.minimum(left + 1, rows.shape[-1] - 1)
    out = np.take(rows, left, axis=-1)
    step = np.take(rows, right, axis=-1)
    step -= out
    step *= share
    out += step
    return out


def blend_rows(start: int, stop: int, scale: float, length: int) -> tuple[int, Array]:
    """The first input row that output rows start..stop need, and the matrix float32 [stop - start, rows] of shares."""
    top, share = positions(start, stop, scale, length)
    first = int(top[0])
    count = min(int(top[-1]) + 2, length) - first
    matrix = np.zeros((stop - start, count), np.float32)
    line = np.arange(stop - start)
    matrix[line, top - first] = 1.0 - share
    matrix[line, np.minimum(top - first + 1, count - 1)] += share
    return first, matrix


def joint_bilateral(ab: Array, luma: Array, factor: int, executor: Executor | None = None) -> Array:
    """float32 [2,h,w] and the luma [h·factor, w·factor] (CIE L) -> float32 [2, h·factor, w·factor].

    Each pixel blends the four samples around it by its bilinear weights times 1 / (1 + (ΔL / EDGE)²), ΔL being the
    difference between the pixel's luma and the mean luma of the sample's own area. What the means of the result then
    lack of `ab` is spread a second time by the same weights, so that smoothing does not drain small areas.

    All pixels at the same place within their sample form one phase, contiguous in memory: then every step is a plain
    operation on whole arrays, without an index.
    """
    _, height, width = ab.shape
    phases = np.ascontiguousarray(luma.reshape(height, factor, width, factor).transpose(1, 3, 0, 2))
    mean = _shifts(phases.mean((0, 1)))
    samples = [_shifts(plane) for plane in ab]
    out = np.empty((2, factor, factor, height, width), np.float32)
    kept: dict[tuple[int, int], list[tuple[int, int, Array]]] = {}

    def first(row: int) -> None:
        for column in range(factor):
            taps = _taps(phases[row, column], mean, (row + 0.5) / factor - 0.5, (column + 0.5) / factor - 0.5)
            kept[row, column] = taps
            for plane in (0, 1):
                _blend(taps, samples[plane], out[plane, row, column])

    def second(row: int) -> None:
        for column in range(factor):
            for plane in (0, 1):
                _blend(kept[row, column], again[plane], out[plane, row, column])

    _each(first, factor, executor)
    again = [_shifts(2.0 * plane - done.mean((0, 1))) for plane, done in zip(ab, out, strict=True)]
    _each(second, factor, executor)
    return out.transpose(0, 3, 1, 4, 2).reshape(2, height * factor, width * factor)


def _each(work: Any, count: int, executor: Executor | None) -> None:
    for _ in (executor.map if executor else map)(work, range(count)):
        pass


def _shifts(plane: Array) -> list[list[Array]]:
    """[h,w] -> its nine neighbours [dy + 1][dx + 1], each contiguous, edges repeated."""
    padded = np.pad(plane.astype(np.float32, copy=False), 1, mode="edge")
    height, width = plane.shape
    return [[np.ascontiguousarray(padded[y : y + height, x : x + width]) for x in range(3)] for y in range(3)]


def _taps(luma: Array, mean: list[list[Array]], y: float, x: float) -> list[tuple[int, int, Array]]:
    """The normalised weights [h,w] of the samples around a place (y, x) off the sample's centre, -0.5..0.5."""
    taps = []
    total: Array | None = None
    for row, down in ((1, 1.0 - abs(y)), (0 if y < 0 else 2, abs(y))):
        for column, across in ((1, 1.0 - abs(x)), (0 if x < 0 else 2, abs(x))):
            if down * across == 0.0:
                continue
            weight = luma - mean[row][column]
            weight *= np.float32(1.0 / EDGE)
            weight *= weight
            weight += np.float32(1.0)
            np.divide(np.float32(down * across), weight, out=weight)
            total = weight.copy() if total is None else np.add(total, weight, out=total)
            taps.append((row, column, weight))
    if total is not None:
        np.reciprocal(total, out=total)
        for _, _, weight in taps:
            weight *= total
    return taps


def _blend(taps: list[tuple[int, int, Array]], samples: list[list[Array]], out: Array) -> None:
    part = np.empty_like(out)
    for number, (row, column, weight) in enumerate(taps):
        np.multiply(weight, samples[row][column], out=part if number else out)
        if number:
            out += part
