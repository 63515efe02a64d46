"""What a network knows before its first step: weights of earlier work, and what its photos tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from colorize_tf import checkpoints
from colorize_tf.config import CONFIG, RunConfig, load_config, run_of
from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.datasets.readable import read_each
from colorize_tf.edge.card import read_model
from colorize_tf.edge.tflite import bundled_model
from colorize_tf.errors import InputError
from colorize_tf.fields import flag_of
from colorize_tf.pipeline import evaluation_batches

__all__ = ["begin"]

_log = logging.getLogger("colorize_tf.train")

SHARES = ("subset", "val_share", "test_share")  # which decide what is validated on
READINGS = ("temperature", "share", "lively_temperature", "lively_share")  # how colours are read from one distribution
SHIPPED = "mobile"  # for --init-from: the model that comes with the package
MEASURED_ON = 512  # photos from which the batch norms of an exported network get their statistics again
PREPARED_FROM = 10_000  # photos that a network looks at before it learns: how rare colours are does not need more


def begin(model: keras.Model, photos: Photos | Unpaired, config: RunConfig) -> None:
    """Starts the network as `config` says, and shows it the photos that it is to learn from."""

    def seen(most: int) -> Iterator[Any]:
        some = photos.sample(most)
        batches = evaluation_batches(some, view=model.view, size=config.model.size, batch=min(16, some.count))
        return read_each(batches.as_numpy_iterator())

    options = config.train
    if options.encoder_weights:
        if not hasattr(model, "load_encoder"):
            raise InputError("--encoder-weights", "needs a network that takes such an encoder", config.model.name)
        model.load_encoder(options.encoder_weights)
    exported = options.init_from and _load(model, options.init_from, config, seen)
    if hasattr(model, "prepare") and not exported:  # an exported network knows how rare colours are
        model.prepare(seen(PREPARED_FROM))


def _load(model: keras.Model, start: str, config: RunConfig, seen: Callable[[int], Iterator[Any]]) -> bool:
    """Whether that is an exported network."""
    path = Path(start)
    weights = _shipped() if start == SHIPPED and not path.exists() else checkpoints.weights_of(path)
    if weights.suffix != ".tflite":
        checkpoints.load_weights(model, weights)
        _warn_of_differences(weights, config)
        return False
    if not hasattr(model, "load_exported"):
        raise InputError("--init-from", "can be an exported network for --preset mobile alone", start)
    model.load_exported(weights, seen(MEASURED_ON))
    return True


def _warn_of_differences(weights: Path, config: RunConfig) -> None:
    """Says so where an earlier run's photos may be among those that this one is measured on, or its colours change."""
    if (folder := run_of(weights)) is None:
        return
    try:
        before = load_config(folder / CONFIG)
    except InputError:  # of a newer version, or another program's: the weights alone are what is asked for
        return
    if before.data.data == config.data.data and (flags := _differing(SHARES, before.data, config.data)):
        _log.warning("validation may hold photos that %s learnt from, which had %s", folder, flags)
    if flags := _differing(READINGS, before.model, config.model):
        _log.warning("colours begin otherwise than those of %s, which had %s", folder, flags)


def _differing(names: Sequence[str], before: Any, now: Any) -> str:
    """The flags of the earlier settings among these that are others now."""
    both = [name for name in names if hasattr(before, name) and hasattr(now, name)]
    return ", ".join(
        f"{flag_of(name)} {getattr(before, name)}" for name in both if getattr(before, name) != getattr(now, name)
    )


def _shipped() -> Path:
    """The model that comes with the package, as it was before it was rounded to 8 bits."""
    path = bundled_model()
    twin = read_model(path)[1].twin
    return path.with_name(twin) if twin else path
