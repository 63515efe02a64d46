"""Whether colorizing teaches to see: the encoder of a run becomes that of a classifier, beside others of its kind.

    python -m colorize_tf.transfer runs/a --data folder:classes --out transfer

The same network is taught labels of photos: its encoder as colorization left it, as chance makes it and, with
--imagenet, as ImageNet taught it; each frozen, so that one new layer learns alone, and then fine-tuned with it. All
learn for the same number of steps from the same photos, and again from fewer of them (--shares).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from colorize_tf.atomic import atomic_path, write_text
from colorize_tf.errors import InputError, command_line
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.predict import Run, load_run
from colorize_tf.quiet import load_tensorflow
from colorize_tf.summary import json_text

if TYPE_CHECKING:
    import keras

    from colorize_tf.classify import Scores
    from colorize_tf.config import DataConfig
    from colorize_tf.datasets import Photos

__all__ = ["Result", "labels_of", "main", "multi_hot", "split_of"]

SPLIT = {"train": 0.8, "test": 0.2}  # where the run's own does not say
SEPARATOR = "|"  # between the labels of one photo


@dataclass(frozen=True)
class Result:
    """One classifier: where its encoder comes from, what of it learnt, from how many photos, how well."""

    start: str  # colorization, chance or ImageNet
    encoder: str  # frozen or fine-tuned
    share: float  # of the photos to learn from
    photos: int
    scores: Scores


def labels_of(path: Path) -> dict[str, str]:
    """A file of JSON lines with "file" and "cls" or "labels" -> labels by name of photo, several joined by "|"."""
    found = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            labels = entry.get("labels", entry.get("cls", ""))
            found[entry["file"]] = labels if isinstance(labels, str) else SEPARATOR.join(labels)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        rule = 'must be JSON lines with "file", and "cls" or "labels"'
        raise InputError("--labels", rule, f"{path} ({error})") from None
    return found


def multi_hot(texts: Sequence[str], fewest: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of each photo, joined by "|" -> float32 [N,C] of 0 and 1, and the names of labels of `fewest` or more."""
    sets = [{name for name in text.split(SEPARATOR) if name} for text in texts]
    counts: dict[str, int] = {}
    for name in (name for one in sets for name in one):
        counts[name] = counts.get(name, 0) + 1
    names = tuple(sorted(name for name, count in counts.items() if count >= fewest))
    return np.array([[name in one for name in names] for one in sets], np.float32).reshape(len(sets), -1), names


def split_of(data: DataConfig) -> dict[str, float]:
    """How a run's photos were cut -> the shares to learn labels from and to judge on.

    A photo's side depends on its content alone: those that the run learnt to colorize from are among those to learn
    labels from, so that no encoder has seen a photo that it is judged on. Exact numbers (`--subset`) are another cut.
    """
    held_out = data.val_share + data.test_share
    if data.subset is not None or not held_out:
        return dict(SPLIT)
    return {"train": 1.0 - data.val_share - data.test_share, "test": held_out}


def compare(
    run: Run,
    taught: keras.Model | None,
    data: Mapping[str, Any],
    shares: Sequence[float],
    steps: tuple[int, int],
    seed: int,
) -> Iterator[Result]:
    """A run, the same network with ImageNet's weights, and x and y for "train" and "test" -> a result at a time.

    `steps` are those of the new layer alone, and of all together.
    """
    from colorize_tf.classify import FAST, SLOW, encoder, fine_tune, fit_head, look, score

    starts = {"colorization": (run.model, SLOW), "chance": (_fresh(run, seed), FAST)}
    starts |= {} if taught is None else {"ImageNet": (taught, SLOW)}
    (x, y), (x_test, y_test) = data["train"], data["test"]
    size = x.shape[1]
    seen = {
        start: (look(encoder(model, size), x), look(encoder(model, size), x_test))
        for start, (model, _) in starts.items()
    }
    for share in shares:
        few = np.sort(np.random.default_rng(seed).permutation(len(x))[: max(1, round(share * len(x)))])
        for start, (source, rate) in starts.items():
            features, unseen = seen[start]
            head = fit_head(features[few], y[few], steps[0], seed)
            yield Result(start, "frozen", share, len(few), score(look(head, unseen), y_test))
            model = _fresh(run, seed)
            model.set_weights(source.get_weights())
            network = fine_tune(encoder(model, size), head, x[few], y[few], steps[1], seed, rate)
            yield Result(start, "fine-tuned", share, len(few), score(look(network, x_test), y_test))


