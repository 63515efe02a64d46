"""`colorize photo.jpg`: gives photographs colour and leaves everything else in them as it was."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from colorize_tf import __version__
from colorize_tf.apps.batch import STOPPING, run_jobs
from colorize_tf.apps.process import prepare_process
from colorize_tf.apps.selection import is_there, select
from colorize_tf.apps.watch import arrivals
from colorize_tf.apps.work import Result, Settings, colorize_bytes, make_colorizer
from colorize_tf.edge import Hint
from colorize_tf.edge.fusion import available_threads
from colorize_tf.edge.network import Options
from colorize_tf.edge.photo import MAX_PIXELS
from colorize_tf.edge.write import FORMATS, format_of, prepare_to_write
from colorize_tf.errors import InputError, shorten
from colorize_tf.parsing import Parser

__all__ = ["run"]

EXAMPLES = """examples:
  colorize photo.jpg                       writes photo.colorized.jpg beside it
  colorize album/ --recursive -o coloured/ a folder and those inside it, as a tree of the same shape
  colorize *.tif --format jpg              many photos, as JPEG
  colorize photo.jpg --hint 420,310,#b03a2e --saturation 1.2
  colorize - < old.png > new.png           from standard input to standard output
  colorize --watch inbox/ -o done/         whatever comes into a folder, until Ctrl-C
  colorize benchmark                       how fast this machine is

