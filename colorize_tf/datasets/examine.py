"""Looks at one encoded photo: usable as it is, or why not."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.datasets.photos import JPEG, PNG

__all__ = ["IMAGE_SUFFIXES", "SMALLEST", "Examined", "RejectError", "examine"]

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
)
SMALLEST = 32  # pixels of the shorter side; below it a photo is an icon

_LARGEST = 1 << 28  # pixels: beyond it a file is a decompression bomb or needs tiling, not training
_ORIENTATION_TAG = 0x0112


class RejectError(Exception):
    """The photo cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Examined:
    """What the index keeps of a photo; `encoded` is what the training graph will decode."""

    encoded: bytes
    sha256: str
    format: int
    height: int
    width: int
    orientation: int
    chroma: float


def examine(original: bytes, *, smallest: int = SMALLEST) -> Examined:
    """Encoded photo of any kind -> JPEG or PNG that TensorFlow decodes, with its measures, or RejectError."""
    import tensorflow as tf

    sha256 = hashlib.sha256(original).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken EXIF and of bombs: the size is judged below
            with Image.open(io.BytesIO(original)) as image:
                kind, mode, (width, height) = image.format, image.mode, image.size
                orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RejectError("not a readable picture") from error
    if min(width, height) < smallest:
        raise RejectError(f"smaller than {smallest} pixels")
    if width * height > _LARGEST:
        raise RejectError("larger than 268 megapixels")
    if orientation not in range(1, 9):
        orientation = 1
    if kind == "JPEG" and mode in ("RGB", "L"):
        try:
            thumbnail = tf.io.decode_jpeg(original, channels=3, ratio=8).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise RejectError("damaged JPEG") from error
        return Examined(original, sha256, JPEG, height, width, orientation, _chroma(thumbnail))
    try:
        with Image.open(io.BytesIO(original)) as image:
            rgb = image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise RejectError(f"damaged {kind}") from error
    buffer = io.BytesIO()
    rgb.save(buffer, "PNG", compress_level=1)
    chroma = _chroma(np.asarray(rgb.resize((max(1, width // 8), max(1, height // 8)), Image.Resampling.BOX)))
    return Examined(buffer.getvalue(), sha256, PNG, height, width, orientation, chroma)


def _chroma(rgb: np.ndarray) -> float:
    """uint8 RGB [H, W, 3] -> mean CIE chroma, 0 for gray."""
    ab = rgb_to_lab(rgb.astype(np.float32) / 255.0)[..., 1:]
    return float(np.sqrt((ab * ab).sum(-1)).mean())
