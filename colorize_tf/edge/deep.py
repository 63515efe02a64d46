"""16 bits per colour, for which Pillow has no mode: PNG and TIFF by the extra `photo16` (imagecodecs and tifffile)."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from colorize_tf.edge.captions import IPTC_TAG

if TYPE_CHECKING:
    from colorize_tf.edge.modes import Metadata

__all__ = ["MISSING", "available", "depth", "png", "read", "tiff_page"]

Array = np.ndarray[Any, Any]

UNSPECIFIED, ASSOCIATED = 0, 1  # what a TIFF may say of a fourth channel: a mask for some use, or alpha in the colours
MISSING = "16 bits per colour need: pip install 'colorize-tf[photo16]'; continuing with 8"


@cache
def available() -> bool:
    """Whether the extra is installed."""
    return all(find_spec(name) is not None for name in ("imagecodecs", "tifffile"))


def depth(image: Image.Image) -> int:
    """Bits per colour in the file; Pillow would silently give 8 of 16."""
    if image.mode.startswith("I"):
        return 16
    bits = getattr(image, "tag_v2", {}).get(258)
    if bits:
        return 16 if set(bits) == {16} else 8
    tiles = getattr(image, "tile", None) or [("", None, 0, "")]
    return 16 if image.format == "PNG" and str(tiles[0][3]).endswith(";16B") else 8


def read(content: BinaryIO, format: str, page: int) -> Array:
    """A PNG or a page of a TIFF -> uint16 [H,W,channels]."""
    if format == "PNG":
        import imagecodecs

        return np.asarray(imagecodecs.png_decode(content.read()))
    import tifffile

    with tifffile.TiffFile(content) as file:
        found = file.pages.get(page)
        pixels = np.asarray(found.asarray())
        planar = getattr(found, "planarconfig", 1) == 2
        extra = next(iter(getattr(found, "extrasamples", ())), None)
    pixels = np.moveaxis(pixels, 0, -1) if planar and pixels.ndim == 3 else pixels
    if extra == UNSPECIFIED and pixels.ndim == 3:
        return pixels[..., :3]
    return _divided(pixels) if extra == ASSOCIATED and pixels.ndim == 3 else pixels


def _divided(pixels: Array) -> Array:
    """uint16 [H,W,4], colour times alpha -> colour as it is, and alpha; black where all is clear."""
    colour, alpha = pixels[..., :3].astype(np.uint32), pixels[..., 3:].astype(np.uint32)
    colour = np.minimum(colour, alpha) * np.uint32(65535) + alpha // 2
    done: Array = np.concatenate([colour // np.maximum(alpha, 1), alpha], -1).astype(np.uint16)
    return done


def png(pixels: Array, exif: bytes, xmp: bytes, metadata: Metadata) -> bytes:
    """uint16 [H,W,3 or 4] -> a PNG with its metadata."""
    import imagecodecs

    content = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=6))
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(dpi / 0.0254) for dpi in metadata.dpi), 1)))
    chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    chunks += [(b"iTXt", key.encode("latin-1") + bytes(5) + text.encode()) for key, text in metadata.captions.texts]
    made = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    after_header = 8 + 25  # signature, IHDR
    return content[:after_header] + made + content[after_header:]


def tiff_page(pixels: Array, xmp: bytes, metadata: Metadata) -> bytes:
    """uint16 [H,W,3 or 4] -> a TIFF of one page with its metadata, but for EXIF."""
    import tifffile

    out, iptc = io.BytesIO(), metadata.captions.iptc
    tifffile.imwrite(
        out,
        np.ascontiguousarray(pixels),
        photometric="rgb",
        compression="adobe_deflate",
        predictor=True,
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        iccprofile=metadata.icc,
        resolution=metadata.dpi,
        resolutionunit="inch" if metadata.dpi else None,
        software="",
        metadata=None,
        extratags=[(700, 1, len(xmp), xmp, True), *([(IPTC_TAG, 7, len(iptc), iptc, True)] if iptc else [])],
    )
    return out.getvalue()
