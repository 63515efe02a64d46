"""A small painter of shapes with soft edges, gradients and textured materials, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Canvas", "Colour", "Mask", "Texture"]

Colour = tuple[int, int, int]
Texture = np.ndarray | float  # how much brighter each pixel is, [H, W]: 0.1 is a tenth


@dataclass(frozen=True)
class Mask:
    """How much of each pixel a shape covers, float32 in 0..1, in the window of the picture where it lies."""

    window: tuple[slice, slice]
    cover: np.ndarray


class Canvas:
    """A picture being painted, back to front; coordinates run 0..1 downwards and 0..width/height to the right."""

    def __init__(self, seed: int, size: tuple[int, int]) -> None:
        height, width = size
        self.random = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self.y, self.x = (y + 0.5) / height, (x + 0.5) / height
        self.width = width / height
        self.edge = 1.2 / height  # over which a shape's border fades
        self.rgb = np.zeros((height, width, 3), np.float32)
        self.everywhere = (slice(0, height), slice(0, width))
        self.low_sun = self.random.random() < 0.25
        self._noises: dict[tuple[float, float], np.ndarray] = {}

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def choose(self, colours: Sequence[Colour]) -> np.ndarray:
        return np.array(colours[int(self.random.integers(len(colours)))], np.float32)

    def noise(self, rows: float, columns: float) -> np.ndarray:
        """Smooth noise [H, W] of mean 0 and deviation about 1, with so many cells per picture height and width.

        Drawn once per scene for each grain: shapes of one material show different parts of the same field.
        """
        if (rows, columns) not in self._noises:
            height, width = self.y.shape
            grid = self.random.standard_normal((int(rows) + 2, int(columns * self.width) + 2)).astype(np.float32)
            (y, fy), (x, fx) = (
                _between_cells(n, length) for n, length in zip(grid.shape, (height, width), strict=True)
            )
            down = grid[y] * (1 - fy)[:, None] + grid[y + 1] * fy[:, None]
            self._noises[rows, columns] = (down[:, x] * (1 - fx) + down[:, x + 1] * fx) * 1.4
        noise: np.ndarray = self._noises[rows, columns]
        return noise

    def paint(self, mask: Mask, colour: Sequence[float] | np.ndarray, texture: Texture = 0.0) -> None:
        """Lays a colour [3] or [H, W, 3] over the picture, its brightness varied by `texture`."""
        colour, texture = np.asarray(colour, np.float32), np.asarray(texture, np.float32)
        colour = colour[mask.window] if colour.ndim == 3 else colour
        texture = texture[mask.window] if texture.ndim == 2 else texture
        part = self.rgb[mask.window]
        part += (colour * (1 + texture[..., None]) - part) * mask.cover[..., None]

    def mask(self, cover: np.ndarray) -> Mask:
        return Mask(self.everywhere, cover.astype(np.float32))

    def within(self, distance: np.ndarray) -> Mask:
        """Signed distance [H, W], negative inside -> mask."""
        return self.mask(np.clip(0.5 - distance / self.edge, 0, 1))

    def below(self, line: np.ndarray | float) -> Mask:
        return self.within(line - self.y)

    def ellipse(self, y: float, x: float, height: float, width: float) -> Mask:
        """Centre and half-axes -> mask."""

        def distance(at_y: np.ndarray, at_x: np.ndarray) -> np.ndarray:
            return (np.hypot((at_y - y) / height, (at_x - x) / width) - 1) * min(height, width)

        return self._shape(y - height, x - width, y + height, x + width, distance)

    def box(self, top: float, left: float, bottom: float, right: float) -> Mask:
        def distance(y: np.ndarray, x: np.ndarray) -> np.ndarray:
            return np.maximum(np.maximum(top - y, y - bottom), np.maximum(left - x, x - right))

        return self._shape(top, left, bottom, right, distance)

    def triangle(self, top: float, middle: float, bottom: float, half: float) -> Mask:
        """A gable: its tip at (top, middle), its base from middle - half to middle + half at `bottom`."""
        slope = half / (bottom - top)

        def distance(y: np.ndarray, x: np.ndarray) -> np.ndarray:
            side = (np.abs(x - middle) - (y - top) * slope) / np.hypot(1, slope)
            return np.asarray(np.maximum(side, y - bottom))

        return self._shape(top, middle - half, bottom, middle + half, distance)

    def _shape(self, top: float, left: float, bottom: float, right: float, distance: Callable[..., np.ndarray]) -> Mask:
        """The mask of a signed distance function that is positive outside these bounds."""
        scale = self.y.shape[0]
        rows = slice(max(0, int(top * scale) - 2), max(0, int(bottom * scale) + 3))
        columns = slice(max(0, int(left * scale) - 2), max(0, int(right * scale) + 3))
        window = (rows, columns)
        cover = np.clip(0.5 - distance(self.y[window], self.x[window]) / self.edge, 0, 1)
        return Mask(window, cover.astype(np.float32))

    def finish(self) -> np.ndarray:
        """Light and lens: warmth, exposure, vignette, grain -> uint8."""
        warmth = self.between(-0.04, 0.05) + (0.08 if self.low_sun else 0.0)
        light = np.array([1 + warmth, 1.0, 1 - warmth], np.float32) * self.between(0.85, 1.08)
        vignette = 1 - 0.12 * ((self.y - 0.5) ** 2 + (self.x / self.width - 0.5) ** 2)
        grain = self.random.standard_normal(self.rgb.shape[:2]).astype(np.float32) * 1.5
        lit = self.rgb * light * vignette[..., None] + grain[..., None]
        return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)


def _between_cells(cells: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of `length` pixels: the cell before it, and how far the next one is, eased so that hills are round."""
    at = np.linspace(0, cells - 1.001, length, dtype=np.float32)
    cell = at.astype(int)
    share = at - cell
    return cell, share * share * (3 - 2 * share)
