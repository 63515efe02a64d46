"""What happens beside the training steps: measuring, showing, recording. Keras callbacks, for our loop and for `fit`.

Quality      PSNR and SSIM of validation photos, into the logs of the epoch
Samples      samples/epoch-0001.png: gray | predicted | truth
History      history.csv and curves.png
TensorBoard  events under tensorboard/
Progress     a bar with images/s and time left on a terminal, one line per epoch elsewhere
"""

from __future__ import annotations

import csv
import io
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from colorize_tf.atomic import atomic_path, write_text
from colorize_tf.colorspace import (
    decode_ab,
    decode_luma,
    decode_rgb,
    encode_rgb,
    gamut_clip,
    lab_to_rgb,
    luma_to_gray,
    rgb_to_lab,
)
from colorize_tf.datasets.readable import first_line, read_each
from colorize_tf.errors import RunError
from colorize_tf.metrics import psnr, ssim

__all__ = ["History", "Painter", "Progress", "Quality", "Samples", "SpecklePainter", "TensorBoard", "attending"]


@contextmanager
def attending(callbacks: Sequence[keras.callbacks.Callback], model: keras.Model) -> Iterator[None]:
    """Within it the callbacks belong to a training of `model`; they are told of its end however it ends."""
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    try:
        yield
    finally:
        for callback in callbacks:
            callback.on_train_end()


class Painter:
    """Predicts with a network in training: CIE L float32 [B,S,S,1] -> uint8 RGB [B,S,S,3] of this L."""

    def __init__(self, model: keras.Model) -> None:
        self.colorize = tf.function(model.colorize, reduce_retracing=True)

    def seen(self, luma: np.ndarray) -> np.ndarray:
        """CIE L of photos [B,S,S,1] -> the L that the network is shown."""
        return luma

    def __call__(self, luma: np.ndarray) -> np.ndarray:
        ab = tf.image.resize(self.colorize(tf.constant(luma)), luma.shape[1:3]).numpy()
        return _to_uint8(lab_to_rgb(gamut_clip(np.concatenate([luma, ab], axis=-1))))