Originals are never changed, and results that are there are not made again without --overwrite.
Every result says in its metadata that its colour was added by software, and by which model."""

MANY = 4  # photos from which several processes pay
METADATA = 64 << 20  # bytes that a photo may have besides its pixels


def parser() -> argparse.ArgumentParser:
    """The options of `colorize`."""
    out = Parser(
        prog="colorize",
        description="Gives black-and-white photographs believable colour, offline.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("photos", nargs="*", metavar="PHOTO", help="files, folders or patterns; - is standard input")
    where = out.add_argument_group("files")
    where.add_argument(
        "-o", "--output", metavar="PLACE", help="a folder, a file for a single photo, or - for standard output"
    )
    where.add_argument("--recursive", "-r", action="store_true", help="folders inside folders too")
    where.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    where.add_argument("--format", choices=sorted(FORMATS), help="of the results (default: as the photo)")
    where.add_argument(
        "--quality",
        type=int,
        metavar="1..100",
        help="of JPEG, WebP, AVIF and HEIC (default: a JPEG's own, from 85 to 95; of others 85 to 92)",
    )
    where.add_argument("--side-by-side", action="store_true", help="before and after in one picture")
    where.add_argument("--watch", metavar="FOLDER", help="colorize what comes into this folder")
    where.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger photos (default: {MAX_PIXELS:,})",
    )
    colour = out.add_argument_group("colour")
    colour.add_argument(
        "--hint",
        action="append",
        default=[],
        metavar="X,Y,#RRGGBB[,RADIUS]",
        help="this colour at this pixel of the upright photo, if the model takes hints; may be repeated",
    )
    colour.add_argument("--saturation", type=float, default=1.0, metavar="S", help="multiplies the chroma (default: 1)")
    colour.add_argument(
        "--chroma-cap",
        type=float,
        default=80.0,
        metavar="1..200",
        help="where colour is stronger than this, in Lab units, all of it is made weaker (default: 80)",
    )
    colour.add_argument(
        "--vivid", type=float, default=0.0, metavar="0..1", help="livelier guesses by the network (default: 0)"
    )
    colour.add_argument(
        "--keep-tint",
        type=float,
        default=0.0,
        metavar="0..1",
        help="how much of the photo's own tint, such as sepia, stays under the colour (default: 0, none)",
    )
    colour.add_argument("--no-levels", action="store_true", help="show the network the tones as they are, faded or not")
    colour.add_argument("--fast", action="store_true", help="do not stop colour at edges")
    machine = out.add_argument_group("machine")
    machine.add_argument("--model", metavar="FILE", help="a .tflite file (default: the one that comes with colorize)")
    machine.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="for each photo (default: all processors, or one where several photos are made at the same time)",
    )
    machine.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="photos at the same time (default: one, or for many photos all processors)",
    )
    machine.add_argument("--json", action="store_true", help="one line of JSON for each photo")
    out.add_argument("--version", action="version", version=f"colorize_tf {__version__}")
    return out


def run(argv: Sequence[str]) -> int:
    """Parses the words and does what they say; returns the exit code."""
    given = parser().parse_args(argv)
    named = {"photo": given.photos, "--output": [given.output], "--watch": [given.watch], "--model": [given.model]}
    for what, words in named.items():
        if "" in words:  # a variable that a script never set; to a file system it would be the folder one is in
            raise InputError(what, "must have a name", "an empty one")
    settings = _settings(given)
    suffix = f".{given.format}" if given.format else None
    if given.format:
        prepare_to_write(FORMATS[given.format])  # else each photo would say what is missing
    _stop_on_signals()
    prepare_process()
    if given.watch:
        if given.photos:
            raise InputError("--watch", "takes no photos beside it", given.photos)
        if given.hint:
            raise InputError("--hint", "must go with one photo, so not with --watch", given.hint)
        if given.workers is not None:
            rule = "does not go with --watch, which takes one photo at a time"
            raise InputError("--workers", rule, given.workers, "Give each photo more with --threads")
        jobs = arrivals(Path(given.watch), given.output, suffix, given.recursive, settings.overwrite)
        return _report(run_jobs(jobs, settings, 1), None, given.json)
    if given.photos == ["-"] or (not given.photos and not sys.stdin.isatty()):
        return _pipe(given, settings)
    if not given.photos:
        parser().print_help()
        return 2
    if "-" in given.photos:
        raise InputError("-", "standard input must be the only photo", f"{len(given.photos)} photos")
    if given.output == "-":
        if len(given.photos) != 1 or Path(given.photos[0]).is_dir():
            raise InputError("--output", "- must go with one photo", given.photos)
        return _pipe(given, settings)
    chosen = select(given.photos, given.output, suffix, given.recursive)
    if settings.hints and len(chosen) > 1:
        raise InputError("--hint", "must go with one photo", f"{len(chosen)} photos")
    done = {job for job in chosen if not job.problem and is_there(job.target) and not settings.overwrite}
    waiting = [job for job in chosen if job not in done]
    workers = _workers(given.workers, len(waiting))
    if workers > 1 and settings.threads is None:
        settings = _settings(given, threads=1)
    skipped = (Result(str(job.source), str(job.target), "skipped") for job in chosen if job in done)
    working = run_jobs(waiting, settings, workers) if waiting else ()  # nothing to do needs no model
    return _report(chain(skipped, working), len(chosen), given.json)


def _settings(given: argparse.Namespace, threads: int | None = None) -> Settings:
    if given.quality is not None and not 1 <= given.quality <= 100:
        raise InputError("--quality", "must be in 1..100", given.quality)
    if given.max_pixels < 1:
        raise InputError("--max-pixels", "must be at least 1", given.max_pixels)
    if given.workers is not None and not 1 <= given.workers <= 256:
        raise InputError("--workers", "must be in 1..256", given.workers)
    options = Options(
        vivid=given.vivid,
        saturation=given.saturation,
        chroma_cap=given.chroma_cap,
        levels=not given.no_levels,
        keep_tint=given.keep_tint,
        edges=not given.fast,
    )
    return Settings(
        model=given.model,
        threads=threads if given.threads is None else given.threads,
        options=options,
        hints=tuple(Hint.parse(text) for text in given.hint),
        quality=given.quality,
        side_by_side=given.side_by_side,
        overwrite=given.overwrite,
        max_pixels=given.max_pixels,
    )


def _workers(wanted: int | None, jobs: int) -> int:
    if wanted is not None:
        return min(wanted, max(jobs, 1))
    return min(available_threads(), jobs) if jobs >= MANY else 1


def _pipe(given: argparse.Namespace, settings: Settings) -> int:
    """One photo to standard output."""
    if given.output not in (None, "-"):
        wanted = format_of(Path(given.output))
        kind = next((f"--format {name} " for name, format in FORMATS.items() if format == wanted), "")
        remedy = f"Use {kind}> {given.output}"
        raise InputError("--output", "standard input goes to standard output", given.output, remedy)
    if sys.stdout.isatty():
        raise InputError(
            "standard output", "must not be a terminal", "a terminal", "Redirect it: colorize - < in.jpg > out.jpg"
        )
    if given.json:
        raise InputError("--json", "does not go with a photo on standard output", "both")
    colorizer = make_colorizer(settings)
    source = _standard_input(settings.max_pixels) if given.photos in ([], ["-"]) else Path(given.photos[0])
    notes: list[str] = []
    out = colorize_bytes(source, colorizer, settings, FORMATS.get(given.format), notes)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
    return 0


def _standard_input(max_pixels: int) -> bytes:
    """All of it, but not more than the largest photo can have: a pipe may never end."""
    most = 8 * max_pixels + METADATA
    content = io.BytesIO()
    while part := sys.stdin.buffer.read(1 << 20):
        if content.tell() + len(part) > most:
            raise InputError("standard input", f"may have at most {most:,} bytes", "more", "Raise it with --max-pixels")
        content.write(part)
    return content.getvalue()


def _report(results: Iterable[Result], count: int | None, as_json: bool) -> int:
    """Prints results as they come, and a summary; returns the exit code. Without a count, Ctrl-C is the usual end."""
    counts = {"done": 0, "skipped": 0, "failed": 0}
    try:
        with tqdm(total=count, unit="photo", file=sys.stderr, disable=None if count and count > 1 else True) as bar:
            for result in results:
                counts[result.status] += 1
                bar.update()
                with bar.external_write_mode(file=sys.stdout):
                    _print(result, as_json)
                    if count is None and result.status == "skipped":  # when it came, there was one of its name
                        there = f"{shorten(result.target)} is there already (--overwrite makes it again)"
                        print(f"note: {shorten(result.source)}: {there}", file=sys.stderr)
    except KeyboardInterrupt:
        if count is not None:
            raise
    parts = [f"{counts['done']} colorized"]
    parts += [f"{counts['skipped']} there already (--overwrite makes them again)"] if counts["skipped"] else []
    parts += [f"{counts['failed']} failed"] if counts["failed"] else []
    left = (count or 0) - sum(counts.values())
    parts += [f"{left} not begun"] if left > 0 else []
    if count != 1 or counts["skipped"]:
        print(", ".join(parts), file=sys.stderr)
    return 1 if counts["failed"] else 0


def _print(result: Result, as_json: bool) -> None:
    for note in result.notes:
        print(f"note: {shorten(result.source)}: {note}", file=sys.stderr)
    if result.status == "failed":
        print(f"error: {result.error}", file=sys.stderr)
    if as_json:
        print(json.dumps(result.asdict()), flush=True)
    elif result.status == "done":
        print(shorten(result.target, 4096), flush=True)


def _stop_on_signals() -> None:
    """Lets SIGTERM, or a terminal that closes, end the run as Ctrl-C does, with nothing partial left."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(ValueError):  # in another thread than the main one, signals are somebody else's
        for number in STOPPING:
            if signal.getsignal(number) != signal.SIG_IGN:  # `nohup` has it ignore one
                signal.signal(number, stop)
