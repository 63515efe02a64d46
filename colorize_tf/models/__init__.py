"""The networks, one paper per file, behind one table.

The table holds names only: a model's file, and Keras with it, is imported when the model is asked for.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from colorize_tf.errors import InputError

if TYPE_CHECKING:
    import keras

__all__ = ["MODELS", "build", "model_class", "model_options"]

MODELS: dict[str, tuple[str, str]] = {  # name -> (module, class)
    "pix2pix-rgb": ("colorize_tf.models.pix2pix", "Pix2PixRGB"),
    "pix2pix-lab": ("colorize_tf.models.pix2pix", "Pix2PixLab"),
    "mobile": ("colorize_tf.models.mobile", "Mobile"),
    "autoencoder": ("colorize_tf.models.autoencoder", "Autoencoder"),
    "cyclegan": ("colorize_tf.models.cyclegan", "CycleGAN"),
    "cyclegan-gray": ("colorize_tf.models.cyclegan", "CycleGANGray"),
    "mcgan": ("colorize_tf.models.mcgan", "MCGAN"),
    "dcgan": ("colorize_tf.models.dcgan", "DCGAN"),
    "scgan": ("colorize_tf.models.scgan", "SCGAN"),
    "eccv16": ("colorize_tf.models.zhang", "ECCV16"),
    "siggraph17": ("colorize_tf.models.zhang", "SIGGRAPH17"),
    "unet": ("colorize_tf.models.unet", "UNet"),
}


def build(name: str, **options: Any) -> keras.Model:
    """A name of `MODELS` and the options of its class -> a new, randomly initialised model, not yet compiled."""
    cls, valid = model_class(name), model_options(name)
    for option in options:
        if option not in valid:
            raise InputError(option, f"is not an option of {name}", options[option], f"Valid: {', '.join(valid)}.")
    return cls(**options)


def model_class(name: str) -> type[keras.Model]:
    """A name of `MODELS` -> its class."""
    if name not in MODELS:
        raise InputError("model", "is not a known model", name, f"Valid: {', '.join(MODELS)}.")
    module, cls = MODELS[name]
    return getattr(importlib.import_module(module), cls)


def model_options(name: str) -> dict[str, Any]:
    """A name of `MODELS` -> the options its class takes, with their defaults."""
    parameters = inspect.signature(model_class(name).__init__).parameters.values()
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return own | {"name": None, "dtype": None}
