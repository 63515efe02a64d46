"""Opening photographs: whatever camera, scanner or browser wrote, page by page, with what else is in the file.

>>> with open_photo(path) as reader:
>>>     for photo in reader.photos():
>>>         colorizer.colorize(photo.raster, space=photo.space)
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError, features

from colorize_tf.edge import deep
from colorize_tf.edge.captions import captions_of
from colorize_tf.edge.exif import ORDERS
from colorize_tf.edge.graft import INNER, STRUCTURE
from colorize_tf.edge.icc import read_profile
from colorize_tf.edge.modes import UPRIGHT, Metadata, Photo, as_photo, deep_photo
from colorize_tf.errors import InputError, shorten

__all__ = ["MAX_PIXELS", "Metadata", "Photo", "Reader", "open_photo"]

Array = np.ndarray[Any, Any]

MAX_PIXELS = 250_000_000
MOST_TEXT = 16 << 20  # bytes of a PNG's text or profile, unpacked; profiles of presses have some millions
MAX_SIDE = 500_000  # whole rows are worked on, so the longest row must be bounded too
# Those that Pillow decodes itself and that hold photographs. Others stay closed: EPS would start Ghostscript.
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF", "PPM", "JPEG2000"]
TIFF = (*ORDERS, b"II+\0", b"MM\0+")  # how such files begin, large ones too
ORIENTATION, X_RESOLUTION = 0x0112, 0x011A  # tags of TIFF and EXIF
FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # what Pillow may have been built without
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


class Reader:
    """An opened file: `format`, the number of pages, and the photos."""

    def __init__(self, image: Image.Image, content: BinaryIO, where: str, max_pixels: int) -> None:
        self._image, self._content, self._where, self._max_pixels = image, content, where, max_pixels
        self.format = "JPEG" if image.format == "MPO" else str(image.format)
        # Frames of an animation are not pages, and of a camera's MPO the second is for the other eye.
        count = int(getattr(image, "n_frames", 1))
        self.pages = count if self.format == "TIFF" else 1
        self.frames = 1 if self.format in ("TIFF", "JPEG") else count

    def photos(self, keep_deep: bool = False) -> Iterator[Photo]:
        """The pages one after another; `keep_deep` gives 16-bit ones as such, if the extra photo16 is installed."""
        for page in range(self.pages):
            with _errors(self._where):
                if page:
                    self._image.info.clear()  # in which Pillow leaves what earlier pages said, such as their profile
                    with _own_limits():
                        self._image.seek(page)
                _check_size(self._image, self._where, self._max_pixels)
                photo = self._photo(page, keep_deep)
            yield photo

    def _photo(self, page: int, keep_deep: bool) -> Photo:
        image = self._image
        shallow = ""
        if keep_deep and image.mode in ("RGB", "RGBA", "LA") and deep.depth(image) == 16:
            profile = read_profile(_icc(image))
            shallow = "" if deep.available() else deep.MISSING
            if profile and profile.kind == "RGB" and not profile.space:
                shallow = shallow or "its colour profile is of tables, which take 8 bits per colour"
            if not shallow:
                return self._deep_photo(page)
        quality = _jpeg_quality(image)
        image.load()
        notes: list[str] = []
        turn, metadata = UPRIGHT.get(_orientation(image)), _metadata(image, quality, notes)
        photo = as_photo(image, turn, metadata, keep_deep, last=self.pages == 1)
        photo.notes += notes
        if shallow:
            photo.notes.append(shallow)
        if self.frames > 1:
            photo.notes.append(f"only the first of its {self.frames} frames was colorized")
        return photo

    def _deep_photo(self, page: int) -> Photo:
        image = self._image
        notes: list[str] = []
        if self.format == "PNG":  # what it says of itself may stand behind its pixels, which are forgotten again
            self._content.seek(0)
            with _own_limits():
                image = Image.open(self._content, formats=["PNG"])
            image.load()
        metadata, turn, size = _metadata(image, None, notes), UPRIGHT.get(_orientation(image)), image.size
        del image
        self._content.seek(0)
        pixels = deep.read(self._content, self.format, page)
        # Of a TIFF that lies on its side Pillow gives the size as turned, and of a PNG as it lies.
        if sorted(pixels.shape[:2]) != sorted(size) or pixels.dtype != np.uint16 or pixels.ndim != 3:
            raise ValueError(f"16-bit pixels of {pixels.shape} instead of {size[::-1]}")
        photo = deep_photo(pixels, turn, metadata)
        photo.notes += notes
        return photo


@contextmanager
def open_photo(
    source: str | os.PathLike[str] | bytes, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> Iterator[Reader]:
    """Opens a file, or the bytes of one; only the header is read, and its size checked, before anything is decoded."""
    where = shorten(name or (str(source) if not isinstance(source, bytes) else "input"))
    with _errors(where):
        opened = io.BytesIO(source) if isinstance(source, bytes) else _opened(Path(source))
    with opened as content:
        with _errors(where):
            formats = [name for name in FORMATS if name not in FEATURES or features.check(FEATURES[name])]
            formats += _heif(content)
            with _own_limits():
                image = _known(content, formats)
            _check_size(image, where, max_pixels)
            reader = Reader(image, content, where, max_pixels)
        yield reader


def _known(content: BinaryIO, formats: list[str]) -> Image.Image:
    try:
        return Image.open(content, formats=formats)
    except UnidentifiedImageError:
        content.seek(0)
        if content.read(4) not in TIFF:
            raise
    rule, remedy = "must be a TIFF of a kind that Pillow reads", "Convert it, to PNG for example"
    raise InputError("a photo", rule, "another kind, or a damaged file", remedy) from None


def _opened(path: Path) -> BinaryIO:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError("a photo", "must be a file", "a folder")
    if not stat.S_ISREG(mode):  # opening a pipe would wait until somebody writes to it
        raise InputError("a photo", "must be a file", "something else", "For a pipe: colorize - < PIPE")
    return path.open("rb")


def _metadata(image: Image.Image, quality: int | None, notes: list[str]) -> Metadata:
    info = image.info
    exif = _tiff_exif(image, notes) if image.format == "TIFF" else info.get("exif")
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or _in_text(info.get("Raw profile type xmp"))
    # Where a TIFF states none, Pillow says that it is 1, and where a JPEG's EXIF does not either, 72.
    stated = info.get("jfif_unit") or image.format not in ("TIFF", "JPEG", "MPO") or _tag(image, X_RESOLUTION)
    return Metadata(
        exif if isinstance(exif, bytes) else _in_text(info.get("Raw profile type exif")),
        xmp.encode() if isinstance(xmp, str) else xmp,
        _icc(image),
        _dpi(info.get("dpi")) if stated else None,
        quality,
        captions_of(image, notes),
    )


def _icc(image: Image.Image) -> bytes | None:
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) else None


def _in_text(text: Any) -> bytes | None:
    """EXIF or XMP as ImageMagick writes it into a PNG: a name, its length and hexadecimal digits, on a line each."""
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return text.encode()  # which will be found damaged


def _tiff_exif(image: Image.Image, notes: list[str]) -> bytes | None:
    """A TIFF's tags as an EXIF block, but for those about how its pixels lie."""
    old, kept = image.getexif(), Image.Exif()
    tags = set(old) - STRUCTURE
    for tag in tags:
        one = Image.Exif()
        with suppress(Exception):  # a value of another type than its tag's raises whatever it meets
            one[tag] = old.get_ifd(tag) if tag in INNER else old[tag]
            one.tobytes()
            kept[tag] = one[tag]
    if len(kept) < len(tags):
        notes.append("some of its TIFF tags are damaged and were left out")
    return kept.tobytes() if len(kept) else None


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x < 65536 and 1 <= y < 65536 else None


