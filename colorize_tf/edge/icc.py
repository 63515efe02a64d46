"""Colour profiles: which RGB space a photo is in, and ways to and from sRGB for what is not RGB.

A profile of three curves and a matrix (every camera's and monitor's) becomes an `RgbSpace`, so that nothing is
converted at all. Tables (scanners, printers) go through LittleCMS.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from colorize_tf.edge.space import KNEE, SLOPE, SRGB, Curve, RgbSpace

__all__ = ["Profile", "gray_to_srgb", "read_profile", "srgb_profile", "through"]

Array = np.ndarray[Any, Any]

D50 = np.array([0.9642, 1.0, 0.8249])
# Bradford's adaptation from the D50 of profiles to the D65 of sRGB (ICC.1:2022, annex E, inverted).
TO_D65 = np.linalg.inv(
    np.array(
        [
            [1.0478112, 0.0228866, -0.0501270],
            [0.0295424, 0.9904844, -0.0170491],
            [-0.0092345, 0.0150436, 0.7521316],
        ]
    )
)
MOST = 16 << 20  # bytes; the largest press profiles have 3 MB


@dataclass(frozen=True)
class Profile:
    """A photo's profile, and its space, if it is RGB by three curves and a matrix, or gray by a curve."""

    content: bytes
    kind: str  # RGB, GRAY, CMYK …
    space: RgbSpace | None = None  # for gray that of sRGB, with the curve of the gray pixels


@cache
def srgb_profile() -> bytes:
    """An sRGB profile to embed."""
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@lru_cache(4)  # an album has few, and the tables of a space take 10 milliseconds
def read_profile(content: bytes | None) -> Profile | None:
    """The bytes of a profile -> what is known of it; None for none, or one that is damaged."""
    if not content or not 132 <= len(content) <= MOST or content[36:40] != b"acsp":
        return None
    kind = content[16:20].decode("ascii", "replace").strip()
    try:
        if kind == "GRAY":
            curve = _gray(content)
            return Profile(content, kind, replace(SRGB, name="gray profile", gray=curve) if curve else None)
        return Profile(content, kind, _space(content) if kind == "RGB" else None)
    except (struct.error, ValueError):
        return Profile(content, kind)


def through(image: Image.Image, source: bytes, target: bytes, mode: str) -> Image.Image:
    """Converts an image from one profile to another by LittleCMS; raises `ImageCms.PyCMSError` if they do not fit."""
    transform = ImageCms.buildTransform(
        io.BytesIO(source),
        io.BytesIO(target),
        image.mode,
        mode,
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return ImageCms.applyTransform(image, transform) or image


def gray_to_srgb(curve: Curve, image: Image.Image | Array) -> Image.Image | Array:
    """A gray picture, 8 bits in an image or uint16 [H,W], by the curve of its profile -> the same in codes of sRGB."""
    top = 255 if isinstance(image, Image.Image) else 65535
    codes = np.floor(SRGB.curves[0].encode(curve.decode(np.arange(top + 1) / top)) * top + 0.5).astype(np.uint16)
    return image.point(codes.tolist()) if isinstance(image, Image.Image) else np.asarray(codes[image])


def _tags(content: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", content, 128)
    tags: dict[bytes, bytes] = {}
    for number in range(min(count, 200)):
        name, start, size = struct.unpack_from(">4sII", content, 132 + 12 * number)
        if start + size > len(content):
            raise ValueError("a tag outside the profile")
        tags[name] = content[start : start + size]
    return tags


def _gray(content: bytes) -> Curve | None:
    tags = _tags(content)
    if b"kTRC" not in tags:
        return None
    curve = _curve(tags[b"kTRC"])
    if content[20:24] != b"Lab ":
        return curve
    root = (100.0 * curve.samples + 16.0) / 116.0  # there the curve gives L
    return Curve(np.where(root > KNEE, root**3, (root - 16.0 / 116.0) / SLOPE))


def _space(content: bytes) -> RgbSpace | None:
    tags = _tags(content)
    needed = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    if content[20:24] != b"XYZ " or b"A2B0" in tags or any(name not in tags for name in needed):
        return None
    colorants = np.stack([_xyz(tags[name]) for name in needed[:3]], axis=1)
    if np.abs(colorants.sum(1) - D50).max() > 0.02:
        return None  # an old profile that was not adapted to D50
    matrix = TO_D65 @ colorants
    matrix = matrix / matrix.sum(1, keepdims=True)
    curves = tuple(_from_black_to_white(_curve(tags[name])) for name in needed[3:])
    if _is_srgb(curves, matrix):
        return SRGB
    if not 0.5 <= matrix[1, 1] < 1 or np.linalg.det(matrix) < 0.05 or matrix[1].min() < 0:
        return None  # fusion solves green last, and needs it to carry most of the luminance
    return RgbSpace("profile", (curves[0], curves[1], curves[2]), matrix)


def _is_srgb(curves: tuple[Curve, ...], matrix: Array) -> bool:
    codes = np.linspace(0, 1, 256)
    same = all(np.abs(curve.decode(codes) - SRGB.curves[0].decode(codes)).max() < 0.004 for curve in curves)
    return same and bool(np.abs(matrix - SRGB.to_xyz).max() < 0.004)


def _from_black_to_white(curve: Curve) -> Curve:
    """The curve made longer at both ends, as LittleCMS compensates black points: what is darker would have no code."""
    first, last = curve.samples[[0, -1]]
    return Curve((curve.samples - first) / (last - first))


def _xyz(tag: bytes) -> Array:
    if tag[:4] != b"XYZ ":
        raise ValueError("not an XYZ tag")
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536.0


def _curve(tag: bytes) -> Curve:
    """A `curv` or `para` tag, sampled finely enough for 16-bit codes."""
    codes = np.linspace(0.0, 1.0, 4096)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return Curve(codes)
        values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64)
        samples = codes ** (values[0] / 256.0) if count == 1 else values / 65535.0
    elif tag[:4] == b"para":
        (form,) = struct.unpack_from(">H", tag, 8)
        names = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}.get(form)
        if names is None:
            raise ValueError("an unknown kind of curve")
        p = dict(zip(names, np.array(struct.unpack_from(f">{len(names)}i", tag, 12)) / 65536.0, strict=True))
        a, b, c = p.get("a", 1.0), p.get("b", 0.0), p.get("c", 0.0)
        # Kinds 1 and 2 end where a·x + b reaches 0; kinds 3 and 4 state where.
        knee = p["d"] if "d" in p else (-b / a if a else 0.0)
        power = np.maximum(a * codes + b, 0.0) ** p["g"]
        if form >= 3:
            samples = np.where(codes >= knee, power + p.get("e", 0.0), c * codes + p.get("f", 0.0))
        else:
            samples = np.where(codes >= knee, power + c, c)
    else:
        raise ValueError("not a curve")
    curve = Curve(samples)
    if not np.isfinite(samples).all() or curve.samples[0] > 0.05 or curve.samples[-1] < 0.95:
        raise ValueError("a curve that does not go from black to white")
    return curve
