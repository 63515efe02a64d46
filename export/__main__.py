"""`python -m export RUN --recipe NAME --out model.tflite`: a run becomes a file that was tried before it was written.

python -m export compare MODEL...      one table over files
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize_tf.edge.card import LONGEST, Card, sidecar, write_model
from colorize_tf.errors import InputError, RunError, command_line
from colorize_tf.parsing import Parser
from colorize_tf.quiet import hushed, load_tensorflow

from .recipes import RECIPES, Recipe, find_recipe
from .to_onnx import refuse_what_onnx_lacks, write_onnx

if TYPE_CHECKING:
    from .report import Report
    from .source import Source

__all__ = ["main"]

WRITERS: dict[str, Callable[[Path, bytes, Card], Any]] = {"tflite": write_model, "onnx": write_onnx}
# Where a file has to run, and where else it is tried.
RUNTIMES = {"tflite": ("ai-edge-litert", ("tensorflow", "tflite-runtime")), "onnx": ("onnxruntime", ())}


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export`."""
    recipes = "\n".join(f"  {r.name:<16} {r.hardware}: {r.reason}" for r in RECIPES.values())
    result = Parser(
        prog="python -m export",
        description="Turns a trained run into one file that colorizes anywhere, and tries it before it is written.",
        epilog=f"recipes:\n{recipes}\n\nexamples:\n"
        "  python -m export runs/a --recipe static_wi8_ai8 --out model.tflite\n"
        "  python -m export compare model.tflite other.tflite\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("run", metavar="RUN", help="run folder, one of its checkpoints, or its .weights.h5 file")
    add("--recipe", metavar="NAME", required=True, help="how numbers are stored and computed; see below")
    add("--out", type=Path, metavar="FILE", required=True, help="the file to write; its card goes beside it")
    add("--format", choices=tuple(WRITERS), default="tflite", help="of the file (%(default)s); onnx for float32 only")
    add("--overwrite", action="store_true", help="replace FILE and its card")
    add("--keep-failed", action="store_true", help="write the file even if it breaks a rule; the exit code stays 1")
    shape = result.add_mutually_exclusive_group()
    shape.add_argument("--size", metavar="HxW", help="height and width of the input (default: as trained)")
    shape.add_argument("--dynamic", action="store_true", help="take any size that is a multiple of the network's steps")
    add("--translate", action="store_true", help="RGB in and out, from a run that translates pictures of two sets")
    add("--back", action="store_true", help="the same from the second set into the first")
    add("--domain", type=int, metavar="N", help="of pictures of this class, from a run that was told classes")
    add("--data", metavar="SOURCE", help="photos to compare the file on (default: the run's own, unseen ones first)")
    add("--photos", type=int, default=50, metavar="N", help="at most so many of them (%(default)s)")
    add("--run-data", metavar="SOURCE", help="where the run's own photos are now (default: where they were)")
    add(
        "--calibration", type=int, default=100, metavar="N", help="of these, so many to measure ranges on (%(default)s)"
    )
    add("--steps", type=int, default=400, metavar="N", help="of fine-tuning, for a recipe that has it (%(default)s)")
    card = result.add_argument_group("card", "what people should know before they use the file")
    card.add_argument("--name", help="name of the model (default: that of the network)")
    card.add_argument("--version", default="1", help="version of the model (%(default)s)")
    card.add_argument("--licence", default="", help="licence of the weights")
    card.add_argument("--training-data", help="what the network learnt from (default: the run's source of photos)")
    card.add_argument(
        "--twin", metavar="FILE", help="name of the float16 file of the same network, kept beside this one"
    )
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a file and its card; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] == "compare":
        from .compare import main as compare

        return compare(argv[1:])
    given = parser().parse_args(argv)
    recipe, size = find_recipe(given.recipe), _size(given.size)
    _check(given)
    if given.format == "onnx":
        refuse_what_onnx_lacks(recipe)
    from colorize_tf.predict import load_run

    run = load_run(given.run)
    load_tensorflow()
    from .source import Task, open_source_graph, refuse_what_breaks

    # What cannot colorize is a translator.
    task = Task(given.translate or given.back or not hasattr(run.model, "colorize"), given.back, given.domain)
    source = open_source_graph(run, size, free=given.dynamic, task=task)
    refuse_what_breaks(source, recipe)
    content, card, report = _export(given, recipe, source)

    from .report import listing

    print(listing(report))
    if report.failures and not given.keep_failed:
        raise RunError(f"{given.out} was not written: {'; '.join(report.failures)}")
    WRITERS[given.format](given.out, content, card)
    print(f"wrote {given.out}", file=sys.stderr)
    if given.twin and not given.out.with_name(given.twin).exists():
        print(f"note: --twin {given.twin} is not beside it yet; until then this file stands alone", file=sys.stderr)
    return 0 if report.passed else 1


