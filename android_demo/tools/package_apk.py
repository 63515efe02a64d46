"""Puts code and native libraries beside what aapt2 made of the resources.

    package_apk.py --out app.apk --base base.ap_ --dex FOLDER --native JAR… --java JAR…

Stored entries start at multiples of 4 bytes, native libraries at multiples of 16 KiB, so that the system can map them
from the APK on devices with either page size. The padding is the extra field that Android's own tools write, which
apksigner keeps.
"""

from __future__ import annotations

import argparse
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

PAGE = 16384
ALIGNMENT_FIELD = 0xD935
ABIS = ("arm64-v8a",)
JAVA_RESOURCES = ("org/bytedeco/javacpp/properties/android-arm64.properties",)  # what JavaCPP reads to load a library


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--dex", type=Path, required=True)
    parser.add_argument("--native", type=Path, nargs="+", required=True)
    parser.add_argument("--java", type=Path, required=True)
    given = parser.parse_args()
    with zipfile.ZipFile(given.out, "w") as out, zipfile.ZipFile(given.base) as base:
        for entry in base.infolist():
            add(out, entry.filename, base.read(entry), 4 if entry.compress_type == zipfile.ZIP_STORED else 0)
        for dex in sorted(given.dex.glob("*.dex")):
            add(out, dex.name, dex.read_bytes(), 0)
        for name, content in libraries(given.native):
            add(out, name, content, PAGE)
        with zipfile.ZipFile(given.java) as java:
            for name in JAVA_RESOURCES:
                add(out, name, java.read(name), 0)
    return 0


def libraries(jars: list[Path]) -> Iterator[tuple[str, bytes]]:
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.endswith(".so") and any(name.startswith(f"lib/{abi}/") for abi in ABIS):
                    yield name, archive.read(name)


def add(out: zipfile.ZipFile, name: str, content: bytes, alignment: int) -> None:
    """Stored at a multiple of `alignment`; compressed where that is 0. Dates are fixed: alike sources, alike files."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    if alignment:
        start = out.fp.tell() + 30 + len(name.encode()) + 6  # after the header, the name and the field's own head
        padding = -start % alignment
        entry.extra = struct.pack("<HHH", ALIGNMENT_FIELD, 2 + padding, alignment) + bytes(padding)
    entry.compress_type = zipfile.ZIP_STORED if alignment else zipfile.ZIP_DEFLATED
    out.writestr(entry, content, compresslevel=9)


if __name__ == "__main__":
    raise SystemExit(main())
