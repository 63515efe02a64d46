"""EXIF, changed in two or three places and otherwise kept byte for byte: maker notes hold offsets nobody else knows.

An EXIF block is a small TIFF file. The first directory is written anew at its end, with the changed entries; all the
rest stays where it is, so every offset in it stays true. The thumbnail, which shows the photo without its colour, is
no longer linked.
"""

from __future__ import annotations

import struct

__all__ = ["ORDERS", "PREFIX", "MalformedExif", "directory", "updated_exif"]

PREFIX = b"Exif\0\0"
ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # of bytes, by how a block begins
ORIENTATION, SOFTWARE, EXIF_DIRECTORY = 0x0112, 0x0131, 0x8769
WIDTH, HEIGHT = 0xA002, 0xA003  # in the EXIF directory
THUMBNAIL, THUMBNAIL_LENGTH = 0x0201, 0x0202  # in the second directory: a JPEG's place and length
ASCII, SHORT, LONG = 2, 3, 4


class MalformedExif(ValueError):
    """The block is not a TIFF structure."""


def updated_exif(
    block: bytes | None,
    software: str,
    size: tuple[int, int],
    most: int | None = None,
    notes: list[str] | None = None,
) -> bytes:
    """The EXIF block with Software, Orientation = 1 and the size (width, height); a new one where there was none.

    Where it gets longer than `most` bytes it is given up; that, or that it was damaged, is added to `notes`.
    """
    said = [] if notes is None else notes
    tiff = (block or b"").removeprefix(PREFIX)
    if tiff:
        try:
            new = PREFIX + _updated(tiff, software, size)
            if most and len(new) > most:
                new = PREFIX + _updated(_without_thumbnail(tiff), software, size)
            if not most or len(new) <= most:
                return new
            said.append(f"its EXIF is larger than the {most:,} bytes that fit and was left out")
        except (MalformedExif, struct.error):
            said.append("its EXIF is damaged and was left out")
    return PREFIX + _updated(b"II*\0\x08\0\0\0\0\0\0\0\0\0", software, size)


def _updated(tiff: bytes, software: str, size: tuple[int, int]) -> bytes:
    order = ORDERS.get(tiff[:4])
    if order is None:
        raise MalformedExif(tiff[:4])
    body = bytearray(tiff)
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    entries = dict(directory(tiff, order, first))
    if EXIF_DIRECTORY in entries:
        _set_size(body, order, entries[EXIF_DIRECTORY], size)
    text = software.encode("ascii", "replace") + b"\0"
    body += bytes(-len(body) % 2)
    entries[ORIENTATION] = struct.pack(order + "HHIHH", ORIENTATION, SHORT, 1, 1, 0)
    entries[SOFTWARE] = b""  # its place is known only when the directory's length is
    start = len(body)
    after = start + 2 + 12 * len(entries) + 4
    entries[SOFTWARE] = struct.pack(order + "HHII", SOFTWARE, ASCII, len(text), after)
    struct.pack_into(order + "I", body, 4, start)
    body += struct.pack(order + "H", len(entries))
    body += b"".join(entries[tag] for tag in sorted(entries))
    body += bytes(4)  # no further directory
    return bytes(body + text)


def _without_thumbnail(tiff: bytes) -> bytes:
    """The block as far as its thumbnail, if that comes last, as cameras write it; else all of it."""
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (second,) = struct.unpack_from(order + "I", tiff, first + 2 + 12 * len(directory(tiff, order, first)))
    if not second:
        return tiff
    try:
        entries = dict(directory(tiff, order, second))
        (start,) = struct.unpack(order + "I", entries[THUMBNAIL][8:])
        (length,) = struct.unpack(order + "I", entries[THUMBNAIL_LENGTH][8:])
    except (MalformedExif, struct.error, KeyError):
        return tiff
    is_last = not tiff[start + length :].strip(b"\0")
    return tiff[:start] if is_last and tiff[start : start + 2] == b"\xff\xd8" else tiff


def directory(tiff: bytes, order: str, start: int) -> list[tuple[int, bytes]]:
    """A TIFF and where one of its directories starts -> each entry's tag and its 12 bytes."""
    if not 8 <= start <= len(tiff) - 2:
        raise MalformedExif("a directory outside the block")
    (count,) = struct.unpack_from(order + "H", tiff, start)
    if start + 2 + 12 * count > len(tiff):
        raise MalformedExif("a directory that ends outside the block")
    raw = [tiff[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    return [(struct.unpack(order + "H", entry[:2])[0], entry) for entry in raw]


def _set_size(body: bytearray, order: str, pointer: bytes, size: tuple[int, int]) -> None:
    """Writes the pixel size where the EXIF directory names one: turning upright may have swapped it."""
    (start,) = struct.unpack(order + "I", pointer[8:])
    try:
        entries = directory(bytes(body), order, start)
    except (MalformedExif, struct.error):
        return  # damaged, but not by us, and of no consequence here
    for number, (tag, entry) in enumerate(entries):
        if tag in (WIDTH, HEIGHT):
            value = size[tag == HEIGHT]
            (kind,) = struct.unpack(order + "H", entry[2:4])
            if kind == LONG or (kind == SHORT and value < 1 << 16):
                packed = struct.pack(order + "I", value) if kind == LONG else struct.pack(order + "HH", value, 0)
                body[start + 10 + 12 * number : start + 14 + 12 * number] = packed
