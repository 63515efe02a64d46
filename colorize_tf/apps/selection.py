"""Which photos to colorize, and where each goes."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from colorize_tf.edge.write import SUFFIXES, format_of
from colorize_tf.errors import InputError, shorten

__all__ = [
    "MARK",
    "Job",
    "Output",
    "claimed",
    "closed",
    "displaced",
    "is_there",
    "photos_in",
    "refuse_originals",
    "select",
]

MARK = ".colorized"
READABLE = {*SUFFIXES, "bmp", "gif", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k"}


@dataclass(frozen=True)
class Job:
    """One photo and the place of its colorized version."""

    source: Path
    target: Path
    problem: str = ""  # why it cannot be done, if that is known before it is begun


@dataclass(frozen=True)
class Output:
    """Where results go: `place` is a folder, a file, or None for beside each photo; `suffix` is that of --format."""

    place: Path | None
    suffix: str | None
    is_folder: bool = True

    def target(self, source: Path, root: Path) -> Path:
        """The result's path for a photo that was found under `root`."""
        suffix = self.suffix or (source.suffix if format_of(source) else ".png")
        if self.place is None:
            return source.with_name(source.stem + MARK + suffix)
        if not self.is_folder:
            return self.place
        return self.place / source.relative_to(root).with_name(source.stem + suffix)


def select(inputs: Sequence[str], output: str | None, suffix: str | None, recursive: bool) -> list[Job]:
    """Files, folders and patterns as the user gave them -> jobs in the order of the inputs, sorted within folders."""
    found: list[tuple[Path, Path]] = []  # photo, and the folder whose tree the output mirrors
    failed: list[Job] = []
    folders = False
    for text in inputs:
        paths = _matches(text)
        if not paths:
            if len(inputs) == 1:
                _refuse_absent(text)
            paths = [Path(text)]  # among others it is one bad photo, reported in its turn
        for path in paths:
            if _is_folder(path):
                folders = True
                unread: list[OSError] = []
                inside = list(photos_in(path, recursive, Path(output) if output else None, unread.append))
                if not inside and not unread and len(paths) == 1:
                    rule = "must hold photos"
                    rule += "" if recursive else " itself; add --recursive for folders inside"
                    empty = InputError(shorten(text), rule, "none found")
                    if len(inputs) == 1:
                        raise empty
                    failed.append(Job(path, path, str(empty)))
                failed += [closed(error) for error in unread]
                found += [(photo, path) for photo in inside]
            else:
                found.append((path, path.parent))
    place = _output(output, suffix, folders or len(found) > 1)
    jobs = (Job(source, place.target(source, root)) for source, root in _unmade(dict(found)))
    return failed + _each_in_a_place_of_its_own(jobs)


