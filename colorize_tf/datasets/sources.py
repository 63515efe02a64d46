"""Opens a source by its name: folder:PATH, tar:GLOB, tfrecord:GLOB, tfds:NAME, synthetic:COUNT."""

from __future__ import annotations

import glob
import io
import json
import logging
import os
import re
import shutil
import stat
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.examine import IMAGE_SUFFIXES, JPEG, LARGEST, PNG, Examined
from colorize_tf.datasets.index import examine_entries, gather
from colorize_tf.datasets.memory import Entry, Memory, Row
from colorize_tf.datasets.pack import REJECTED, Item, stream
from colorize_tf.datasets.parallel import parallel
from colorize_tf.datasets.photos import Photos, Rejected, Unpaired
from colorize_tf.datasets.shards import ShardError, parse_example, records
from colorize_tf.datasets.synthetic import SIZE, scene
from colorize_tf.errors import InputError, shorten

__all__ = ["MAX_BAD_SHARE", "SMALLEST", "open_source", "open_unpaired"]

MAX_BAD_SHARE = 0.5
SMALLEST = 32  # pixels of the shorter side; below it a photo is an icon

Found = Iterable[Row | Rejected]

_SHA256 = re.compile("[0-9a-f]{64}")
_FORMATS: Mapping[object, int] = {b"jpeg": JPEG, b"png": PNG}  # as our own shards name them

_log = logging.getLogger(__name__)


def open_source(
    spec: str,
    *,
    near_gray: float | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    smallest: int = SMALLEST,
) -> Photos:
    """A source's name -> its photos.

    What cannot be used is counted and named in `Photos.rejected`; more of it than `max_bad_share` is an error.
    `near_gray` leaves out photos whose mean CIE chroma is below it (5 is a sensible value).
    """
    kind, colon, where = spec.partition(":")
    if not 0 <= max_bad_share <= 1:
        raise InputError("max_bad_share", "must be from 0 to 1", max_bad_share)
    if kind == "unpaired":
        raise InputError("data", "unpaired: is for models that learn from two sets", spec, "Give one source.")
    if kind not in _SOURCES or not colon:
        raise InputError("data", f"must be one of {', '.join(f'{name}:…' for name in _SOURCES)}", spec)
    photos = gather(spec, _SOURCES[kind](where), smallest)
    found = photos.count + len(photos.rejected)
    if found == 0:
        raise InputError("data", "must contain photos", spec, f"Looked for {', '.join(sorted(IMAGE_SUFFIXES))}.")
    if photos.rejected:
        reasons = Counter(bad.reason for bad in photos.rejected)
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        first = photos.rejected[0].name
        if photos.count == 0 or len(photos.rejected) > max_bad_share * found:
            received = f"{len(photos.rejected)} of {found} in {spec} ({told}; first: {first})"
            raise InputError("data", f"may hold at most {max_bad_share:.0%} unusable photos", received)
        counts = f"{len(photos.rejected)} of {found}"
        _log.warning("%s: left out %s: %s; first: %s", shorten(spec), counts, told, shorten(first))
    if near_gray is not None:
        colourful = photos.chroma >= near_gray
        if not colourful.any():
            raise InputError("near_gray", "must leave some photos", near_gray, "Use a lower threshold.")
        if not colourful.all():
            _log.info("%s: left out %d near-gray photos", shorten(spec), int((~colourful).sum()))
        photos = photos.pick(colourful)
    return photos


def open_unpaired(
    spec: str,
    *,
    near_gray: float | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    smallest: int = SMALLEST,
) -> Unpaired:
    """`unpaired:A|B`, where A and B are names of sources -> the two sets; `near_gray` concerns B alone."""
    kind, _, where = spec.partition(":")
    names = [name.strip() for name in where.split("|")]
    if kind != "unpaired" or len(names) != 2:
        raise InputError("data", "must be two sources, unpaired:A|B", spec)
    a = open_source(names[0], max_bad_share=max_bad_share, smallest=smallest)
    b = open_source(names[1], near_gray=near_gray, max_bad_share=max_bad_share, smallest=smallest)
    return Unpaired(a, b)


