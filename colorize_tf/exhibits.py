"""Which photos of an evaluation are worth looking at, and the contact sheet that shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from colorize_tf.datasets import Photos
from colorize_tf.judging import GRAY, Cases, Evaluation, Painter, gray_baseline
from colorize_tf.sheet import Cell, Strip, contact_sheet
from colorize_tf.summary import Row

__all__ = ["examples", "sheet"]


def examples(evaluation: Evaluation, colorizer: str, *, each: int = 2, seed: int = 0) -> list[tuple[str, int]]:
    """Photos worth looking at -> (why, position among the judged): best, median, worst gain over gray, and random."""
    gained = _gain(evaluation.rows, colorizer)
    # A photo that is gray itself shows nothing: the baseline is perfect.
    coloured = [position for position, gain in enumerate(gained) if gain > -math.inf] or list(range(len(gained)))
    order = sorted(coloured, key=lambda position: -gained[position])
    middle = max(0, len(order) // 2 - each // 2)
    random = np.random.default_rng(seed).permutation(coloured).tolist()
    wanted = [("best", order[:each]), ("median", order[middle : middle + each]), ("worst", order[-each:])]
    chosen: dict[int, str] = {}
    for why, positions in wanted:
        for position in positions:
            chosen.setdefault(position, why)
    chosen |= dict.fromkeys([one for one in random if one not in chosen][: 2 * each], "random")
    return [(f"{why}: {colorizer} {gained[position]:+.2f} dB over gray", position) for position, why in chosen.items()]


def _gain(rows: Sequence[Row], colorizer: str) -> list[float]:
    """PSNR over that of the gray baseline, dB, per photo; 0 where both are perfect."""
    own = [row.psnr for row in rows if row.colorizer == colorizer]
    gray = [row.psnr for row in rows if row.colorizer == GRAY]
    return [0.0 if a == b else a - b for a, b in zip(own, gray, strict=True)]


def sheet(
    evaluation: Evaluation, photos: Photos, colorizers: Mapping[str, Painter], scans: Photos | None = None
) -> Image.Image:
    """The chosen photos as gray | every colorizer | truth, with their scores; chosen for the last colorizer given."""
    painters = {GRAY: gray_baseline, **colorizers}
    cases = Cases(photos, evaluation.size, scans)
    width = len(painters)
    strips = []
    for why, position in examples(evaluation, list(painters)[-1]):
        case = cases[evaluation.judged[position]]
        rows = evaluation.rows[position * width : (position + 1) * width]
        pictures = [case.judged(paint(case.seen)) for paint in painters.values()]
        cells = [Cell(picture, _caption(row)) for picture, row in zip(pictures, rows, strict=True)]
        cells.append(Cell(case.truth, f"colourful {rows[0].true_colourfulness:.0f}"))
        strips.append(Strip(f"{why} · {rows[0].photo}", cells))
    return contact_sheet([*painters, "truth"], strips)


def _caption(row: Row) -> str:
    return f"{row.psnr:.1f} dB · ab {row.ab_error:.1f} · colourful {row.colourfulness:.0f}"
