"""What trains when, and how fast: phases of a network, layers frozen until thawed, the learning rates of an epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from fnmatch import fnmatchcase

import keras

from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError

__all__ = ["Phases", "decay", "layer_paths"]

_log = logging.getLogger("colorize_tf.train")


class Phases:
    """Sets `model.phase`, the trainable layers and the learning rates for an epoch, as a run's options say.

    Make it of a compiled model before a checkpoint is restored: it takes the rates found for those of the start.
    """

    def __init__(self, model: keras.Model, train: TrainConfig) -> None:
        self.model, self.train = model, train
        self.frozen = _matching(model, "--freeze", train.freeze)
        if train.thaw_at is not None and not train.freeze:
            raise InputError("--thaw-at", "needs --freeze to say which layers", train.thaw_at)
        falls = train.schedule != "constant"
        if not falls and (train.decay_from > 1 or train.decay_until):
            _log.warning("the learning rate stays as it is: --decay-from and --decay-until need a --schedule")
        if falls and train.decay_from > train.epochs:
            _log.warning("the learning rate stays as it is: --decay-from %d is after the last epoch", train.decay_from)
        elif falls and train.decay_until and train.decay_from > train.decay_until:
            both = train.decay_from, train.decay_until
            _log.warning("the learning rate stays as it is: --decay-from %d is after --decay-until %d", *both)
        *earlier, self.last = model.phases
        lengths = {"--pretrain-epochs": train.pretrain_epochs, "--warmup-epochs": train.warmup_epochs}
        for flag in list(lengths)[len(earlier) :]:
            if lengths[flag]:
                rule = f"needs a network with such a phase; {model.name} has {', '.join(model.phases)}"
                raise InputError(flag, rule, lengths[flag])
        self.earlier = list(zip(earlier, lengths.values(), strict=False))
        optimizers = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
        # Not by `float`, which does not know the variables that several replicas share.
        rates = [float(keras.ops.convert_to_numpy(optimizer.learning_rate)) for optimizer in optimizers]
        self.rates = list(zip(optimizers, rates, strict=True))
        for layer in _matching(model, "--slow", train.slow):
            for optimizer in optimizers:
                adam = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
                adam.slow_down(layer.trainable_variables, train.slow_rate)

    def name(self, epoch: int) -> str:
        """The phase of `epoch`, counted from 0."""
        for phase, length in self.earlier:
            if epoch < length:
                return phase
            epoch -= length
        return self.last

    def enter(self, epoch: int) -> tuple[str, bool]:
        """Sets the model for `epoch`, counted from 0; what it returns differs whenever a step must be traced anew."""
        phase = self.name(epoch)
        if self.model.phase != phase:
            self.model.phase = phase
        frozen = bool(self.frozen) and (self.train.thaw_at is None or epoch + 1 < self.train.thaw_at)
        for layer in self.frozen:
            layer.trainable = not frozen
        if self.train.schedule != "constant":
            for optimizer, rate in self.rates:
                optimizer.learning_rate = rate * decay(self.train, epoch)
        return phase, frozen


def decay(train: TrainConfig, epoch: int) -> float:
    """The share 0..1 of the learning rate that is left in `epoch`, counted from 0.

    "linear" is that of the CycleGAN authors: it would be 0 in the epoch after the last.
    """
    last = train.decay_until or train.epochs
    passed = max(0, min(epoch + 1, last) + 1 - train.decay_from) / max(1, last + 2 - train.decay_from)
    return {"constant": 1.0, "linear": 1.0 - passed, "cosine": (1.0 + math.cos(math.pi * passed)) / 2.0}[train.schedule]


def layer_paths(layer: keras.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Every layer below `layer` with its path: `generator`, `generator/down0`, …"""
    for child in getattr(layer, "layers", None) or getattr(layer, "_layers", []):
        path = f"{prefix}{child.name}"
        yield path, child
        yield from layer_paths(child, f"{path}/")


def _matching(model: keras.Model, flag: str, patterns: tuple[str, ...]) -> list[keras.Layer]:
    paths = [(path, layer) for path, layer in layer_paths(model) if layer.weights]
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path, _ in paths):
            some = ", ".join(path for path, _ in paths[:: max(1, len(paths) // 8)])
            raise InputError(flag, "matches no layer", pattern, f"Some layers: {some}")
    return [layer for path, layer in paths if any(fnmatchcase(path, pattern) for pattern in patterns)]
