"""A JPEG made in bands of rows, by several threads: each is encoded by itself, and joined where restart markers stand.

After a restart marker a decoder starts anew, so what lies between two of them does not depend on the rest. The bands
become one scan that decodes to the very pixels a single thread would have written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

__all__ = ["Rows", "save_jpeg"]

Array = np.ndarray[Any, Any]
Rows = Callable[[int, int], Array]  # top, bottom -> uint8 [n,W,4]

SMALL = 1_000_000  # pixels below which one thread is as quick
LARGE = 8_000_000  # pixels of a band, at most, where it has to be copied: for memory's sake
MADE = 2_000_000  # the same where it is made just before: more of them cost time, larger ones memory
# Eight rows of blocks of at most 16 pixels: as markers count from 0 to 7, each band but the last ends before a 7.
BAND = 8 * 16
MARKER_7, END = b"\xff\xd7", b"\xff\xd9"
FRAME, SCAN = 0xC0, 0xDA
ABOUT_THE_PHOTO = ("exif", "xmp", "icc_profile", "dpi", "extra", "comment")


def save_jpeg(image: Image.Image, target: BinaryIO, threads: int, rows: Rows | None = None, **options: Any) -> None:
    """Writes an image of mode RGB or RGBX as a baseline JPEG; `options` are those of Pillow's writer.

    `rows`, if given, makes the rows top..bottom, uint8 [n,W,4]; the same thread's next call may overwrite them. Of the
    image nothing but its size counts then.
    """
    if rows is None and (threads < 2 or image.width * image.height < SMALL):
        image.save(target, "JPEG", **options)
        return
    plain = {name: value for name, value in options.items() if name not in ABOUT_THE_PHOTO}

    def encoded(top: int) -> bytes:
        bottom = min(top + height, image.height)
        band = image.crop((0, top, image.width, bottom)) if rows is None else _image(rows(top, bottom))
        # Into a file, because only then Pillow lets other threads work.
        with TemporaryFile() as file:
            band.save(file, "JPEG", **(plain if top else options), restart_marker_rows=1)
            file.seek(0)
            return file.read()

    count = max(threads, image.width * image.height // (LARGE if rows is None else MADE))
    height = -(-image.height // (count * BAND)) * BAND
    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as executor:
        bands = (executor.map if executor else map)(encoded, range(0, image.height, height))
        first = bytearray(next(bands))
        frame, _ = _segment(first, FRAME)
        struct.pack_into(">H", first, frame + 5, image.height)
        target.write(first[: -len(END)])
        for band in bands:
            target.write(MARKER_7)
            start, length = _segment(band, SCAN)
            target.write(memoryview(band)[start + 2 + length : -len(END)])
        target.write(END)


def _image(rows: Array) -> Image.Image:
    """uint8 [n,W,4] -> an image in the same memory."""
    return Image.frombuffer("RGBX", (rows.shape[1], rows.shape[0]), rows, "raw", "RGBX", 0, 1)


def _segment(content: bytes | bytearray, kind: int) -> tuple[int, int]:
    """Where the segment of this kind begins, and the length that it states."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", content, at)
        if marker == 0xFF00 | kind:
            return at, length
        at += 2 + length
