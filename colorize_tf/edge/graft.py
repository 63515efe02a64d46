"""EXIF's inner directories put into a finished TIFF, which neither Pillow's compressing writer nor tifffile can do.

They are appended to the file with a new first directory that names them; pixels and pages stay where they are.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image, TiffImagePlugin

__all__ = ["graft_exif"]

INNER = (0x8769, 0x8825)  # EXIF and GPS


def graft_exif(file: BinaryIO, exif: bytes) -> None:
    """Adds the inner directories of an EXIF block to the first page of a classic TIFF, open for reading and writing."""
    known = Image.Exif()
    known.load(exif)
    inner = {tag: values for tag in INNER if tag in known and (values := known.get_ifd(tag))}
    file.seek(0)
    head = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if not inner or order is None:  # a BigTIFF goes without
        return
    (start,) = struct.unpack(order + "I", head[4:])
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    raw = [file.read(12) for _ in range(count)]
    entries = {struct.unpack(order + "H", entry[:2])[0]: entry for entry in raw}
    following = file.read(4)
    end = file.seek(0, 2)
    block = bytes(end % 2)
    for tag, values in inner.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=head[:2], group=tag)
        for key, value in values.items():
            if not isinstance(value, dict):  # interoperability's directory says nothing that a TIFF needs
                directory[key] = value
        entries[tag] = struct.pack(order + "HHII", tag, 4, 1, end + len(block))
        block += directory.tobytes(end + len(block))
        block += bytes(len(block) % 2 ^ end % 2)
    new_start = end + len(block)
    if new_start >= 1 << 32:
        return
    block += struct.pack(order + "H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + following
    file.write(block)
    file.seek(4)
    file.write(struct.pack(order + "I", new_start))
    file.seek(0, 2)
