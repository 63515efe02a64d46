"""EXIF put into a finished TIFF, which is what EXIF is itself: its directories are appended, byte for byte.

The writers of TIFF take tags one by one, each in a type of their own, and one of another type ends the process in
libtiff. Here a page's directory is written anew at the end of the file, with the entries it had and those of the EXIF
block; pixels and pages stay where they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from colorize_tf.edge.exif import ORDERS, PREFIX, MalformedExif, directory

__all__ = ["INNER", "STRUCTURE", "graft_exif", "is_sound"]

Value = tuple[int, int, bytes]  # its type, how many there are, and their bytes

INNER = (0x8769, 0x8825)  # EXIF and GPS
INTEROPERABILITY = 0xA005  # says nothing that a TIFF needs
# Tags that describe how the pixels lie in a file, and must not be copied to another.
STRUCTURE = {*range(0xFE, 0x104), 0x106, 0x10A, 0x111, *range(0x113, 0x11E), 0x128, 0x129, *range(0x13D, 0x146), 0x14A}
STRUCTURE |= {*range(0x14C, 0x165), *range(0x200, 0x215), 0x2BC, *range(0x80E3, 0x80E7), 0x83BB, 0x8649, 0x8773, 0xA005}
# By type: the number that values are made of, and of how many.
TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "B", 7: "B", 8: "H", 9: "I", 10: "II", 11: "I", 12: "Q"}


def graft_exif(file: BinaryIO, blocks: Iterable[bytes]) -> None:
    """Adds to each page of a classic TIFF, open for reading and writing, what is in its EXIF block."""
    file.seek(0)
    order = ORDERS.get(file.read(4))
    if order is None:  # a BigTIFF goes without
        return
    pointer = 4  # where it stands at which place the page's directory begins
    for block in blocks:
        file.seek(pointer)
        (start,) = struct.unpack(order + "I", file.read(4))
        file.seek(start)
        (count,) = struct.unpack(order + "H", file.read(2))
        entries = {struct.unpack(order + "H", raw[:2])[0]: raw for raw in (file.read(12) for _ in range(count))}
        following = file.read(4)
        end = file.seek(0, 2)
        added = bytearray(end % 2)
        tags, inner, _ = _read(block, order)
        for tag, values in inner.items():
            entries[tag] = struct.pack(order + "HHII", tag, 4, 1, end + len(added))
            added += _directory({}, values, bytes(4), order, end + len(added))
        new = {tag: value for tag, value in tags.items() if tag not in entries}
        start = end + len(added)
        added += _directory(entries, new, following, order, start)
        if end + len(added) >= 1 << 32:
            return
        file.write(added)
        file.seek(pointer)
        file.write(struct.pack(order + "I", start))
        pointer = start + 2 + 12 * (len(entries) + len(new))
    file.seek(0, 2)


def is_sound(block: bytes) -> bool:
    """Whether `graft_exif` leaves out nothing of an EXIF block because it is damaged."""
    return _read(block, "<")[2]


def _read(block: bytes, to: str) -> tuple[dict[int, Value], dict[int, dict[int, Value]], bool]:
    """An EXIF block -> what its first directory says of the photo, its inner directories, whether that is all."""
    tiff = block.removeprefix(PREFIX)
    order = ORDERS[tiff[:4]]
    first, sound = _values(tiff, order, struct.unpack_from(order + "I", tiff, 4)[0], to)
    inner = {}
    for tag in INNER:
        kind, _, place = first.pop(tag, (0, 0, b""))
        if kind == 4:
            inner[tag], whole = _values(tiff, order, struct.unpack_from(to + "I", place)[0], to)
            sound &= whole
    tags = {tag: value for tag, value in first.items() if tag not in STRUCTURE}
    return tags, {tag: values for tag, values in inner.items() if values}, sound


def _values(tiff: bytes, order: str, start: int, to: str) -> tuple[dict[int, Value], bool]:
    """A directory by tags, its numbers in the order `to`, without what is damaged; and whether nothing was."""
    found: dict[int, Value] = {}
    try:
        entries = directory(tiff, order, start)
    except (MalformedExif, struct.error):
        return found, False
    room = len(tiff)  # all together: where values overlap, a small block could say very much
    sound = True
    for tag, entry in entries:
        kind, count, place = struct.unpack(order + "HII", entry[2:])
        if not count or tag == INTEROPERABILITY:
            continue
        form = TYPES.get(kind, "")
        size = struct.calcsize("<" + form) * count
        data = entry[8 : 8 + size] if size <= 4 else tiff[place : place + size]
        room -= size
        if not size or room < 0 or len(data) < size:
            sound = False
            continue
        if order != to:
            numbers = f"{len(form) * count}{form[0]}"
            data = struct.pack(to + numbers, *struct.unpack(order + numbers, data))
        found[tag] = kind, count, data
    return found, sound


def _directory(old: Mapping[int, bytes], new: Mapping[int, Value], following: bytes, order: str, at: int) -> bytes:
    """Entries as they are, and values by tag -> a directory for the place `at`, and after it what does not fit in."""
    entries, data = dict(old), bytearray()
    start = at + 2 + 12 * (len(old) + len(new)) + 4
    for tag, (kind, count, value) in new.items():
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", start + len(data))
        entries[tag] = struct.pack(order + "HHI", tag, kind, count) + place
        if len(value) > 4:
            data += value + bytes(len(value) % 2)
    head = struct.pack(order + "H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    return head + following + bytes(data)
