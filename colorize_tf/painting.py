"""The command line of `predict`: photos -> coloured or translated files, with all that belongs to a photo kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from colorize_tf.atomic import atomic_path
from colorize_tf.edge.photo import Photo, open_photo
from colorize_tf.edge.raster import ImageRaster
from colorize_tf.edge.write import DEEP, Picture, format_of, picture, write_photos
from colorize_tf.errors import InputError, RunError
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.predict import Run, RunColorizer, load_run
from colorize_tf.translate import RunTranslator

__all__ = ["parser", "run"]


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.predict`."""
    result = Parser(
        prog="python -m colorize_tf.predict",
        description="Colorizes photos with a trained run. For a run exported to a .tflite file there is `colorize`.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m colorize_tf.predict runs/a photo.jpg --out coloured",
    )
    add = result.add_argument
    add("run", metavar="RUN", help="run folder, one of its checkpoints, or its .weights.h5 file")
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="picture files")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for PHOTO.colorized.jpg and so on")
    add("--samples", type=int, metavar="N", help="N different pictures of each photo, from a run with --noise dropout")
    add("--raw", action="store_true", help="also what a network that gives RGB paints itself, without the photo's luma")
    add("--translate", action="store_true", help="with a run that translates: PHOTO of its set A into one of set B")
    add("--back", action="store_true", help="the same from set B into set A")
    add("--domain", type=int, metavar="N", help="with --translate: class of PHOTO, for a run that was told classes")
    add("--seed", type=int, default=0, help="of the noise (default: %(default)s)")
    add("--overwrite", action="store_true", help="replace files that are in DIR")
    return result


def run(argv: Sequence[str] | None = None) -> int:
    """Command line -> colorized photos in a folder; returns the exit code."""
    given = parser().parse_args(argv)
    if given.samples is not None and not 1 <= given.samples <= 1000:
        raise InputError("--samples", "must be in 1..1000", given.samples)
    if not 0 <= given.seed < 1 << 31:
        raise InputError("--seed", f"must be from 0 to {(1 << 31) - 1}", given.seed)
    translates = given.translate or given.back
    if translates and (given.samples or given.raw):
        raise InputError("--translate", "gives one picture, so it goes with neither --samples nor --raw", "both")
    if given.domain is not None and (given.back or not given.translate):
        raise InputError("--domain", "goes with --translate, not with --back", given.domain)
    tags = [f"sample-{number + 1}" for number in range(given.samples)] if given.samples else ["colorized"]
    tags = ["translated"] if translates else tags
    check_out_folder(given.out)
    targets = _targets(given.photos, given.out, [*tags, *(["raw"] if given.raw else [])], given.overwrite)
    trained = load_run(given.run)
    painter = RunTranslator(trained, back=given.back, domain=given.domain) if translates else _colorizer(trained, given)
    given.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in tqdm(given.photos, unit="photo", file=sys.stderr, disable=None):
        try:
            for number, target in enumerate(targets[path]):
                raw = number == len(tags)  # the first picture, before it has the photo's own luma
                if isinstance(painter, RunColorizer):
                    painter.seed = given.seed + (0 if raw else number)
                _colorize_file(painter, path, target, raw=translates or raw)
                tqdm.write(str(target), file=sys.stdout)
        except InputError as error:
            if len(given.photos) == 1:
                raise
            failed += 1
            tqdm.write(f"error: {error}", file=sys.stderr)
    if failed:
        raise RunError(f"{failed} of {len(given.photos)} photos could not be colorized, the others are done")
    return 0


def _colorizer(run: Run, given: argparse.Namespace) -> RunColorizer:
    """The colorizer of a run that can do what the command line asks."""
    colorizer = RunColorizer(run)
    if given.samples and not colorizer.stochastic:
        noise = f"a run with noise={getattr(run.config.model, 'noise', 'train')}"
        raise InputError("--samples", "needs a run trained with --noise dropout; others give one picture", noise)
    if given.raw and not colorizer.paints:
        raise InputError("--raw", "needs a network that gives RGB", f"{colorizer.card.name}, which gives ab")
    return colorizer


def _targets(photos: Sequence[Path], out: Path, tags: Sequence[str], overwrite: bool) -> dict[Path, list[Path]]:
    """Photos -> the files to write for each; refuses to write one twice, or over an old one without being told to."""
    targets: dict[Path, list[Path]] = {}
    taken: dict[Path, Path] = {}
    for photo in photos:
        suffix = photo.suffix if format_of(photo) else ".png"
        targets[photo] = [out / f"{photo.stem}.{tag}{suffix}" for tag in tags]
        for target in targets[photo]:
            if taken.setdefault(target, photo) != photo:
                raise InputError(
                    "PHOTO", f"{taken[target]} and {photo} would both become", str(target), "Use two calls."
                )
            if target.exists() and not overwrite:
                raise InputError(
                    "--out", "holds a result already", str(target), "Name another folder or add --overwrite."
                )
    return targets


def _colorize_file(painter: RunColorizer | RunTranslator, source: Path, target: Path, *, raw: bool) -> None:
    with open_photo(source) as reader, atomic_path(target) as temporary, temporary.open("r+b") as file:
        format = format_of(target) or "PNG"
        deep = format in DEEP and not raw and isinstance(painter, RunColorizer)

        def pictures() -> Iterator[Picture]:
            for photo in reader.photos(keep_deep=deep):
                yield _finished(painter, photo, raw)
                for note in photo.notes:  # some of the writing
                    tqdm.write(note, file=sys.stderr)

        write_photos(pictures(), file, format, painter.card, None)


def _finished(painter: RunColorizer | RunTranslator, photo: Photo, raw: bool) -> Picture:
    if raw or isinstance(painter, RunTranslator):
        painted = painter.paint(photo.raster, photo.space)
        raster = ImageRaster(Image.fromarray(painted))
        rows = raster.room(0, raster.height)
        rows[..., :3] = painted
        raster.keep(0, raster.height, rows)
        photo.raster, photo.back, photo.metadata.icc = raster, None, None  # sRGB
    else:
        painter.colorize(photo.raster, space=photo.space)
    return picture(photo)
