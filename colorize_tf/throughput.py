"""How fast the pipeline feeds a network, beside bare JPEG decoding of the same photos on the same machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from colorize_tf.datasets import Photos, open_source
from colorize_tf.datasets.examine import JPEG
from colorize_tf.datasets.reading import PhotoReader
from colorize_tf.errors import InputError
from colorize_tf.parsing import Parser
from colorize_tf.pipeline import VIEWS, training_batches

__all__ = ["bench", "main"]

# Share of bare decoding that the pipeline must reach on 640×480 JPEGs: (first pass, warm cache) by crop size.
TARGETS = {256: (0.35, 1.0), 128: (0.55, 1.0)}


def bench(photos: Photos, view: str, sizes: Sequence[int], batch: int, rounds: int) -> dict[str, list[float]]:
    """Images per second, one figure per round: "decode", "first 256", "warm 256", ...

    All streams stay open and take turns, so that whatever else the machine does strikes them alike.
    """
    streams: dict[str, Any] = {"decode": _bare_decoding(photos, batch)}
    for size in sizes:
        for name, cache in (("first", False), ("warm", True)):
            streams[f"{name} {size}"] = training_batches(photos, view=view, size=size, batch=batch, seed=0, cache=cache)
    iterators = {name: iter(stream) for name, stream in streams.items()}
    speeds: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(rounds):
        for name, iterator in iterators.items():
            for _ in range(8):  # what was prepared while others had their turn
                next(iterator)
            start = time.perf_counter()
            for _ in range(24):
                next(iterator)
            speeds[name].append(24 * batch / (time.perf_counter() - start))
    return speeds


def _bare_decoding(photos: Photos, batch: int) -> tf.data.Dataset:
    """Reads and decodes whole photos, and keeps one byte of each."""
    reader = PhotoReader(photos)

    def decode(which: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_jpeg(reader.encoded(which), channels=3, dct_method="INTEGER_ACCURATE")[0, 0, 0]

    order = tf.data.Dataset.range(photos.count).repeat()
    return order.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(batch).prefetch(4)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a table on stdout."""
    top = Parser(
        "python -m colorize_tf.pipeline",
        description="Measures the input pipeline beside bare JPEG decoding.",
        epilog="example: python -m colorize_tf.pipeline bench folder:photos --sizes 128 256",
    )
    one = top.add_subparsers(dest="command", required=True).add_parser("bench", help="images per second of a source")
    one.add_argument("source", help="folder:PATH, tfrecord:GLOB, ...; its JPEG photos are used")
    one.add_argument("--view", choices=VIEWS, default="lab", help="what the network is shown (%(default)s)")
    one.add_argument("--sizes", type=int, nargs="+", default=sorted(TARGETS), help="crop sizes (%(default)s)")
    one.add_argument("--batch", type=int, default=16, help="photos per batch (%(default)s)")
    one.add_argument("--rounds", type=int, default=7, help="turns of each stream; medians are printed (%(default)s)")
    one.add_argument("--limit", type=int, default=512, help="use at most so many photos (%(default)s)")
    options = top.parse_args(argv)
    if min(options.rounds, options.batch, options.limit, *options.sizes) < 1:
        given = f"{options.rounds}, {options.batch}, {options.limit}, {options.sizes}"
        raise InputError("--rounds, --batch, --limit, --sizes", "must be at least 1", given)

    photos = open_source(options.source)
    photos = photos.pick(photos.format == JPEG).sample(options.limit)
    if photos.count == 0:
        raise InputError("source", "must contain JPEG photos", options.source)
    speeds = bench(photos, options.view, options.sizes, options.batch, options.rounds)
    bare = np.array(speeds["decode"])
    shape = f"{int(np.median(photos.width))}×{int(np.median(photos.height))}"
    print(f"{photos.count} JPEG photos, median {shape}, {photos.length.mean() / 1e3:.0f} kB; view {options.view}")
    print(f"{'stream':<16}{'images/s':>10}{'of decoding':>14}{'target':>9}")
    print(f"{'bare decoding':<16}{np.median(bare):>10.0f}{'100%':>14}")
    for size in options.sizes:
        for at, name in enumerate(("first", "warm")):
            found = np.array(speeds[f"{name} {size}"])
            target = f"{TARGETS[size][at]:.0%}" if size in TARGETS else ""
            label = f"{size}² {'first pass' if name == 'first' else 'warm cache'}"
            print(f"{label:<16}{np.median(found):>10.0f}{np.median(found / bare):>14.0%}{target:>9}")
    return 0