def photos_in(
    folder: Path, recursive: bool, output: Path | None, unread: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """The photos of a folder, sorted; nothing hidden, no results, nothing from inside the output folder.

    Where a folder cannot be read `unread` is told.
    """
    inner = output.resolve() if output and output.resolve() != folder.resolve() else None
    for parent, children, names in os.walk(folder, onerror=unread):
        children[:] = sorted(name for name in children if not name.startswith(".")) if recursive else []
        if inner:
            children[:] = [name for name in children if (Path(parent) / name).resolve() != inner]
        for name in sorted(names):
            path = Path(parent) / name
            if not name.startswith(".") and _kind(path) in READABLE and not path.stem.endswith(MARK) and _is_file(path):
                yield path


def is_there(path: Path) -> bool:
    """Whether a path exists; a name longer than the file system allows does not."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    """Whether a path is a file, or may be one: what a closed folder does not say is reported when it is opened."""
    try:
        return path.is_file()
    except OSError:
        return True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def claimed(target: Path, places: dict[str, Path]) -> Path:
    """Where a result goes, as it was called by the first that goes there: for some file systems `A` is `a`."""
    place = target.absolute()
    first = places.setdefault(str(place).casefold(), place)
    return first if first != place and _ignores_case(place.parent) else place


@cache
def _ignores_case(folder: Path) -> bool:
    try:
        while not folder.is_dir():
            folder = folder.parent
        with NamedTemporaryFile(prefix=".a", dir=folder) as file:
            path = Path(file.name)
            return is_there(path.with_name(path.name.swapcase()))
    except OSError:  # then nothing can be written there anyway
        return False


def refuse_originals(job: Job) -> None:
    """Raises an InputError if the place of the result is the photo itself, under whatever name."""
    if is_there(job.target) and is_there(job.source) and job.target.samefile(job.source):
        raise InputError("--output", "must not be the photo itself: originals stay as they are", str(job.source))


def displaced(job: Job, owner: Path) -> Job:
    """The job, which cannot be done because its place is that of another photo's result."""
    problem = f"{shorten(str(job.source))}: its result would have the name of another's, that of {shorten(str(owner))}"
    return replace(job, problem=problem)


def closed(error: OSError) -> Job:
    """A folder that cannot be read, so that it counts among what failed."""
    folder = Path(error.filename)
    return Job(folder, folder, f"{shorten(str(folder))}: must be a readable folder. Received: {error.strerror}")


def _unmade(found: dict[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """Without the results of others among them, which a shell brings along where it is asked for `*.jpg`."""
    results = {str(path.with_suffix("")) + MARK for path in found}
    for path, root in found.items():
        if str(path.with_suffix("")) not in results:
            yield path, root


def _refuse_absent(text: str) -> None:
    try:
        Path(text).stat()
    except PermissionError as error:
        raise InputError("photo", "must be readable", f"{text}: {error.strerror}") from None
    except OSError:
        pass
    raise InputError("photo", "no such file or folder", text)


def _matches(text: str) -> list[Path]:
    path = Path(text)
    if is_there(path):
        return [path]
    if glob.has_magic(text):  # a shell that does not expand patterns, or a pattern in quotes
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        return [Path(match) for match in matches if not Path(match).stem.endswith(MARK)]
    return []


def _output(output: str | None, suffix: str | None, several: bool) -> Output:
    if output is None:
        return Output(None, suffix)
    place = Path(output)
    is_folder = place.is_dir() or output.endswith((os.sep, "/"))
    if several or is_folder:
        if not is_folder and (place.exists() or format_of(place)):
            raise InputError("--output", "must be a folder for several photos", output, "A new folder ends in /")
        return Output(place, suffix)
    if not format_of(place):
        known = ", ".join(f".{kind}" for kind in sorted(SUFFIXES))
        raise InputError("--output", f"must be a folder, or end in one of {known}", output, "A new folder ends in /")
    if suffix and format_of(place) != format_of(place.with_suffix(suffix)):
        raise InputError("--format", f"does not go with --output {place.name}", suffix)
    return Output(place, suffix, is_folder=False)


def _each_in_a_place_of_its_own(jobs: Iterable[Job]) -> list[Job]:
    """The jobs; of several for one place only the first can be done, and none whose place is that of another photo."""
    jobs = list(jobs)
    originals = {_identity(job.source) for job in jobs} - {None}
    owners: dict[Path, Path] = {}
    places: dict[str, Path] = {}
    checked = []
    for job in jobs:
        refuse_originals(job)
        owner = owners.setdefault(claimed(job.target, places), job.source)
        if owner != job.source and owner.absolute() == job.source.absolute():
            continue  # asked for twice
        if _identity(job.target) in originals:
            place = shorten(str(job.target))
            problem = f"{shorten(str(job.source))}: its result would replace {place}, which is a photo to be colorized"
            checked.append(replace(job, problem=problem))
        else:
            checked.append(job if owner == job.source else displaced(job, owner))
    return checked


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from any other, whatever it is called; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _kind(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
