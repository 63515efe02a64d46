"""Makes an Android library loadable by glibc's loader: unversion.py in.so out.so

Code and data stay byte for byte. Only the dynamic section changes: the versions that bionic gives to its symbols are
dropped, as glibc has others, and of the libraries it needs only liblog.so stays, which shim.c takes the place of.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

NEEDED, STRTAB = 1, 5
VERSIONS = {0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF}  # VERSYM, VERDEF(NUM), VERNEED(NUM)
LOAD, DYNAMIC = 1, 2


def main() -> int:
    source, target = (Path(word) for word in sys.argv[1:3])
    library = bytearray(source.read_bytes())
    segments = list(segments_of(library))
    start, size = next((offset, size) for kind, offset, _, size in segments if kind == DYNAMIC)
    entries = [struct.unpack_from("<qQ", library, at) for at in range(start, start + size, 16)]
    names = file_offset(segments, dict(entries)[STRTAB])

    def kept(tag: int, value: int) -> bool:
        if tag == NEEDED:
            return library[names + value :].startswith(b"liblog.so\0")
        return tag & 0xFFFFFFFF not in VERSIONS

    entries = [entry for entry in entries if kept(*entry)]
    entries += [(0, 0)] * (size // 16 - len(entries))
    for number, entry in enumerate(entries):
        struct.pack_into("<qQ", library, start + 16 * number, *entry)
    target.write_bytes(library)
    return 0


def segments_of(library: bytes):
    """Kind, offset in the file, address and size of every segment of an ELF64 file."""
    (table,) = struct.unpack_from("<Q", library, 32)
    width, count = struct.unpack_from("<HH", library, 54)
    for number in range(count):
        kind, _, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", library, table + number * width)
        yield kind, offset, address, size


def file_offset(segments, address: int) -> int:
    return next(
        address - start + at for kind, at, start, size in segments if kind == LOAD and start <= address < start + size
    )


if __name__ == "__main__":
    raise SystemExit(main())
