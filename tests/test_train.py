"""Whole trainings of a tiny network, the real command each: in this process where one will do, else in its own."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
from PIL import Image

from colorize_tf import checkpoints
from colorize_tf.config import load_config
from colorize_tf.errors import InputError
from colorize_tf.families import FAMILIES
from colorize_tf.flags import parse
from colorize_tf.models import build, model_class
from colorize_tf.predict import load_run
from colorize_tf.presets import PRESETS
from colorize_tf.splits import open_splits
from colorize_tf.train import main, photos_for

from .tiny_runs import TINY, history, refused, trained

Start: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def data(photo_folder: Path) -> list[str]:
    return [*TINY, "--data", f"folder:{photo_folder}"]


@pytest.fixture(scope="module")
def run(data: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(data, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a training in a process of its own, which does not outlive the test."""
    processes: list[subprocess.Popen[str]] = []

    def started(*words: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "colorize_tf.train", *words]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options))
        return processes[-1]

    yield started
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


def state(checkpoint: Path) -> dict[str, np.ndarray]:
    import h5py

    arrays: dict[str, np.ndarray] = {}
    with h5py.File(checkpoint / "model.weights.h5") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    with np.load(checkpoint / "state.npz") as file:
        arrays.update(file)
    return arrays


def weights(path: Path, part: str) -> list[np.ndarray]:
    model = build("pix2pix-rgb", size=32, base_width=4, dtype="float32")
    model.load_weights(path / "model.weights.h5")
    return [np.asarray(variable) for variable in getattr(model, part).trainable_variables]


def test_run_folder_holds_everything(run: Path, data: list[str]):
    assert [row["epoch"] for row in history(run)] == ["1", "2"]
    for column in ("g_l1", "d_loss", "val_psnr", "val_ssim", "val_psnr_gray"):
        assert all(np.isfinite(float(row[column])) for row in history(run))
    assert load_config(run / "config.json").train.precision == "bfloat16"
    assert (run / "command.txt").read_text().startswith("python -m colorize_tf.train --size=32 ")
    with Image.open(run / "curves.png") as curves, Image.open(run / "samples" / "epoch-0002.png") as samples:
        assert curves.width > 100
        assert samples.size == (3 * 32, 2 * 32)
    assert next((run / "tensorboard").glob("events*")).stat().st_size > 0
    assert json.loads((run / "best" / "metrics.json").read_text())["val_psnr"] == max(
        float(row["val_psnr"]) for row in history(run)
    )


