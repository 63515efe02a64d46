"""How good colorizers are, on photos whose colours are known: colorizers x photos -> rows, table, contact sheet.

    python -m colorize_tf.evaluate runs/a runs/b --data folder:photos --out results

Runs that translate between two sets of pictures are judged by `unpaired.py`.

The protocol is in docs/evaluation.md. Every photo is squashed to one square size, every colorizer sees it as it would
see a photo from disk, and is compared with it as uint8 RGB. A baseline that adds no colour at all is always there.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colorize_tf import metrics
from colorize_tf.atomic import atomic_path, write_text
from colorize_tf.datasets import Photos, open_source
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import InputError, command_line
from colorize_tf.exhibits import sheet
from colorize_tf.family import LARGEST
from colorize_tf.frechet import caution
from colorize_tf.judging import GRAY, Painter, evaluate
from colorize_tf.out_folder import EVALUATION, check_out_folder, made
from colorize_tf.parsing import Parser
from colorize_tf.predict import PLAIN, Run, RunColorizer, load_run
from colorize_tf.quiet import load_tensorflow
from colorize_tf.splits import open_splits
from colorize_tf.summary import Summary, csv_text, json_text, markdown_table, summarize

if TYPE_CHECKING:
    from colorize_tf.perception import Panel

__all__ = ["main"]


def table(summaries: Sequence[Summary], size: int, titles: Mapping[str, str] | None = None) -> str:
    """Summaries -> Markdown: what was measured in one line, then the table."""
    first = summaries[0]
    jackknife = "; of the Fréchet distance by jackknife" if any(s.frechet for s in summaries) else ""
    lines = [
        f"{first.photos} photos at {size}×{size}, colourfulness of the truth {first.true_colourfulness:.1f}.",
        f"Means, with 95 % bootstrap intervals in brackets{jackknife}.",
    ]
    lines += [f"{s.colorizer}: {s.identical} equal to the truth, left out of PSNR." for s in summaries if s.identical]
    return "\n".join([" ".join(lines), "", markdown_table(summaries, titles)])


# === Command ===


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.evaluate`."""
    result = Parser(
        prog="python -m colorize_tf.evaluate",
        description="Scores runs and model files on photos whose colours are known, beside a gray baseline.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m colorize_tf.evaluate runs/a runs/b --data folder:photos --out results",
    )
    add = result.add_argument
    add("runs", nargs="+", metavar="RUN", help="run folder, one of its checkpoints, or a .tflite file")
    add(
        "--data",
        metavar="SOURCE",
        help="photos, such as folder:PATH (default: what the runs' own data kept for --split)",
    )
    add("--split", choices=("train", "val", "test"), help="part of the runs' own data (default: test)")
    add("--size", type=int, help="side of the squares to compare (default: that of the largest network)")
    add("--vivid", type=float, default=0.0, metavar="0..1", help="how lively, for networks that can be told")
    add(
        "--scans",
        metavar="SOURCE",
        help="black-and-white scans, named as the photos, that are coloured instead of them",
    )
    add("--levels", action="store_true", help="stretch the tones of what networks see, as colorize does for scans")
    add("--features", metavar="FILE", help="weights of a MobileNetV1 (.npz) or InceptionV3 (.h5): Fréchet distance")
    add("--lpips", nargs=2, metavar=("VGG", "LINEAR"), help="weights of VGG16, and the linear ones of LPIPS")
    add("--limit", type=int, metavar="N", help="only N photos, drawn at random but always the same")
    add("--names", nargs="+", metavar="NAME", help="what to call the runs (default: what tells their paths apart)")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="write rows.csv, table.md, sheet.png and evaluation.json there; of translators the second and the last",
    )
    add("--overwrite", action="store_true", help="replace an evaluation that is in DIR")
    add("--json", action="store_true", help="print the summary as JSON instead of a table")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> scores on stdout and in a folder; returns the exit code."""
    given = parser().parse_args(argv)
    out: Path | None = given.out
    if out is not None:
        check_out_folder(out, EVALUATION[0], overwrite=given.overwrite)
    if given.size is not None and not metrics.SSIM_WINDOW <= given.size <= LARGEST:
        raise InputError("--size", f"must be from {metrics.SSIM_WINDOW}, the window of SSIM, to {LARGEST}", given.size)
    if given.limit is not None and given.limit < 1:
        raise InputError("--limit", "must be at least 1", given.limit)
    if given.data is not None and given.split is not None:
        raise InputError("--split", "is a part of the runs' own data, and --data names other photos", given.split)
    options = dataclasses.replace(PLAIN, vivid=given.vivid, levels=given.levels)
    names = _names(given.runs) if given.names is None else given.names
    if len(set(names)) < len(names) or len(names) != len(given.runs) or GRAY in names:
        raise InputError("--names", f"must be one for each run, all different, none {GRAY}", names)
    loaded = {name: _load(run) for name, run in zip(names, given.runs, strict=True)}
    if all(isinstance(one, Run) and _translates(one, given.data) for one in loaded.values()):
        from colorize_tf.unpaired import judge_translators

        return judge_translators(loaded, given)
    load_tensorflow()  # which decodes photos that are new
    opened = {
        name: TfliteColorizer(one, options=options) if isinstance(one, Path) else RunColorizer(one, options=options)
        for name, one in loaded.items()
    }
    photos = _own_photos(opened.values(), given.split or "test") if given.data is None else open_source(given.data)
    if given.limit is not None:
        photos = photos.sample(given.limit)
    size = given.size or max(colorizer.card.height or colorizer.card.short_side for colorizer in opened.values())
    colorizers = _painters(opened, raw=given.scans is None)
    panel, titles = _panel(given.features, given.lpips)

    scans = None if given.scans is None else open_source(given.scans)
    evaluation = evaluate(colorizers, photos, size, panel=panel, scans=scans)
    left_out = (*photos.rejected, *evaluation.unreadable)
    for bad in evaluation.unreadable:
        print(f"left out {bad.name}: {bad.reason}", file=sys.stderr)
    summaries = summarize(evaluation.rows, evaluation.distances)
    if (counts := [one.count for one in evaluation.distances.values()]) and (told := caution(min(counts))):
        print(told, file=sys.stderr)
    protocol = {"data": photos.source, "split": None if given.data else given.split or "test", "limit": given.limit}
    result = {
        "protocol": {**protocol, "photos": len(evaluation.judged), "size": size, "resize": "bicubic squash"}
        | {name: getattr(given, name) for name in ("vivid", "scans", "levels") if getattr(given, name)}
        | titles,
        "colorizers": {name: str(_origin(colorizer)) for name, colorizer in opened.items()},
        "networks": {
            name: dataclasses.asdict(one.footprint()) for name, one in opened.items() if isinstance(one, RunColorizer)
        },
        "summaries": summaries,
        "left_out": [dataclasses.asdict(bad) for bad in left_out],
    }
    text = table(summaries, size, {key: f"{title} ↓" for key, title in titles.items()})
    if left_out:
        text += f"\n\n{len(left_out)} photos could not be read and are left out."
    print(json_text(result).rstrip() if given.json else text)
    if out is not None:
        made(out, EVALUATION, overwrite=given.overwrite)
        write_text(out / "rows.csv", csv_text(evaluation.rows))
        write_text(out / "table.md", text + "\n")
        with atomic_path(out / "sheet.png") as temporary:
            sheet(evaluation, photos, colorizers, scans).save(temporary)
        write_text(out / EVALUATION[0], json_text({**result, "rows": evaluation.rows}))
        print(f"wrote {out}", file=sys.stderr)
    return 0


def _translates(run: Run, data: str | None) -> bool:
    """Whether a run is to be judged by two sets of pictures: it can do nothing else, or there are two."""
    if not hasattr(run.model, "colorize"):
        return True
    return hasattr(run.model, "there") and (data or run.config.data.data).startswith("unpaired:")


def _load(path: str) -> Run | Path:
    return Path(path) if Path(path).suffix == ".tflite" else load_run(path)


def _panel(features: str | None, lpips: Sequence[str] | None) -> tuple[Panel | None, dict[str, str]]:
    """Files of weights -> who looks at the pictures, and what its measures are called."""
    if features is None and lpips is None:
        return None, {}
    from colorize_tf.perception import Panel, open_features, open_lpips

    panel = Panel(open_features(features) if features else None, open_lpips(*lpips) if lpips else None)
    titles = {"lpips": panel.lpips.name} if panel.lpips else {}
    return panel, titles | ({"frechet": f"Fréchet {panel.features.name}"} if panel.features else {})


def _origin(colorizer: RunColorizer | TfliteColorizer) -> Path:
    return colorizer.run.checkpoint if isinstance(colorizer, RunColorizer) else colorizer.path


def _own_photos(colorizers: Collection[RunColorizer | TfliteColorizer], split: str) -> Photos:
    """The photos that all these runs kept for `split`."""
    configs = [one.run.config.data for one in colorizers if isinstance(one, RunColorizer)]
    if len(configs) < len(colorizers):
        raise InputError("--data", "must be given for .tflite files, which have no photos of their own", "none")
    limits = [one.limit if split == "train" else None for one in configs]
    splits = {
        (one.data, one.subset, one.val_share, one.test_share, one.near_gray, limit)
        for one, limit in zip(configs, limits, strict=True)
    }
    if len(splits) > 1:
        raise InputError("--data", "must be given where runs have different photos or splits", sorted(map(str, splits)))
    photos = open_splits(configs[0])[split]
    if photos.count == 0:
        rule = f"the runs kept no photos of {configs[0].data} for it"
        raise InputError("--split", rule, split, "Name photos with --data.")
    return photos


def _painters(colorizers: Mapping[str, RunColorizer | TfliteColorizer], *, raw: bool) -> dict[str, Painter]:
    """Colorizers by name -> painters by name, an RGB network's raw output before it."""
    painters: dict[str, Painter] = {}
    for name, colorizer in colorizers.items():
        if raw and isinstance(colorizer, RunColorizer) and colorizer.paints:
            if (drawn := f"{name} (raw)") in colorizers:
                raise InputError("--names", f"must not be what the raw row of {name} is called", drawn)
            painters[drawn] = colorizer.raw
        painters[name] = colorizer
    return painters


def _names(paths: Sequence[str]) -> list[str]:
    """The shortest endings of the paths that tell them, and the baseline, apart."""
    parts = [Path(path).absolute().parts for path in paths]
    if len(set(parts)) < len(parts):
        raise InputError("RUN", "each may be given once", list(paths))
    depth = 1
    while len({(GRAY,), *(part[-depth:] for part in parts)}) <= len(parts):
        depth += 1
    return ["/".join(part[-depth:]) for part in parts]


if __name__ == "__main__":
    raise SystemExit(main())
