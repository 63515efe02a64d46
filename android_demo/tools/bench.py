"""Kotlin beside Python, on this machine: python android_demo/tools/bench.py [--strict]

What comes before and after the network, for 12 megapixels on one thread: Kotlin may take 1.5 times what the Python edge
runtime takes, in processor time, which other work on the machine disturbs least. And the peak of the whole Java process
for 50 megapixels: at most 400 MB. `make bench-android` builds what this needs. Contestants take turns, and the fastest
of several rounds counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from colorize_tf.edge.card import Card
from colorize_tf.edge.fusion import GUIDE_PIXELS, Chroma, fuse_raster
from colorize_tf.edge.prepare import prepare
from colorize_tf.edge.raster import ArrayRaster
from colorize_tf.edge.space import SRGB

CORE = Path(__file__).resolve().parents[1] / "core/target"
TINY = Path(__file__).resolve().parents[2] / "tests/golden/models/tiny.tflite"
BUNDLED = Path(__file__).resolve().parents[2] / "colorize_tf/edge/mobile.tflite"
WIDTH, HEIGHT = 4000, 3000
MOST_TIMES = 1.5
MOST_MEGABYTES = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each contestant (default: 5)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a promise is broken")
    given = parser.parse_args()
    missed = False
    for kind, photo in photos().items():
        python, kotlin = {}, {}
        with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
            rgb = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, -1)
            raw.write(rgb.tobytes())
            raw.flush()
            for _ in range(2):
                better(python, in_python(photo, given.rounds))
                better(
                    kotlin,
                    java(["-Xmx1g", "-XX:ActiveProcessorCount=1"], "speed", raw.name, WIDTH, HEIGHT, given.rounds),
                )
        for step in ("before", "after"):
            print(f"12 MP {kind}, {step} the network: Python {python[step]:.0f} ms, Kotlin {kotlin[step]:.0f} ms")
        times = sum(kotlin.values()) / sum(python.values())
        missed |= times > MOST_TIMES
        print(f"12 MP {kind}: {times:.2f} times Python's (at most {MOST_TIMES}){' MISSED' * (times > MOST_TIMES)}")
    model = BUNDLED if BUNDLED.is_file() else TINY
    peak = java(["-Xmx160m", "-XX:MaxDirectMemorySize=256m"], "memory", model, 8192, 6144)["peak"]
    missed |= peak > MOST_MEGABYTES
    print(f"50 MP, {model.name}: peak {peak:.0f} MB (at most {MOST_MEGABYTES}){' MISSED' * (peak > MOST_MEGABYTES)}")
    return int(given.strict and missed)


def photos() -> dict[str, np.ndarray]:
    """uint8 [H,W] and [H,W,3]: smooth, with noise, as a photo is."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    plane = 120 + 70 * np.sin(rows / 300) * np.cos(columns / 410) + random.normal(0, 4, rows.shape).astype(np.float32)
    tints = np.stack([plane, 0.9 * plane + 10 * np.sin(columns / 90), 0.7 * plane + 30], -1)
    return {"gray": np.clip(plane, 0, 255).astype(np.uint8), "RGB": np.clip(tints, 0, 255).astype(np.uint8)}


def in_python(photo: np.ndarray, rounds: int) -> dict[str, float]:
    card = Card("bench", "none", None, None, ab_scale=2, hints=True)
    ab = ((np.arange(128 * 128 * 2) % 97) - 48).astype(np.float32).reshape(128, 128, 2)
    best: dict[str, float] = {}
    for _ in range(rounds):
        raster = ArrayRaster(photo)
        start = time.thread_time()
        prepare(raster.reduced(GUIDE_PIXELS), HEIGHT, WIDTH, card, SRGB.luma, True)
        between = time.thread_time()
        fuse_raster(raster, Chroma.of(ab), threads=1)
        better(best, {"before": (between - start) * 1e3, "after": (time.thread_time() - between) * 1e3})
    return best


def better(best: dict[str, float], found: dict[str, float]) -> None:
    for step, value in found.items():
        best[step] = min(best.get(step, value), value)


def java(options: list[str], *words: object) -> dict[str, float]:
    path = f"{CORE}/classes:{CORE}/test-classes:{(CORE / 'class-path').read_text().strip()}"
    command = ["java", "-XX:+UseSerialGC", *options, "-cp", path, "tf.colorize.core.BenchKt", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
