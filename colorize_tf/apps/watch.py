"""What comes into a watched folder."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from colorize_tf.apps.selection import Job, Output, claimed, closed, displaced, is_there, photos_in
from colorize_tf.errors import InputError, RunError, shorten

__all__ = ["arrivals"]

State = tuple[int, int]

SETTLE = 1.0  # seconds between two looks; a file that is the same at both is taken to be complete


def arrivals(folder: Path, output: str | None, suffix: str | None, recursive: bool, overwrite: bool) -> Iterator[Job]:
    """Photos of a folder for ever, each once it has stopped growing, and again when it has changed."""
    if not folder.is_dir():
        raise InputError("--watch", "must be a folder", str(folder))
    place = Output(_output(folder, output), suffix)
    home = folder.resolve()
    apart = place.place is None or place.place.resolve().is_relative_to(home)  # `photos_in` knows these results
    print(f"watching {shorten(str(folder))}; Ctrl-C ends", file=sys.stderr, flush=True)
    seen: dict[Path, State] = {}
    taken: dict[Path, State] = {}
    claims: dict[Path, Path] = {}  # which photo a result is of
    places: dict[str, Path] = {}
    shut: set[str] = set()  # folders of which it has been said that they cannot be read
    first: dict[Path, State] | None = None  # what was there when watching began: it may have its result already
    while True:
        if not folder.is_dir():  # else it would look empty for ever
            raise RunError(f"{shorten(str(folder))}: the watched folder is gone")
        unread: list[OSError] = []
        present = _states(photos_in(folder, recursive, place.place, unread.append))
        yield from (closed(error) for error in unread if error.filename not in shut)
        shut = {error.filename for error in unread}
        # What was deleted is forgotten: it may come again, and another photo may take its place.
        taken = {path: state for path, state in taken.items() if path in present}
        claims = {target: path for target, path in claims.items() if path in present}
        first = present if first is None else first
        for path, state in present.items():
            job = Job(path, place.target(path, folder))
            owner = claims.setdefault(claimed(job.target, places), path)
            if seen.get(path) != state or taken.get(path) == state:
                continue
            taken[path] = state
            if not apart and job.target.resolve().is_relative_to(home):
                yield replace(job, problem=f"{shorten(str(path))}: its result would lie among the watched photos")
            elif owner != path:
                yield displaced(job, owner)
            elif overwrite or first.get(path) != state or not is_there(job.target):
                yield job
        seen = present
        time.sleep(SETTLE)


def _output(folder: Path, output: str | None) -> Path | None:
    if output is None:
        return None
    place = Path(output)
    if output == "-" or (place.exists() and not place.is_dir()):
        raise InputError("--output", "must be a folder", output)
    if place.exists() and place.samefile(folder):
        remedy = "Leave it out for results beside the photos"
        raise InputError("--output", "must not be the watched folder: originals stay as they are", output, remedy)
    return place


def _states(paths: Iterable[Path]) -> dict[Path, State]:
    """The size and the time of change of each."""
    states: dict[Path, State] = {}
    for path in paths:
        with contextlib.suppress(OSError):  # gone again
            status = path.stat()
            states[path] = status.st_size, status.st_mtime_ns
    return states
