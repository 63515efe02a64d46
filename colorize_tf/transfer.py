"""Whether colorizing teaches to see: the encoder of a run becomes that of a classifier, beside others of its kind.

    python -m colorize_tf.transfer runs/a --data folder:classes --out transfer

The same network is taught labels of photos: its encoder as colorization left it, as chance makes it and, with
--imagenet, as ImageNet taught it; each frozen, so that one new layer learns alone, and then fine-tuned with it. All
learn for the same number of steps from the same photos, and again from fewer of them (--shares).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorize_tf.atomic import atomic_path, write_text
from colorize_tf.errors import InputError, command_line
from colorize_tf.family import LARGEST
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.predict import Run, load_run
from colorize_tf.summary import json_text

if TYPE_CHECKING:
    import keras

    from colorize_tf.classify import Result
    from colorize_tf.config import DataConfig
    from colorize_tf.datasets import Photos

__all__ = ["main", "split_of"]

SPLIT = {"train": 0.8, "test": 0.2}  # where the run's own does not say


def split_of(data: DataConfig) -> dict[str, float]:
    """How a run's photos were cut -> the shares to learn labels from and to judge on.

    A photo's side depends on its content alone: those that the run learnt to colorize from are among those to learn
    labels from, so that no encoder has seen a photo that it is judged on. Exact numbers (`--subset`) are another cut.
    """
    held_out = data.val_share + data.test_share
    if data.subset is not None or not held_out:
        return dict(SPLIT)
    return {"train": 1.0 - data.val_share - data.test_share, "test": held_out}


def table(results: Sequence[Result]) -> str:
    """Results -> a Markdown table."""
    lines = ["| encoder from | it is | photos | mAP % | F1 % | accuracy % |", "|---|---|---:|---:|---:|---:|"]
    for one in results:
        accuracy = one.scores.accuracy
        shown = f"{100 * accuracy.mean:.1f}"
        if accuracy.count > 1:
            shown += f" [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"
        told = f"{one.photos} ({100 * one.share:g} %)"
        figures = (f"{100 * one.scores.average_precision:.1f}", f"{100 * one.scores.f1:.1f}", shown)
        lines.append(f"| {one.start} | {one.encoder} | {told} | {' | '.join(figures)} |")
    return "\n".join(lines)


def draw(results: Sequence[Result], path: Path) -> None:
    """Results -> a picture of mean average precision over the number of photos."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot()
    for start, state in dict.fromkeys((one.start, one.encoder) for one in results):
        own = sorted(
            (one.photos, 100 * one.scores.average_precision)
            for one in results
            if (one.start, one.encoder) == (start, state)
        )
        axes.plot(
            *zip(*own, strict=True), marker="o", linestyle="--" if state == "frozen" else "-", label=f"{start}, {state}"
        )
    axes.set(xscale="log", xlabel="labelled photos", ylabel="mean average precision, %")
    axes.grid(color="0.92")
    axes.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


