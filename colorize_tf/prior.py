"""How often photos have each of the 313 colours, and how much each weighs in a loss that favours the rare ones.

    python -m colorize_tf.prior folder:photos --out prior.npz --picture prior.png

Training `eccv16` finds out the same by itself, before its first step (Zhang, Isola & Efros 2016, section 2.2).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorize_tf.atomic import atomic_path
from colorize_tf.errors import InputError, command_line
from colorize_tf.family import LARGEST
from colorize_tf.parsing import Parser
from colorize_tf.quiet import load_tensorflow

__all__ = ["Prior", "draw", "main", "prior_of", "summary"]

SHOWN = 5  # colours of each kind in the summary
BATCH = 16
DARKEST = 1e-5  # of the most common colour's share: what is rarer is drawn alike
SPACING = 10  # Lab units between two colours


@dataclass(frozen=True)
class Prior:
    """What is known of the colours of some photos; arrays have one entry for each of the 313, in their order."""

    photos: int
    ab: np.ndarray  # float32 [313,2], Lab units
    counts: np.ndarray  # float64 [313], pixels; a pixel is shared by the five colours nearest to its own
    prior: np.ndarray  # float64 [313] of sum 1: the same blurred over neighbouring colours
    weights: np.ndarray  # float64 [313], of mean 1 under the prior


def prior_of(source: str, size: int = 256, most: int | None = None, balance: float = 0.5) -> Prior:
    """A source of photos -> how often they have each colour, at `size`, of `most` of them, weighed by `balance`."""
    load_tensorflow()
    from colorize_tf import bins
    from colorize_tf.colorspace import decode_ab
    from colorize_tf.datasets import open_source
    from colorize_tf.datasets.readable import read_each
    from colorize_tf.pipeline import evaluation_batches

    photos = open_source(source)
    photos = photos if most is None else photos.sample(most)
    batches = evaluation_batches(photos, view="lab", size=size, batch=BATCH)
    counts = np.sum([bins.bin_counts(decode_ab(y)) for _, y in read_each(batches.as_numpy_iterator())], axis=0)
    prior = bins.smoothed(counts)
    return Prior(photos.count, bins.BINS, counts, prior, bins.rarity(prior, balance))


def summary(found: Prior) -> str:
    """A prior -> lines that tell of how many photos it is, which colours are common and which are rare."""
    some = found.prior[found.prior > 0]
    entropy = -float((some * np.log2(some)).sum())
    lines = [
        f"photos    {found.photos:,} ({found.counts.sum():,.0f} pixels)",
        f"entropy   {entropy:.2f} of {math.log2(len(found.prior)):.2f} bits: "
        f"as {2**entropy:.0f} equally common colours have",
        f"weights   {found.weights.min():.3g} to {found.weights.max():.3g}",
    ]
    order = np.argsort(found.prior)[::-1]
    order = order[found.counts[order] > 0]
    for name, which in (("common", order[:SHOWN]), ("rare", order[-SHOWN:])):
        for at in which:
            a, b = found.ab[at]
            share = f"{100 * found.prior[at]:9.3g} %"
            lines.append(f"{name:<10}a {a:4.0f}, b {b:4.0f}  {share}  weight {found.weights[at]:.3g}")
            name = ""
    lines.append(f"unseen    {len(found.ab) - len(order)} of {len(found.ab)} colours")
    return "\n".join(lines)


def draw(found: Prior, path: Path) -> None:
    """A prior -> a picture of the ab plane: the 313 colours, and beside them how common each is, as in figure 3."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    from colorize_tf.colorspace import lab_to_rgb

    low = found.ab.min(0) - SPACING / 2
    high = found.ab.max(0) + SPACING / 2
    cells = ((found.ab - found.ab.min(0)) / SPACING).astype(int)
    shape = tuple(cells.max(0) + 1)
    colours, share = np.ones((*shape, 3), np.float32), np.full(shape, np.nan)
    lab = np.concatenate([np.full((len(found.ab), 1), 50.0), found.ab], axis=1).astype(np.float32)
    colours[tuple(cells.T)], share[tuple(cells.T)] = lab_to_rgb(lab), found.prior

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    place = {"extent": (low[1], high[1], high[0], low[0]), "interpolation": "nearest"}
    left.imshow(colours, **place)
    most = float(found.prior.max())
    # Far from all colours there are, the blur leaves numbers that mean nothing.
    shown = right.imshow(np.maximum(share, DARKEST * most), norm=LogNorm(DARKEST * most, most), cmap="magma", **place)
    figure.colorbar(shown, ax=right, label="share of the pixels", extend="min")
    left.set(title="at L = 50", xlabel="b", ylabel="a")
    right.set(title=f"{found.photos:,} photos", xlabel="b")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.prior`."""
    result = Parser(
        prog="python -m colorize_tf.prior",
        description="Counts how often photos have each of the 313 colours, and how much each then weighs in a loss.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m colorize_tf.prior folder:photos --out prior.npz --picture prior.png",
    )
    add = result.add_argument
    add("source", help="photos, such as folder:PATH")
    add("--size", type=int, default=256, metavar="N", help="side of the squares that are cut out (%(default)s)")
    add("--photos", type=int, metavar="N", help="count N of the photos, drawn at random but always the same")
    add(
        "--balance",
        type=float,
        default=0.5,
        help="how much rare colours weigh: near 0 most, 1 not at all (%(default)s)",
    )
    add("--out", type=Path, metavar="FILE", help="write ab, counts, prior and weights to this .npz")
    add("--picture", type=Path, metavar="FILE", help="draw the ab plane to this .png")
    add("--overwrite", action="store_true", help="replace files that are there")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a summary on stdout, and files; returns the exit code."""
    given = parser().parse_args(argv)
    _check(given)
    found = prior_of(given.source, given.size, given.photos, given.balance)
    print(summary(found))
    if given.out is not None:
        with atomic_path(given.out) as temporary, temporary.open("wb") as file:
            np.savez(file, ab=found.ab, counts=found.counts, prior=found.prior, weights=found.weights)
    if given.picture is not None:
        draw(found, given.picture)
    return 0


def _check(given: argparse.Namespace) -> None:
    for name, path, suffix in (("--out", given.out, ".npz"), ("--picture", given.picture, ".png")):
        if path is None:
            continue
        if path.suffix != suffix:
            raise InputError(name, f"must end in {suffix}", str(path))
        if not path.parent.is_dir():
            raise InputError(name, "must lie in a folder that is there", str(path))
        if path.exists() and not given.overwrite:
            raise InputError(name, "is there already", str(path), "Name another file or add --overwrite.")
    if not 1 <= given.size <= LARGEST:
        raise InputError("--size", f"must be from 1 to {LARGEST}", given.size)
    if given.photos is not None and given.photos < 1:
        raise InputError("--photos", "must be at least 1", given.photos)
    if not 0 < given.balance <= 1:
        raise InputError("--balance", "must be above 0 and at most 1", given.balance)


if __name__ == "__main__":
    raise SystemExit(main())
