"""Where the pixels are: strips to read and write, and a small copy of the whole, for arrays and for Pillow's images."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

import numpy as np
from PIL import Image

from colorize_tf.colorspace import rgb_to_gray
from colorize_tf.errors import InputError

__all__ = ["ArrayRaster", "ImageRaster", "Raster", "gray_of", "reduce", "resize"]

Array = np.ndarray[Any, Any]

BAND = 512  # rows that are reduced at once
IN_PLACE = 50_000_000  # pixels of an RGB image, from which memory matters more than the time for a detour


class Raster(Protocol):
    """A picture that is read and written by rows; `room` and `keep` bracket the writing of rows top..bottom."""

    height: int
    width: int

    def read(self, top: int, bottom: int) -> Array:
        """Rows as uint8 or uint16 [n,W] gray or [n,W,3]."""
        ...

    def room(self, top: int, bottom: int) -> Array:
        """An array [n,W,≥3] for the coloured rows."""
        ...

    def keep(self, top: int, bottom: int, rows: Array) -> None:
        """Takes the rows written into `room`."""
        ...

    def reduced(self, pixels: int, executor: Executor | None = None) -> Array:
        """The whole picture as uint8 or uint16, box-reduced by a whole number to about `pixels`."""
        ...


class ArrayRaster:
    """uint8 or uint16 [H,W] or [H,W,3]; the result is an array of its own."""

    def __init__(self, image: Array) -> None:
        self.source = checked(image)
        self.height, self.width = self.source.shape[:2]
        self.result = np.empty((self.height, self.width, 3), self.source.dtype)

    def read(self, top: int, bottom: int) -> Array:
        return self.source[top:bottom]

    def room(self, top: int, bottom: int) -> Array:
        return self.result[top:bottom]

    def keep(self, top: int, bottom: int, rows: Array) -> None:
        pass  # written in place

    def reduced(self, pixels: int, executor: Executor | None = None) -> Array:
        factor = _reduction(self.width, self.height, pixels)
        if factor == 1:
            return self.source
        bands = _bands(self.height, factor)
        return np.concatenate(_map(executor, lambda band: reduce(self.source[slice(*band)], factor), bands))


class ImageRaster:
    """A Pillow image of mode L or RGB.

    The result is a new image of mode RGBX: its memory is an array's, which Pillow's encoders read as it is. Only large
    RGB is coloured in place, as of 200 megapixels a second copy would be 800 MB.
    """

    def __init__(self, image: Image.Image) -> None:
        self.width, self.height = image.size
        self._image = image
        in_place = image.mode == "RGB" and self.width * self.height > IN_PLACE
        # The result's pixels, if they are an array.
        self.rows = None if in_place else np.empty((self.height, self.width, 4), np.uint8)

    @property
    def result(self) -> Image.Image:
        """The coloured picture, mode RGB or RGBX."""
        if self.rows is None:
            return self._image
        return Image.frombuffer("RGBX", (self.width, self.height), self.rows, "raw", "RGBX", 0, 1)

    def copy(self) -> Image.Image:
        """The picture as it is now, safe from what is written later."""
        return self._image.copy()

    def read(self, top: int, bottom: int) -> Array:
        return np.asarray(self._image.crop((0, top, self.width, bottom)))

    def room(self, top: int, bottom: int) -> Array:
        if self.rows is not None:
            return self.rows[top:bottom]
        return np.empty((bottom - top, self.width, 4), np.uint8)

    def keep(self, top: int, bottom: int, rows: Array) -> None:
        if self.rows is None:
            strip = Image.frombuffer("RGBX", (self.width, bottom - top), rows, "raw", "RGBX", 0, 1)
            self._image.paste(strip, (0, top))

    def reduced(self, pixels: int, executor: Executor | None = None) -> Array:
        factor = _reduction(self.width, self.height, pixels)
        if factor == 1:
            return np.asarray(self._image)

        def part(band: tuple[int, int]) -> Array:
            return np.asarray(self._image.reduce(factor, (0, band[0], self.width, band[1])))

        return np.concatenate(_map(executor, part, _bands(self.height, factor)))


def checked(image: Array) -> Array:
    """The image as an array, if it is one that can be colorized."""
    image = np.asarray(image)
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if not fits or image.dtype not in (np.uint8, np.uint16) or 0 in image.shape:
        raise InputError(
            "image", "must be uint8 or uint16, [H,W] gray or [H,W,3] RGB, and not empty", f"{image.dtype} {image.shape}"
        )
    return image


def resize(image: Array, height: int, width: int, filter: Image.Resampling = Image.Resampling.BILINEAR) -> Array:
    """uint8 or uint16 [H,W] or [H,W,3] -> the same kind at the new size, without aliasing."""
    if image.shape[:2] == (height, width):
        return image
    if image.dtype == np.uint8:
        return np.asarray(_resized(Image.fromarray(image), height, width, filter))
    planes = image[..., None] if image.ndim == 2 else image
    deep = [
        np.asarray(_resized(Image.fromarray(planes[..., c].astype(np.float32)), height, width, filter))
        for c in range(planes.shape[2])
    ]
    done: Array = np.clip(np.rint(np.stack(deep, -1)), 0, 65535).astype(np.uint16)
    return done.reshape(height, width, *image.shape[2:])


def _resized(image: Image.Image, height: int, width: int, filter: Image.Resampling) -> Image.Image:
    # Rows first, then columns. Left to itself Pillow takes the order that its version finds quicker, which of uint8 is
    # another picture; the app resizes in this one.
    return image.resize((width, image.height), filter).resize((width, height), filter)


def gray_of(image: Array) -> Array:
    """uint8 or uint16 [H,W,3] -> [H,W], weighted as ITU-R BT.601 does; quick, and not CIE L."""
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).convert("L"))
    gray: Array = np.rint(rgb_to_gray(image.astype(np.float32)))
    return gray.astype(np.uint16)


def reduce(image: Array, factor: int) -> Array:
    """Means of `factor` × `factor` pixels, of fewer at the right and lower border."""
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).reduce(factor))
    height, width = image.shape[:2]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float32), rows, axis=0), columns, axis=1)
    area = np.outer(np.diff(np.append(rows, height)), np.diff(np.append(columns, width)))
    means: Array = sums / (area if image.ndim == 2 else area[..., None])
    return np.rint(means).astype(np.uint16)


def _bands(height: int, factor: int) -> list[tuple[int, int]]:
    """Rows in bands that end where a reduced row ends."""
    step = max(BAND // factor, 1) * factor
    return [(top, min(top + step, height)) for top in range(0, height, step)]


def _map(
    executor: Executor | None, work: Callable[[tuple[int, int]], Array], bands: list[tuple[int, int]]
) -> list[Array]:
    return list((executor.map if executor else map)(work, bands))


def _reduction(width: int, height: int, pixels: int) -> int:
    """The whole factor that comes closest to `pixels`."""
    return max(1, int((width * height / pixels) ** 0.5 + 0.5))
