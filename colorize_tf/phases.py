"""What trains when: the L1-only phase before the adversarial one, and layers frozen until an epoch thaws them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import keras

from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError

__all__ = ["Phases", "layer_paths"]


class Phases:
    """Sets `model.phase` and the trainable layers for an epoch, as a run's options say."""

    def __init__(self, model: keras.Model, train: TrainConfig) -> None:
        self.model, self.train = model, train
        self.frozen = _matching(model, train.freeze)
        if train.thaw_at is not None and not train.freeze:
            raise InputError("--thaw-at", "needs --freeze to say which layers", train.thaw_at)

    def name(self, epoch: int) -> str:
        """The phase of `epoch`, counted from 0."""
        return "l1" if epoch < self.train.pretrain_epochs else "gan"

    def enter(self, epoch: int) -> tuple[str, bool]:
        """Sets the model for `epoch`, counted from 0; what it returns differs whenever a step must be traced anew."""
        phase = self.name(epoch)
        if getattr(self.model, "phase", phase) != phase:
            self.model.phase = phase
        frozen = bool(self.frozen) and (self.train.thaw_at is None or epoch + 1 < self.train.thaw_at)
        for layer in self.frozen:
            layer.trainable = not frozen
        return phase, frozen


def layer_paths(layer: keras.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Every layer below `layer` with its path: `generator`, `generator/down0`, …"""
    for child in getattr(layer, "layers", None) or getattr(layer, "_layers", []):
        path = f"{prefix}{child.name}"
        yield path, child
        yield from layer_paths(child, f"{path}/")


def _matching(model: keras.Model, patterns: tuple[str, ...]) -> list[keras.Layer]:
    paths = [(path, layer) for path, layer in layer_paths(model) if layer.weights]
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path, _ in paths):
            some = ", ".join(path for path, _ in paths[:: max(1, len(paths) // 8)])
            raise InputError("--freeze", "matches no layer", pattern, f"Some layers: {some}")
    return [layer for path, layer in paths if any(fnmatchcase(path, pattern) for pattern in patterns)]
