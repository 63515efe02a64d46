"""What is measured and shown of two generators that turn the pictures of two sets into each other's, after each epoch.

A generator that gives the same picture whatever it is shown has collapsed. Its losses do not tell, for the
discriminator may like that picture; how far its outputs are apart, against how far its inputs are, does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from colorize_tf.atomic import atomic_path
from colorize_tf.datasets.readable import read_each

__all__ = ["COLLAPSED", "Exchange", "diversity"]

COLLAPSED = 0.25  # outputs that are, on average, so much less different than the inputs are called a collapse
GRACE = 5  # epochs, for an untrained network gives next to nothing
THUMBNAIL = 8  # side of what is compared: textures of a few pixels are no difference

_log = logging.getLogger("colorize_tf.train")


def diversity(inputs: np.ndarray, outputs: np.ndarray) -> float:
    """Pictures [N,S,S,3] and what was made of each -> mean difference between two outputs by that between two inputs.

    About 1 where each picture keeps what is its own, 0 where all become the same. One picture, or N alike, give 1.
    """
    before, after = (_spread(pictures) for pictures in (inputs, outputs))
    return after / before if before > 0 else 1.0


class Exchange(keras.callbacks.Callback):
    """Adds to an epoch's logs how diverse the outputs are, both ways, and how far off there and back again leads.

    val_diversity_ab, val_diversity_ba: see `diversity`; below `COLLAPSED` there is a warning from epoch 6 on.
    val_cycle: mean absolute difference of pictures in 0..1 after there and back again, mean of both ways.
    folder/exchange-0001.png: one row each, a picture of A, made into B, and back | one of B, made into A, and back.
    """

    def __init__(self, model: keras.Model, a: tf.data.Dataset, b: tf.data.Dataset, rows: int, folder: Path) -> None:
        super().__init__()
        self.a, self.b, self.rows, self.folder = a, b, rows, folder

        @tf.function(reduce_retracing=True)
        def from_a(pictures: tf.Tensor) -> tuple[tf.Tensor, ...]:
            pictures = model.of_a(pictures)
            made = model.there(pictures)
            return pictures, made, model.back(made)

        @tf.function(reduce_retracing=True)
        def from_b(pictures: tf.Tensor) -> tuple[tf.Tensor, ...]:
            made = model.back(pictures)
            return pictures, made, model.there(made)

        self.from_a, self.from_b = from_a, from_b

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        ways = {"ab": list(self._ways(self.from_a, self.a)), "ba": list(self._ways(self.from_b, self.b))}
        cycles = []
        for way, parts in ways.items():
            given, made, again = (np.concatenate(part) for part in zip(*parts, strict=True))
            found = logs[f"val_diversity_{way}"] = diversity(given, made)
            cycles.append(float(np.abs(again - given).mean()) / 2)
            if epoch >= GRACE and found < COLLAPSED:
                _log.warning(
                    "epoch %d: pictures made of %s differ %.2f times as much as the ones they are made of: this "
                    "generator is collapsing; --diversity-weight 1 works against it", epoch + 1, way[0].upper(), found,
                )  # fmt: skip
        logs["val_cycle"] = float(np.mean(cycles))
        if self.rows:
            self._show(epoch, [np.concatenate(parts[0], axis=2)[: self.rows] for parts in ways.values()])

    def _ways(self, through: Any, batches: tf.data.Dataset) -> Iterator[list[np.ndarray]]:
        for _, pictures in read_each(batches):
            yield [part.numpy() for part in through(pictures)]

    def _show(self, epoch: int, halves: list[np.ndarray]) -> None:
        rows = min(len(half) for half in halves)
        picture = np.concatenate([np.concatenate(half[:rows]) for half in halves], axis=1)
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / f"exchange-{epoch + 1:04d}.png") as temporary:
            rounded = np.clip((picture + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
            Image.fromarray(rounded).save(temporary, format="png")


def _spread(pictures: np.ndarray) -> float:
    """[N,S,S,3] -> mean absolute difference of thumbnails over all pairs."""
    count, size = pictures.shape[:2]
    if count < 2:
        return 0.0
    part = max(1, size // THUMBNAIL)
    kept = size // part * part
    small = pictures[:, :kept, :kept].reshape(count, kept // part, part, kept // part, part, 3).mean(axis=(2, 4))
    flat = small.reshape(count, -1)
    return float(sum(np.abs(flat - row).mean() for row in flat) / (count - 1) / count)
