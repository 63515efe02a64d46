"""Packs a source of photos into TFRecord shards.

python -m colorize_tf.datasets pack folder:photos --out shards
python -m colorize_tf.datasets pack 'tar:archives/*.tar' --out shards
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from colorize_tf.datasets.pack import pack
from colorize_tf.datasets.sources import MAX_BAD_SHARE, open_source
from colorize_tf.errors import command_line

_log = logging.getLogger("colorize_tf.datasets")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "python -m colorize_tf.datasets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True)
    one = commands.add_parser("pack", help="write a source as TFRecord shards")
    one.add_argument("source", help="folder:PATH, tar:GLOB or tfrecord:GLOB")
    one.add_argument("--out", type=Path, required=True, help="the folder for the shards")
    one.add_argument("--overwrite", action="store_true", help="replace that folder")
    one.add_argument("--near-gray", type=float, metavar="CHROMA", help="leave out photos whose mean chroma is below")
    one.add_argument(
        "--max-bad-share", type=float, default=MAX_BAD_SHARE, help="more unusable files fail (%(default)s)"
    )
    return top


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    photos = open_source(options.source, near_gray=options.near_gray, max_bad_share=options.max_bad_share)
    shards = pack(photos, options.out, overwrite=options.overwrite)
    print(
        f"{photos.count} photos in {shards} shards, {len(photos.rejected)} left out: tfrecord:{options.out}/*.tfrecord"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
