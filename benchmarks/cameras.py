"""How a network colours what other cameras give: each photo as it is, sharper, grainy, brighter, darker, flat.

python benchmarks/cameras.py colorize_tf/edge/mobile.tflite --data folder:photos

The colours of each are put on the photo's own L, as `evaluate --scans` does. Photos that were kept small are soft at
256², and compressed so that they have no grain; larger ones are as "sharper" is here, old ones and those of the night
as "grainy". The last two columns tell whether colours come out warmer or colder than they are: the mean a and b of
pictures less those of the photos, each with its standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from colorize_tf import metrics
from colorize_tf.colorspace import luma_to_gray, rgb8_to_lab
from colorize_tf.config import DataConfig
from colorize_tf.datasets import open_source
from colorize_tf.errors import InputError, command_line
from colorize_tf.guided import open_colorizer
from colorize_tf.judging import Case, Image8, Painter, squashed
from colorize_tf.quiet import load_tensorflow
from colorize_tf.splits import open_splits

SIZE = 256
SHOWN = ("psnr", "colourfulness", "ab_error", "false_colour")

Luma = NDArray[np.float32]  # [H,W], 0..100


def sharper(luma: Luma) -> Luma:
    return luma + (luma - gaussian_filter(luma, 0.7))


def grainy(luma: Luma) -> Luma:
    return luma + np.random.default_rng(0).normal(0, 2, luma.shape).astype(np.float32)


CAMERAS: dict[str, Callable[[Luma], Luma]] = {
    "as it is": lambda luma: luma,
    "sharper": sharper,
    "grainy": grainy,
    "sharper, grainy": lambda luma: grainy(sharper(luma)),
    "brighter": lambda luma: 100 * (luma / 100) ** 0.8,
    "darker": lambda luma: 100 * (luma / 100) ** 1.25,
    "flat": lambda luma: 50 + 0.8 * (luma - 50),
}


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Colours each photo as each camera gives it, prints a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder or .tflite file")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="photos whose colours are known")
    parser.add_argument("--split", choices=("train", "val", "test"), help="this part of them (default: all)")
    given = parser.parse_args(argv)
    load_tensorflow()
    photos = open_splits(DataConfig(data=given.data))[given.split] if given.split else open_source(given.data)
    if photos.count == 0:
        raise InputError("--split", f"must be a part that has photos of {given.data}", given.split, "Name another.")
    for run in given.runs:
        paint = open_colorizer(run)
        found: dict[str, list[list[float]]] = {camera: [] for camera in CAMERAS}
        for index in tqdm(range(photos.count), desc=run, unit="photo", disable=None, leave=False):
            truth = squashed(photos.image(index), SIZE)
            for camera, change in CAMERAS.items():
                found[camera].append(judged(truth, change, paint))
        print(table(run, found))
    return 0


def table(run: str, found: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """What `judged` says of each photo by each camera -> a Markdown table.

    A photo that some camera has come out equal to the truth has no PSNR there, and is left out of all PSNR.
    """
    measured = np.array(list(found.values()))  # [camera, photo, measure]
    count = measured.shape[1]
    finite = np.isfinite(measured[..., 0]).all(0)
    lines = [f"{run}, {count} photos at {SIZE}×{SIZE}", ""]
    if not finite.all():
        lines[0] += f"; {np.sum(~finite)} equal to the truth, left out of PSNR"
    lines.append("| camera | PSNR dB | colourfulness | ab error | false colour % | a | b |")
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for camera, values in zip(found, measured, strict=True):
        psnr = f"{values[finite, 0].mean():.2f}" if finite.any() else "–"
        colourfulness, error, false, a, b = values[:, 1:].mean(0)
        *_, doubt_a, doubt_b = values[:, 1:].std(0) / np.sqrt(count)
        lines.append(
            f"| {camera} | {psnr} | {colourfulness:.1f} | {error:.2f} | {false:.2f} "
            f"| {a:+.1f} ± {doubt_a:.1f} | {b:+.1f} ± {doubt_b:.1f} |"
        )
    return "\n".join(lines)


def judged(truth: Image8, change: Callable[[Luma], Luma], paint: Painter) -> list[float]:
    """A photo, what a camera does to its L, a colorizer -> measures of what comes out, and its cast in a and b."""
    lab = rgb8_to_lab(truth)
    gray = luma_to_gray(np.clip(change(lab[..., 0].astype(np.float32)), 0, 100))
    seen = np.repeat((255 * gray + 0.5).astype(np.uint8)[..., None], 3, axis=-1)
    painted = Case(truth, seen).judged(paint(seen))
    measures = metrics.measure(truth, painted)
    return [*(measures[name] for name in SHOWN), *(rgb8_to_lab(painted) - lab)[..., 1:].mean((0, 1))]


if __name__ == "__main__":
    raise SystemExit(main())
