"""Captions and credits that are neither EXIF nor XMP: IPTC's records, the comment of a JPEG, the texts of a PNG."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from PIL import Image

from colorize_tf.errors import shorten

__all__ = ["IPTC_TAG", "Captions", "captions_of", "in_jpeg"]

IPTC_TAG, IPTC_RECORDS = 33723, 0x0404  # in a TIFF, and among Photoshop's resources in a JPEG
COMMENT = "Comment"  # the keyword of a PNG's text that says what a JPEG's comment does
ELSEWHERE = ("XML:com.adobe.xmp", "Software")  # texts of a PNG that are read, or written anew, as what they hold
RAW, RAW_IPTC = "Raw profile type", "Raw profile type iptc"  # how ImageMagick hides EXIF and others in texts
READ = (RAW_IPTC, f"{RAW} exif", f"{RAW} xmp")
MOST = 65_533  # bytes of a JPEG's segment


@dataclass(frozen=True)
class Captions:
    """IPTC's records as they are, and texts by keyword."""

    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()


def captions_of(image: Image.Image, notes: list[str]) -> Captions:
    """What an image that Pillow has read to its end says of itself."""
    info: dict[Any, Any] = image.info
    if image.format == "TIFF":
        iptc = getattr(image, "tag_v2", {}).get(IPTC_TAG)
        if iptc is not None and not isinstance(iptc, bytes):  # numbers of four bytes, in either order
            notes.append("its IPTC captions are of an old kind and were left out")
        return Captions(iptc if isinstance(iptc, bytes) else None)
    resources = info.get("photoshop")
    iptc = resources.get(IPTC_RECORDS) if isinstance(resources, dict) else None
    said = getattr(image, "text", {})
    texts = tuple((key, str(text)) for key, text in said.items() if _is_said(key))
    if unread := [key.removeprefix(RAW).strip() for key in said if key.startswith(RAW) and key not in READ]:
        notes.append(shorten(f"what ImageMagick calls its {', '.join(unread)} profile was left out"))
    comments = [info["comment"]] if image.format == "GIF" and "comment" in info else []
    comments += [content for kind, content in getattr(image, "applist", ()) if kind == "COM"]  # a JPEG may have several
    if comments:
        texts = ((COMMENT, "\n".join(map(_text, comments))),)
    if "HasExtendedXMP" in _text(info.get("xmp")):
        notes.append("the second part of its XMP was left out")
    return Captions(iptc or None, texts)


def in_jpeg(captions: Captions, notes: list[str]) -> dict[str, bytes]:
    """The options of Pillow's writer that put captions into a JPEG."""
    options = {}
    if captions.iptc:
        size = len(captions.iptc)
        record = b"8BIM" + struct.pack(">HHI", IPTC_RECORDS, 0, size) + captions.iptc + bytes(size % 2)
        segment = b"Photoshop 3.0\0" + record
        if len(segment) > MOST:
            notes.append("its IPTC captions are too long for a JPEG and were left out")
        else:
            options["extra"] = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    if any(key == RAW_IPTC for key, _ in captions.texts):
        notes.append("its IPTC captions are written as ImageMagick does and were left out")
    lines = [text if key == COMMENT else f"{key}: {text}" for key, text in captions.texts if key != RAW_IPTC]
    if comment := "\n".join(lines).encode():
        if len(comment) > MOST:
            notes.append("its texts are too long for a JPEG's comment and were left out")
        else:
            options["comment"] = comment
    return options


def _is_said(key: str) -> bool:
    return key not in ELSEWHERE and (key == RAW_IPTC or not key.startswith(RAW))


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value or "")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")  # as programs wrote before UTF-8; no bytes are wrong in it