def _orientation(image: Image.Image) -> int:
    try:
        return int(_tag(image, ORIENTATION) or 1)
    except (TypeError, ValueError, ArithmeticError):  # a text, or a number that is none
        return 1


def _tag(image: Image.Image, tag: int) -> Any:
    try:
        return image.getexif().get(tag)
    except Exception:  # damaged EXIF raises whatever its reader stumbles over, and then says nothing about the photo
        return None


def _jpeg_quality(image: Image.Image) -> int | None:
    """The quality at which libjpeg would make tables like this JPEG's."""
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    # The table of the JPEG standard, annex K.1, has this sum; libjpeg scales it by S %, S = 200 - 2q or 5000/q.
    scale = 100.0 * sum(next(iter(tables.values()))) / 3688.0
    quality = 100.0 - scale / 2 if scale <= 100 else 5000.0 / scale
    return int(min(100.0, max(1.0, quality)) + 0.5)


def _check_size(image: Image.Image, where: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            where, f"a photo may have at most {max_pixels:,} pixels", f"{width}×{height}", "Raise it with --max-pixels"
        )
    if max(width, height) > MAX_SIDE:
        remedy = "Cut it into pieces"
        raise InputError(where, f"a photo may have sides of at most {MAX_SIDE:,} pixels", f"{width}×{height}", remedy)
    if width < 1 or height < 1:
        raise InputError(where, "must have pixels", f"{width}×{height}")


def _heif(content: BinaryIO) -> list[str]:
    """Makes Pillow know HEIC, if this is one and pillow-heif is installed."""
    head = content.read(64)
    content.seek(0)
    # An AVIF, too, may begin with a brand of both, and name its own among those that follow.
    if head[4:8] != b"ftyp" or head[8:12] not in HEIF_BRANDS or b"avif" in head[16:]:
        return []
    try:
        import pillow_heif
    except ImportError:
        raise InputError("HEIC", "needs another library", "none", "pip install 'colorize-tf[heic]'") from None
    pillow_heif.register_heif_opener()
    return ["HEIF"]


_limit_lock = threading.Lock()


@contextmanager
def _own_limits() -> Iterator[None]:
    """Pillow's limits, lower than ours and the same for all of a process, step aside while a header is read."""
    with _limit_lock:
        before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, MOST_TEXT
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Whatever a decoder raises on a damaged file becomes one clear line; what it merely thinks of it, nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError as error:
        if error.argument == where:
            raise
        raise InputError(where, f"{error.argument} {error.rule}", error.received, error.remedy) from None
    except UnidentifiedImageError:
        rule = "must be a photo: JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, PPM or JPEG 2000"
        raise InputError(where, rule, "something else, or a damaged file") from None
    except MemoryError:
        raise InputError(where, "must fit into memory", "more than there is", "Lower --max-pixels") from None
    except Exception as error:  # decoders raise anything: OSError, SyntaxError, struct.error, IndexError …
        said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise InputError(where, "must be a readable photo", said) from None
