"""Optimizers: the fused Adam is Adam, and loss scaling skips what overflows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.models.optimizers import AllReplicasLossScale, FusedAdam, adam, loss_scaled


def after_steps(optimizer: keras.optimizers.Optimizer, steps: int = 5) -> np.ndarray:
    random = np.random.default_rng(0)
    variable = keras.Variable(random.normal(size=(4, 3)).astype("float32"))
    for _ in range(steps):
        optimizer.apply([tf.constant(random.normal(size=(4, 3)), tf.float32)], [variable])
    return variable.numpy()


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.1, "beta_1": 0.5},
        {"learning_rate": keras.optimizers.schedules.PolynomialDecay(0.1, 4), "epsilon": 0.1},
        {"learning_rate": 0.1, "clipnorm": 0.5, "weight_decay": 0.01},
        {"learning_rate": 0.1, "amsgrad": True},
    ],
    ids=["pix2pix", "schedule", "clipping and decay", "amsgrad"],
)
def test_fused_adam_is_keras_adam(options):
    np.testing.assert_allclose(
        after_steps(FusedAdam(**options)), after_steps(keras.optimizers.Adam(**options)), atol=1e-5
    )


def test_fused_adam_moves_by_the_learning_rate_at_first():
    variable = keras.Variable(np.zeros(2, "float32"))
    adam(learning_rate=0.01).apply([tf.constant([5.0, -0.3])], [variable])
    np.testing.assert_allclose(variable.numpy(), [-0.01, 0.01], rtol=1e-4)


def test_fused_adam_round_trips_its_config():
    optimizer = adam(3e-4, 0.6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is FusedAdam and again.get_config() == optimizer.get_config()


def test_only_float16_scales_the_loss():
    assert isinstance(loss_scaled("adam", keras.DTypePolicy("mixed_float16")), AllReplicasLossScale)
    for policy in ("float32", "mixed_bfloat16"):
        assert type(loss_scaled(adam(), keras.DTypePolicy(policy))) is FusedAdam
    given = keras.optimizers.LossScaleOptimizer(adam())
    assert loss_scaled(given, keras.DTypePolicy("mixed_float16")) is given


def test_an_overflow_skips_the_step_and_halves_the_scale():
    optimizer = loss_scaled(adam(), keras.DTypePolicy("mixed_float16"))
    variable = keras.Variable(np.ones(2, "float32"))
    optimizer.apply([tf.constant([1.0, np.inf])], [variable])
    np.testing.assert_array_equal(variable.numpy(), [1, 1])
    assert float(optimizer.dynamic_scale) == 2.0**14
    optimizer.apply([tf.constant([1.0, 2.0])], [variable])
    assert (variable.numpy() < 1).all()