# === Command ===


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.transfer`."""
    result = Parser(
        prog="python -m colorize_tf.transfer",
        description="Teaches labels of photos to the encoder of a run, and to others of the same network.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  python -m colorize_tf.transfer runs/a --data folder:classes --out transfer\n"
        "  python -m colorize_tf.transfer runs/a --data tfds:coco/2017@validation --out transfer",
    )
    add = result.add_argument
    add("run", metavar="RUN", help="run of a network that colorizes")
    add(
        "--data",
        required=True,
        metavar="SOURCE",
        help="photos with labels: folder:PATH of class folders, tfds:NAME, ...",
    )
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help='instead of their own: JSON lines with "file", and "cls" or "labels"',
    )
    add("--fewest", type=int, default=10, metavar="N", help="leave out labels of fewer photos (%(default)s)")
    add("--imagenet", metavar="FILE", help="weights as for train --encoder-weights, for a network that takes such")
    add("--shares", type=float, nargs="+", default=[1.0, 0.1, 0.01], help="of the photos to learn from (1 0.1 0.01)")
    add(
        "--head-steps",
        type=int,
        default=1500,
        metavar="N",
        help="of the new layer alone, which are quick (%(default)s)",
    )
    add("--steps", type=int, default=400, metavar="N", help="of encoder and layer together (%(default)s)")
    add("--size", type=int, metavar="N", help="side of the pictures (default: that of RUN)")
    add("--limit", type=int, metavar="N", help="use only N photos, drawn at random but always the same")
    add("--seed", type=int, default=1, help="of everything random (%(default)s)")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for transfer.json, table.md and curves.png")
    add("--overwrite", action="store_true", help="replace what is in DIR")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> scores on stdout and in a folder; returns the exit code."""
    given = parser().parse_args(argv)
    _check(given)
    run = load_run(given.run)
    from colorize_tf.classify import compare
    from colorize_tf.labels import labelled

    if not hasattr(run.model, "colorize") or len(run.model.generator.inputs) > 1:
        raise InputError("RUN", "must hold a network that colorizes what it sees alone", run.config.model.name)
    size = _size(run, given.size)
    learnt = {"colorization": run.model}
    if given.imagenet is not None:
        learnt["ImageNet"] = _taught(run, given.imagenet, given.seed)
    photos, y, names = labelled(given.data, given.labels, given.fewest, given.limit)
    data, split_by = {}, split_of(run.config.data)
    for split in split_by:
        part = np.isin(photos.hashes, photos.split(split, split_by).hashes)
        if not y[part].any():
            raise InputError("--data", f"has no labelled photo for {split}", given.data, "Give more photos.")
        data[split] = (_inputs(run, photos.pick(part), size), y[part])
    results: list[Result] = []
    shares, steps = sorted(given.shares, reverse=True), (given.head_steps, given.steps)
    for result in compare(learnt, lambda: _fresh(run, given.seed), data, shares, steps, given.seed):
        results.append(result)
        if sys.stderr.isatty():
            print(f"{result.start}, {result.encoder}, {result.photos} photos", file=sys.stderr)
    told = (
        f"{len(names)} labels; {len(data['test'][0])} photos to judge on; {run.config.model.name}; {given.head_steps} "
        f"steps of the new layer, {given.steps} of all together. mAP and F1: means over labels; accuracy: the "
        "likeliest label is one of the photo's, with its 95 % bootstrap interval."
    )
    text = f"{told}\n\n{table(results)}"
    print(text)
    given.out.mkdir(parents=True, exist_ok=True)
    draw(results, given.out / "curves.png")
    write_text(given.out / "table.md", text + "\n")
    protocol = {"run": str(run.checkpoint), "data": given.data, "labels": given.labels and str(given.labels)}
    protocol |= {"imagenet": given.imagenet, "split": split_by, "size": size}
    protocol |= {name: getattr(given, name) for name in ("fewest", "head_steps", "steps", "limit", "seed")}
    rows = [dataclasses.asdict(one) for one in results]
    write_text(given.out / "transfer.json", json_text({"protocol": protocol, "labels": names, "results": rows}))
    print(f"wrote {given.out}", file=sys.stderr)
    return 0


def _check(given: argparse.Namespace) -> None:
    check_out_folder(given.out, "transfer.json", overwrite=given.overwrite)
    for name in ("--fewest", "--head-steps", "--steps", "--limit"):
        value = getattr(given, name.removeprefix("--").replace("-", "_"))
        if value is not None and value < 1:
            raise InputError(name, "must be at least 1", value)
    if not 0 <= given.seed < 1 << 32:
        raise InputError("--seed", f"must be from 0 to {(1 << 32) - 1}", given.seed)
    if not all(0 < share <= 1 for share in given.shares):
        raise InputError("--shares", "must be above 0 and at most 1", given.shares)


def _size(run: Run, size: int | None) -> int:
    """The side of the pictures, if the network takes such."""
    trained, free = int(run.model.size), run.model.generator.inputs[0].shape[1] is None
    multiple = run.config.model.MULTIPLE if free else trained
    if size is not None and (not 32 <= size <= LARGEST or size % multiple or (not free and size != trained)):
        sides = f"a multiple of {multiple} from 32 to {LARGEST}" if free else f"{trained} for this network"
        raise InputError("--size", f"must be {sides}", size)
    return size or trained


def _fresh(run: Run, seed: int) -> keras.Model:
    """The network of a run as chance makes it."""
    import keras

    from colorize_tf.models import build

    keras.utils.set_random_seed(seed)
    return build(run.config.model.name, **run.config.model.options(), dtype="float32")


def _taught(run: Run, weights: str, seed: int) -> keras.Model:
    """The network of a run, new, with an encoder that ImageNet has taught."""
    model = _fresh(run, seed)
    if not hasattr(model, "load_encoder"):
        raise InputError("--imagenet", "needs a network that takes such an encoder", run.config.model.name)
    model.load_encoder(weights)
    return model


def _inputs(run: Run, photos: Photos, size: int) -> np.ndarray:
    """Photos -> what the network is shown of them, float32 [N,S,S,C]."""
    from colorize_tf.datasets.readable import read_each
    from colorize_tf.pipeline import evaluation_batches

    batches = evaluation_batches(photos, view=run.model.view, size=size, batch=32)
    return np.concatenate([x for x, _ in read_each(batches.as_numpy_iterator())])


if __name__ == "__main__":
    raise SystemExit(main())
