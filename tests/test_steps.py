from __future__ import annotations

import os
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.config import TrainConfig
from colorize_tf.epochs import best_row
from colorize_tf.errors import RunError
from colorize_tf.steps import Clock, NanGuard, StopSignals, failures_in_one_line, next_batch
from colorize_tf.strategies import Devices

ONE = Devices(tf.distribute.get_strategy())


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("colorize_tf.steps.time.monotonic", lambda: self.now)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def test_checkpoint_is_due_by_the_clock(hands: Hands):
    clock = Clock(TrainConfig(checkpoint_minutes=2))
    hands.now += 119
    assert not clock.save_due(1)
    hands.now += 2
    assert clock.save_due(1)
    clock.saved()
    assert not clock.save_due(1)


def test_checkpoint_is_due_by_steps(hands: Hands):
    clock = Clock(TrainConfig(checkpoint_minutes=0, checkpoint_steps=5))
    hands.now += 1e6
    assert [step for step in range(1, 12) if clock.save_due(step)] == [5, 10]


def test_time_is_up_after_the_minutes(hands: Hands):
    clock, endless = Clock(TrainConfig(minutes=1.5)), Clock(TrainConfig())
    hands.now += 89
    assert not clock.time_is_up
    hands.now += 2
    assert clock.time_is_up and not endless.time_is_up


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_only_asks_to_stop(number: signal.Signals):
    before = signal.getsignal(number)
    with StopSignals() as signals:
        assert signals.exit_code == 0
        os.kill(os.getpid(), number)
        assert signals.received == number
        assert signals.exit_code == 128 + number
        assert signal.getsignal(number) == before  # a second one acts as always
    assert signal.getsignal(number) == before


@pytest.fixture
def guard(tmp_path: Path) -> NanGuard:
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    return NanGuard(tmp_path, ONE, model)


def look(guard: NanGuard, step: int, loss: float) -> None:
    x = tf.fill([2, 4, 4, 1], float(step))
    logs = {"g_l1": tf.constant(loss)}
    guard.look(epoch=0, total_steps=step, batch=(x, x), logs=logs, finite=tf.math.is_finite(logs["g_l1"]))


def test_nan_is_found_with_its_own_batch(guard: NanGuard, tmp_path: Path):
    look(guard, 1, 1.0)
    look(guard, 2, float("nan"))
    with pytest.raises(RunError, match="epoch 1, step 2: g_l1=nan"):
        look(guard, 3, float("nan"))
    with np.load(tmp_path / "nan-step-00000002.npz") as saved:
        assert (saved["x"] == 2).all()


def test_nan_is_told_also_where_its_batch_cannot_be_saved(guard: NanGuard, tmp_path: Path):
    guard.run = tmp_path / "gone"
    look(guard, 1, float("nan"))
    with pytest.raises(RunError, match=r"g_l1=nan\. The batch could not be saved \(No such file or directory\)"):
        guard.settle()


def test_nan_is_found_before_anything_is_saved(guard: NanGuard):
    look(guard, 1, float("inf"))
    with pytest.raises(RunError, match="step 1: g_l1=inf"):
        guard.settle()


def test_ruined_weights_are_found_before_anything_is_saved(guard: NanGuard, tmp_path: Path):
    look(guard, 1, 1.0)
    guard.settle()
    guard.model.optimizer.variables[-1].assign([float("nan")])  # a moment of the bias: the weights follow
    look(guard, 2, 1.0)
    with pytest.raises(RunError, match="weights are not finite after epoch 1, step 2: g_l1=1"):
        guard.settle()
    assert (tmp_path / "nan-step-00000002.npz").is_file()


@pytest.mark.parametrize(("name", "worse", "better"), [("val_psnr", 20.0, 21.0), ("g_l1", 0.3, 0.2)])
def test_the_best_epoch_is_the_first_of_the_best_and_never_one_that_is_nan(name: str, worse: float, better: float):
    values = [float("nan"), worse, better, float("nan"), better, None]
    rows = [{"epoch": number, name: value} for number, value in enumerate(values)]
    best = [best_row(name, rows[:count]) for count in range(len(rows) + 1)]
    assert [row and row["epoch"] for row in best] == [None, None, 1, 2, 2, 2, 2]
    assert best_row("g_gan", rows) is None


def test_finite_losses_pass(guard: NanGuard, tmp_path: Path):
    for step in range(3):
        look(guard, step, 1.0)
    guard.settle()
    assert list(tmp_path.iterdir()) == []


def test_vanished_photo_is_one_clear_error(tmp_path: Path):
    batches = iter(tf.data.Dataset.from_tensors(str(tmp_path / "gone.jpg")).map(tf.io.read_file))
    with pytest.raises(RunError, match=r"--data: a photo could not be read any more: .*gone.jpg") as caught:
        next_batch(batches)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "workers", "said"),
    [
        (tf.errors.ResourceExhaustedError, 1, "no memory left; lower --batch"),
        (tf.errors.UnavailableError, 2, "another worker is gone; --resume them all"),
    ],
)
def test_failure_from_outside_is_one_clear_error(error: type[Exception], workers: int, said: str):
    with (
        pytest.raises(RunError, match=said) as caught,
        failures_in_one_line(Devices(ONE.strategy, 0, workers)),
    ):
        raise error(None, None, "first line\nsecond line")
    assert "first line" in str(caught.value) and "\n" not in str(caught.value)
