"""Labels of photos: those of a source, such as its folders, or a file's; several a photo where there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorize_tf.datasets import Photos, open_source
from colorize_tf.errors import InputError

__all__ = ["labelled", "labels_of", "multi_hot"]

SEPARATOR = "|"  # between the labels of one photo


def labelled(
    source: str, file: Path | None, fewest: int, most: int | None = None
) -> tuple[Photos, np.ndarray, tuple[str, ...]]:
    """A source of photos, and their labels, if not the source's own -> those that have some, what [N,C], the names.

    Labels of fewer than `fewest` photos are none; of the photos that are left, `most` are kept, always the same.
    """
    photos = open_source(source)
    if file is not None:
        known = labels_of(file)
        texts = [known.get(Path(str(name)).name, "") for name in photos.names]
    elif photos.labels is not None:
        texts = [photos.label(index) for index in range(photos.count)]
    else:
        raise InputError("--data", "has photos without labels", source, "Name them with --labels FILE.")
    y, names = multi_hot(texts, fewest)
    if len(names) < 2:
        raise InputError("--fewest", f"must leave at least two labels of {source}", fewest)
    kept = np.flatnonzero(y.any(axis=1))
    if most is not None:
        kept = np.sort(np.random.default_rng(0).permutation(kept)[:most])
    return photos.pick(kept), y[kept], names


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
