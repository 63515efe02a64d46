"""The photos of a run as inputs of a file: CIE L, and hints and vividness where the network takes them; or RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from colorize_tf.colorspace import encode_ab, rgb_to_lab
from colorize_tf.config import DataConfig
from colorize_tf.datasets import Photos, Unpaired, open_source
from colorize_tf.datasets.readable import readable
from colorize_tf.splits import open_splits

__all__ = ["Intake", "Pick", "Scene", "choose_photos", "make_scenes"]

HINTS = 8  # on every second scene, where the network takes any
HINT_RADIUS = 3  # pixels of the network's input, as hosts paint them


WISHES = ("hints", "vivid")  # inputs that are zero unless someone asks for something


class Pick(NamedTuple):
    """One photo of a set, and whether the network learnt from it."""

    photos: Photos
    index: int
    learnt: bool = False


@dataclass(frozen=True)
class Intake:
    """What a network or a file takes: `size` is None for any multiple of `multiple`, near `short_side` at best."""

    size: tuple[int, int] | None
    multiple: int
    short_side: int
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A photo and what a file is given of it: `truth` uint8 [H,W,3], `inputs` float32 by name."""

    name: str
    truth: np.ndarray
    inputs: dict[str, np.ndarray]
    learnt: bool = False

    @property
    def plain(self) -> bool:
        """Whether the file is told nothing but the photo."""
        return not any(self.inputs[name].any() for name in WISHES if name in self.inputs)

    def made_plain(self) -> Scene:
        """The photo as most people give it: without hints, as vivid as it comes."""
        nothing = {name: np.zeros_like(self.inputs[name]) for name in WISHES if name in self.inputs}
        return replace(self, inputs={**self.inputs, **nothing})


def choose_photos(
    data: DataConfig, counts: tuple[int, int], judged_on: str | None = None, *, back: bool = False
) -> tuple[list[Pick], list[Pick]]:
    """A run's data -> at most so many photos to measure ranges on, and so many others to judge files by.

    The first are of those that the run's network learnt from. The others are those of the source `judged_on`, else of
    the run's own first of all those that it did not learn from. Of two sets it is the first, or with `back` the other.
    """
    measured, judged = counts
    # With other photos to judge by, and no ranges to measure, the run's own may be gone.
    opened = open_splits(data) if measured or judged_on is None else {}
    splits = {name: _side(photos, back) for name, photos in opened.items()}
    learnt = splits.get("train", ())
    rest = [Pick(learnt, int(index), True) for index in np.random.default_rng(0).permutation(len(learnt))]
    if judged_on is not None:
        others = open_source(judged_on)
        return rest[:measured], _spread([Pick(others, index) for index in range(len(others))], judged)
    unseen = [Pick(splits[name], index) for name in ("val", "test") for index in range(len(splits[name]))]
    lent = min(max(0, judged - len(unseen)), len(rest) // 2)  # of few photos, half are left to measure ranges on
    return rest[lent:][:measured], _spread(unseen, judged) + rest[:lent] or rest[:judged]


def make_scenes(picks: Sequence[Pick], intake: Intake) -> list[Scene]:
    """Photos -> what the network is given: cut to its size, or whole where it takes any; of wishes, every mixture."""
    return [_scene(pick, position, intake) for position, pick in enumerate(picks)]


def _spread(picks: list[Pick], count: int) -> list[Pick]:
    """At most so many of the whole, not its first ones: folders hold one kind of photo each."""
    return [picks[int(index)] for index in np.linspace(0, len(picks) - 1, min(count, len(picks))).round()]


def _side(photos: Photos | Unpaired, back: bool) -> Photos:
    if isinstance(photos, Unpaired):
        return photos.b if back else photos.a
    return photos


def _scene(pick: Pick, position: int, intake: Intake) -> Scene:
    photos, index, learnt = pick
    with readable(photos.names[index]):
        photo = Image.fromarray(photos.image(index))
    height, width = intake.size or _free_size(photo.height, photo.width, intake)
    truth = np.asarray(ImageOps.fit(photo, (width, height), Image.Resampling.BICUBIC))
    lab = rgb_to_lab(truth.astype(np.float32) / 255.0)
    made = {"rgb": truth[None] / np.float32(255)} if "rgb" in intake.inputs else {"luma": lab[None, ..., :1]}
    if "hints" in intake.inputs:
        made["hints"] = _hints(lab, HINTS * (position % 2), seed=position)[None]
    if "vivid" in intake.inputs:
        made["vivid"] = np.array([position // 2 % 2], np.float32)
    return Scene(str(photos.names[index]), truth, made, learnt)


def _free_size(height: int, width: int, intake: Intake) -> tuple[int, int]:
    """The photo's proportions, at most 2:1, with the shorter side as in training."""
    short = max(intake.multiple, intake.short_side // intake.multiple * intake.multiple)
    ratio = min(max(height, width) / min(height, width), 2.0)
    long = round(short * ratio / intake.multiple) * intake.multiple
    return (long, short) if height > width else (short, long)


def _hints(lab: np.ndarray, count: int, seed: int) -> np.ndarray:
    """CIE Lab [H,W,3] -> a/110, b/110 and mask, float32 [H,W,3]: the true colour at `count` places, in discs."""
    height, width = lab.shape[:2]
    hints = np.zeros((height, width, 3), np.float32)
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    for row, column in zip(random.integers(0, height, count), random.integers(0, width, count), strict=True):
        disc = np.square(rows - row) + np.square(columns - column) <= HINT_RADIUS**2
        hints[disc] = (*encode_ab(lab[row, column, 1:]), 1.0)
    return hints
