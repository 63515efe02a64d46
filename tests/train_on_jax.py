"""Run by test_models_jax.py in a process of its own, where TensorFlow is blocked and Keras runs on JAX.

Trains a generator from TFRecord shards and prints JSON.
"""

from __future__ import annotations

import json
import sys

import keras
import numpy as np

from colorize_tf import colorspace
from colorize_tf.datasets import open_source
from colorize_tf.errors import InputError
from colorize_tf.models import build

SIZE, BATCH, STEPS = 32, 4, 2


def main(shards: str) -> None:
    photos = open_source(f"tfrecord:{shards}")
    rgb = np.stack([photos.image(index)[:SIZE, :SIZE] for index in range(BATCH * STEPS)]) / np.float32(255)
    lab = colorspace.rgb_to_lab(rgb)
    x, y = colorspace.encode_luma(lab[..., :1]), colorspace.encode_ab(lab[..., 1:])

    keras.utils.set_random_seed(1)
    model = build("pix2pix-lab", size=SIZE, base_width=4)
    try:
        model.compile()
        refusal = ""
    except InputError as error:
        refusal = str(error)

    generator = model.generator
    before = generator.get_weights()
    generator.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), loss="mae")
    history = generator.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    moved = [float(np.abs(a - b).max()) for a, b in zip(generator.get_weights(), before, strict=True)]
    ab = np.asarray(model.colorize(lab[:1, ..., :1]))
    result = {
        "backend": keras.config.backend(),
        "steps": int(generator.optimizer.iterations),
        "loss": history.history["loss"],
        "moved": min(moved),
        "ab": [list(ab.shape), str(ab.dtype), bool(np.isfinite(ab).all())],
        "refusal": refusal,
        "tensorflow": bool(sys.modules["tensorflow"]),
    }
    print(json.dumps(result))
