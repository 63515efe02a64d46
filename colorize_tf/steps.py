"""The parts of the training loop that are not the story: the compiled step, its guard, the clock, stop signals."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from colorize_tf.atomic import atomic_path
from colorize_tf.checkpoints import is_sound
from colorize_tf.config import TrainConfig
from colorize_tf.datasets.readable import first_line, readable
from colorize_tf.errors import RunError
from colorize_tf.strategies import Devices

__all__ = ["Clock", "NanGuard", "Stepper", "StopSignals", "failures_in_one_line", "next_batch"]

Logs = dict[str, Any]
Outcome = tuple[int, int, Any, Logs, Any]  # epoch, step of the run, batch, losses, whether they are finite


class Stepper:
    """Compiles `model.train_step` for the devices, once for each state of phase and frozen layers: it bakes them in."""

    def __init__(self, devices: Devices, model: keras.Model) -> None:
        self.devices, self.model = devices, model
        self._made: dict[Hashable, Callable[[Any], tuple[Logs, Any]]] = {}

    def prepared(self, state: Hashable) -> Callable[[Any], tuple[Logs, Any]]:
        """A step batch -> (running means of the losses, whether all are finite) for the model as it is now."""
        if state not in self._made:
            self._made[state] = self._make()
        return self._made[state]

    def _make(self) -> Callable[[Any], tuple[Logs, Any]]:
        strategy, model = self.devices.strategy, self.model
        follow = getattr(model, "after_step", None)  # what a model does outside of the replicas, such as averaging

        @tf.function(autograph=False)
        def step(batch: Any) -> tuple[Logs, Any]:
            logs = strategy.run(model.train_step, args=(batch,))
            if follow is not None:
                follow()
            if self.devices.replicas > 1:
                logs = {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}
            return logs, tf.reduce_all(tf.math.is_finite(tf.stack(list(logs.values()))))

        return step


class NanGuard:
    """Ends a run at the first loss that is not finite, with the batch that caused it saved.

    It looks one step behind, so that asking for a result does not make a GPU wait. A loss tells of the weights before
    its step, so before anything is saved the weights are looked at themselves.
    """

    def __init__(self, run: Path, devices: Devices, model: keras.Model) -> None:
        self.run, self.devices, self.model = run, devices, model
        self._pending: Outcome | None = None

    def look(self, epoch: int, total_steps: int, batch: Any, logs: Logs, finite: Any) -> None:
        """Takes the outcome of a step and judges the one before."""
        self._judge()
        self._pending = (epoch, total_steps, batch, logs, finite)

    def settle(self) -> None:
        """Judges the last step too, and the weights that it left; call before saving anything, on all workers."""
        last = self._pending
        self._judge()
        if last is not None and not is_sound(self.model):
            raise self._ended("the weights are not finite after", last)

    def _judge(self) -> None:
        last, self._pending = self._pending, None
        if last is not None and not bool(last[-1]):
            raise self._ended("a loss is not finite at", last)

    def _ended(self, what: str, last: Outcome) -> RunError:
        epoch, total_steps, batch, logs, _ = last
        losses = ", ".join(f"{name}={float(value):g}" for name, value in logs.items())
        where = self._save(batch, total_steps) if self.devices.chief else "is on the chief"
        return RunError(
            f"training: {what} epoch {epoch + 1}, step {total_steps}: {losses}. The batch {where}; "
            "--resume goes on from the last checkpoint. Try --precision float32, or a new run with a lower "
            "--learning-rate"
        )

    def _save(self, batch: Any, total_steps: int) -> str:
        parts = [
            np.concatenate([local.numpy() for local in self.devices.strategy.experimental_local_results(part)])
            for part in batch
        ]
        path = self.run / f"nan-step-{total_steps:08d}.npz"
        try:
            with atomic_path(path) as temporary:
                np.savez(temporary, **dict(zip(("x", "y"), parts, strict=False)))
        except OSError as error:  # that the loss is not finite matters more
            return f"could not be saved ({error.strerror})"
        return f"is {path}"


class Clock:
    """When a checkpoint is due (`--checkpoint-minutes`, `--checkpoint-steps`), and when time is up (`--minutes`)."""

    def __init__(self, options: TrainConfig) -> None:
        self.options = options
        self.begun = self.last = time.monotonic()

    @property
    def time_is_up(self) -> bool:
        return self.options.minutes is not None and time.monotonic() - self.begun >= 60 * self.options.minutes

    def save_due(self, total_steps: int) -> bool:
        minutes, steps = self.options.checkpoint_minutes, self.options.checkpoint_steps
        by_time = minutes > 0 and time.monotonic() - self.last >= 60 * minutes
        return by_time or (steps is not None and total_steps % steps == 0)

    def saved(self) -> None:
        self.last = time.monotonic()


def next_batch(batches: Any) -> Any:
    """The next batch of an endless iterator; a photo that has become unreadable is a RunError."""
    with readable():
        return next(batches)


@contextmanager
def failures_in_one_line(devices: Devices) -> Iterator[None]:
    """Turns what ends a training from outside into a RunError: no memory left, another worker gone."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        rule = "the device has no memory left; lower --batch or the network's width"
        raise RunError(f"training: {rule}: {first_line(error)}") from error
    except tf.errors.OpError as error:
        if devices.workers == 1:
            raise
        raise RunError(f"training: another worker is gone; --resume them all: {first_line(error)}") from error


class StopSignals:
    """Within it the first SIGINT or SIGTERM only asks to stop after the step under way; a second acts as always."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        return 0 if self.received is None else 128 + self.received

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self.__exit__()
