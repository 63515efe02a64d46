"""Opens a source by its name: folder:PATH, tar:GLOB, tfrecord:GLOB, ..."""

from __future__ import annotations

import glob
import logging
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from colorize_tf.datasets.examine import IMAGE_SUFFIXES, SMALLEST
from colorize_tf.datasets.index import Entry, Row, gather, look_up
from colorize_tf.datasets.photos import Photos, Rejected, Unpaired
from colorize_tf.datasets.shards import ShardError, parse_example, records
from colorize_tf.errors import InputError

__all__ = ["MAX_BAD_SHARE", "open_source", "open_unpaired"]

MAX_BAD_SHARE = 0.5

_log = logging.getLogger(__name__)


def open_source(
    spec: str,
    *,
    near_gray: float | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    smallest: int = SMALLEST,
) -> Photos:
    """`folder:PATH`, `tar:GLOB`, `tfrecord:GLOB` -> Photos.

    Files that cannot be used are counted and named in `Photos.rejected`; more of them than `max_bad_share` is an
    error. `near_gray` leaves out photos whose mean CIE chroma is below it (5 is a sensible value).
    """
    kind, _, where = spec.partition(":")
    if kind not in _SOURCES or not where:
        raise InputError("data", f"must be one of {', '.join(f'{name}:…' for name in _SOURCES)}", spec)
    photos = gather(spec, _SOURCES[kind](where, smallest))
    found = photos.count + len(photos.rejected)
    if photos.rejected:
        _report(spec, photos, found)
    if found == 0:
        raise InputError("data", "must contain photos", spec, f"Looked for {', '.join(sorted(IMAGE_SUFFIXES))}")
    if photos.count == 0 or len(photos.rejected) > max_bad_share * found:
        first = photos.rejected[0]
        raise InputError(
            "data",
            f"may contain at most {max_bad_share:.0%} unusable files",
            f"{len(photos.rejected)} of {found} in {spec} (first: {first.name}: {first.reason})",
        )
    if near_gray is not None:
        colourful = photos.chroma >= near_gray
        _log.info("%s: %d near-gray photos left out", spec, photos.count - int(colourful.sum()))
        photos = photos.pick(colourful)
        if photos.count == 0:
            raise InputError("near_gray", "must leave some photos", near_gray, "Use a lower threshold")
    return photos


def _report(spec: str, photos: Photos, found: int) -> None:
    reasons = Counter(bad.reason for bad in photos.rejected)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    first = photos.rejected[0].name
    _log.warning("%s: left out %d of %d: %s; first: %s", spec, len(photos.rejected), found, told, first)


def open_unpaired(spec: str, **options: object) -> Unpaired:
    """`unpaired:A|B` -> Unpaired, where A and B are source names."""
    parts = spec.removeprefix("unpaired:").split("|")
    if len(parts) != 2:
        raise InputError("data", "must be two sources, unpaired:A|B", spec)
    a, b = (open_source(part.strip(), **options) for part in parts)  # type: ignore[arg-type]
    return Unpaired(a, b)


def _folder(where: str, smallest: int) -> Iterator[Row | Rejected]:
    root = Path(where).expanduser()
    if not root.is_dir():
        raise InputError("data", "folder: must name an existing folder", where)
    relative = sorted(
        Path(parent, name).relative_to(root)
        for parent, _, names in os.walk(root, followlinks=True)
        for name in names
        if Path(name).suffix.lower() in IMAGE_SUFFIXES
    )
    relative = [path for path in relative if not any(part.startswith(".") for part in path.parts)]
    classes = bool(relative) and all(len(path.parts) > 1 for path in relative)
    entries = (
        Entry(path.as_posix(), str(root / path), 0, (root / path).stat().st_size, path.parts[0] if classes else "")
        for path in relative
    )
    return look_up(entries, smallest=smallest)


def _tar(where: str, smallest: int) -> Iterator[Row | Rejected]:
    return look_up((entry for path in _matches("tar", where) for entry in _members(path)), smallest=smallest)


def _members(path: str) -> Iterator[Entry]:
    try:
        with tarfile.open(path, "r:") as archive:  # uncompressed: its members are byte ranges of the file
            for member in archive:
                if member.isfile() and Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    yield Entry(member.name, path, member.offset_data, member.size)
    except (tarfile.TarError, EOFError) as error:
        raise InputError("data", "tar: must name uncompressed tar archives", path) from error


def _tfrecord(where: str, smallest: int) -> Iterator[Row | Rejected]:
    for path in _matches("tfrecord", where):
        foreign: list[Entry] = []
        try:
            for offset, record in records(path):
                values = parse_example(record)
                entry = _entry(path, offset, values)
                if entry is None:
                    yield Rejected(f"{path}@{offset}", "no encoded image in the record")
                elif "image/sha256" in values:
                    yield _trusted(entry, values)
                else:
                    foreign.append(entry)
        except ShardError as error:
            yield Rejected(path, str(error))
        yield from look_up(foreign, smallest=smallest)


def _entry(path: str, offset: int, values: Mapping[str, tuple[object, int]]) -> Entry | None:
    for name in ("image/encoded", "image", "image_raw", "jpg", "jpeg", "png"):
        if name in values and isinstance(content := values[name][0], bytes):
            label = values.get("image/class/text", (b"", 0))[0] or values.get("label", (b"", 0))[0]
            title = values.get("image/filename", (b"", 0))[0] or f"{Path(path).name}@{offset}".encode()
            return Entry(_text(title), path, offset + values[name][1], len(content), _text(label))
    return None


def _trusted(entry: Entry, values: Mapping[str, tuple[object, int]]) -> Row:
    """A record of our own writer was examined when it was written."""
    numbers = [int(values[f"image/{key}"][0]) for key in ("format", "height", "width", "orientation")]  # type: ignore[call-overload]
    return Row(entry, _text(values["image/sha256"][0]), *numbers, float(values["image/chroma"][0]))  # type: ignore[arg-type]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _matches(kind: str, pattern: str) -> list[str]:
    matches = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207 (absolute patterns too)
    paths = sorted(path for path in matches if Path(path).is_file())
    if not paths:
        raise InputError("data", f"{kind}: must match existing files", pattern)
    return paths


_SOURCES: Mapping[str, Callable[[str, int], Iterator[Row | Rejected]]] = {
    "folder": _folder,
    "tar": _tar,
    "tfrecord": _tfrecord,
}
