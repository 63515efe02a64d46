"""What a picture is measured by, as losses: beside the measures themselves, and with slopes that training survives."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from colorize_tf import metrics
from colorize_tf.picture_losses import NOISE, colourfulness, false_colour, log_error


@pytest.fixture
def photos() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (3, 16, 24, 3)).astype(np.uint8)


def test_colourfulness_is_that_of_the_metrics(photos: np.ndarray) -> None:
    expected = [metrics.colourfulness(photo) for photo in photos]
    np.testing.assert_allclose(colourfulness(tf.constant(photos, tf.float32) / 255), expected, rtol=1e-4)


def test_a_decibel_less_error_is_worth_the_same_in_every_photo(photos: np.ndarray) -> None:
    truth = tf.constant(photos, tf.float32) / 255
    rgb = truth * 0.5
    decibels = [metrics.psnr(photo, np.round(photo * 0.5).astype(np.uint8)) for photo in photos]
    errors = np.exp(log_error(truth, rgb)) - NOISE
    np.testing.assert_allclose(-10 * np.log10(errors), decibels, atol=0.05)
    np.testing.assert_allclose(log_error(truth, truth), np.log(NOISE), rtol=1e-5)


def test_only_colour_where_the_truth_is_gray_is_false() -> None:
    true_ab = np.zeros((2, 4, 4, 2), np.float32)
    true_ab[1] = 20.0
    ab = np.zeros_like(true_ab)
    ab[..., 0] = 32.0
    np.testing.assert_allclose(false_colour(true_ab, ab), [20.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(false_colour(true_ab, ab / 4), [0.0, 0.0])


def test_slopes_are_finite_where_a_picture_is_gray_and_right() -> None:
    rgb = tf.Variable(tf.fill((1, 4, 4, 3), 0.5))
    ab = tf.Variable(tf.zeros((1, 4, 4, 2)))
    with tf.GradientTape(persistent=True) as tape:
        losses = [log_error(tf.fill((1, 4, 4, 3), 0.5), rgb), colourfulness(rgb)]
        false = false_colour(tf.zeros_like(ab), ab)
    for loss in losses:
        assert np.isfinite(tape.gradient(loss, rgb)).all()
    assert np.isfinite(tape.gradient(false, ab)).all()
