"""How long one call of the interpreter takes, files by turns, for a 256² photo on one thread.

python benchmarks/untrained.py unet.tflite --preset pix2pix-lab --recipe float32
python benchmarks/latency.py colorize_tf/edge/mobile.tflite colorize_tf/edge/mobile-float16.tflite unet.tflite

Each turn is of half a second; figures are medians over the turns, and their share of the last file's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from turns import Contestant, load, machine, medians

from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import InputError, command_line
from colorize_tf.quiet import hushed, load_tensorflow

SIDE = 256


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the files by turns and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".tflite files")
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="turns that each takes (11)")
    given = parser.parse_args(argv)
    if given.rounds < 1:
        raise InputError("--rounds", "must be at least 1", given.rounds)
    before = load()
    contestants = {str(path): calls(path) for path in given.files}
    times = medians(contestants, given.rounds, 0.5)
    load_tensorflow()  # for its version alone
    with hushed():
        found = machine()
    print(f"{found}; load {before} before\n")
    print("| file | MB | ms | of the last |\n| --- | ---: | ---: | ---: |")
    *_, last = times.values()
    for path, seconds in times.items():
        print(f"| {path} | {Path(path).stat().st_size / 1e6:.1f} | {1000 * seconds:.2f} | {seconds / last:.1%} |")
    return 0


def calls(path: Path) -> Contestant:
    """A file -> what calls it so many times, without hints."""
    colorizer = TfliteColorizer(path, threads=1, twin=False)
    if (colorizer.card.height or SIDE, colorizer.card.width or SIDE) != (SIDE, SIDE):
        raise InputError("FILE", f"must take pictures of {SIDE}x{SIDE}", str(path))
    luma = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)

    def run(count: int) -> None:
        for _ in range(count):
            colorizer.predict(luma, None, 0.0)

    return run


if __name__ == "__main__":
    raise SystemExit(main())