class SpecklePainter(Painter):
    """Predicts from L under speckle, with a network that learns so: its own RGB, for that L is not worth keeping."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(model)

        @tf.function(reduce_retracing=True)
        def worn(luma: tf.Tensor) -> tf.Tensor:
            gray = model.of_a(encode_rgb(255.0 * tf.repeat(luma_to_gray(luma), 3, axis=-1)))
            return rgb_to_lab(decode_rgb(gray) / 255.0)[..., :1]

        self.worn, self.paint = worn, tf.function(model.paint, reduce_retracing=True)

    def seen(self, luma: np.ndarray) -> np.ndarray:
        """CIE L of photos [B,S,S,1] -> the same under speckle."""
        return self.worn(tf.constant(luma)).numpy()

    def __call__(self, luma: np.ndarray) -> np.ndarray:
        return _to_uint8(self.paint(tf.constant(luma)).numpy())


class Quality(keras.callbacks.Callback):
    """Adds `val_psnr` and `val_ssim` to an epoch's logs, and those of gray pictures to compare with.

    Protocol: the truth is the photo as the pipeline crops it, uint8 RGB; the prediction is the network's ab joined to
    the truth's own CIE L; both figures are means over the pictures (`metrics.py`), without the infinite PSNR of one
    that is exact, as a gray photo is without colour. Under speckle the prediction is the network's own RGB, and the
    gray pictures have the speckle.
    """

    def __init__(self, painter: Painter, batches: tf.data.Dataset, view: str) -> None:
        super().__init__()
        self.painter, self.batches, self.view = painter, batches, view
        self.gray: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        logs = {} if logs is None else logs
        figures, grays = [], []
        for truth, luma in _photos(self.batches, self.view):
            seen = self.painter.seen(luma)
            figures += _figures(truth, self.painter(seen))
            if not self.gray:
                grays += _figures(truth, _gray(seen))
        self.gray = self.gray or _means(grays)
        logs["val_psnr"], logs["val_ssim"] = _means(figures)
        logs["val_psnr_gray"], logs["val_ssim_gray"] = self.gray


class Samples(keras.callbacks.Callback):
    """Writes `folder/epoch-0001.png`: one row per photo, gray | predicted | truth."""

    def __init__(self, painter: Painter, batches: tf.data.Dataset, view: str, folder: Path) -> None:
        super().__init__()
        self.painter, self.batches, self.view, self.folder = painter, batches, view, folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        rows = [
            np.concatenate([_gray(seen), self.painter(seen), truth], axis=2)  # [B,S,3S,3]
            for truth, luma in _photos(self.batches, self.view)
            for seen in (self.painter.seen(luma),)
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / f"epoch-{epoch + 1:04d}.png") as temporary:
            Image.fromarray(np.concatenate([row for batch in rows for row in batch])).save(temporary, format="png")


class History(keras.callbacks.Callback):
    """Keeps one row per epoch in `rows` and writes `history.csv` and `curves.png` from all of them.

    The files are always made anew from the rows, which belong to the checkpoint: a run that was killed after writing
    an epoch's row and goes on from an earlier checkpoint has that row once.
    """

    def __init__(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        super().__init__()
        self.folder, self.rows = folder, rows

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rows.append({"epoch": epoch + 1, **(logs or {})})
        self.write()

    def write(self) -> None:
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        text = io.StringIO()
        table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        write_text(self.folder / "history.csv", text.getvalue())
        with atomic_path(self.folder / "curves.png") as temporary:
            _draw_curves(self.rows, temporary)


class TensorBoard(keras.callbacks.Callback):
    """Writes the figures of each epoch as events that TensorBoard shows; it need not be installed to write them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        with self._writing():  # not before: until then the folder may be another run's
            self.writer = tf.summary.create_file_writer(os.fsencode(self.folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        summary = tf.compat.v1.Summary()  # tf.summary.scalar would import tensorboard
        for name, value in (logs or {}).items():
            if isinstance(value, (int, float)):
                summary.value.add(tag=name, simple_value=value)
        with self._writing(), self.writer.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=epoch + 1)
            self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        if self.writer is not None:
            with suppress(tf.errors.OpError):  # each epoch was flushed, and failed then if it was to fail
                self.writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            rule = f"events could not be written: {first_line(error)}"
            raise RunError(
                f"{self.folder}: {rule}. Checkpoints are intact; --resume --no-tensorboard goes on"
            ) from error


class Progress(keras.callbacks.Callback):
    """Shows the epoch under way: a bar on a terminal; in a pipe one line when the epoch ends."""

    def __init__(self, epochs: int, steps: int, batch: int, stream: TextIO | None = None) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch = epochs, steps, batch
        self.stream = stream or sys.stderr
        self.bar: Any = None
        self.shown = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        done = (logs or {}).get("step", 0)
        self.bar = tqdm(
            total=self.steps * self.batch, initial=done * self.batch, desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="img", file=self.stream, disable=not self.stream.isatty(), leave=False, dynamic_ncols=True,
        )  # fmt: skip

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self.bar.update(self.batch)
        now = time.monotonic()
        if not self.bar.disable and now - self.shown > 1.0:  # reading a loss waits for the device: not at every step
            self.shown = now
            self.bar.set_postfix({name: f"{float(value):.3g}" for name, value in (logs or {}).items()}, refresh=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.close()
        figures = " ".join(
            f"{name}={value:.4g}"
            for name, value in (logs or {}).items()
            if isinstance(value, float) and not name.endswith("_gray")
        )
        print(f"epoch {epoch + 1}/{self.epochs} {figures}", file=self.stream, flush=True)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        if self.bar is not None:
            self.bar.close()  # an error message then begins on a line of its own


def _photos(batches: tf.data.Dataset, view: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in a network's view -> the photos they were made from, uint8 RGB [B,S,S,3], and their CIE L [B,S,S,1]."""
    for x, y in read_each(batches.as_numpy_iterator()):
        lab = view not in ("rgb", "labelled")
        rgb = lab_to_rgb(np.concatenate([decode_luma(x[..., :1]), decode_ab(y)], -1)) if lab else decode_rgb(y) / 255.0
        truth = _to_uint8(rgb)
        yield truth, rgb_to_lab(truth.astype(np.float32) / 255)[..., :1]


def _gray(luma: np.ndarray) -> np.ndarray:
    """CIE L [B,S,S,1] -> the neutral pictures of this L, uint8 RGB [B,S,S,3]."""
    return _to_uint8(np.repeat(luma_to_gray(luma), 3, axis=-1))


def _figures(truths: np.ndarray, others: np.ndarray) -> list[tuple[float, float]]:
    return [(psnr(truth, other), ssim(truth, other)) for truth, other in zip(truths, others, strict=True)]


def _means(figures: Sequence[tuple[float, float]]) -> list[float]:
    """PSNR and SSIM of each picture -> the means of those that are finite, NaN where none is."""
    columns = (np.array(column)[np.isfinite(column)] for column in zip(*figures, strict=True))
    return [float(column.mean()) if column.size else math.nan for column in columns]


def _to_uint8(rgb: np.ndarray) -> np.ndarray:
    return (rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _draw_curves(rows: list[dict[str, Any]], path: Path) -> None:
    # Drawn without pyplot, which would keep every figure and ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [key for key in dict.fromkeys(key for row in rows for key in row) if isinstance(rows[-1].get(key), float)]
    names = [name for name in names if name not in ("seconds", "images_per_second") and not name.endswith("_gray")]
    across = min(3, max(1, len(names)))
    down = max(1, math.ceil(len(names) / across))
    figure = Figure(figsize=(4 * across, 3 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(down, across, place)
        points = [(row["epoch"], row[name]) for row in rows if isinstance(row.get(name), float)]
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 30 else None)
        if isinstance(gray := rows[-1].get(f"{name}_gray"), float):
            axes.axhline(gray, color="gray", linestyle="--", label="gray picture")
            axes.legend()
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=100)
