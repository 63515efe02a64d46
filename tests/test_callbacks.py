from __future__ import annotations

import csv
import io
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colorize_tf.callbacks import History, Painter, Progress, Quality, Samples, TensorBoard, attending
from colorize_tf.colorspace import encode_ab, encode_luma, encode_rgb, rgb_to_lab
from colorize_tf.datasets.synthetic import scene
from colorize_tf.metrics import psnr, ssim

PHOTOS = np.stack([scene(seed, (32, 32)) for seed in range(3)])


class FakeModel:
    """Gives every pixel of every photo the same ab."""

    def __init__(self, ab: tuple[float, float]) -> None:
        self.ab = tf.Variable(tf.constant(ab, tf.float32))

    def colorize(self, luma: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(luma) * self.ab


def batches(view: str) -> tf.data.Dataset:
    """PHOTOS in batches of two and one."""
    lab = rgb_to_lab(PHOTOS.astype(np.float32) / 255)
    rgb = encode_rgb(PHOTOS.astype(np.float32))
    pair = (rgb, rgb) if view == "rgb" else (encode_luma(lab[..., :1]), encode_ab(lab[..., 1:]))
    return tf.data.Dataset.from_tensor_slices(pair).batch(2)


@pytest.mark.parametrize("view", ["rgb", "lab"])
def test_quality_is_the_mean_over_photos_of_the_metrics(view: str):
    painter = Painter(FakeModel((20.0, -10.0)))
    logs: dict[str, float] = {}
    Quality(painter, batches(view), view).on_epoch_end(0, logs)
    luma = rgb_to_lab(PHOTOS.astype(np.float32) / 255)[..., :1]
    for name, measure in (("psnr", psnr), ("ssim", ssim)):
        expected = np.mean([measure(one, other) for one, other in zip(PHOTOS, painter(luma), strict=True)])
        assert logs[f"val_{name}"] == pytest.approx(expected, rel=1e-9)


def test_quality_of_no_colour_is_the_gray_baseline():
    logs: dict[str, float] = {}
    Quality(Painter(FakeModel((0.0, 0.0))), batches("lab"), "lab").on_epoch_end(0, logs)
    assert logs["val_psnr"] == pytest.approx(logs["val_psnr_gray"], abs=0.02)
    assert logs["val_psnr_gray"] < 30  # the photos are colourful


def test_a_gray_photo_does_not_make_the_means_infinite():
    photos = np.concatenate([PHOTOS[:1], np.full_like(PHOTOS[:1], 90)])
    rgb = encode_rgb(photos.astype(np.float32))
    quality = Quality(Painter(FakeModel((0.0, 0.0))), tf.data.Dataset.from_tensor_slices((rgb, rgb)).batch(2), "rgb")
    logs: dict[str, float] = {}
    quality.on_epoch_end(0, logs)
    assert 5 < logs["val_psnr_gray"] < 30 and 5 < logs["val_psnr"] < 30
    quality.batches = tf.data.Dataset.from_tensors((rgb[1:], rgb[1:]))
    quality.on_epoch_end(1, logs)
    assert math.isnan(logs["val_psnr"]) and logs["val_ssim"] == pytest.approx(1.0)


def test_painter_follows_the_weights_and_keeps_the_lightness():
    model = FakeModel((0.0, 0.0))
    painter = Painter(model)
    luma = np.full((1, 4, 4, 1), 60, np.float32)
    assert np.ptp(painter(luma)[0, 0, 0]) == 0
    model.ab.assign([40.0, 30.0])
    painted = painter(luma)
    assert np.ptp(painted[0, 0, 0]) > 50
    np.testing.assert_allclose(rgb_to_lab(painted.astype(np.float32) / 255)[..., 0], 60, atol=0.3)


def test_samples_show_gray_predicted_and_truth_side_by_side(tmp_path: Path):
    Samples(Painter(FakeModel((0.0, 50.0))), batches("rgb"), "rgb", tmp_path / "samples").on_epoch_end(4)
    with Image.open(tmp_path / "samples" / "epoch-0005.png") as image:
        grid = np.asarray(image)
    assert grid.shape == (3 * 32, 3 * 32, 3)
    gray, predicted, truth = np.split(grid, 3, axis=1)
    assert np.ptp(gray, axis=-1).max() == 0
    assert predicted[..., 2].mean() < predicted[..., 0].mean()  # b of +50 is yellow
    np.testing.assert_array_equal(truth, np.concatenate(PHOTOS))


def test_history_rewrites_its_files_from_the_rows(tmp_path: Path):
    rows = [{"epoch": 1, "phase": "l1", "g_l1": 3.0}]
    (tmp_path / "history.csv").write_text("rows of a killed process that its checkpoint does not know\n" * 5)
    History(tmp_path, rows).on_epoch_end(1, {"phase": "gan", "g_l1": 2.0, "d_loss": 1.0, "val_psnr": 20.0})
    with open(tmp_path / "history.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["epoch"], row["g_l1"], row["d_loss"]) for row in table] == [("1", "3.0", ""), ("2", "2.0", "1.0")]
    assert len(rows) == 2
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 200


def test_tensorboard_reads_what_was_written(tmp_path: Path):
    folder = tmp_path / "no unicode \udcff"
    board = TensorBoard(folder)
    assert not folder.exists()  # the run folder may be emptied before the training begins
    board.on_train_begin()
    for epoch in range(2):
        board.on_epoch_end(epoch, {"g_l1": 0.5 + epoch, "phase": "gan"})
    board.on_train_end()
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for path in folder.glob("events*")
        for record in tf.data.TFRecordDataset(os.fsencode(path))
    ]
    found = [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    assert found == [(1, "g_l1", 0.5), (2, "g_l1", 1.5)]


def test_a_disk_too_full_for_tensorboard_is_one_clear_error(tmp_path: Path):
    """In a process of its own: the limit on the size of files would be this one's to the end."""
    script = """if True:
        import resource, sys
        from pathlib import Path
        from colorize_tf.callbacks import TensorBoard
        from colorize_tf.errors import RunError
        board = TensorBoard(Path(sys.argv[1]))
        try:
            board.on_train_begin()
            resource.setrlimit(resource.RLIMIT_FSIZE, (120, 120))
            board.on_epoch_end(0, {"g_l1": 0.5, "g_gan": 0.5, "d_loss": 0.5})
        except RunError as error:
            print(error)
        board.on_train_end()
    """
    words = [sys.executable, "-c", script, str(tmp_path / "board")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.startswith(f"{tmp_path / 'board'}: events could not be written: ")
    assert done.stdout.count("\n") == 1 and "memory" not in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> str:
    progress = Progress(epochs=3, steps=4, batch=10, stream=stream)
    progress.on_epoch_begin(1, {"step": 1})
    for step in range(1, 4):
        progress.on_train_batch_end(step, {"g_l1": tf.constant(2.5)})
    progress.on_epoch_end(1, {"phase": "gan", "g_l1": 2.5, "val_psnr": 21.0, "val_psnr_gray": 20.0})
    return stream.getvalue()


def test_progress_in_a_pipe_is_one_line_an_epoch():
    assert shown(io.StringIO()) == "epoch 2/3 g_l1=2.5 val_psnr=21\n"


def test_progress_on_a_terminal_is_a_bar_with_speed_and_losses():
    text = shown(Terminal())
    assert "epoch 2/3" in text and "img/s" in text and "g_l1=2.5" in text
    assert "10/40" in text  # a resumed epoch begins where it was left
    assert text.endswith("epoch 2/3 g_l1=2.5 val_psnr=21\n")


def test_a_failing_training_leaves_no_bar_on_the_line():
    stream = Terminal()
    with pytest.raises(ZeroDivisionError), attending([progress := Progress(3, 4, 10, stream)], FakeModel((0.0, 0.0))):
        progress.on_epoch_begin(0)
        raise ZeroDivisionError
    assert progress.bar.disable  # which is what closing does to it
    assert stream.getvalue().endswith("\r")
