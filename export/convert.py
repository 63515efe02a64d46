"""A network and a recipe become the bytes of a TFLite file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from colorize_tf.errors import RunError, shorten

from .flatbuffer import Graph
from .quantize import quantize
from .recipes import Recipe
from .source import SIGNATURE, Source

__all__ = ["convert"]


def convert(source: Source, recipe: Recipe, samples: Sequence[Mapping[str, np.ndarray]] = ()) -> bytes:
    """A network, a recipe and, for a static one, inputs to measure ranges on -> TFLite file, inputs and `ab` by name.

    Whatever precision the network was trained in, it arrives here in float32: the converter takes no other.
    """
    with tempfile.TemporaryDirectory() as folder:
        source.save(Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if not recipe.static and recipe.weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            content = bytes(converter.convert())
        except ConverterError as error:
            raise RunError(f"{recipe.name}: the converter refuses this network: {shorten(str(error))}") from error
    if recipe.static:
        # A fine-tuned network has learnt to live with the whole ranges.
        content = quantize(content, samples, recipe.activations, narrow=not recipe.fine_tuned)
    graph = Graph(content)
    graph.rename_ends()
    graph.model.description = f"colorize_tf {source.run.config.model.name} {recipe.name}"
    return graph.pack()
