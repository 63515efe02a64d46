"""Looks at one encoded photo: usable as it is, usable once converted, or why not."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge.icc import read_profile, srgb_profile, through
from colorize_tf.edge.space import SRGB

__all__ = ["IMAGE_SUFFIXES", "JPEG", "LARGEST", "PNG", "Examined", "RejectError", "UnreadError", "examine"]

JPEG, PNG = 0, 1  # what a training graph decodes, as coded in `Examined.format`; all else is converted beforehand

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
)
LARGEST = 178_956_970  # pixels: all that is larger Pillow takes for a decompression bomb

_TOO_LARGE = f"larger than {LARGEST // 1_000_000} megapixels"
_ORIENTATION_TAG = 0x0112
# What PIL and TensorFlow both turn into the same 8-bit RGB: all else is converted once.
_DIRECT = {"JPEG": ("RGB", "L"), "MPO": ("RGB", "L"), "PNG": ("RGB", "L", "P", "1")}
LOSSY = ("JPEG", "MPO")  # whose copy need not be larger than they are
_BROKEN = (OSError, ValueError, SyntaxError, KeyError, EOFError, IndexError, TypeError, OverflowError, Warning)

# Photos with odd metadata are common, and large ones are no bombs yet; PIL's remark about each would hide what matters.
# (Filters are the process's own, and photos are examined in threads: it cannot be done around each.)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\..*")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class RejectError(Exception):
    """The photo cannot be used; the message is the reason."""


class UnreadError(RejectError):
    """Nothing here can read it; with another Pillow, or more memory, it may be a good photo."""


@dataclass(frozen=True)
class Examined:
    """What is known of a photo; `converted` is a PNG or JPEG to decode in its place, where it needs one."""

    sha256: str
    format: int
    height: int
    width: int
    orientation: int
    chroma: float
    converted: bytes | None = None


def examine(original: bytes) -> Examined:
    """An encoded photo of any kind -> its measures and, unless TensorFlow decodes it right, an upright copy of it.

    The judge of damage is TensorFlow's own decoder where that will read the photo in training: what passes here cannot
    stop an epoch. (PIL forgives some files that TensorFlow refuses.) Of an animation the first frame is taken; 16 bits
    become 8; transparency is laid on white; other RGB than sRGB, of which a profile tells, becomes sRGB.
    """
    sha256 = hashlib.sha256(original).hexdigest()
    try:
        with Image.open(io.BytesIO(original)) as image:
            kind, mode, (width, height) = image.format or "", image.mode, image.size
            if width * height > LARGEST:
                raise RejectError(_TOO_LARGE)
            rgb = _from_other_space(image)
            if rgb is None and mode in _DIRECT.get(kind, ()) and "transparency" not in image.info:
                thumbnail = _decode_small(original, kind)
                format_ = PNG if kind == "PNG" else JPEG
                return Examined(sha256, format_, height, width, _orientation(image), _chroma(thumbnail))
            lossy = rgb is not None and kind in LOSSY
            rgb = _eight_bit_rgb(image) if rgb is None else rgb
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RejectError(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise UnreadError("not a picture") from error
    except _BROKEN as error:
        raise RejectError("damaged") from error
    buffer = io.BytesIO()
    if lossy:
        rgb.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        rgb.save(buffer, "PNG", compress_level=1)
    small = rgb.resize((max(1, rgb.width // 8), max(1, rgb.height // 8)), Image.Resampling.BOX)
    format_ = JPEG if lossy else PNG
    return Examined(sha256, format_, rgb.height, rgb.width, 1, _chroma(np.asarray(small)), buffer.getvalue())


def _decode_small(original: bytes, kind: str) -> np.ndarray:
    """Decodes as training will, JPEG at an eighth: uint8 RGB [H, W, 3]."""
    import tensorflow as tf

    try:
        with tf.device("CPU:0"):
            if kind == "PNG":
                pixels = tf.io.decode_png(original, channels=3)
                return np.asarray(pixels[:: max(1, pixels.shape[0] // 64), :: max(1, pixels.shape[1] // 64)])
            return np.asarray(tf.io.decode_jpeg(original, channels=3, ratio=8))
    except tf.errors.InvalidArgumentError as error:
        raise RejectError("damaged") from error
    except tf.errors.OpError as error:
        raise UnreadError("could not be decoded") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; anything unreadable counts as upright."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a photo is not refused for its metadata, whatever that holds
        return 1
    return int(value) if value in range(1, 9) else 1


def _eight_bit_rgb(image: Image.Image) -> Image.Image:
    """The first frame, upright, 8-bit RGB."""
    image.load()
    try:
        upright = ImageOps.exif_transpose(image)
    except _BROKEN:  # of the metadata: the pixels have been read
        upright = image
    if upright.mode.startswith("I"):  # 16-bit gray; PIL's own conversion would clip it at 255
        values = np.asarray(upright).astype(np.int64)
        upright = Image.fromarray(np.clip(values >> 8, 0, 255).astype(np.uint8))
    elif upright.mode == "F":
        raise RejectError("floating-point pixels")
    if "A" in upright.getbands() or "a" in upright.getbands() or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(ground, layer)
    return upright.convert("RGB")


def _from_other_space(image: Image.Image) -> Image.Image | None:
    """The first frame, upright, 8-bit RGB in sRGB, if its profile says that it is in another RGB space."""
    profile = read_profile(image.info.get("icc_profile"))
    if profile is None or profile.kind != "RGB" or profile.space is SRGB:
        return None
    try:
        return through(_eight_bit_rgb(image), profile.content, srgb_profile(), "RGB")
    except ImageCms.PyCMSError:  # a profile that is damaged says nothing
        return None


def _chroma(rgb: np.ndarray) -> float:
    """uint8 RGB [H, W, 3] -> mean CIE chroma, 0 for gray."""
    ab = rgb_to_lab(rgb.astype(np.float32) / 255.0)[..., 1:]
    return float(np.sqrt((ab * ab).sum(-1)).mean())
