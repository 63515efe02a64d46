"""How good a translator is, where no picture has a true translation: two sets -> distances, cycle error, diversity.

`python -m colorize_tf.evaluate RUN` comes here for a run that translates. There is no PSNR: there is no truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from colorize_tf.atomic import write_text
from colorize_tf.colorspace import decode_rgb, encode_rgb
from colorize_tf.datasets import Photos, Unpaired, open_unpaired
from colorize_tf.datasets.readable import readable
from colorize_tf.errors import InputError
from colorize_tf.exchange import diversity
from colorize_tf.footprint import footprint
from colorize_tf.frechet import Distance, caution, frechet, of_few
from colorize_tf.out_folder import EVALUATION, made
from colorize_tf.perception import Features, open_features
from colorize_tf.predict import Run
from colorize_tf.splits import open_splits
from colorize_tf.summary import Statistic, json_text, statistic

__all__ = ["Translation", "judge_translator", "judge_translators", "translation_table"]

BATCH = 8
SMALLEST = 32  # side of a picture
WAYS = ("A to B", "B to A")


@dataclass(frozen=True)
class Translation:
    """One way through a translator, for all pictures of a set."""

    way: str
    pictures: int
    cycle: Statistic  # mean absolute difference after there and back again, of pictures in 0..1
    diversity: float  # see `exchange.diversity`
    frechet: Distance | None  # of what was made from the set that it is to look like
    untouched: Distance | None  # of the pictures it was made of from that same set: what doing nothing scores


def judge_translator(run: Run, sets: Unpaired, size: int, features: Features | None = None) -> list[Translation]:
    """A run that translates and two sets of pictures -> both ways; each picture is squashed to one square size."""
    if min(sets.a.count, sets.b.count) < 2:
        counts = f"{sets.a.count} and {sets.b.count}"
        raise InputError("--data", "must have at least two pictures in each set to judge by", counts)
    model = run.model
    ways = ((sets.a, model.of_a, model.there, model.back), (sets.b, lambda b: b, model.back, model.there))
    given, made, errors = [], [], []
    for photos, shown, there, back in ways:
        through = tf.function(lambda x, shown=shown, there=there, back=back: _through(x, shown, there, back))
        parts = [[part.numpy() for part in through(batch)] for batch in _batches(photos, size)]
        before, after, error = (np.concatenate(part) for part in zip(*parts, strict=True))
        given.append(before)
        made.append(after)
        errors.append(error)
    looks = [None, None] if features is None else [_features(features, pictures) for pictures in given]
    found = []
    for at, way in enumerate(WAYS):
        distance = untouched = None
        if features is not None:
            distance = frechet(_features(features, made[at]), looks[1 - at])
            untouched = frechet(looks[at], looks[1 - at])
        spread = diversity(given[at].astype(np.float32), made[at].astype(np.float32))
        found.append(
            Translation(way, len(given[at]), statistic(errors[at].tolist()), float(spread), distance, untouched)
        )
    return found


def translation_table(found: Mapping[str, list[Translation]], heading: str) -> str:
    """Translations by run -> a Markdown table; `heading` names the Fréchet distance."""
    lines = [f"| translator | way | pictures | {heading} ↓ | untouched | cycle error ↓ | diversity |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|")
    for name, ways in found.items():
        for one in ways:
            distances = (_shown(distance) for distance in (one.frechet, one.untouched))
            cycle = f"{one.cycle.mean:.4f}"
            if one.cycle.count > 1:
                cycle += f" [{one.cycle.low:.4f}, {one.cycle.high:.4f}]"
            cells = (name.replace("|", "\\|"), one.way, str(one.pictures), *distances, cycle, f"{one.diversity:.2f}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def judge_translators(runs: Mapping[str, Run], given: argparse.Namespace) -> int:
    """Runs that translate, and the command line of `evaluate` -> a table, and files; returns the exit code."""
    if given.lpips or given.vivid or given.scans or given.levels:
        raise InputError("--lpips, --vivid, --scans, --levels", "are for runs that colorize", ", ".join(runs))
    sizes = {name: given.size or int(run.model.size) for name, run in runs.items()}
    for name, run in runs.items():
        if sizes[name] < SMALLEST or sizes[name] % run.model.multiple:
            rule = f"must be a multiple of {run.model.multiple} from {SMALLEST} for {name}"
            raise InputError("--size", rule, sizes[name])
    features = open_features(given.features) if given.features else None
    split = given.split or "test"
    results: dict[str, list[Translation]] = {}
    networks: dict[str, Any] = {}
    for name, run in runs.items():
        sets = open_splits(run.config.data)[split] if given.data is None else open_unpaired(given.data)
        if given.limit is not None:
            sets = Unpaired(sets.a.sample(given.limit), sets.b.sample(given.limit))
        size = sizes[name]
        results[name] = judge_translator(run, sets, size, features)
        networks[name] = dataclasses.asdict(footprint(run.model.translate, (1, size, size, 3), side=size))
    counts = [way.frechet.count for ways in results.values() for way in ways if way.frechet]
    if counts and (told := caution(min(counts))):
        print(told, file=sys.stderr)
    heading = f"Fréchet {features.name}" if features else "Fréchet"
    result = {
        "protocol": {"data": given.data, "split": None if given.data else split, "limit": given.limit}
        | {"size": given.size, "resize": "bicubic squash"}
        | ({"frechet": heading} if features else {}),
        "translators": {name: str(run.checkpoint) for name, run in runs.items()},
        "networks": networks,
        "translations": {name: [_plain(way) for way in ways] for name, ways in results.items()},
    }
    print(json_text(result).rstrip() if given.json else translation_table(results, heading))
    if given.out is not None:
        out = made(given.out, EVALUATION, overwrite=given.overwrite)
        write_text(out / "table.md", translation_table(results, heading) + "\n")
        write_text(out / EVALUATION[0], json_text(result))
        print(f"wrote {out}", file=sys.stderr)
    return 0


def _plain(way: Translation) -> dict[str, Any]:
    return {field.name: getattr(way, field.name) for field in dataclasses.fields(way)}


def _shown(distance: Distance | None) -> str:
    if distance is None:
        return "–"
    interval = "" if np.isnan(distance.low) else f" [{distance.low:.2f}, {distance.high:.2f}]"
    return f"{distance.value:.2f}{interval}{of_few(distance.count)}"


def _through(pictures, shown, there, back):
    """uint8 [B,S,S,3] -> what the network is shown and what it makes of it, uint8, and the cycle error [B]."""
    seen = shown(encode_rgb(tf.cast(pictures, tf.float32)))
    made = there(seen)
    error = tf.reduce_mean(tf.abs(back(made) - seen), axis=(1, 2, 3)) / 2
    before, after = (tf.cast(tf.round(decode_rgb(x)), tf.uint8) for x in (seen, made))
    return before, after, error


def _batches(photos: Photos, size: int) -> Iterator[np.ndarray]:
    from colorize_tf.judging import squashed

    def read(index: int) -> np.ndarray:
        with readable(photos.names[index]):
            return squashed(photos.image(index), size)

    for start in range(0, photos.count, BATCH):
        indices = range(start, min(start + BATCH, photos.count))
        yield np.stack([read(index) for index in indices])


def _features(features: Features, pictures: np.ndarray) -> np.ndarray:
    return np.concatenate([features(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)])
