"""How much hints help: a colorizer x photos whose colours are known -> PSNR over the number of hints.

    python -m colorize_tf.guided model.tflite --data folder:photos --out results

A hint tells the mean colour of a patch of 7×7 pixels. Places are drawn at random, seeded by the file's name,
or each is where the colours are then furthest off, which is about where a person would click.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from tqdm import tqdm

from colorize_tf import metrics
from colorize_tf.atomic import atomic_path, write_text
from colorize_tf.colorspace import lab_to_rgb, rgb_to_lab
from colorize_tf.datasets import Photos, open_source
from colorize_tf.datasets.readable import readable
from colorize_tf.edge import Colorizer, Hint
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import InputError, command_line
from colorize_tf.family import LARGEST
from colorize_tf.judging import squashed
from colorize_tf.out_folder import check_out_folder, made
from colorize_tf.parsing import Parser
from colorize_tf.predict import PLAIN, RunColorizer, load_run
from colorize_tf.quiet import load_tensorflow
from colorize_tf.summary import json_text

__all__ = ["PLACES", "main", "measure_hints", "open_colorizer"]

Image8: TypeAlias = NDArray[np.uint8]
Place: TypeAlias = tuple[int, int]  # row, column
Curves: TypeAlias = Mapping[str, Mapping[int, float]]  # how hints were placed -> their number -> PSNR in dB

PATCH = 7  # pixels, the side of what a hint tells the mean of
RESULTS = ("hints.json", "hints.md", "hints.png")  # the first says that all the others are there
SMALLEST = 32  # pixels, the side of the smallest photos that are read
PLACES = ("random", "furthest off")
Choice: TypeAlias = Callable[[Image8, Sequence[Place]], Place]  # the picture so far, places taken -> the next one


def measure_hints(
    colorizer: Colorizer, photos: Photos, counts: Sequence[int], size: int, *, quiet: bool | None = None
) -> tuple[Curves, int]:
    """Photos squashed to `size` -> how hints were placed -> their number, 0 too -> PSNR in dB, mean of photos.

    A photo that comes out exact with some number of hints has no PSNR there and is in no mean; how many those are is
    the second thing returned.
    """
    found: dict[str, dict[int, list[float]]] = {how: {count: [] for count in (0, *counts)} for how in PLACES}
    for index in tqdm(range(photos.count), desc="photos", unit="photo", file=sys.stderr, disable=quiet):
        with readable(photos.names[index]):
            truth = squashed(photos.image(index), size)
        name = Path(str(photos.names[index])).name
        for how, choose in (("random", _anywhere(name, size)), ("furthest off", _furthest_off(truth))):
            for count, rgb in _guided(colorizer, truth, max(counts), choose).items():
                if count in found[how]:
                    found[how][count].append(metrics.psnr(truth, rgb))
    finite = np.isfinite([values for rows in found.values() for values in rows.values()]).all(0)
    means = {
        how: {
            count: float(np.mean(values, where=finite)) if finite.any() else math.nan for count, values in rows.items()
        }
        for how, rows in found.items()
    }
    return means, int(np.sum(~finite))


def _guided(colorizer: Colorizer, truth: Image8, most: int, choose: Choice) -> dict[int, Image8]:
    """A photo -> the number of hints -> what the colorizer makes of it with so many."""
    lab = rgb_to_lab(truth.astype(np.float32) / 255)
    pictures = {0: colorizer(truth)}
    places: list[Place] = []
    for count in range(1, most + 1):
        places.append(choose(pictures[count - 1], places))
        pictures[count] = colorizer(truth, [_hint(lab, place) for place in places])
    return pictures


def _hint(lab: NDArray[np.float32], place: Place) -> Hint:
    row, column = place
    reach = PATCH // 2
    patch = lab[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    red, green, blue = (int(value) for value in np.rint(255 * lab_to_rgb(patch.mean((0, 1)))))
    return Hint(column, row, (red, green, blue))


def _anywhere(name: str, size: int) -> Choice:
    """Places uniform over the picture, always the same ones for a file of this name."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))

    def choose(_: Image8, __: Sequence[Place]) -> Place:
        row, column = random.integers(0, size, 2)
        return int(row), int(column)

    return choose