def _export(given: argparse.Namespace, recipe: Recipe, source: Source) -> tuple[bytes, Card, Report]:
    """Converts and tries -> the file without its card, the card, what was found."""
    from .convert import convert
    from .finetune import fine_tune
    from .scenes import choose_photos, make_scenes
    from .verify import verify

    learnt = source.run.config.data
    data = replace(learnt, data=given.run_data or learnt.data)
    counts = given.calibration if recipe.static else 0, given.photos
    calibration, judged = choose_photos(data, counts, given.data, back=given.back)
    intake = source.intake
    samples = [scene.inputs for scene in make_scenes(calibration, intake)]
    tuned = fine_tune(source, samples, steps=given.steps) if recipe.fine_tuned else source
    _say(f"converting {source.run.checkpoint} to {recipe.name}")
    with hushed():
        content = convert(tuned, recipe, samples)
    scenes = make_scenes(judged, intake)
    _say(f"comparing with the network on {len(scenes)} photos")
    wanted = [source(scene.inputs) for scene in scenes]
    height, width = intake.size or (None, None)
    card = Card(
        name=given.name or source.run.config.model.name,
        version=given.version,
        recipe=recipe.name,
        height=height,
        width=width,
        kind="translate" if source.task.translates else "colorize",
        ab_scale=scenes[0].truth.shape[0] // wanted[0].shape[1],
        fit="pad" if intake.size is None else "squash",
        multiple=intake.multiple,
        short_side=intake.short_side,
        hints="hints" in intake.inputs,
        vivid="vivid" in intake.inputs,
        twin=given.twin,
        licence=given.licence,
        training_data=learnt.data if given.training_data is None else given.training_data,
    )
    with tempfile.TemporaryDirectory() as folder, hushed():
        # Tried as it will be read: with a card inside.
        path = Path(folder, given.out.name)
        WRITERS[given.format](path, content, card)
        report = verify(path.read_bytes(), recipe, scenes, wanted, *RUNTIMES[given.format])
    found = report.as_dict()
    quality = found.pop("quality")
    metrics = {**quality, "data": given.data or data.data} if quality else {}
    return content, replace(card, metrics=metrics, verification=found, runtimes=report.fit_for), report


def _check(given: argparse.Namespace) -> None:
    """Raises an InputError for what can be known wrong before anything slow is done."""
    if given.out.suffix != f".{given.format}":
        raise InputError("--out", f"must end in .{given.format}", str(given.out))
    for path in (given.out, sidecar(given.out)):
        if path.is_dir():
            raise InputError("--out", "must be a file, and its card beside it another", f"{path}, a folder")
        if path.exists() and not given.overwrite:
            raise InputError("--out", "exists already", str(path), "Name another file or add --overwrite.")
    for suffix in {".tflite", ".onnx"} - {given.out.suffix}:
        if given.out.with_suffix(suffix).exists() and sidecar(given.out).exists():
            rule = f"must not take the card of {given.out.stem}{suffix}, which would have the same name"
            raise InputError("--out", rule, str(given.out), "Choose another name.")
    if not given.out.parent.is_dir() or not os.access(given.out.parent, os.W_OK):
        raise InputError("--out", "must lie in a folder that exists and can be written to", str(given.out))
    if given.twin is not None and (not given.twin or Path(given.twin).name != given.twin):
        raise InputError("--twin", "must be the name of a file beside this one, without a folder", given.twin)
    if given.domain is not None and (given.back or not given.translate):
        raise InputError("--domain", "goes with --translate, not with --back", given.domain)
    for name in ("photos", "calibration", "steps"):
        if getattr(given, name) < 1:
            raise InputError(f"--{name}", "must be at least 1", getattr(given, name))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise InputError("--size", "must look like 256x384, height first", text) from None
    if not 1 <= min(height, width) <= max(height, width) <= LONGEST:
        raise InputError("--size", f"must be of sides in 1..{LONGEST}", text)
    return height, width


def _say(text: Any) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
