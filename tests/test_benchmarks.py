"""What a benchmark of training steps compares with computes the same: the same losses, the same gradients."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.models import build


@pytest.fixture
def networks_step(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import networks_step

    return networks_step


@pytest.mark.parametrize("name", ["eccv16", "siggraph17"])
def test_plain_networks_learn_the_same(networks_step: ModuleType, name: str) -> None:
    keras.utils.set_random_seed(1)
    model = build(name, size=32, base_width=2)
    model.phase = networks_step.PHASES.get(name, model.phases[-1])
    network = networks_step.plain(model.generator)
    network.set_weights(model.generator.get_weights())
    random = np.random.default_rng(0)
    x, y = (tf.constant(random.uniform(-0.5, 0.5, (2, 32, 32, count)), tf.float32) for count in model.channels)
    loss = networks_step.LOSSES[name]

    with tf.GradientTape() as tape:
        ours = model._step_losses(x, y, training=True)["g_loss"]
    own = tape.gradient(ours, model.generator.trainable_variables)
    with tf.GradientTape() as tape:
        ends = network(x, training=True)
        pairs = zip(loss, ends, strict=True) if isinstance(loss, list) else [(loss, ends)]
        theirs = sum(tf.reduce_mean(one(y, end)) for one, end in pairs)
    others = tape.gradient(theirs, network.trainable_variables)
    assert float(theirs) == pytest.approx(float(ours), rel=1e-5)
    for a, b in zip(own, others, strict=True):  # with the gates as in the phase that is measured
        np.testing.assert_allclose(a, b, atol=max(1e-5, 1e-3 * np.abs(a).max()))
