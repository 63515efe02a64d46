"""Run by test_pix2pix_replicas.py in a process of its own, where the CPU can still be split in two; prints JSON.

A process gets one MirroredStrategy: a second one would find the collective operations of the first.
"""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from colorize_tf.models import build

BATCH, STEPS = 8, 3


def trained(strategy: Any, dtype: str, overflow_at: int | None = None) -> dict[str, Any]:
    """Trains a network without chance or batch statistics; at one step the second half of the batch may overflow."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = build("pix2pix-lab", size=32, base_width=4, norm="instance", dropout=0.0, dtype=dtype)
        # Plain SGD where gradients are compared: Adam would hide that they were not averaged but summed.
        players = () if dtype == "mixed_float16" else (keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
        model.compile(*players)
    start = [variable.numpy() for variable in model.trainable_variables]
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (STEPS, BATCH, 32, 32, 1)).astype("float32")
    y = random.uniform(-1, 1, (STEPS, BATCH, 32, 32, 2)).astype("float32")
    if overflow_at is not None:
        y[overflow_at, BATCH // 2 :] = 1e30
    step = tf.function(lambda batch: strategy.run(model.train_step, args=(batch,)), autograph=False)
    for batch in strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices((x, y))):
        step(batch)
    end = [variable.numpy() for variable in model.trainable_variables]
    copies = [strategy.experimental_local_results(variable.value) for variable in model.trainable_variables]
    return {
        "weights": end,
        "finite": bool(all(np.isfinite(value).all() for value in end)),
        "moved": float(min(np.abs(after - before).max() for after, before in zip(end, start, strict=True))),
        "apart": float(max(np.abs(values[0].numpy() - values[-1].numpy()).max() for values in copies)),
        "losses": {name: float(value) for name, value in model.get_metrics_result().items()},
        "scales": [float(player.scale_loss(1.0)) for player in (model.optimizer, model.discriminator_optimizer)],
        "steps": [int(player.iterations.numpy()) for player in (model.optimizer, model.discriminator_optimizer)],
    }


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    runs = {
        "one": trained(tf.distribute.get_strategy(), "float32"),
        "two": trained(mirrored, "float32"),
        "overflow": trained(mirrored, "mixed_float16", overflow_at=1),
    }
    one, two = (runs[name]["weights"] for name in ("one", "two"))
    difference = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
    for run in runs.values():
        del run["weights"]
    print(json.dumps({"difference": float(difference), **runs}))


if __name__ == "__main__":
    main()