def test_resume_by_another_figure_compares_it_with_its_own_kind(run: Path, tmp_path: Path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert main(["--resume", "--out", str(copy), "--epochs", "3", "--best-metric", "val_ssim"]) == 0
    with open(copy / "history.csv", encoding="utf-8") as file:
        found = [float(row["val_ssim"]) for row in csv.DictReader(file)]
    assert len(found) == 3 and f"best val_ssim {max(found):.4g}" in capsys.readouterr().out
    best = json.loads((copy / "best" / "metrics.json").read_text())
    earlier = json.loads((run / "best" / "metrics.json").read_text())
    assert best["epoch"] == (3 if found[2] > max(found[:2]) else earlier["epoch"])


def test_run_colorizes_in_float32(run: Path):
    model = load_run(run).model
    assert model.compute_dtype == "float32"
    assert np.isfinite(np.asarray(model.colorize(np.full((1, 32, 32, 1), 50, np.float32)))).all()


def test_kill_in_mid_epoch_and_resume_gives_the_same_weights_bit_for_bit(start: Start, data: list[str], tmp_path: Path):
    steps = 150
    words = [*data, "--deterministic", "--steps-per-epoch", str(steps), "--epochs", "2", "--keep", "1000"]
    whole = start(*words, "--out", str(tmp_path / "whole"))
    killed = start(*words, "--out", str(tmp_path / "killed"), "--checkpoint-steps", "7")
    deadline = time.monotonic() + 600
    while not any((tmp_path / "killed" / "checkpoints").glob("step-000001[6-9]*")):  # in the second epoch
        assert killed.poll() is None and time.monotonic() < deadline, killed.communicate()
        time.sleep(0.005)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    newest = checkpoints.latest(tmp_path / "killed")
    assert newest is not None and steps < int(newest.name[5:]) < 2 * steps
    assert len(history(tmp_path / "killed")) == 1

    resumed = start("--resume", "--out", str(tmp_path / "killed"))
    for process in (whole, resumed):
        _, stderr = process.communicate(timeout=600)
        assert process.returncode == 0, stderr
    assert history(tmp_path / "killed") == history(tmp_path / "whole")
    one, other = (state(tmp_path / name / "checkpoints" / f"step-{2 * steps:08d}") for name in ("whole", "killed"))
    assert one.keys() == other.keys() and len(one) > 100
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_disk_that_fills_up_leaves_the_earlier_checkpoints(start: Start, run: Path, tmp_path: Path):
    out = shutil.copytree(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in (out / "checkpoints").rglob("*.*")}

    def no_room_for_weights() -> None:  # which are larger than all else that a run writes
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    process = start("--resume", "--out", str(out), "--epochs", "3", preexec_fn=no_room_for_weights)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 1
    lines = [line for line in stderr.splitlines() if not line.startswith(("epoch ", "15 photos"))]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: checkpoint ") and "saved earlier is intact" in lines[0]
    assert {path: path.read_bytes() for path in (out / "checkpoints").rglob("*.*")} == before


def test_time_limit_saves_and_stops_and_resume_finishes(data: list[str], tmp_path: Path, capsys):
    words = [*data, "--steps-per-epoch", "3", "--epochs", "1"]
    out = ["--out", str(tmp_path / "run")]
    assert main([*words, *out, "--minutes", "0"]) == 0
    assert "0 of 1 epochs, 1 steps" in capsys.readouterr().out
    assert checkpoints.latest(tmp_path / "run").name == "step-00000001"
    assert main(["--resume", *out, "--minutes", "none"]) == 0
    assert "1 of 1 epochs, 3 steps" in capsys.readouterr().out
    assert len(history(tmp_path / "run")) == 1
    assert (tmp_path / "run" / "command.txt").read_text().count("\n") == 2


def test_phases_freezing_and_start_from_another_run(data: list[str], run: Path, tmp_path: Path):
    out = tmp_path / "run"
    code = main([*data, "--out", str(out), "--epochs", "3", "--steps-per-epoch", "2", "--keep", "3",
                 "--init-from", str(run), "--pretrain-epochs", "1",
                 "--freeze", "generator/down*", "--thaw-at", "3"])  # fmt: skip
    assert code == 0
    points = [run / "best", *sorted((out / "checkpoints").iterdir())]
    down, up, judge = [], [], []
    for point in points:
        model = build("pix2pix-rgb", size=32, base_width=4, dtype="float32")
        model.load_weights(point / "model.weights.h5")
        layers = model.generator.layers
        down.append([w for layer in layers if layer.name.startswith("down") for w in layer.get_weights()])
        up.append([w for layer in layers if layer.name.startswith("up") for w in layer.get_weights()])
        judge.append(model.discriminator.get_weights())

    def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
        return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))

    assert [same(down[i], down[i + 1]) for i in range(3)] == [True, True, False]  # thawed at epoch 3
    assert [same(up[i], up[i + 1]) for i in range(3)] == [False, False, False]
    assert [same(judge[i], judge[i + 1]) for i in range(3)] == [True, False, False]  # epoch 1 is L1 alone
    assert [row["phase"] for row in history(out)] == ["l1", "gan", "gan"]
    assert history(out)[0]["d_loss"] == ""


@pytest.mark.parametrize(("share", "warned"), [("0.3", False), ("0.5", True)])
def test_other_shares_than_those_of_the_earlier_run_are_said(share, warned, data, run, tmp_path: Path, caplog):
    words = ["--init-from", str(run / "best"), "--epochs", "1", "--steps-per-epoch", "1", "--val-share", share]
    assert main([*data, *words, "--out", str(tmp_path / "run")]) == 0
    said = f"validation may hold photos that {run} learnt from, which had --val-share 0.3"
    assert (said in caplog.messages) == warned


def test_weights_below_another_programs_config_are_started_from(data, run, tmp_path: Path, caplog):
    weights = shutil.copy(run / "best" / checkpoints.WEIGHTS, tmp_path / checkpoints.WEIGHTS)
    (tmp_path / "config.json").write_text('{"name": "my-web-app", "version": 1}')
    words = ["--init-from", str(weights), "--epochs", "1", "--steps-per-epoch", "1", "--val-share", "0.5"]
    assert main([*data, *words, "--out", str(tmp_path / "run")]) == 0
    assert not any("learnt from" in message for message in caplog.messages)


