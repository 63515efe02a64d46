"""Writing colorized photographs: with what the old file held beside its pixels, and the mark of what was done to it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin, features

from colorize_tf.edge import deep
from colorize_tf.edge.captions import IPTC_TAG, Captions, in_jpeg
from colorize_tf.edge.card import Card
from colorize_tf.edge.exif import updated_exif
from colorize_tf.edge.fusion import Fusion
from colorize_tf.edge.graft import graft_exif, is_sound
from colorize_tf.edge.icc import gray_to_srgb, srgb_profile, through
from colorize_tf.edge.jpeg import Rows, save_jpeg
from colorize_tf.edge.modes import Metadata, Photo
from colorize_tf.edge.provenance import software, updated_xmp
from colorize_tf.edge.raster import ArrayRaster, ImageRaster
from colorize_tf.errors import InputError

__all__ = ["DEEP", "FORMATS", "SUFFIXES", "Picture", "format_of", "picture", "prepare_to_write", "write_photos"]

Array = np.ndarray[Any, Any]

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "avif": "AVIF", "heic": "HEIF"}
SUFFIXES = {"jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "tiff": "TIFF", "heif": "HEIF"} | FORMATS
DEEP = ("PNG", "TIFF")  # those that hold 16 bits per colour
# The longest side that a format can count; libjpeg, which counts to 65,535, opens nothing above 65,500.
SIDE = {"JPEG": 65_500, "WEBP": 16_383, "AVIF": 65_535, "HEIF": 65_535}
QUALITY = {"WEBP": 90, "AVIF": 85, "HEIF": 90}
JPEG_QUALITY = (92, 85, 95)  # if the source was no JPEG, and the range in which the source's own is kept
# Bytes that a JPEG's segment has room for: 65,535 with its length in two, and before XMP a name in 29.
MOST_EXIF, MOST_XMP = 65_533, 65_504


@dataclass
class Picture:
    """Finished pixels: a Pillow image in RGB, RGBX or RGBA, or uint16 [H,W,3 or 4]; and what goes into the file."""

    pixels: Image.Image | Array
    metadata: Metadata
    notes: list[str]  # gets what there is to say about the writing
    rows: Array | None = None  # of an image in RGBX, uint8 [H,W,4], where it lies in memory that way
    fusion: Fusion | None = None  # gives the pixels their colour, as long as they have none

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels.size
        return self.pixels.shape[1], self.pixels.shape[0]


def format_of(path: Path) -> str | None:
    """The format that a file name asks for."""
    return SUFFIXES.get(path.suffix.lower().removeprefix("."))


def picture(photo: Photo, original: Image.Image | Array | None = None, fusion: Fusion | None = None) -> Picture:
    """A coloured photo, its raster used up -> finished pixels; to the right of `original`, if that is given.

    With `fusion` the photo is still to be coloured: here, or if its pixels need nothing else, while it is written.
    """
    plain = photo.alpha is None and not photo.back and original is None and isinstance(photo.raster, ImageRaster)
    if fusion and not plain:
        fusion.run()
    if original is not None and photo.space.gray:
        original = gray_to_srgb(photo.space.gray, original)
    if isinstance(photo.raster, ArrayRaster):
        parts = [photo.raster.result]
        if photo.alpha is not None:
            parts.append(np.asarray(photo.alpha)[..., None])
        pixels = np.concatenate(parts, -1) if len(parts) > 1 else parts[0]
        if isinstance(original, np.ndarray):
            whole = pixels.copy()  # its alpha too
            whole[..., :3] = original[..., None] if original.ndim == 2 else original
            pixels = np.concatenate([whole, pixels], 1)
        return Picture(pixels, photo.metadata, photo.notes)
    if not isinstance(photo.raster, ImageRaster):
        raise TypeError(f"a raster of {type(photo.raster).__name__} has no picture")
    image = coloured = photo.raster.result
    before = original if isinstance(original, Image.Image) else None
    if photo.back:
        image, before = _back(image, before, photo)
    if photo.alpha is not None:
        mask = Image.fromarray(np.asarray(photo.alpha))
        image = image.convert("RGB") if image.mode == "RGBX" else image
        image.putalpha(mask)
        if before:
            before = before.convert("RGB")
            before.putalpha(mask)
    if before:
        both = Image.new(image.mode, (2 * image.width, image.height))
        both.paste(before.convert(image.mode), (0, 0))
        both.paste(image, (image.width, 0))
        image = both
    rows = photo.raster.rows if image is coloured else None
    return Picture(image, photo.metadata, photo.notes, rows, fusion if plain else None)


def write_photos(
    pictures: Iterable[Picture], target: BinaryIO, format: str, card: Card, quality: int | None, threads: int = 1
) -> None:
    """Writes one picture, or to TIFF any number as pages, into an open file."""
    blocks: list[bytes] = []  # of EXIF, one for each page of a TIFF
    with ExitStack() as stack:
        pages: Any = None
        for number, one in enumerate(pictures):
            if number and format != "TIFF":
                raise InputError("--format", "only TIFF holds several pages", format)
            width, height = one.size
            if max(width, height) > SIDE.get(format, 1 << 30):
                remedy = "Write it as PNG with --format png"
                raise InputError(
                    "--format", f"{format} counts up to {SIDE[format]} pixels", f"{width}×{height}", remedy
                )
            tool = software(card)
            most_exif, most_xmp = (MOST_EXIF, MOST_XMP) if format == "JPEG" else (None, None)
            exif = updated_exif(one.metadata.exif, tool, one.size, most_exif, one.notes)
            xmp = updated_xmp(one.metadata.xmp, tool, most_xmp, one.notes)
            if format != "TIFF":
                _write(one, target, format, exif, xmp, quality, threads)
                continue
            if pages is None:
                pages = stack.enter_context(TiffImagePlugin.AppendingTiffWriter(target))
            _write(one, pages, format, exif, xmp, quality, threads)
            pages.newFrame()
            blocks.append(exif)
            if not is_sound(exif):
                one.notes.append("some of its EXIF is damaged and was left out")
    if blocks:
        graft_exif(target, blocks)


def _write(one: Picture, target: Any, format: str, exif: bytes, xmp: bytes, quality: int | None, threads: int) -> None:
    metadata, pixels = one.metadata, one.pixels
    if not isinstance(pixels, Image.Image):
        png = format == "PNG"
        _note_what_goes(metadata.captions, format, one.notes)
        target.write(deep.png(pixels, exif, xmp, metadata) if png else deep.tiff_page(pixels, xmp, metadata))
        return
    options: dict[str, Any] = {"icc_profile": metadata.icc}
    if metadata.dpi and format in ("JPEG", "PNG", "TIFF"):
        options["dpi"] = metadata.dpi
    if format == "JPEG":
        pixels = _flattened(pixels)
        usual, low, high = JPEG_QUALITY
        own = min(max(metadata.quality, low), high) if metadata.quality else usual
        options |= {"exif": exif, "xmp": xmp, **in_jpeg(metadata.captions, one.notes)}
        save_jpeg(pixels, target, threads, _rows(one, threads), **options, quality=quality or own)
        return
    if one.fusion:
        one.fusion.run()
    _note_what_goes(metadata.captions, format, one.notes)
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        for keyword, said in metadata.captions.texts:
            text.add_itxt(keyword, said)
        options |= {"exif": exif, "pnginfo": text}
    elif format == "TIFF":
        tags = Image.Exif()  # see graft_exif for the others
        tags[0x02BC] = xmp
        if metadata.captions.iptc:
            tags[IPTC_TAG] = metadata.captions.iptc
        options |= {"exif": tags, "compression": "tiff_adobe_deflate"}
    else:
        kept = _AsItIs(exif) if format == "AVIF" else exif
        options |= {"exif": kept, "xmp": xmp, "quality": quality or QUALITY[format]}
    if pixels.mode == "RGBX":
        pixels = pixels.convert("RGB")
    prepare_to_write(format)
    pixels.save(target, format=format, **options)


def _note_what_goes(captions: Captions, format: str, notes: list[str]) -> None:
    """Says which captions have no place in the format; a JPEG has one for all."""
    if captions.iptc and format != "TIFF":
        notes.append(f"its IPTC captions have no place in {format} and were left out")
    if captions.texts and format != "PNG":
        notes.append(f"its comments have no place in {format} and were left out")


class _AsItIs(Image.Exif):
    """EXIF that Pillow writes into an AVIF byte for byte; of others it writes all tags anew, and not Orientation."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def __bool__(self) -> bool:
        return bool(self._content)

    def tobytes(self, offset: int = 8) -> bytes:  # noqa: ARG002 - the base class has it
        return self._content


