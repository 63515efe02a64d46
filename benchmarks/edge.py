"""The edge runtime against its promises, on this machine: speed beside Pillow, memory, a call, a cold start, a folder.

    python benchmarks/edge.py                          # about four minutes on a quiet machine
    python benchmarks/edge.py --model model.tflite --photos 500 --huge --strict

Without --model it is the bundled one, or where none ships yet, the same network untrained (needs TensorFlow).
Contestants take turns and the fastest of several rounds counts, so that other work on the machine meets all of them;
the folder, which is coloured once, is put beside the median of its steps. Figures still mean little unless the load
average, printed first, is near 0. With --strict the exit code is 1 if a promise is broken. Memory is read from /proc,
so on Linux alone.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from colorize_tf.apps.benchmark import jpeg, measure
from colorize_tf.apps.process import prepare_process
from colorize_tf.apps.work import Settings, make_colorizer
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge.fusion import available_threads, fuse
from colorize_tf.edge.tflite import TfliteColorizer, bundled_model
from colorize_tf.errors import InputError, command_line
from colorize_tf.parsing import Parser

Row = tuple[str, float, float, str]  # what, measured, promised at most, unit

PEAK = """
import json, sys
from pathlib import Path
from colorize_tf.apps.selection import Job
from colorize_tf.apps.work import Settings, colorize_file, make_colorizer
def status(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))
settings = Settings(model=sys.argv[1], threads=2, overwrite=True)
colorizer = make_colorizer(settings)
colorize_file(Job(Path(sys.argv[2]), Path(sys.argv[3])), colorizer, settings)  # a small photo: all is loaded
idle = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
result = colorize_file(Job(Path(sys.argv[4]), Path(sys.argv[5])), colorizer, settings)
print(json.dumps({"peak": status("VmHWM") - idle, "pixels": result.width * result.height, "error": result.error}))
"""
COLD = """
import time, sys
start = time.perf_counter()
from colorize_tf.edge import TfliteColorizer
import numpy as np
TfliteColorizer(sys.argv[1])(np.full((480, 640), 120, np.uint8))
print(time.perf_counter() - start)
"""


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Measures everything and prints a table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", metavar="FILE", help="a .tflite file (default: the bundled one, or an untrained one)"
    )
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="photos of the folder (default: 60)")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="of the 12 MP photos (default: 15)")
    parser.add_argument("--huge", action="store_true", help="200 MP too; takes a minute and 2 GB")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a promise is broken")
    given = parser.parse_args(argv)
    for name in ("photos", "rounds"):
        if getattr(given, name) < 1:
            raise InputError(f"--{name}", "must be at least 1", getattr(given, name))
    with tempfile.TemporaryDirectory() as folder:
        rows = every_row(given, given.model or model_to_measure(Path(folder)), Path(folder))
    print(f"{'':<44} {'measured':>10} {'at most':>10}")
    for name, found, most, unit in rows:
        print(f"{name:<44} {found:>10.3f} {most:>10.3f} {unit:<10} {'' if found <= most else 'MISSED'}")
    return int(given.strict and any(found > most for _, found, most, _ in rows))


def every_row(given: argparse.Namespace, model: str, folder: Path) -> list[Row]:
    """All that is promised, measured."""
    prepare_process()
    colorizer = make_colorizer(Settings(model, threads=2))
    card, load = colorizer.card, os.getloadavg()[0]
    print(f"load average {load:.1f}; model: {card.name} {card.version} {card.recipe}", file=sys.stderr)
    rows = kept_luma()
    for gray in (True, False):
        rows += speed(colorizer, gray, given.rounds)
        rows.append(memory(model, folder, gray, 12.0, 6 * 3, 0))
    if given.huge:
        rows.append(memory(model, folder, True, 200.0, 1 + 3, 300e6))
        rows.append(memory(model, folder, False, 200.0, 3 + 3, 300e6))
    rows.append(call(model))
    rows.append(cold(model))
    rows.append(throughput(model, folder, given.photos))
    return rows


def model_to_measure(folder: Path) -> str:
    """The bundled model's path, or that of an untrained one, made in a process of its own: this one stays light."""
    try:
        return str(bundled_model())
    except InputError:
        path = folder / "untrained.tflite"
        subprocess.run([sys.executable, Path(__file__).with_name("untrained.py"), path], check=True)
        return str(path)


def kept_luma() -> list[Row]:
    """How far L is from the photo's under even tints of every hue and strength, which is where rounding does worst."""
    photo = np.asarray(Image.open(io.BytesIO(jpeg(0.02, True))))
    before = rgb_to_lab(np.repeat(photo[..., None], 3, -1) / 255.0)[..., 0]
    means, worst = [], 0.0
    for strength in (0.3, 1.0, 1.5, 3.0, 8.0, 25.0, 60.0, 110.0):
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            ab = np.full((4, 4, 2), strength * np.array([np.cos(angle), np.sin(angle)]), np.float32)
            off = np.abs(rgb_to_lab(fuse(photo, ab, edges=False) / 255.0)[..., 0] - before)
            means.append(off.mean())
            worst = max(worst, off.max())
    return [
        ("L of a pixel, at worst", worst, 0.26, "L"),
        ("L, mean over 192 even tints", float(np.mean(means)), 0.08, "L"),
        ("L, mean under the worst of these tints", float(max(means)), 0.08, "L"),
    ]


