"""Decoded pixels of any kind -> an upright photo in gray or RGB, and the space its codes are in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from colorize_tf.edge import deep
from colorize_tf.edge.captions import Captions
from colorize_tf.edge.icc import Profile, read_profile, srgb_profile, through
from colorize_tf.edge.raster import ArrayRaster, ImageRaster, Raster
from colorize_tf.edge.space import SRGB, RgbSpace
from colorize_tf.errors import InputError

__all__ = ["UPRIGHT", "Metadata", "Photo", "as_photo", "deep_photo"]

Array = np.ndarray[Any, Any]

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNS = {  # rows and columns swapped, then rows, then columns reversed
    Image.Transpose.FLIP_LEFT_RIGHT: (False, False, True),
    Image.Transpose.ROTATE_180: (False, True, True),
    Image.Transpose.FLIP_TOP_BOTTOM: (False, True, False),
    Image.Transpose.TRANSPOSE: (True, False, False),
    Image.Transpose.ROTATE_270: (True, False, True),
    Image.Transpose.TRANSVERSE: (True, True, True),
    Image.Transpose.ROTATE_90: (True, True, False),
}
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF, and what the second may say
BY_CHANNELS = 50_000_000  # pixels from which turning goes channel by channel, to save memory


@dataclass
class Metadata:
    """What travels from the old file to the new one."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    quality: int | None = None  # of a JPEG, estimated from its tables
    captions: Captions = field(default_factory=Captions)


@dataclass
class Photo:
    """One upright picture."""

    raster: Raster
    space: RgbSpace
    alpha: Image.Image | Array | None
    metadata: Metadata
    back: bytes | None = None  # the profile to convert the result to, where the space could not be used as it is
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.raster.width, self.raster.height


def as_photo(
    image: Image.Image, turn: Image.Transpose | None, metadata: Metadata, keep_deep: bool, last: bool
) -> Photo:
    """A decoded image of any mode -> a photo. The image is used up: its memory may become the photo's."""
    notes: list[str] = []
    profile = read_profile(metadata.icc)
    if metadata.icc and profile is None:
        notes.append("its colour profile is damaged and was left out")
        metadata.icc = None
    if image.mode.startswith("I"):
        pixels, tags = np.asarray(image), getattr(image, "tag_v2", {})
        if tags.get(BITS) == (12,):  # whose codes Pillow leaves in 0..4095
            pixels = (pixels << 4) | (pixels >> 8)
        if image.mode != "I" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
            pixels = 65535 - pixels  # which Pillow does for 8 bits only
        photo = _deep_gray(pixels, turn, profile, metadata, keep_deep, image.info.get("transparency"))
        photo.notes[:0] = notes
        return photo
    if image.mode == "F":
        raise InputError("pixels", "must be whole numbers", "32-bit floating point")
    plain = image._new(image.im)  # without the file behind it, whose tags a TIFF writer would copy
    if last:
        image.close()
    plain, alpha = _without_alpha(plain)
    space, back = SRGB, None
    try:
        plain, space, back = _in_space(plain, profile, metadata, notes)
    except ImageCms.PyCMSError:
        notes.append("its colour profile could not be used and was left out")
        metadata.icc = None
        plain = _as(plain, "RGB")
    if turn is not None:
        plain = _upright(plain, turn)
        alpha = alpha.transpose(turn) if alpha else None
    return Photo(ImageRaster(plain), space, alpha, metadata, back, notes)


