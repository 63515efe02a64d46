"""`colorize benchmark`: what each step costs on this machine, for a photo of a given size."""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from colorize_tf.apps.process import prepare_process
from colorize_tf.apps.work import Settings, make_colorizer
from colorize_tf.edge.fusion import available_threads, fuse_raster
from colorize_tf.edge.network import Options
from colorize_tf.edge.photo import open_photo
from colorize_tf.edge.raster import ImageRaster
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.edge.write import picture, write_photos
from colorize_tf.errors import InputError, shorten
from colorize_tf.parsing import Parser

__all__ = ["measure", "run", "scene"]

Step = Callable[[], Callable[[], object]]  # prepares, and gives the work to measure

EXAMPLE = "example:\n  colorize benchmark --megapixels 24 --threads 2"


def run(argv: Sequence[str]) -> int:
    """Measures and prints a table, or JSON."""
    parser = Parser(
        prog="colorize benchmark",
        description="Measures decoding, the network, fusion and encoding, each alone and all together.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photo", metavar="FILE", help="a JPEG of your own (default: a generated one)")
    parser.add_argument(
        "--megapixels", type=float, default=12.0, metavar="MP", help="of the generated one (default: 12)"
    )
    parser.add_argument("--gray", action="store_true", help="generate a gray JPEG, not one in RGB")
    parser.add_argument("--model", metavar="FILE", help="a .tflite file (default: the one that comes with colorize)")
    parser.add_argument("--threads", type=int, metavar="N", help="(default: all processors)")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="take the fastest of N (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    if not 0.01 <= given.megapixels <= 250:
        raise InputError("--megapixels", "must be in 0.01..250", given.megapixels)
    if not 1 <= given.repeat <= 1000:
        raise InputError("--repeat", "must be in 1..1000", given.repeat)
    if given.photo:
        try:
            with open_photo(Path(given.photo), "--photo"):  # else a pipe, or a device that never ends, would be read
                content = Path(given.photo).read_bytes()
        except OSError as error:
            raise InputError("--photo", "must be a readable file", error.strerror or error) from None
    else:
        content = jpeg(given.megapixels, given.gray)
    prepare_process()  # as `colorize` does before the first photo
    colorizer = make_colorizer(Settings(given.model, given.threads))
    report = measure(content, colorizer, given.repeat)
    print(json.dumps(report, indent=1) if given.json else _table(report))
    return 0


def measure(
    content: bytes, colorizer: TfliteColorizer, repeat: int, typical: Callable[[list[float]], float] = min
) -> dict[str, Any]:
    """The bytes of a JPEG -> milliseconds of each step, the `typical` of `repeat`, and what they were measured on."""
    with open_photo(content, "--photo") as reader:
        if reader.format != "JPEG":
            raise InputError("--photo", "must be a JPEG", reader.format)
        photo = next(reader.photos())
    raster = photo.raster
    if not isinstance(raster, ImageRaster):
        raise InputError("--photo", "must have 8 bits per colour", "16")
    original = raster.copy()
    threads = colorizer.threads
    chroma = colorizer.chroma(raster, (), photo.space)
    fuse_raster(raster, chroma, True, photo.space, threads)
    done = picture(photo)

    def whole(edges: bool) -> None:
        out = io.BytesIO()
        fast = colorizer.with_options(Options(edges=edges))
        with open_photo(content) as opened:
            one = next(opened.photos())
            done = picture(one, fusion=fast.fusion(one.raster, (), one.space))
            write_photos([done], out, "JPEG", colorizer.card, None, threads or available_threads())

    def plain() -> None:
        with Image.open(io.BytesIO(content)) as image:
            image.save(io.BytesIO(), "JPEG", quality=done.metadata.quality or 92)

    def fusion(edges: bool) -> Step:
        def prepared() -> Callable[[], object]:
            fresh = ImageRaster(original.copy())
            return lambda: fuse_raster(fresh, chroma, edges, photo.space, threads)

        return prepared

    def encode() -> None:
        write_photos([done], io.BytesIO(), "JPEG", colorizer.card, None, threads or available_threads())

    def network() -> Callable[[], object]:
        fresh = ImageRaster(original)
        return lambda: colorizer.chroma(fresh, (), photo.space)

    steps: dict[str, Step] = {
        "decode": lambda: lambda: _decode(content),
        "network": network,
        "fusion": fusion(True),
        "fusion, fast": fusion(False),
        "encode": lambda: encode,
        "whole": lambda: lambda: whole(True),
        "whole, fast": lambda: lambda: whole(False),
        "Pillow decode + encode": lambda: plain,
    }
    times = {name: typical(_seconds(step, repeat)) for name, step in steps.items()}
    width, height = photo.size
    return {
        "photo": f"{width}×{height} {original.mode}",
        "model": shorten(f"{colorizer.card.title} {colorizer.card.version} {colorizer.card.recipe}"),
        "runtime": colorizer.runtime.name,
        "threads": threads or available_threads(),
        "machine": f"{platform.machine()}, {available_threads()} processors, Python {platform.python_version()}",
        "milliseconds": {name: round(1000 * seconds, 1) for name, seconds in times.items()},
    }


def jpeg(megapixels: float, gray: bool) -> bytes:
    """A generated photo, 4:3, as a JPEG of quality 90."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    image = scene(width, max(1, round(width * 3 / 4)))
    out = io.BytesIO()
    (image.convert("L") if gray else image).save(out, "JPEG", quality=90)
    return out.getvalue()


def scene(width: int, height: int) -> Image.Image:
    """A picture with the statistics of a photo: structure at every scale, each finer one a little fainter.

    So much fainter that a JPEG of quality 90 takes 2.1 bits a pixel, as those of the Kodak photographs do.
    """
    random = np.random.default_rng(0)
    total = np.zeros((height, width), np.float32)
    size, strength = 4, 32.0
    while size < max(width, height):
        coarse = Image.fromarray(random.normal(0, 1, (size * 3 // 4 + 1, size)).astype(np.float32))
        total += strength * np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))
        size, strength = size * 2, strength * 0.85
    tint = [
        np.asarray(Image.fromarray(random.normal(0, 25, (6, 8)).astype(np.float32)).resize((width, height)))
        for _ in "RB"
    ]
    planes = [128 + total + tint[0], 128 + total, 128 + total + tint[1]]
    return Image.merge("RGB", [Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8)) for plane in planes])


def _decode(content: bytes) -> None:
    with open_photo(content) as reader:
        next(reader.photos())


def _seconds(step: Step, repeat: int) -> list[float]:
    """How long each of `repeat` turns takes; what `step` does before it gives the work to measure does not count."""
    times = []
    for _ in range(repeat):
        work = step()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def _table(report: dict[str, Any]) -> str:
    lines = [f"{name:<9} {report[name]}" for name in ("photo", "model", "runtime", "threads", "machine")]
    base = report["milliseconds"]["Pillow decode + encode"]
    lines += ["", f"{'step':<24} {'ms':>9} {'× Pillow':>9}"]
    lines += [f"{name:<24} {value:>9.1f} {value / base:>9.2f}" for name, value in report["milliseconds"].items()]
    return "\n".join(lines)
