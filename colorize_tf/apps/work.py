"""Colorizing one file: read, colour, write, and tell what happened."""

from __future__ import annotations

import errno
import io
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from colorize_tf.apps.selection import Job, is_there, refuse_originals
from colorize_tf.atomic import atomic_path
from colorize_tf.edge import Hint
from colorize_tf.edge.fusion import available_threads
from colorize_tf.edge.modes import Photo
from colorize_tf.edge.network import Options
from colorize_tf.edge.photo import MAX_PIXELS, Reader, open_photo
from colorize_tf.edge.raster import ArrayRaster, ImageRaster
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.edge.write import DEEP, FORMATS, Picture, format_of, picture, write_photos
from colorize_tf.errors import ColorizeError, InputError, RunError, shorten
from colorize_tf.quiet import hushed

__all__ = ["Result", "Settings", "colorize_bytes", "colorize_file", "make_colorizer"]

FULL = (errno.ENOSPC, errno.EDQUOT)  # no other photo will fare better


@dataclass(frozen=True)
class Settings:
    """All that is the same for every photo of a run; it travels to worker processes."""

    model: str | None = None
    threads: int | None = None
    options: Options = field(default_factory=Options)
    hints: tuple[Hint, ...] = ()
    quality: int | None = None
    side_by_side: bool = False
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Result:
    """What became of a photo: done, skipped (its result was there) or failed."""

    source: str
    target: str
    status: str
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    pages: int = 0
    error: str = ""
    notes: tuple[str, ...] = ()
    full: bool = False  # it failed for want of room on the disk, so the run ends with it

    def asdict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {name: value for name, value in asdict(self).items() if name != "full"}


def make_colorizer(settings: Settings) -> TfliteColorizer:
    """The colorizer for these settings, warmed up; what the runtime has to say about itself stays unsaid."""
    with hushed():
        colorizer = TfliteColorizer(settings.model, settings.threads, settings.options)
        colorizer.warm_up()
    return colorizer


def colorize_file(job: Job, colorizer: TfliteColorizer, settings: Settings) -> Result:
    """Colorizes one photo; what goes wrong with it is in the result, not raised."""
    start = time.perf_counter()
    source, target = str(job.source), str(job.target)
    if job.problem:
        return Result(source, target, "failed", error=job.problem)
    if is_there(job.target) and not settings.overwrite:
        return Result(source, target, "skipped")
    notes: list[str] = []
    sizes: list[tuple[int, int]] = []
    try:
        refuse_originals(job)
        format = format_of(job.target)
        if format is None:
            raise InputError("--output", "must end as a photo's name does", job.target.name)
        # Hushed, because decoders of TIFF and others write what they think of a file straight to file descriptor 2.
        with hushed(), open_photo(job.source, max_pixels=settings.max_pixels) as reader:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            # A result lost by a power cut is made again by the next run, as if this one had ended before.
            with atomic_path(job.target, settled=False) as temporary, temporary.open("r+b") as file:
                pictures = _pictures(reader, colorizer, settings, format, notes, sizes)
                write_photos(pictures, file, format, colorizer.card, settings.quality, _threads(colorizer))
    except ColorizeError as error:
        said, name = str(error), shorten(source)
        return Result(source, target, "failed", error=said if said.startswith(name) else f"{name}: {said}")
    except OSError as error:
        reason, full = shorten(error.strerror or str(error)), error.errno in FULL
        said = f"{shorten(target)}: could not be written: {reason}"
        return Result(source, target, "failed", error=said + ". Make room, and run it again" * full, full=full)
    except Exception as error:  # memory runs out anywhere, and encoders raise whatever they like: the rest goes on
        return Result(source, target, "failed", error=_failure(shorten(source), error))
    seconds = time.perf_counter() - start
    width, height = sizes[0]
    return Result(source, target, "done", round(seconds, 4), width, height, len(sizes), notes=tuple(notes))


def colorize_bytes(
    source: bytes | Path, colorizer: TfliteColorizer, settings: Settings, format: str | None, notes: list[str]
) -> bytes:
    """The bytes of a photo, or its path -> those of its colorized version, in its own format unless another is named.

    What there is to say about the result is added to `notes`.
    """
    out = io.BytesIO()
    name = "standard input" if isinstance(source, bytes) else shorten(str(source))
    try:
        with hushed(), open_photo(source, name, settings.max_pixels) as reader:
            chosen = format or (reader.format if reader.format in FORMATS.values() else "PNG")
            pictures = _pictures(reader, colorizer, settings, chosen, notes, [])
            write_photos(pictures, out, chosen, colorizer.card, settings.quality, _threads(colorizer))
    except ColorizeError:
        raise
    except Exception as error:
        raise RunError(_failure(name, error)) from error
    return out.getvalue()


def _failure(where: str, error: Exception) -> str:
    """One line for what nobody foresaw."""
    said = str(error) or ("more memory than there is" if isinstance(error, MemoryError) else "no reason given")
    return f"{where}: could not be colorized ({type(error).__name__}: {shorten(said)})"


def _threads(colorizer: TfliteColorizer) -> int:
    return colorizer.threads or available_threads()


def _pictures(
    reader: Reader,
    colorizer: TfliteColorizer,
    settings: Settings,
    format: str,
    notes: list[str],
    sizes: list[tuple[int, int]],
) -> Iterator[Picture]:
    for photo in reader.photos(keep_deep=format in DEEP):
        original = _copy(photo) if settings.side_by_side else None
        fusion = colorizer.fusion(photo.raster, settings.hints, photo.space)
        sizes.append(photo.size)
        yield picture(photo, original, fusion)
        notes += [note for note in photo.notes if note not in notes]  # when it was written, for that may add some


def _copy(photo: Photo) -> Image.Image | np.ndarray[Any, Any] | None:
    """The pixels before they are coloured in place."""
    if isinstance(photo.raster, ArrayRaster):
        return photo.raster.source
    return photo.raster.copy() if isinstance(photo.raster, ImageRaster) else None