def speed(colorizer: TfliteColorizer, gray: bool, rounds: int) -> list[Row]:
    """12 MP end to end, as a multiple of Pillow's decoding and encoding."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, value in measure(jpeg(12.0, gray), colorizer, 1)["milliseconds"].items():
            best[name] = min(best.get(name, value), value)
    kind = "gray" if gray else "RGB"
    print(f"12 MP {kind}, ms: {best}", file=sys.stderr)
    pillow = best["Pillow decode + encode"]
    return [
        (f"12 MP {kind} JPEG", best["whole"] / pillow, 5.0, "× Pillow"),
        (f"12 MP {kind} JPEG, --fast", best["whole, fast"] / pillow, 3.0, "× Pillow"),
    ]


def memory(model: str, folder: Path, gray: bool, megapixels: float, per_pixel: float, extra: float) -> Row:
    """Peak above the loaded, idle process."""
    small, large = folder / "small.jpg", folder / "large.jpg"
    small.write_bytes(jpeg(0.1, gray))
    large.write_bytes(jpeg(min(megapixels, 12.0), gray) if megapixels <= 12 else tiled(megapixels, gray))
    words = [model, small, folder / "small.out.jpg", large, folder / "large.out.jpg"]
    found = json.loads(child(PEAK, *words))
    if found["error"]:
        raise SystemExit(found["error"])
    most = found["pixels"] * per_pixel + extra
    return (f"{megapixels:g} MP {'gray' if gray else 'RGB'}: peak above idle", found["peak"] / 1e6, most / 1e6, "MB")


def tiled(megapixels: float, gray: bool) -> bytes:
    """A large photo, made of copies of a smaller one."""
    with Image.open(io.BytesIO(jpeg(12.0, gray))) as tile:
        times = max(1, round((megapixels * 1e6 / (tile.width * tile.height)) ** 0.5))
        whole = Image.new(tile.mode, (tile.width * times, tile.height * times))
        for number in range(times * times):
            whole.paste(tile, (number % times * tile.width, number // times * tile.height))
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=90)
    return out.getvalue()


def call(model: str) -> Row:
    """A 256² picture, beside 1.3 times the bare interpreter's call."""
    colorizer = make_colorizer(Settings(model, threads=1))
    image = np.asarray(Image.open(io.BytesIO(jpeg(256 * 256 / 1e6, True))).resize((256, 256)))
    card = colorizer.card
    luma = np.zeros((card.height or 256, card.width or 256), np.float32)
    hints = np.zeros((*luma.shape, 3), np.float32) if card.hints else None
    whole, bare = turns([lambda: colorizer(image), lambda: colorizer.predict(luma, hints, 0.0)], 150)
    print(f"256²: {1000 * whole:.2f} ms, of which the interpreter {1000 * bare:.2f} ms", file=sys.stderr)
    return ("256² call", 1000 * whole, 1.3 * 1000 * bare + 2.0, "ms")


def cold(model: str) -> Row:
    """Import and the first picture, in a new process."""
    return ("import + first picture", min(float(child(COLD, model)) for _ in range(5)), 1.5, "s")


def throughput(model: str, folder: Path, photos: int) -> Row:
    """A folder on all processors, beside its steps measured alone and spread evenly over the processors."""
    content = jpeg(3.0, True)
    inbox = folder / "inbox"
    inbox.mkdir()
    for number in range(photos):
        (inbox / f"{number:04d}.jpg").write_bytes(content)
    colorizer = make_colorizer(Settings(model, threads=1))
    command = [sys.executable, "-m", "colorize_tf", str(inbox), "-o", str(folder / "out")]

    def alone() -> float:
        steps = measure(content, colorizer, 15, statistics.median)["milliseconds"]
        return sum(steps[name] for name in ("decode", "network", "fusion", "encode")) / 1000

    before = alone()
    start = time.perf_counter()
    subprocess.run([*command, "--model", model], check=True, capture_output=True)
    taken = time.perf_counter() - start
    after = alone()  # the machine's speed drifts by more than what is looked for
    print(f"3 MP, its steps: {1000 * before:.1f} ms before the folder, {1000 * after:.1f} ms after it", file=sys.stderr)
    ideal = photos * (before + after) / 2 / available_threads()
    return (f"folder of {photos}: time beside its steps", taken / ideal, 1 / 0.85, "×")


def turns(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """The fastest time of each, in seconds."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[number] = min(best[number], time.perf_counter() - start)
    return best


def child(code: str, *words: object) -> str:
    """What a program prints, run in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
