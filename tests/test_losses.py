"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from colorize_tf import losses
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss

SCORES = np.array([[2.0, -1.0], [0.0, 0.5]], "float32")


def log_loss(logit: float, target: float) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -(target * math.log(probability) + (1 - target) * math.log(1 - probability))


def test_l1_is_the_mean_absolute_difference():
    assert float(losses.l1(np.array([1.0, -2.0, 0.5]), np.array([0.0, 2.0, 0.5]))) == pytest.approx(5 / 3)


def test_l2_is_the_mean_squared_difference():
    assert float(losses.l2(np.array([1.0, -2.0, 0.5]), np.array([0.0, 2.0, 0.5]))) == pytest.approx(17 / 3)


def test_huber_is_squared_below_delta_and_absolute_above():
    given = np.array([0.1, 0.5, -2.0])
    expected = np.mean([0.1**2 / 1.0, 0.5**2 / 1.0, 2.0 - 0.25])
    assert float(losses.huber(given, np.zeros(3), 0.5)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("target", [0.0, 0.9, 1.0])
def test_cross_entropy_on_logits_is_that_of_their_probabilities(target):
    expected = np.mean([log_loss(float(logit), target) for logit in SCORES.flat])
    assert float(losses.binary_cross_entropy(SCORES, target)) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_an_undecided_discriminator_is_ln_2():
    vanilla = AdversarialLoss("vanilla")
    undecided = np.zeros((1, 30, 30, 1), "float32")
    for loss in (vanilla.real, vanilla.fake, vanilla.generator):
        assert float(loss(undecided)) == pytest.approx(math.log(2))


def test_cross_entropy_stays_finite_for_extreme_logits():
    assert float(losses.binary_cross_entropy(np.array([1e4, -1e4], "float32"), 1.0)) == pytest.approx(5e3)


def test_least_squares_by_hand():
    lsgan = AdversarialLoss("lsgan")
    assert float(lsgan.real(SCORES)) == pytest.approx((1 + 4 + 1 + 0.25) / 4)
    assert float(lsgan.fake(SCORES)) == pytest.approx((4 + 1 + 0 + 0.25) / 4)
    assert float(lsgan.generator(SCORES)) == pytest.approx((1 + 4 + 1 + 0.25) / 4)


def test_hinge_by_hand():
    hinge = AdversarialLoss("hinge")
    assert float(hinge.real(SCORES)) == pytest.approx((0 + 2 + 1 + 0.5) / 4)
    assert float(hinge.fake(SCORES)) == pytest.approx((3 + 0 + 1 + 1.5) / 4)
    assert float(hinge.generator(SCORES)) == pytest.approx(-(2 - 1 + 0 + 0.5) / 4)


def test_label_smoothing_lowers_the_target_of_real_pictures_alone():
    plain, smooth = AdversarialLoss("vanilla"), AdversarialLoss("vanilla", label_smoothing=0.1)
    expected = np.mean([log_loss(float(logit), 0.9) for logit in SCORES.flat])
    assert float(smooth.real(SCORES)) == pytest.approx(expected, rel=1e-6)
    assert float(smooth.fake(SCORES)) == float(plain.fake(SCORES))
    assert float(smooth.generator(SCORES)) == float(plain.generator(SCORES))
    assert float(AdversarialLoss("lsgan", 0.1).real(np.array([0.9], "float32"))) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", losses.GAN_LOSSES)
def test_losses_of_half_precision_scores_are_float32(kind):
    scores = SCORES.astype("float16")
    for loss in (AdversarialLoss(kind).real, AdversarialLoss(kind).fake, AdversarialLoss(kind).generator):
        assert loss(scores).dtype == "float32"


@pytest.mark.parametrize(
    ("kind", "smoothing", "said"),
    [
        ("wgan", 0.0, "gan_loss: must be one of vanilla, lsgan, hinge. Received: wgan."),
        ("vanilla", 0.5, "label_smoothing: must be at least 0 and below 0.5. Received: 0.5."),
        ("hinge", 0.1, "label_smoothing: needs a loss with labels, which hinge has not. Received: 0.1."),
    ],
)
def test_what_makes_no_sense_is_refused(kind, smoothing, said):
    with pytest.raises(InputError) as caught:
        AdversarialLoss(kind, smoothing)
    assert said in str(caught.value)
