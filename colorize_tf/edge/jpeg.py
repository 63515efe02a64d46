"""A JPEG made by several threads: bands of rows, each encoded by itself, and joined where restart markers stand.

After a restart marker a decoder starts anew, so what lies between two of them does not depend on the rest. The bands
become one scan that decodes to the very pixels a single thread would have written.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

__all__ = ["save_jpeg"]

Array = np.ndarray[Any, Any]

SMALL = 1_000_000  # pixels below which one thread is as quick
LARGE = 8_000_000  # pixels of a band, at most, where it has to be copied: for memory's sake
# Eight rows of blocks of at most 16 pixels: as markers count from 0 to 7, each band but the last ends before a 7.
BAND = 8 * 16
MARKER_7, END = b"\xff\xd7", b"\xff\xd9"
FRAME, SCAN = 0xC0, 0xDA
ABOUT_THE_PHOTO = ("exif", "xmp", "icc_profile", "dpi")


def save_jpeg(image: Image.Image, target: BinaryIO, threads: int, rows: Array | None = None, **options: Any) -> None:
    """Writes an image of mode RGB or RGBX as a baseline JPEG; `options` are those of Pillow's writer.

    `rows`, uint8 [H,W,4], are the pixels of an RGBX image once more, from which bands can be taken without a copy.
    """
    if threads < 2 or image.width * image.height < SMALL:
        image.save(target, "JPEG", **options)
        return
    plain = {name: value for name, value in options.items() if name not in ABOUT_THE_PHOTO}

    def encoded(top: int) -> bytes:
        bottom = min(top + height, image.height)
        if rows is None:
            band = image.crop((0, top, image.width, bottom))
        else:
            band = Image.frombuffer("RGBX", (image.width, bottom - top), rows[top:bottom], "raw", "RGBX", 0, 1)
        # Into a file, because only then Pillow lets other threads work.
        with TemporaryFile() as file:
            band.save(file, "JPEG", **(plain if top else options), restart_marker_rows=1)
            file.seek(0)
            return file.read()

    count = max(threads, image.width * image.height // LARGE)
    height = -(-image.height // (count * BAND)) * BAND
    with ThreadPoolExecutor(threads) as executor:
        bands = executor.map(encoded, range(0, image.height, height))
        first = bytearray(next(bands))
        frame, _ = _segment(first, FRAME)
        struct.pack_into(">H", first, frame + 5, image.height)
        target.write(first[: -len(END)])
        for band in bands:
            target.write(MARKER_7)
            start, length = _segment(band, SCAN)
            target.write(memoryview(band)[start + 2 + length : -len(END)])
        target.write(END)


def _segment(content: bytes | bytearray, kind: int) -> tuple[int, int]:
    """Where the segment of this kind begins, and the length that it states."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", content, at)
        if marker == 0xFF00 | kind:
            return at, length
        at += 2 + length
