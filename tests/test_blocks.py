"""Building blocks, each against what it claims."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.errors import InputError
from colorize_tf.models.blocks import (
    NORMS,
    UPSAMPLINGS,
    BatchNormalization,
    Blocks,
    InstanceNorm,
    NoiseDropout,
    ReflectionPadding,
    SpectralConv2D,
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, shape).astype("float32")


def test_instance_norm_normalizes_each_channel_of_each_picture():
    x = noise(2, 8, 8, 3)
    y = np.asarray(InstanceNorm()(x))
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), 1, atol=1e-4)


def test_instance_norm_applies_gain_and_bias():
    layer, x = InstanceNorm(), noise(1, 4, 4, 2)
    plain = np.asarray(layer(x))
    layer.set_weights([np.array([2.0, 3.0]), np.array([-1.0, 1.0])])
    np.testing.assert_allclose(layer(x), plain * [2, 3] + [-1, 1], rtol=1e-5)


def test_instance_norm_in_half_precision_keeps_float32_statistics():
    # In float16 the sum over 64² values of 100 would be infinite.
    x = (100 + noise(1, 64, 64, 1)).astype("float16")
    layer = InstanceNorm(dtype="mixed_float16")
    y = layer(x)
    assert y.dtype == "float16" and layer.gamma.dtype == "float32"
    np.testing.assert_allclose(y, InstanceNorm()(x.astype("float32")), atol=2e-3)


def test_instance_norm_round_trips_its_config():
    layer = InstanceNorm(epsilon=1e-3, gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


def test_batch_norm_at_inference_uses_moving_statistics():
    layer = Blocks().normalization("norm")
    layer.build((None, 4, 4, 2))
    gamma, beta, mean, variance = np.float32([[1, 2], [0, 1], [3, -1], [4, 0.25]])
    layer.set_weights([gamma, beta, mean, variance])
    x = noise(1, 4, 4, 2)
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(layer(x, training=False), expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_moves_its_statistics_a_tenth_of_the_way():
    layer = Blocks().normalization("norm")
    x = noise(2, 4, 4, 2)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * x.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * x.var(axis=(0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (1, 2, 2, 2)], ids=str)
def test_fused_batch_norm_is_keras_batch_norm(policy, shape):
    ours, keras_own = (
        kind(momentum=0.9, epsilon=1e-5, dtype=policy) for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    start = [np.float32(value) for value in ([2, -1], [0, 1], [0, 0], [1, 1])]
    results = []
    for layer in (ours, keras_own):
        x = tf.Variable(noise(*shape), dtype=layer.compute_dtype)
        layer.build(shape)
        layer.set_weights(start)
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.cast(y, "float32") * noise(*shape) ** 2)
        assert y.dtype == layer.compute_dtype
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        results.append([y, *gradients, *layer.get_weights()])
    for ours_value, keras_value in zip(*results, strict=True):
        ours_value, keras_value = (np.asarray(value).astype("float32") for value in (ours_value, keras_value))
        scale = np.abs(keras_value).max() + 1
        tolerance = {"float32": 1e-4, "mixed_float16": 5e-3, "mixed_bfloat16": 3e-2}[policy]
        np.testing.assert_allclose(ours_value / scale, keras_value / scale, atol=tolerance)


def test_a_frozen_batch_norm_is_at_rest():
    layer, x = Blocks().normalization("norm"), noise(2, 4, 4, 2)
    layer.build(x.shape)
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for value, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_down_halves_and_up_doubles(norm, upsampling):
    blocks = Blocks(norm, upsampling)
    inputs = keras.Input((8, 8, 3))
    half = blocks.down(inputs, 5, "down")
    assert half.shape == (None, 4, 4, 5)
    assert blocks.up(half, 7, "up").shape == (None, 8, 8, 7)


def test_a_bias_is_where_no_norm_would_cancel_it():
    blocks, inputs = Blocks(), keras.Input((8, 8, 3))
    model = keras.Model(inputs, blocks.up(blocks.down(inputs, 4, "down"), 4, "up", normalize=False))
    assert [model.get_layer(name).use_bias for name in ("down", "up")] == [False, True]


def test_layers_of_one_shape_start_with_different_weights_from_n_0_002():
    first, second = (Blocks().convolution(64, 4, f"conv{i}") for i in range(2))
    for layer in (first, second):
        layer.build((None, 8, 8, 64))
    a, b = first.kernel.numpy(), second.kernel.numpy()
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05
    assert a.mean() == pytest.approx(0, abs=5e-4) and a.std() == pytest.approx(0.02, rel=0.03)


def test_bilinear_upsampling_of_a_flat_picture_is_flat():
    inputs = keras.Input((4, 4, 1))
    blocks = Blocks(upsampling="bilinear")
    inner = keras.Model(inputs, blocks.up(inputs, 1, "up", normalize=False))(np.ones((1, 4, 4, 1), "float32"))
    np.testing.assert_allclose(
        inner[0, 2:-2, 2:-2], np.full((4, 4, 1), inner[0, 2, 2]), rtol=1e-5
    )  # "same" padding ends at the rim


def test_noise_dropout_drops_at_inference_too():
    x = np.ones((1, 64, 64, 1), "float32")
    once, twice = (np.asarray(NoiseDropout(0.5, seed=seed)(x, training=False)) for seed in (1, 2))
    assert set(np.unique(once)) == {0.0, 2.0}
    assert (once != twice).any()
    assert (np.asarray(keras.layers.Dropout(0.5)(x, training=False)) == 1).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"norm": "group"}, "norm: must be one of batch, instance. Received: group."),
        ({"upsampling": "nearest"}, "upsampling: must be one of transposed, bilinear. Received: nearest."),
    ],
)
def test_an_unknown_choice_is_refused_with_the_valid_ones(options, said):
    with pytest.raises(InputError) as caught:
        Blocks(**options)
    assert str(caught.value).strip() == said


def test_weights_of_keras_batch_norm_can_be_loaded(tmp_path):
    def network(kind: type[keras.layers.Layer]) -> keras.Model:
        inputs = keras.Input((4, 4, 2))
        return keras.Model(inputs, kind()(keras.layers.Conv2D(3, 1)(inputs)))

    theirs, ours = network(keras.layers.BatchNormalization), network(BatchNormalization)
    theirs.layers[-1].set_weights([np.full(3, value, np.float32) for value in (2, 1, 0.5, 3)])
    theirs.save_weights(tmp_path / "x.weights.h5")
    ours.load_weights(tmp_path / "x.weights.h5")
    for saved, loaded in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, loaded)


def test_reflection_shows_the_mirror_image_beyond_the_edge():
    x = noise(1, 4, 5, 2)
    expected = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    layer = ReflectionPadding(2)
    np.testing.assert_array_equal(layer(x), expected)
    assert layer.compute_output_shape((None, 4, None, 2)) == (None, 8, None, 2)
    assert ReflectionPadding.from_config(layer.get_config()).pixels == 2


def test_a_spectral_convolution_has_norm_one():
    layer, x = SpectralConv2D(6, 3, use_bias=False), noise(1, 8, 8, 4)
    for _ in range(60):
        layer(x, training=True)
    kernel = np.asarray(layer.kernel)
    largest = np.linalg.svd(kernel.reshape(-1, 6), compute_uv=False)[0]
    plain = keras.layers.Conv2D(6, 3, use_bias=False)
    plain.build(x.shape)
    plain.set_weights([kernel / largest])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-3, atol=1e-3)


def test_a_spectral_norm_is_estimated_in_training_alone_and_lets_gradients_pass():
    layer, x = SpectralConv2D(3, 3), noise(1, 6, 6, 2)
    layer(x)
    before = np.array(layer.direction)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.direction, before)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
    assert np.abs(tape.gradient(loss, layer.kernel.value)).max() > 0
    assert np.abs(np.array(layer.direction) - before).max() > 0
    half = SpectralConv2D(3, 3, dtype="mixed_float16")
    assert half(x).dtype == "float16" and half.direction.dtype == "float32"