def table(results: Sequence[Result]) -> str:
    """Results -> a Markdown table."""
    lines = ["| encoder from | it is | photos | mAP % | F1 % | accuracy % |", "|---|---|---:|---:|---:|---:|"]
    for one in results:
        accuracy = one.scores.accuracy
        shown = f"{100 * accuracy.mean:.1f} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"
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
    if not hasattr(run.model, "colorize"):
        raise InputError("RUN", "must hold a network that colorizes", run.config.model.name)
    size = _size(run, given.size)
    taught = _taught(run, given.imagenet, given.seed)
    photos, y, names = _labelled(given)
    data, split_by = {}, split_of(run.config.data)
    for split in split_by:
        part = np.isin(photos.hashes, photos.split(split, split_by).hashes)
        if not y[part].any():
            raise InputError("--data", f"has no labelled photo for {split}", given.data, "Give more photos.")
        data[split] = (_inputs(run, photos.pick(part), size), y[part])
    results: list[Result] = []
    for result in compare(
        run, taught, data, sorted(given.shares, reverse=True), (given.head_steps, given.steps), given.seed
    ):
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
    protocol |= {
        "split": split_by,
        "size": size,
        "head_steps": given.head_steps,
        "steps": given.steps,
        "seed": given.seed,
        "limit": given.limit,
    }
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
    if not all(0 < share <= 1 for share in given.shares):
        raise InputError("--shares", "must be above 0 and at most 1", given.shares)


def _size(run: Run, size: int | None) -> int:
    """The side of the pictures, if the network takes such."""
    trained, free = int(run.model.size), run.model.generator.input_shape[1] is None
    multiple = run.config.model.MULTIPLE if free else trained
    if size is not None and (size < 32 or size % multiple or (not free and size != trained)):
        rule = f"must be a multiple of {multiple}, at least 32" if free else f"must be {trained} for this network"
        raise InputError("--size", rule, size)
    return size or trained


def _fresh(run: Run, seed: int) -> keras.Model:
    """The network of a run as chance makes it."""
    import keras

    from colorize_tf.models import build

    keras.utils.set_random_seed(seed)
    return build(run.config.model.name, **run.config.model.options(), dtype="float32")


def _taught(run: Run, weights: str | None, seed: int) -> keras.Model | None:
    """The network of a run, new, with an encoder that ImageNet has taught."""
    if weights is None:
        return None
    model = _fresh(run, seed)
    if not hasattr(model, "load_encoder"):
        raise InputError("--imagenet", "needs a network that takes such an encoder", run.config.model.name)
    model.load_encoder(weights)
    return model


def _labelled(given: argparse.Namespace) -> tuple[Photos, np.ndarray, tuple[str, ...]]:
    """The photos that have labels, what they are [N,C], and the names of those."""
    load_tensorflow()
    from colorize_tf.datasets import open_source

    photos = open_source(given.data)
    if given.labels is not None:
        known = labels_of(given.labels)
        texts = [known.get(Path(str(name)).name, "") for name in photos.names]
    elif photos.labels is not None:
        texts = [photos.label_names[label] if label >= 0 else "" for label in photos.labels]
    else:
        raise InputError("--data", "has photos without labels", given.data, "Name them with --labels FILE.")
    y, names = multi_hot(texts, given.fewest)
    if len(names) < 2:
        raise InputError("--fewest", f"must leave at least two labels of {given.data}", given.fewest)
    kept = np.flatnonzero(y.any(axis=1))
    if given.limit is not None:
        kept = np.sort(np.random.default_rng(0).permutation(kept)[: given.limit])
    return photos.pick(kept), y[kept], names


def _inputs(run: Run, photos: Photos, size: int) -> np.ndarray:
    """Photos -> what the network is shown of them, float32 [N,S,S,C]."""
    from colorize_tf.datasets.readable import read_each
    from colorize_tf.pipeline import evaluation_batches

    batches = evaluation_batches(photos, view=run.model.view, size=size, batch=32)
    return np.concatenate([x for x, _ in read_each(batches.as_numpy_iterator())])


if __name__ == "__main__":
    raise SystemExit(main())
