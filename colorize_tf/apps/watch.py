"""What comes into a watched folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from colorize_tf.apps.selection import Job, Output, is_there, photos_in
from colorize_tf.errors import InputError, shorten

__all__ = ["arrivals"]

SETTLE = 1.0  # seconds between two looks; a file that is the same at both is taken to be complete


def arrivals(folder: Path, output: str | None, suffix: str | None, recursive: bool, overwrite: bool) -> Iterator[Job]:
    """Photos of a folder for ever, each once it has stopped growing, and again when it has changed."""
    if not folder.is_dir():
        raise InputError("--watch", "must be a folder", str(folder))
    if output is not None and Path(output).exists() and not Path(output).is_dir():
        raise InputError("--output", "must be a folder", output)
    place = Output(Path(output) if output else None, suffix)
    print(f"watching {shorten(str(folder))}; Ctrl-C ends", file=sys.stderr, flush=True)
    seen: dict[Path, tuple[int, int]] = {}
    taken: dict[Path, tuple[int, int]] = {}
    while True:
        for path in photos_in(folder, recursive, place.place):
            try:
                status = path.stat()
            except OSError:
                continue  # gone again
            state = (status.st_size, status.st_mtime_ns)
            if seen.get(path) == state and taken.get(path) != state:
                taken[path] = state
                job = Job(path, place.target(path, folder))
                if overwrite or not is_there(job.target):
                    yield job
            seen[path] = state
        time.sleep(SETTLE)
