"""Looks into a source of photos, or packs it into TFRecord shards.

python -m colorize_tf.datasets info folder:photos
python -m colorize_tf.datasets pack 'tar:archives/*.tar' --out shards
python -m colorize_tf.train --data 'tfrecord:shards/*' ...
"""

from __future__ import annotations

import argparse
import glob
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorize_tf.datasets.pack import SHARD_BYTES, pack
from colorize_tf.datasets.photos import FRACTIONS, Photos
from colorize_tf.datasets.sources import MAX_BAD_SHARE, open_source
from colorize_tf.errors import InputError, command_line, shorten
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.quiet import load_tensorflow

NEAR_GRAY = 5.0  # mean CIE chroma below which a photo teaches a network to stay gray


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a summary on stdout, shards on disk; returns the exit code."""
    options = _parser().parse_args(argv)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("colorize_tf").setLevel(logging.INFO)
    load_tensorflow()
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    top = Parser(
        "python -m colorize_tf.datasets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True)
    source = Parser(add_help=False)
    source.add_argument("source", help="folder:PATH, tar:GLOB, tfrecord:GLOB, tfds:NAME or synthetic:COUNT")

    one = commands.add_parser("info", parents=[source], help="count photos, classes, splits and what is unusable")
    one.add_argument("--rejected", action="store_true", help="name every unusable file")
    one.set_defaults(run=_info)

    one = commands.add_parser("pack", parents=[source], help="write a source as TFRecord shards")
    one.add_argument("--out", type=Path, required=True, help="the folder for the shards")
    one.add_argument("--overwrite", action="store_true", help="replace the shards that are there")
    one.add_argument("--shard-mib", type=int, default=SHARD_BYTES >> 20, help="size of a shard (%(default)s)")
    one.add_argument(
        "--near-gray",
        type=float,
        metavar="CHROMA",
        help=f"leave out photos whose mean chroma is below; try {NEAR_GRAY:g}",
    )
    one.add_argument(
        "--max-bad-share",
        type=float,
        metavar="SHARE",
        default=MAX_BAD_SHARE,
        help="fail when more of the photos are unusable (%(default)s)",
    )
    one.set_defaults(run=_pack)
    return top


def _pack(options: argparse.Namespace) -> int:
    if options.shard_mib < 1:
        raise InputError("--shard-mib", "must be at least 1", options.shard_mib)
    check_out_folder(options.out)
    photos = open_source(options.source, near_gray=options.near_gray, max_bad_share=options.max_bad_share)
    shards = pack(photos, options.out, shard_bytes=options.shard_mib << 20, overwrite=options.overwrite)
    size = int(photos.length.sum()) / (1 << 20)
    print(f"{photos.count} photos, {size:,.1f} MiB, in {shards} shards; {len(photos.rejected)} left out")
    print(f"tfrecord:{glob.escape(str(options.out))}/*.tfrecord")
    return 0


def _info(options: argparse.Namespace) -> int:
    photos = open_source(options.source, max_bad_share=1.0)
    sizes = np.sort(np.minimum(photos.height, photos.width))
    lines = {
        "photos": f"{photos.count:,} ({int(photos.length.sum()) / (1 << 20):,.1f} MiB)",
        "shorter side": f"{sizes[0]} to {sizes[-1]} pixels, median {sizes[len(sizes) // 2]}",
        "copies": f"{photos.count - len(np.unique(photos.hashes)):,} (same bytes as another photo)",
        "turned": f"{int((photos.orientation > 1).sum()):,} (EXIF orientation, undone on reading)",
        "near gray": f"{(photos.chroma < NEAR_GRAY).mean():.1%} (mean chroma below {NEAR_GRAY:g})",
        "splits": ", ".join(f"{name} {photos.split(name).count:,}" for name in FRACTIONS) + " (by content, seed 0)",
        "classes": _classes(photos),
        "unusable": _unusable(photos),
    }
    for name, value in lines.items():
        print(f"{name:<14}{value}")
    if options.rejected:
        for bad in photos.rejected:
            print(f"{shorten(bad.name)}: {bad.reason}")
    return 0


def _classes(photos: Photos) -> str:
    if photos.labels is None:
        return "none"
    counts = Counter(photos.label(index) for index in range(photos.count))
    bare = counts.pop("", 0)
    shown = ", ".join(f"{shorten(name, 40)} {count:,}" for name, count in counts.most_common(12))
    without = f"; {bare:,} {'has' if bare == 1 else 'have'} none" if bare else ""
    return f"{len(counts)}: {shown}{', …' if len(counts) > 12 else ''}{without}"


def _unusable(photos: Photos) -> str:
    reasons = Counter(bad.reason for bad in photos.rejected).most_common()
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons) or "none"


if __name__ == "__main__":
    raise SystemExit(main())
