"""How far the pictures of a file are from those of the network it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorize_tf.colorspace import AB_RANGE, gamut_clip, lab_to_rgb, rgb_to_lab
from colorize_tf.metrics import psnr

__all__ = ["IDENTICAL", "Drift", "measure_drift", "measure_rgb_drift", "picture"]

IDENTICAL = 100.0  # dB, said of equal pictures: a mean over infinities would tell nothing
GRAY = 1.0  # Lab units: a network whose mean chroma is below paints nothing that could be lost


@dataclass(frozen=True)
class Drift:
    """PSNR in dB of RGB (uint8) and of ab (range -110..110), and mean chroma, of a file against a network."""

    photos: int
    rgb_mean: float
    rgb_worst: float
    ab_mean: float
    ab_worst: float
    chroma: float  # of the network, Lab units
    chroma_ratio: float  # the file's by the network's; 1 where the network paints gray


def measure_drift(lumas: Sequence[np.ndarray], wanted: Sequence[np.ndarray], given: Sequence[np.ndarray]) -> Drift:
    """CIE L [1,H,W,1] and ab [1,h,w,2] of the network and of the file, for each photo -> how far they are apart."""
    pictures = [[picture(luma, ab) for luma, ab in zip(lumas, side, strict=True)] for side in (wanted, given)]
    return _drift(pictures, (wanted, given))


def measure_rgb_drift(wanted: Sequence[np.ndarray], given: Sequence[np.ndarray]) -> Drift:
    """RGB in 0..1 [1,H,W,3] of the network and of the file, for each picture -> how far they are apart."""
    clipped = [[one[0].clip(0.0, 1.0) for one in side] for side in (wanted, given)]
    pictures = [[(one * 255.0 + 0.5).astype(np.uint8) for one in side] for side in clipped]
    return _drift(pictures, [[rgb_to_lab(one)[..., 1:] for one in side] for side in clipped])


def _drift(pictures: Sequence[Sequence[np.ndarray]], colours: Sequence[Sequence[np.ndarray]]) -> Drift:
    """Pictures uint8 [H,W,3], and ab in Lab units, each of the network and of the file -> how far they are apart."""
    rgb = [min(IDENTICAL, psnr(*pair)) for pair in zip(*pictures, strict=True)]
    ab = []
    for right, answer in zip(*colours, strict=True):
        error = np.square(right.astype(np.float64) - answer).mean()
        ab.append(min(IDENTICAL, 10 * np.log10((2 * AB_RANGE) ** 2 / max(error, 1e-12))))
    chroma, other = (float(np.mean([_chroma(one) for one in side])) for side in colours)
    ratio = other / chroma if chroma >= GRAY else 1.0
    worst_rgb, worst_ab = float(np.min(rgb)), float(np.min(ab))
    return Drift(len(rgb), float(np.mean(rgb)), worst_rgb, float(np.mean(ab)), worst_ab, chroma, ratio)


def picture(luma: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """CIE L [1,H,W,1] and ab [1,h,w,2] -> uint8 RGB [H,W,3] of this L; ab is enlarged without looking at L."""
    height, width = luma.shape[1:3]
    if ab.shape[1:3] != (height, width):
        planes = [Image.fromarray(ab[0, ..., channel]) for channel in range(2)]
        larger = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
        ab = np.stack(larger, axis=-1)[None]
    rgb: np.ndarray = lab_to_rgb(gamut_clip(np.concatenate([luma, ab], axis=-1)[0]))
    return (rgb * 255.0 + 0.5).astype(np.uint8)


def _chroma(ab: np.ndarray) -> float:
    return float(np.hypot(ab[..., 0], ab[..., 1]).mean())
