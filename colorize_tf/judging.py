"""Colorizers meet photos whose colours are known: colorizers x photos -> rows. docs/evaluation.md has the protocol."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from colorize_tf import metrics
from colorize_tf.colorspace import gamut_clip, lab_to_rgb, luma_to_gray, rgb_to_lab
from colorize_tf.datasets import Photos, Rejected
from colorize_tf.errors import InputError, RunError
from colorize_tf.frechet import Distance
from colorize_tf.summary import Row

if TYPE_CHECKING:
    from colorize_tf.perception import Panel

__all__ = ["GRAY", "Evaluation", "Painter", "coloured", "evaluate", "gray_baseline", "judge", "pair", "squashed"]

Image8: TypeAlias = NDArray[np.uint8]
Painter: TypeAlias = Callable[[Image8], Image8]  # uint8 [H,W,3], of which it may use L alone -> uint8 RGB [H,W,3]

GRAY = "gray"


@dataclass(frozen=True)
class Evaluation:
    """What came out, and what could not be used."""

    size: int
    rows: tuple[Row, ...]
    judged: tuple[int, ...]  # indices of the photos that the rows are about, in their order
    unreadable: tuple[Rejected, ...]
    distances: Mapping[str, Distance] = field(default_factory=dict)  # of sets of features, by colorizer


def evaluate(
    colorizers: Mapping[str, Painter],
    photos: Photos,
    size: int,
    *,
    panel: Panel | None = None,
    scans: Photos | None = None,
    quiet: bool | None = None,
) -> Evaluation:
    """Colorizers by name and photos -> one row for each pair, the gray baseline's first; `panel` looks at all of it.

    Of photos that have a black-and-white one of the same name among `scans`, colorizers see that instead.
    """
    painters = {GRAY: gray_baseline, **colorizers}
    rows: list[Row] = []
    judged: list[int] = []
    unreadable: list[Rejected] = []
    for index in tqdm(range(photos.count), desc="photos", unit="photo", file=sys.stderr, disable=quiet):
        name = str(photos.names[index])
        try:
            truth, scan = pair(photos, index, size, scans)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            unreadable.append(Rejected(name, str(error)))
            continue
        if not judged:
            for paint in painters.values():  # the first call compiles; its time is nobody's latency
                paint(truth)
        judged.append(index)
        rows += judge(name, truth, painters, panel, scan)
    if not judged:
        raise RunError(f"none of the {photos.count} photos of {photos.source} could be read")
    distances = {} if panel is None else panel.distances()
    return Evaluation(size, tuple(rows), tuple(judged), tuple(unreadable), distances)


def judge(
    name: str,
    truth: Image8,
    colorizers: Mapping[str, Painter],
    panel: Panel | None = None,
    scan: Image8 | None = None,
) -> list[Row]:
    """One photo uint8 RGB [H,W,3], and a scan of it for colorizers to see if any -> a row for every colorizer."""
    rows, pictures = [], {}
    for colorizer, paint in colorizers.items():
        start = time.perf_counter()
        predicted = pictures[colorizer] = coloured(paint, truth, scan)
        elapsed = 1e3 * (time.perf_counter() - start)
        rows.append(Row(name, colorizer, milliseconds=elapsed, **metrics.measure(truth, predicted)))
    if panel is not None:
        seen = panel.look(truth, pictures)
        rows = [dataclasses.replace(row, lpips=seen[row.colorizer]) for row in rows]
    return rows


def pair(photos: Photos, index: int, size: int, scans: Photos | None = None) -> tuple[Image8, Image8 | None]:
    """A photo squashed to `size`, and the scan of its name likewise."""
    truth = squashed(photos.image(index), size)
    if scans is None:
        return truth, None
    return truth, squashed(scans.image(_named(scans, str(photos.names[index]))), size)


def coloured(paint: Painter, truth: Image8, scan: Image8 | None = None) -> Image8:
    """What a painter makes of a photo; of a scan, the colours that it gives that, with the photo's own L."""
    if scan is None:
        return paint(truth)
    luma, ab = (rgb_to_lab(image.astype(np.float32) / 255) for image in (truth, paint(scan)))
    rgb = lab_to_rgb(gamut_clip(np.concatenate([luma[..., :1], ab[..., 1:]], axis=-1)))
    return (255 * rgb + 0.5).astype(np.uint8)


def _named(scans: Photos, photo: str) -> int:
    stem = PurePath(photo).stem
    for index, name in enumerate(scans.names):
        if PurePath(str(name)).stem == stem:
            return index
    raise InputError("--scans", "must have a picture for each photo, of the same name", f"none for {photo}")


def gray_baseline(image: Image8) -> Image8:
    """uint8 RGB [H,W,3] -> the neutral picture of the same L: what doing nothing scores."""
    gray = luma_to_gray(rgb_to_lab(image.astype(np.float32) / 255)[..., 0])
    return np.repeat((gray * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=-1)


def squashed(image: Image8, size: int) -> Image8:
    """uint8 RGB [H,W,3] -> [size,size,3], bicubic (with the antialiasing of Pillow), not cropped."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