def _rows(one: Picture, threads: int) -> Rows | None:
    """What makes the rows of a JPEG, if not its image is to be taken."""
    if one.fusion:  # band by band coloured, and encoded at once: never do all of its pixels lie in memory
        return one.fusion.rows
    array = one.rows
    return None if array is None or threads < 2 else lambda top, bottom: array[top:bottom]


def _flattened(image: Image.Image) -> Image.Image:
    """Without alpha: over white, as paper would be."""
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _back(image: Image.Image, before: Image.Image | None, photo: Photo) -> tuple[Image.Image, Image.Image | None]:
    """Both from sRGB -> the profile that the photo came in; into sRGB if that profile only goes one way."""
    image = image.convert("RGB") if image.mode == "RGBX" else image
    profile = photo.back or b""
    try:
        there = through(image, srgb_profile(), profile, "RGB")
        return there, before and through(before, srgb_profile(), profile, "RGB")
    except ImageCms.PyCMSError:
        photo.notes.append("its colour profile goes one way only; written as sRGB")
        photo.metadata.icc = srgb_profile()
        return image, before


def prepare_to_write(format: str) -> None:
    """Makes Pillow know the format; an InputError if it cannot write it."""
    if format in ("AVIF", "WEBP") and not features.check(format.lower()):
        raise InputError("--format", "this Pillow was built without it", format, "pip install -U Pillow")
    if format != "HEIF":
        return
    try:
        import pillow_heif
    except ImportError:
        raise InputError("--format", "HEIC needs another library", "none", "pip install 'colorize-tf[heic]'") from None
    pillow_heif.register_heif_opener()