def deep_photo(pixels: Array, turn: Image.Transpose | None, metadata: Metadata) -> Photo:
    """uint16 [H,W,2..4] in file order -> a photo; with two or four channels the last is alpha."""
    if turn is not None:
        pixels = _turned(pixels, turn)
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    colour = pixels[..., 0] if pixels.shape[2] < 3 else pixels[..., :3]
    profile = read_profile(metadata.icc)
    space = _space(profile, colour.ndim == 2, metadata)
    notes = []
    if space is None and metadata.icc:
        metadata.icc = None
        notes.append("its colour profile is damaged, or for other colours, and was left out")
    return Photo(ArrayRaster(np.ascontiguousarray(colour)), space or SRGB, alpha, metadata, notes=notes)


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The image without its alpha, and the alpha unless it is opaque everywhere."""
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image, None
    gray = image.mode in ("LA", "La") or (image.mode in ("1", "L") and "transparency" in image.info)
    whole = _as(image, "LA" if gray else "RGBA")
    alpha = whole.getchannel("A")
    colour = whole.getchannel("L") if gray else whole.convert("RGB")
    return colour, None if alpha.getextrema() == (255, 255) else alpha


def _in_space(
    image: Image.Image, profile: Profile | None, metadata: Metadata, notes: list[str]
) -> tuple[Image.Image, RgbSpace, bytes | None]:
    """Gray or RGB in a space that fusion knows, and the profile to go back to where the file had no such space."""
    if image.mode in ("CMYK", "LAB"):
        source = profile.content if profile and profile.kind == image.mode else None
        if image.mode == "LAB":
            source = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
        metadata.icc = srgb_profile() if source else None
        return (through(image, source, srgb_profile(), "RGB") if source else _as(image, "RGB")), SRGB, None
    image = _as(image, "L" if image.mode in ("1", "L") else "RGB")
    if profile is None:
        return image, SRGB, None
    if space := _space(profile, image.mode == "L", metadata):
        return image, space, None
    if profile.kind == "RGB":
        return through(_as(image, "RGB"), profile.content, srgb_profile(), "RGB"), SRGB, profile.content
    notes.append(f"its colour profile is for {profile.kind} and was left out")
    metadata.icc = None
    return image, SRGB, None


def _space(profile: Profile | None, gray: bool, metadata: Metadata) -> RgbSpace | None:
    """The space in which the pixels can be coloured as they are, if there is one."""
    if profile is None or profile.kind not in ("RGB", "GRAY" if gray else "RGB"):
        return None
    if profile.space and profile.kind == "GRAY":  # what is coloured is sRGB at once, and rounded only once
        metadata.icc = srgb_profile()
    return profile.space


def _deep_gray(
    pixels: Array,
    turn: Image.Transpose | None,
    profile: Profile | None,
    metadata: Metadata,
    keep_deep: bool,
    clear: Any,
) -> Photo:
    """16-bit gray [H,W] in any type of whole numbers, of which the code `clear` may be none -> 16 bits, or 8."""
    notes: list[str] = []
    if pixels.dtype != np.uint16:
        if pixels.min() < 0 or pixels.max() > 65535:
            raise InputError("pixels", "must have 8 or 16 bits", f"{pixels.min()}..{pixels.max()}")
        pixels = pixels.astype(np.uint16)
    if turn is not None:
        pixels = _turned(pixels, turn)
    alpha = None
    if isinstance(clear, int) and (pixels == clear).any():
        alpha = np.where(pixels == clear, np.uint16(0), np.uint16(65535))
    space = _space(profile, True, metadata)
    if profile and not space:
        metadata.icc = None
        notes.append(f"its colour profile is for {profile.kind} and was left out")
    if keep_deep and deep.available():
        return Photo(ArrayRaster(pixels), space or SRGB, alpha, metadata, notes=notes)
    if keep_deep:
        notes.append(deep.MISSING)
    # Rounded to the nearest of the 8-bit codes, which lie 257 apart.
    shallow = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    alpha = None if alpha is None else (alpha >> 8).astype(np.uint8)
    return Photo(ImageRaster(Image.fromarray(shallow)), space or SRGB, alpha, metadata, notes=notes)


def _as(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # convert would copy


def _upright(image: Image.Image, turn: Image.Transpose) -> Image.Image:
    if image.mode != "RGB" or image.width * image.height < BY_CHANNELS:
        return image.transpose(turn)
    bands = list(image.split())
    image.close()
    for index in range(3):
        bands[index] = bands[index].transpose(turn)
    return Image.merge("RGB", bands)


def _turned(pixels: Array, turn: Image.Transpose) -> Array:
    """The same for an array [H,W,...]."""
    swap, flip_rows, flip_columns = TURNS[turn]
    if swap:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])
