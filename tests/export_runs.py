"""Run folders of small networks that have learnt enough to paint: drift of an untrained one would say nothing."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from colorize_tf import colorspace
from colorize_tf.checkpoints import save_best
from colorize_tf.config import DataConfig, RunConfig, TrainConfig, save_config
from colorize_tf.datasets.synthetic import scene
from colorize_tf.families import FAMILIES
from colorize_tf.models import build

PHOTOS = DataConfig(data="synthetic:40", val_share=0.2, test_share=0.2)
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def trained_run(
    folder: Path, name: str = "pix2pix-lab", *, steps: int = 40, precision: str = "float32", **options: object
) -> Path:
    """A network of 32² and 8 channels, unless told otherwise, after a few steps on generated scenes."""
    keras.utils.set_random_seed(1)
    options = {"size": 32, "base_width": 8, **options}
    config = RunConfig(
        preset=name, data=PHOTOS, model=FAMILIES[name](name=name, **options), train=TrainConfig(precision=precision)
    )
    model = build(name, **config.model.options(), dtype=POLICIES[precision])
    model.compile(learning_rate=2e-3)
    model.phase = "l1"
    rgb = np.stack([scene(seed, (model.size, model.size)) for seed in range(40)])
    lab = colorspace.rgb_to_lab(rgb.astype(np.float32) / 255)
    if model.view == "lab":
        x, y = colorspace.encode_luma(lab[..., :1]), colorspace.encode_ab(lab[..., 1:])
    else:
        gray = colorspace.encode_rgb(255 * colorspace.luma_to_gray(lab[..., :1]))
        x, y = np.repeat(gray, 3, axis=-1), colorspace.encode_rgb(rgb)
    model.fit(x, y, batch_size=8, epochs=steps // 5, verbose=0)
    folder.mkdir(parents=True)
    save_config(config, folder / "config.json")
    save_best(folder, model, {})
    return folder
