"""Checks an APK against what the app promises: check_apk.py app.apk

Permissions, size, alignment of stored entries and of the libraries' own segments, and the signature.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

# Camera and notifications are asked for when they are needed; the service is the batch. INTERNET is not among them.
PERMISSIONS = {
    "android.permission.CAMERA",
    "android.permission.POST_NOTIFICATIONS",
    "android.permission.FOREGROUND_SERVICE",
    "android.permission.FOREGROUND_SERVICE_DATA_SYNC",
}
MOST_BYTES = 16_000_000
PAGE = 16384
LOAD = 1  # a segment that is mapped


def main() -> int:
    apk = Path(sys.argv[1])
    found = permissions(output("aapt2", "dump", "permissions", str(apk)))
    problems = [f"permission {name}: {text}" for name, text in permission_problems(found)]
    if apk.stat().st_size > MOST_BYTES:
        problems.append(f"{apk.stat().st_size} bytes are more than {MOST_BYTES}")
    problems += alignment_problems(apk)
    with zipfile.ZipFile(apk) as archive:
        names = archive.namelist()
        for name in names:
            if name.endswith(".so"):
                problems += segment_problems(name, archive.read(name))
    for wanted in ("classes.dex", "lib/arm64-v8a/libjnitensorflowlite.so", "lib/arm64-v8a/libjnijavacpp.so"):
        if wanted not in names:
            problems.append(f"{wanted} is missing")
    if not any(re.fullmatch(r"assets/models/.+\.tflite", name) for name in names):
        problems.append("no model is bundled")
    badging = output("aapt2", "dump", "badging", str(apk))
    for wanted in ("sdkVersion:'29'", "targetSdkVersion:'35'"):
        if wanted not in badging:
            problems.append(f"{wanted} is not what aapt2 finds")
    output("apksigner", "verify", "--min-sdk-version", "29", str(apk))
    for problem in problems:
        print(f"{apk.name}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{apk.name}: {apk.stat().st_size / 1e6:.1f} MB, {len(found)} permissions, 16 KiB pages, signed")
    return int(bool(problems))


def output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def permissions(dump: str) -> set[str]:
    """The names in the output of `aapt2 dump permissions`, those that the APK defines itself among them."""
    return set(re.findall(r"^(?:uses-)?permission[\w-]*: (?:name=)?'?([\w.]+)'?", dump, re.MULTILINE))


def permission_problems(found: set[str]) -> list[tuple[str, str]]:
    return [(name, "not promised") for name in sorted(found - PERMISSIONS)] + [
        (name, "missing") for name in sorted(PERMISSIONS - found)
    ]


def alignment_problems(apk: Path) -> list[str]:
    """Stored entries that the system cannot map."""
    problems = []
    with zipfile.ZipFile(apk) as archive, apk.open("rb") as file:
        for entry in archive.infolist():
            library = entry.filename.endswith(".so")
            if entry.compress_type != zipfile.ZIP_STORED:
                if library or entry.filename == "resources.arsc":
                    problems.append(f"{entry.filename} is compressed")
                continue
            file.seek(entry.header_offset + 26)
            name, extra = struct.unpack("<HH", file.read(4))
            start = entry.header_offset + 30 + name + extra
            if start % (PAGE if library else 4):
                problems.append(f"{entry.filename} starts at {start}")
    return problems


def segment_problems(name: str, library: bytes) -> list[str]:
    """Segments of an ELF64 library that need smaller pages than 16 KiB."""
    if library[:5] != b"\x7fELF\x02":
        return [f"{name} is no 64-bit library"]
    (table,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    problems = []
    for number in range(count):
        kind, _, offset, address, _, _, _, alignment = struct.unpack_from("<IIQQQQQQ", library, table + number * size)
        if kind == LOAD and (alignment % PAGE or (offset - address) % PAGE):
            problems.append(f"{name}: a segment aligned to {alignment}")
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