def test_saving_is_no_part_of_the_seconds(data: list[str], tmp_path: Path, monkeypatch):
    save = checkpoints.save

    def slow(*given: Any, **named: Any) -> Path:
        time.sleep(1)
        return save(*given, **named)

    monkeypatch.setattr(checkpoints, "save", slow)
    words = ["--epochs", "2", "--steps-per-epoch", "4", "--checkpoint-steps", "1"]
    assert main([*data, *words, "--out", str(tmp_path / "run")]) == 0
    with open(tmp_path / "run" / "history.csv", encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    assert float(last["seconds"]) < 3  # which three checkpoints within the epoch would take alone


def test_loss_that_becomes_nan_ends_the_run_with_its_batch(data: list[str], tmp_path: Path, capsys):
    out = tmp_path / "run"
    code, line = refused([*data, "--out", str(out), "--learning-rate", "1e30", "--steps-per-epoch", "9",
                          "--checkpoint-steps", "2"], capsys)  # fmt: skip
    assert code == 1
    assert "a loss is not finite at epoch 1, step 2" in line
    with np.load(out / "nan-step-00000002.npz") as saved:
        assert saved["x"].shape == saved["y"].shape == (4, 32, 32, 3)
        assert np.isfinite(saved["x"]).all()
    assert checkpoints.latest(out) is None


def test_gradients_that_become_nan_ruin_no_checkpoint(data: list[str], tmp_path: Path, monkeypatch, capsys):
    kind = model_class("pix2pix-rgb")
    step = kind.train_step

    def ruining(self, batch):
        logs = step(self, batch)
        one = self.generator.trainable_variables[0]
        one.assign(keras.ops.where(self.optimizer.iterations >= 3, float("nan"), one))
        return logs

    monkeypatch.setattr(kind, "train_step", ruining)
    words = ["--out", str(tmp_path / "run"), "--epochs", "1"]
    often = ["--steps-per-epoch", "5", "--checkpoint-steps", "1"]
    code, line = refused([*data, *words, *often], capsys)
    assert code == 1
    assert "the weights are not finite after epoch 1, step 3" in line
    kept = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["step-00000001", "step-00000002"]
    assert all(np.isfinite(value).all() for path in kept for value in state(path).values())

    monkeypatch.setattr(kind, "train_step", step)
    assert main(["--resume", *words]) == 0
    assert len(history(tmp_path / "run")) == 1


def test_validation_photo_that_becomes_unreadable_is_one_line(photo_folder: Path, tmp_path: Path, monkeypatch, capsys):
    words = [*TINY, "--data", f"folder:{shutil.copytree(photo_folder, tmp_path / 'photos')}"]
    words += ["--out", str(tmp_path / "run"), "--epochs", "1", "--steps-per-epoch", "1"]
    held_out = open_splits(parse(words).config.data)["val"]

    def spoiled(*given):
        for path in (Path(held_out.files[number]) for number in held_out.file):
            path.write_bytes(bytes(path.stat().st_size))
        return photos_for(*given)

    monkeypatch.setattr("colorize_tf.train.photos_for", spoiled)
    code, line = refused(words, capsys)
    assert code == 1
    assert "error: --data: a photo could not be read any more: " in line


@pytest.mark.parametrize("preset", FAMILIES)
def test_smoke_of_every_network_runs_on_generated_pictures(preset: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "cache"))
    assert main(["--preset", preset, "--smoke", "--out", str(tmp_path / "run")]) == 0
    best = PRESETS[preset].config.train.best_metric
    assert f"2 of 2 epochs, 8 steps; best {best} " in capsys.readouterr().out
    assert load_run(tmp_path / "run").config.preset == preset


@pytest.mark.parametrize(("most", "looked_at"), [(3, 3), (10_000, 10)])
def test_a_network_looks_at_so_many_photos_at_most_beforehand(most: int, looked_at: int, tmp_path: Path, monkeypatch):
    seen = []

    def look(self, batches):
        seen.extend(picture for _, pictures in batches for picture in pictures)
        raise InputError("prepare", "is over", len(seen))  # what follows is tested elsewhere

    monkeypatch.setattr(model_class("eccv16"), "prepare", look)
    monkeypatch.setattr("colorize_tf.start.PREPARED_FROM", most)
    words = "--preset eccv16 --smoke --data synthetic:10,size=40x40 --val-share 0 --test-share 0"
    assert main([*words.split(), "--out", str(tmp_path / "run")]) == 2
    assert len(seen) == looked_at


def test_validation_measures_photos_of_all_folders(data: list[str], tmp_path: Path, monkeypatch):
    seen = []

    def look(config, run, model, progress, held_out, steps):
        seen.extend(held_out.names.tolist())
        raise InputError("validation", "is known", len(seen))

    monkeypatch.setattr("colorize_tf.epochs.attendants", look)
    assert main([*data, "--val-share", "0.6", "--val-count", "6", "--out", str(tmp_path / "run")]) == 2
    assert len(seen) == 6 and {Path(name).parent.name for name in seen} == {"meadow", "shore"}