def _furthest_off(truth: Image8) -> Choice:
    """The middle of the patch whose mean distance from the true ab is largest, of those that no hint covers yet.

    Where hints cover all of the picture, it is the largest of those that have none in their very middle.
    """
    true_ab = rgb_to_lab(truth.astype(np.float32) / 255)[..., 1:]

    def choose(rgb: Image8, places: Sequence[Place]) -> Place:
        distance = np.linalg.norm(rgb_to_lab(rgb.astype(np.float32) / 255)[..., 1:] - true_ab, axis=-1)
        taken = _around(places, PATCH, distance.shape)
        if taken.all():
            taken = _around(places, 0, distance.shape)
        row, column = divmod(int(np.where(taken, -1.0, patch_means(distance)).argmax()), distance.shape[1])
        return row, column

    return choose


def _around(places: Sequence[Place], reach: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of a picture lie in the squares that reach so far from places."""
    found = np.zeros(shape, bool)
    for row, column in places:
        found[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = True
    return found


def patch_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """[H,W] -> the mean of the patch about each place, mirrored where it reaches over the border, [H,W]."""
    mirrored = np.pad(values, PATCH // 2, mode="symmetric")
    means: NDArray[np.float32] = sliding_window_view(mirrored, (PATCH, PATCH)).mean(axis=(-2, -1))
    return means


def table(curves: Curves) -> str:
    """What `measure_hints` found -> a Markdown table, gains over no hint in brackets."""
    lines = ["| hints | " + " | ".join(f"{how}, dB" for how in curves) + " |", "|---:|" + "---:|" * len(curves)]
    for count in next(iter(curves.values())):
        cells = [
            "–" if math.isnan(curve[count]) else f"{curve[count]:.2f} ({curve[count] - curve[0]:+.2f})"
            for curve in curves.values()
        ]
        lines.append(f"| {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _draw(curves: Curves, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for how, curve in curves.items():
        axes.plot(list(curve), list(curve.values()), marker="o", label=how)
    axes.set(xlabel="hints", ylabel="PSNR, dB")
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.guided`."""
    result = Parser(
        prog="python -m colorize_tf.guided",
        description="Measures how much colour hints help a network that takes them, by their number and place.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m colorize_tf.guided model.tflite --data folder:photos --out results",
    )
    add = result.add_argument
    add("model", metavar="MODEL", help="a .tflite file, or a run folder")
    add("--data", metavar="SOURCE", required=True, help="photos, such as folder:PATH")
    add("--counts", type=int, nargs="+", default=[1, 3, 10, 30], metavar="N", help="of hints (default: 1 3 10 30)")
    add("--size", type=int, default=256, help="side of the squares that photos are squashed to (default: 256)")
    add("--limit", type=int, metavar="N", help="only N photos, drawn at random but always the same")
    add("--out", type=Path, metavar="DIR", help="write hints.md, hints.json and hints.png there")
    add("--overwrite", action="store_true", help="replace what is in DIR")
    return result


def open_colorizer(model: str) -> TfliteColorizer | RunColorizer:
    """A run or a .tflite file -> what it makes of photos as they are, with no option of `colorize`."""
    path = Path(model)
    return TfliteColorizer(path, options=PLAIN) if path.suffix == ".tflite" else RunColorizer(load_run(path))


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a table on stdout, and a picture of it in a folder; returns the exit code."""
    given = parser().parse_args(argv)
    if min(given.counts) < 1 or max(given.counts) > 1000:
        raise InputError("--counts", "must be in 1..1000", given.counts)
    if not SMALLEST <= given.size <= LARGEST:
        raise InputError("--size", f"must be in {SMALLEST}..{LARGEST}", given.size)
    if given.limit is not None and given.limit < 1:
        raise InputError("--limit", "must be at least 1", given.limit)
    if given.out is not None:
        check_out_folder(given.out, RESULTS[0], overwrite=given.overwrite)
    colorizer = open_colorizer(given.model)
    if not colorizer.card.hints:
        raise InputError("MODEL", "must take hints", f"{given.model}, which has no such input")
    load_tensorflow()  # which decodes photos that are new
    photos = open_source(given.data)
    if given.limit is not None:
        photos = photos.sample(given.limit)
    curves, exact = measure_hints(colorizer, photos, sorted(set(given.counts)), given.size)
    text = table(curves)
    if exact:
        text += f"\n\n{exact} of {photos.count} photos came out equal to the truth: left out."
    print(text)
    if given.out is not None:
        made(given.out, RESULTS, overwrite=given.overwrite)
        _draw(curves, given.out / "hints.png")
        write_text(given.out / "hints.md", text + "\n")
        write_text(given.out / RESULTS[0], json_text({**curves, "left_out": exact}))
        print(f"wrote {given.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
