"""Whether colours come out warmer or colder than they are: the mean a and b of pictures less those of the photos.

python benchmarks/cast.py colorize_tf/edge/mobile.tflite --data folder:photos
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorize_tf.colorspace import rgb8_to_lab
from colorize_tf.config import DataConfig
from colorize_tf.datasets import open_source
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import command_line
from colorize_tf.judging import squashed
from colorize_tf.predict import RunColorizer, load_run
from colorize_tf.quiet import load_tensorflow
from colorize_tf.splits import open_splits

SIZE = 256


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Colours photos, compares, prints one line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder or .tflite file")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="photos whose colours are known")
    parser.add_argument("--split", choices=("train", "val", "test"), help="this part of them (default: all)")
    given = parser.parse_args(argv)
    load_tensorflow()
    photos = open_splits(DataConfig(data=given.data))[given.split] if given.split else open_source(given.data)
    for run in given.runs:
        paint = TfliteColorizer(Path(run)) if Path(run).suffix == ".tflite" else RunColorizer(load_run(run))
        casts = []
        for index in tqdm(range(photos.count), desc=run, unit="photo", disable=None, leave=False):
            truth = squashed(photos.image(index), SIZE)
            casts.append((rgb8_to_lab(paint(truth)) - rgb8_to_lab(truth))[..., 1:].mean((0, 1)))
        (a, b), (doubt_a, doubt_b) = np.mean(casts, 0), np.std(casts, 0) / np.sqrt(photos.count)
        print(f"{run}: a {a:+.2f} ± {doubt_a:.2f}, b {b:+.2f} ± {doubt_b:.2f} (standard error, {photos.count} photos)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
