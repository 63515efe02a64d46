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
from colorize_tf.quiet import hushed
from colorize_tf.summary import Row

if TYPE_CHECKING:
    from colorize_tf.perception import Panel

__all__ = ["GRAY", "Case", "Cases", "Evaluation", "Painter", "evaluate", "gray_baseline", "judge", "squashed"]

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

    With `scans`, colorizers see of each photo the black-and-white one that has its name.
    """
    painters = {GRAY: gray_baseline, **colorizers}
    cases = Cases(photos, size, scans)
    rows: list[Row] = []
    judged: list[int] = []
    unreadable: list[Rejected] = []
    for index in tqdm(range(photos.count), desc="photos", unit="photo", file=sys.stderr, disable=quiet):
        name = str(photos.names[index])
        try:
            case = cases[index]
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            unreadable.append(Rejected(name, str(error)))
            continue
        if not judged:
            with hushed():  # the first call compiles, and may tell of it; its time is nobody's latency
                for paint in painters.values():
                    paint(case.seen)
        judged.append(index)
        rows += judge(name, case, painters, panel)
    if not judged:
        raise RunError(f"none of the {photos.count} photos of {photos.source} could be read")
    distances = {} if panel is None else panel.distances()
    return Evaluation(size, tuple(rows), tuple(judged), tuple(unreadable), distances)


def judge(name: str, case: Case, colorizers: Mapping[str, Painter], panel: Panel | None = None) -> list[Row]:
    """One photo -> a row for every colorizer."""
    rows, pictures = [], {}
    for colorizer, paint in colorizers.items():
        start = time.perf_counter()
        painted = paint(case.seen)
        elapsed = 1e3 * (time.perf_counter() - start)
        predicted = pictures[colorizer] = case.judged(painted)
        rows.append(Row(name, colorizer, milliseconds=elapsed, **metrics.measure(case.truth, predicted)))
    if panel is not None:
        seen = panel.look(case.truth, pictures)
        rows = [dataclasses.replace(row, lpips=seen[row.colorizer]) for row in rows]
    return rows


@dataclass(frozen=True)
class Case:
    """A photo of known colours, uint8 RGB [H,W,3], and the scan that colorizers see instead, if there is one."""

    truth: Image8
    scan: Image8 | None = None

    @property
    def seen(self) -> Image8:
        """What colorizers see."""
        return self.truth if self.scan is None else self.scan

    def judged(self, painted: Image8) -> Image8:
        """What a colorizer made of it -> what is compared: of a scan the colours, on the photo's own L."""
        if self.scan is None:
            return painted
        luma, ab = (rgb_to_lab(image.astype(np.float32) / 255) for image in (self.truth, painted))
        rgb = lab_to_rgb(gamut_clip(np.concatenate([luma[..., :1], ab[..., 1:]], axis=-1)))
        return (255 * rgb + 0.5).astype(np.uint8)


class Cases:
    """Photos squashed to one size, each with the scan whose file has its name."""

    def __init__(self, photos: Photos, size: int, scans: Photos | None = None) -> None:
        self.photos, self.size, self.scans = photos, size, scans
        places: dict[str, list[int]] = {}
        for index, name in enumerate(() if scans is None else scans.names):
            places.setdefault(_stem(name), []).append(index)
        for name in () if scans is None else photos.names:
            if len(places.get(_stem(name), ())) != 1:
                found = f"{len(places.get(_stem(name), ()))} for {name}"
                raise InputError("--scans", "must have one picture of the same name for each photo", found)
        self._scan_of = {stem: indices[0] for stem, indices in places.items()}

    def __getitem__(self, index: int) -> Case:
        truth = squashed(self.photos.image(index), self.size)
        if self.scans is None:
            return Case(truth)
        return Case(truth, squashed(self.scans.image(self._scan_of[_stem(self.photos.names[index])]), self.size))


def _stem(name: object) -> str:
    return PurePath(str(name)).stem


def gray_baseline(image: Image8) -> Image8:
    """uint8 RGB [H,W,3] -> the neutral picture of the same L: what doing nothing scores."""
    gray = luma_to_gray(rgb_to_lab(image.astype(np.float32) / 255)[..., 0])
    return np.repeat((gray * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=-1)


def squashed(image: Image8, size: int) -> Image8:
    """uint8 RGB [H,W,3] -> [size,size,3], bicubic (with the antialiasing of Pillow), not cropped."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