def _folder(where: str) -> Found:
    root = _absolute(where)
    if not where or not root.is_dir():
        raise InputError("data", "folder: must name an existing folder", where)
    missing: list[Rejected] = []

    def closed(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        missing.append(Rejected(f"{name}/", error.strerror or "unreadable"))

    paths = sorted(_photos_below(root, closed))
    classes = bool(paths) and all(len(path.parts) > 1 for path in paths)

    def entries() -> Iterator[Entry]:
        for path in paths:
            try:
                status = (root / path).stat()
            except OSError as error:  # a link that leads nowhere
                missing.append(Rejected(path.as_posix(), error.strerror or "unreadable"))
                continue
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                missing.append(Rejected(path.as_posix(), "not a file"))
                continue
            label = path.parts[0] if classes else ""
            yield Entry(path.as_posix(), str(root / path), 0, status.st_size, status.st_mtime_ns, label)

    yield from examine_entries(entries(), len(paths))
    yield from missing


def _photos_below(root: Path, closed: Callable[[OSError], None]) -> Iterator[Path]:
    """Paths relative to `root` of all that looks like a photo; follows links to folders, each folder once.

    A folder that cannot be read is told to `closed`.
    """
    seen = set()
    for parent, folders, names in os.walk(root, onerror=closed, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                yield Path(parent, name).relative_to(root)


def _tar(where: str) -> Found:
    return examine_entries(entry for path in _matches("tar", where) for entry in _members(path))


def _members(path: str) -> Iterator[Entry]:
    status = Path(path).stat()
    try:
        with tarfile.open(path, "r:") as archive:  # uncompressed: its members are byte ranges of the file
            for member in archive:
                file = Path(member.name)
                if member.isfile() and file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
                    # Headers can say anything: what they say of bytes that are not there ends with the archive.
                    length = max(0, min(member.size, status.st_size - member.offset_data))
                    yield Entry(member.name, path, member.offset_data, length, status.st_mtime_ns)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise InputError("data", "tar: must name whole, uncompressed tar archives", path) from error


def _tfrecord(where: str) -> Found:
    return _shards(_matches("tfrecord", where))


def _shards(paths: Sequence[str]) -> Found:
    memory = Memory()
    try:
        for path in tqdm(paths, "reading shards", unit="shard", disable=None, delay=1, leave=False):
            found = memory.recall_shard(Path(path))
            if found is None:
                found = list(_shard(path))
                # What had to be converted lies in another file, which may be gone next time.
                if all(isinstance(one, Rejected) or one.entry.path == path for one in found):
                    memory.keep_shard(Path(path), found)
            yield from found
    finally:
        memory.close()


def _shard(path: str) -> Found:
    stamp = Path(path).stat().st_mtime_ns
    foreign: list[Entry] = []
    try:
        for offset, record in records(path):
            try:
                values = parse_example(record)
            except ShardError as error:  # of this record alone; where the next one begins is known
                yield Rejected(f"{Path(path).name}@{offset}", str(error))
                continue
            entry = _entry(path, offset, values, stamp)
            if entry is None:
                yield Rejected(f"{Path(path).name}@{offset}", "no encoded image in the record")
            elif (known := _known(values)) is not None:
                yield Row(entry, known)
            else:
                foreign.append(entry)
    except ShardError as error:
        yield Rejected(Path(path).name, str(error))
    if foreign:
        yield from examine_entries(foreign, len(foreign))


def _entry(path: str, offset: int, values: Mapping[str, tuple[object, int]], stamp: int) -> Entry | None:
    """Where the photo of a record lies; the names are those of TensorFlow's, tfds's and WebDataset's conventions."""
    for name in ("image/encoded", "image", "image_raw", "jpg", "jpeg", "png"):
        if name in values and isinstance(content := values[name][0], bytes):
            title = values.get("image/filename", values.get("file_name", (b"", 0)))[0]
            label = values.get("image/class/text", values.get("label", (b"", 0)))[0]
            shown = _text(title) or f"{Path(path).name}@{offset}"
            return Entry(shown, path, offset + values[name][1], len(content), stamp, _text(label))
    return None


def _known(values: Mapping[str, tuple[object, int]]) -> Examined | None:
    """What our own writer found out when it examined the photo; None of a record that is not, or cannot be, ours."""
    names = ("sha256", "format", "height", "width", "orientation", "chroma")
    told = [values.get(f"image/{name}", (None, -1))[0] for name in names]
    if [type(value) for value in told] != [bytes, bytes, int, int, int, float] or told[1] not in _FORMATS:
        return None
    known = Examined(_text(told[0]), _FORMATS[told[1]], *told[2:])
    sides = known.height > 0 and known.width > 0 and known.height * known.width <= LARGEST
    possible = sides and known.orientation in range(1, 9) and known.chroma >= 0
    return known if possible and _SHA256.fullmatch(known.sha256) else None


def _text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)


def _matches(kind: str, pattern: str) -> list[str]:
    whole = _absolute(pattern)
    # A file that is there is meant as it is named, also by a name with brackets.
    found = [str(whole)] if whole.is_file() else glob.glob(str(whole), recursive=True)  # noqa: PTH207 (absolute patterns)
    paths = sorted(path for path in found if Path(path).is_file())
    if not paths:
        raise InputError("data", f"{kind}: must match existing files", pattern)
    return paths


def _absolute(where: str) -> Path:
    try:
        return Path(where).expanduser().absolute()
    except RuntimeError:  # ~NAME of nobody here is a name like any other
        return Path(where).absolute()


def _kept(folder: Path, items: Callable[[], Iterable[Item]], total: int | None) -> Found:
    """What a source that must be made or fetched yields, from its shards in the cache folder, written once."""
    shards = [path.stem for path in folder.glob("*.tfrecord")]
    if not (shards and shards[0].endswith(f"-of-{len(shards):05d}")):  # none yet, or somebody removed some of them
        shutil.rmtree(folder, ignore_errors=True)
        stream(folder, items(), total)
    yield from _shards(sorted(str(path) for path in folder.glob("*.tfrecord")))
    if (folder / REJECTED).is_file():
        for name, reason in json.loads((folder / REJECTED).read_text()):
            yield Rejected(name, reason)


def _synthetic(where: str) -> Found:
    match = re.fullmatch(r"(\d{0,18})(?:,seed=(\d{1,18}))?(?:,size=(\d{1,18})x(\d{1,18}))?", where)
    if not match:
        rule = "must be synthetic:COUNT[,seed=N][,size=HEIGHTxWIDTH], numbers of at most 18 digits"
        raise InputError("data", rule, f"synthetic:{where}")
    count, seed, height, width = (int(part) if part else None for part in match.groups())
    count, seed, size = 256 if count is None else count, seed or 0, SIZE if height is None else (height, width)
    if not (1 <= count <= 1_000_000 and min(size) >= 1 and max(size) <= 4096):
        raise InputError("data", "synthetic: makes 1 to a million pictures of 1 to 4096 pixels a side", where)

    def draw(index: int) -> Item:
        buffer = io.BytesIO()
        Image.fromarray(scene(seed * 1_000_000 + index, size)).save(buffer, "JPEG", quality=95, subsampling=0)
        return f"scene-{index:06d}.jpg", "", buffer.getvalue()

    folder = cache_root() / "synthetic" / f"1-{count}-{seed}-{size[0]}x{size[1]}"
    return _kept(folder, lambda: parallel(draw, range(count)), count)


def _tfds(where: str) -> Found:
    from colorize_tf.datasets.tfds_source import tfds_items

    folder, items, total = tfds_items(where)
    return _kept(folder, items, total)


_SOURCES: Mapping[str, Callable[[str], Found]] = {
    "folder": _folder,
    "tar": _tar,
    "tfrecord": _tfrecord,
    "tfds": _tfds,
    "synthetic": _synthetic,
}
