"""What happens between two epochs: what is measured, shown and recorded, and whether the last one was the best."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import keras

from colorize_tf import callbacks
from colorize_tf.checkpoints import Progress
from colorize_tf.config import RunConfig
from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.errors import unknown_key
from colorize_tf.exchange import Exchange
from colorize_tf.pipeline import evaluation_batches

__all__ = ["attendants", "best_row", "check_best_metric"]

QUALITY = ("val_psnr", "val_ssim")  # higher is better; everything else is a loss
EXCHANGE = ("val_cycle",)

_log = logging.getLogger("colorize_tf.train")


def attendants(
    config: RunConfig, run: Path, model: keras.Model, progress: Progress, held_out: Photos | Unpaired, steps: int
) -> list[keras.callbacks.Callback]:
    """The callbacks of a run, in the order in which each may use what those before it put into the logs of an epoch."""
    options = config.train
    chosen: list[keras.callbacks.Callback] = []

    def batches(photos: Photos, most: int = 16) -> Any:
        return evaluation_batches(photos, view=model.view, size=config.model.size, batch=min(most, photos.count))

    both = _two_sets(held_out)
    if hasattr(model, "colorize") and both.b.count:
        painter = (callbacks.SpecklePainter if getattr(model, "looks", 0) else callbacks.Painter)(model)
        chosen.append(callbacks.Quality(painter, batches(both.b), model.view))
        if rows := min(options.grid_rows, both.b.count):
            shown = batches(both.b.sample(rows), rows)
            chosen.append(callbacks.Samples(painter, shown, model.view, run / "samples"))
    if hasattr(model, "there") and both.a.count and both.b.count:
        chosen.append(Exchange(model, batches(both.a), batches(both.b), options.grid_rows, run / "samples"))
    chosen.append(callbacks.History(run, progress.rows))
    if options.tensorboard:
        chosen.append(callbacks.TensorBoard(run / "tensorboard"))
    return [*chosen, callbacks.Progress(options.epochs, steps, config.data.batch)]


def check_best_metric(name: str, model: keras.Model, held_out: Photos | Unpaired) -> None:
    """Refuses a `--best-metric` that the network's history has no column for."""
    measured = (*(QUALITY if hasattr(model, "colorize") else ()), *(EXCHANGE if hasattr(model, "there") else ()))
    columns = [*measured, *(metric.name for metric in model.metrics)]
    if name not in columns:
        raise unknown_key("--best-metric", name, columns)
    both = _two_sets(held_out)
    if (name in measured and not both.b.count) or (name in EXCHANGE and not both.a.count):
        where = " in one of the two sets" if held_out.count else ""
        _log.warning("no photo is left for validation%s: %s is not measured, and no best weights are kept", where, name)


def best_row(name: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The row of a history with the best value in this column, of equal ones the first; None where there is no value.

    Of all rows, as a resumed run may judge by another column than before.
    """
    measured = [row for row in rows if row.get(name) is not None and not math.isnan(row[name])]
    best = max if name in QUALITY else min
    return best(measured, key=lambda row: row[name], default=None)


def _two_sets(photos: Photos | Unpaired) -> Unpaired:
    return photos if isinstance(photos, Unpaired) else Unpaired(photos, photos)
