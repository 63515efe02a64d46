"""Giving a network weights that it did not learn itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

__all__ = ["set_weights"]


def set_weights(network: keras.Layer, values: Sequence[Any]) -> None:
    """Keras's `set_weights`, which leaves a normalisation of inputs with what it derived from its old ones."""
    network.set_weights(values)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
