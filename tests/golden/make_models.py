"""Makes the small networks of the edge tests: python tests/golden/make_models.py (needs TensorFlow).

Two shapes of one untrained network with fixed weights: `tiny` takes any size, `tiny-fixed` 64×64. It answers to luma,
hints and vivid, so that a host that mixes them up is seen. After this, run make_goldens.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from colorize_tf.edge.card import Card, write_model

FOLDER = Path(__file__).parent / "models"
LICENCE = "Apache-2.0"
DATA = "none: fixed pseudo-random weights, for tests only"


class Tiny(tf.Module):
    """luma [1,H,W,1], hints [1,H,W,3], vivid [1] -> ab [1,H/2,W/2,2], bounded to ±40 Lab units."""

    def __init__(self) -> None:
        random = np.random.default_rng(4)
        shapes = {"first": (3, 3, 4, 12), "second": (3, 3, 12, 12), "third": (3, 3, 12, 12), "last": (1, 1, 12, 2)}
        self.kernels = {
            name: tf.constant(random.normal(0, (1.8 / (shape[0] * shape[1] * shape[2])) ** 0.5, shape), tf.float32)
            for name, shape in shapes.items()
        }
        self.biases = {
            name: tf.constant(random.normal(0, 0.15, shape[3]), tf.float32) for name, shape in shapes.items()
        }

    def __call__(self, luma: tf.Tensor, hints: tf.Tensor, vivid: tf.Tensor) -> tf.Tensor:
        x = tf.concat([luma / 50.0 - 1.0, hints], -1)
        x = tf.nn.relu(self._conv(x, "first", 2))
        x = tf.nn.relu(x + self._conv(x, "second"))
        x = tf.nn.relu(x + self._conv(x, "third"))
        return tf.tanh(self._conv(x, "last")) * 20.0 * (1.0 + tf.reshape(vivid, [1, 1, 1, 1]))

    def _conv(self, x: tf.Tensor, name: str, stride: int = 1) -> tf.Tensor:
        return tf.nn.conv2d(x, self.kernels[name], stride, "SAME") + self.biases[name]


def convert(size: int | None, recipe: str) -> bytes:
    """The network as a TFLite file for one size, or for any."""
    network = Tiny()

    @tf.function(
        input_signature=[
            tf.TensorSpec([1, size, size, 1], tf.float32, "luma"),
            tf.TensorSpec([1, size, size, 3], tf.float32, "hints"),
            tf.TensorSpec([1], tf.float32, "vivid"),
        ]
    )
    def serve(luma: tf.Tensor, hints: tf.Tensor, vivid: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ab": network(luma, hints, vivid)}

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(network, folder, signatures={"serving_default": serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if recipe != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if recipe == "static_wi8_ai8":
            converter.representative_dataset = lambda: examples(size or 64)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return bytes(converter.convert())


def examples(size: int):
    random = np.random.default_rng(5)
    for number in range(40):
        coarse = random.uniform(-10, 110, (1, 6, 6, 1)).astype(np.float32)
        luma = np.clip(tf.image.resize(coarse, (size, size), "bicubic").numpy(), 0, 100)
        hints = np.zeros((1, size, size, 3), np.float32)
        if number % 2:
            hints[:, 10:17, 20:27] = (*random.uniform(-0.6, 0.6, 2), 1.0)
        yield {"luma": luma, "hints": hints, "vivid": np.array([number % 5 / 4], np.float32)}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    made = (("tiny", None, "float16"), ("tiny-fixed", 64, "float16"), ("tiny-fixed-int8", 64, "static_wi8_ai8"))
    for name, size, recipe in made:
        card = Card(
            name=name,
            recipe=recipe,
            height=size,
            width=size,
            fit="squash" if size else "pad",
            ab_scale=2,
            short_side=64,
            hints=True,
            vivid=True,
            twin="tiny-fixed.tflite" if name == "tiny-fixed-int8" else None,
            licence=LICENCE,
            training_data=DATA,
        )
        path = FOLDER / f"{name}.tflite"
        write_model(path, convert(size, recipe), card)
        print(path, path.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
