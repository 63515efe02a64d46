"""`python -m export compare MODEL...`: files side by side: size, drift, latency, quality."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from colorize_tf.edge.card import Card, read_model
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import InputError, RunError, command_line, shorten
from colorize_tf.parsing import Parser
from colorize_tf.quiet import hushed, load_tensorflow

__all__ = ["main"]

COLUMNS = (
    "file", "recipe", "MB", "RGB dB mean", "worst", "chroma %", "ms, 1 thread", "2 threads", "memory MB",
    "undelegated", "PSNR", "SSIM", "colourfulness", "runtimes",
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export compare`."""
    result = Parser(
        prog="python -m export compare",
        description="Prints one table over model files: what their cards say or, with --data, what they do here.",
        epilog="example: python -m export compare model.tflite other.tflite --data folder:photos",
    )
    add = result.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL", help=".tflite file with its card inside")
    add("--data", metavar="SOURCE", help="measure latency and quality anew on these photos, such as folder:PATH")
    add("--photos", type=int, default=50, metavar="N", help="at most so many of them (%(default)s)")
    add("--json", action="store_true", help="print JSON instead of a table")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a table on stdout; returns the exit code."""
    given = parser().parse_args(argv)
    if given.photos < 1:
        raise InputError("--photos", "must be at least 1", given.photos)
    models = {path: read_model(path) for path in given.models}
    found = {path: {**card.verification, "quality": card.metrics} for path, (_, card) in models.items()}
    if given.data is not None:
        with hushed():
            for path in models:
                TfliteColorizer(path, threads=1, twin=False)  # says what is wrong with a file in its own words
        for path in tqdm(models, desc="measuring", unit="file", disable=None):
            found[path].update(_measured(*models[path], given.data, given.photos))
    elif len({repr([card.metrics.get(name) for name in ("photos", "data")]) for _, card in models.values()}) > 1:
        print("note: quality is of other photos for each file; --data SOURCE compares on the same", file=sys.stderr)
    rows = [_row(path, card, found[path]) for path, (_, card) in models.items()]
    print(json.dumps(rows, indent=1) if given.json else _table(rows))
    return 0


def _measured(content: bytes, card: Card, spec: str, count: int) -> dict[str, Any]:
    """A file and photos -> its latency and quality on this machine."""
    load_tensorflow()  # which decodes photos that are new
    from colorize_tf.datasets import open_source

    from .scenes import Intake, Pick, make_scenes
    from .verify import MODEL, run_alone, score

    inputs = ("luma", *(name for name in ("hints", "vivid") if getattr(card, name)))
    size = None if card.height is None or card.width is None else (card.height, card.width)
    photos = open_source(spec).sample(count)
    picks = [Pick(photos, index) for index in range(photos.count)]
    intake = Intake(size, card.multiple, card.short_side, inputs)
    scenes = [scene.made_plain() for scene in make_scenes(picks, intake)]
    with tempfile.TemporaryDirectory() as folder, hushed():
        Path(folder, MODEL).write_bytes(content)
        try:
            answers, measured = run_alone(Path(folder), scenes)
        except RuntimeError as error:
            raise RunError(f"{card.title} {shorten(card.recipe)} does not run: {error}") from error
    return {**measured, "quality": score(scenes, answers)}


def _row(path: Path, card: Card, found: Mapping[str, Any]) -> dict[str, Any]:
    values = (
        str(path), card.recipe, path.stat().st_size / 1e6, _number(found, "drift", "rgb_mean"),
        _number(found, "drift", "rgb_worst"), _number(found, "drift", "chroma_ratio", scale=100),
        _number(found, "latency_ms", "1", "min"), _number(found, "latency_ms", "2", "min"),
        _number(found, "peak_bytes", scale=1e-6), _number(found, "undelegated"), _number(found, "quality", "psnr"),
        _number(found, "quality", "ssim"), _number(found, "quality", "colourfulness"),
        ", ".join(map(str, card.runtimes)),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _number(found: Any, *keys: str, scale: float = 1) -> float | None:
    """What a card says under these keys, if it is a number: what else stands there, nobody has checked."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return scale * found if isinstance(found, (int, float)) and math.isfinite(found) else None


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows -> a Markdown table, which a terminal shows as well."""
    cells = [list(COLUMNS), *([_cell(row[name]) for name in COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    numeric = [any(isinstance(row[name], (int, float)) for row in rows) for name in COLUMNS]
    cells.insert(1, [("-" * (w - 1) + ":") if n else "-" * w for w, n in zip(widths, numeric, strict=True)])
    return "\n".join(
        "| " + " | ".join(_aligned(*cell) for cell in zip(line, widths, numeric, strict=True)) + " |" for line in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else shorten(str(value))


def _aligned(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
