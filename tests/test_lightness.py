from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from colorize_tf.lightness import _blurred, _old_print, _retake, aged, retaken

SIZE = 64


def seeds(count: int):
    return [tf.constant([7, number], tf.int64) for number in range(count)]


@pytest.fixture(scope="module")
def luma() -> tf.Tensor:
    steps = np.repeat(np.linspace(-0.9, 0.9, SIZE, dtype=np.float32)[None], SIZE, 0)[..., None]
    return tf.constant(steps)


def test_aging_leaves_the_others_as_they_are(luma):
    alike = [np.array_equal(aged(luma, seed, 0.3), luma) for seed in seeds(100)]
    assert 0.55 < np.mean(alike) < 0.85


def test_an_old_print_is_faded_and_in_range(luma):
    olds = np.stack([aged(luma, seed, 1.0).numpy() for seed in seeds(40)])
    assert olds.shape[1:] == luma.shape and olds.min() >= -1 and olds.max() <= 1
    spread = np.ptp(olds[:, :, 8:-8].mean(1), axis=(1, 2))
    assert np.median(spread) < 0.9 * np.ptp(luma.numpy()[:, 8:-8])
    brighter = np.corrcoef(olds.mean((0, 1))[:, 0], luma.numpy().mean(0)[:, 0])[0, 1]
    assert brighter > 0.98  # still the same picture


def test_the_blur_of_an_old_print_is_a_gaussian(luma):
    for sigma in (0.7, 1.9):
        wanted = ndimage.gaussian_filter(luma[..., 0].numpy(), sigma, radius=4, mode="mirror")
        np.testing.assert_allclose(_blurred(luma, tf.constant(sigma))[..., 0], wanted, atol=1e-5)


def test_grain_is_normal_and_of_the_stated_strength():
    side = 256
    words = tf.random.stateless_uniform([side, side, 1], seeds(1)[0], None, None, tf.int32, alg="philox")
    strongest = tf.constant([0.5, 0.0, 0.0, 0.0, 1.0, 0.0])
    grain = 50 * _old_print(side)(tf.zeros([side, side, 1]), strongest, words).numpy()  # units of L
    weights = ndimage.gaussian_filter(np.pad([[1.0]], 4), 0.7, radius=4)
    np.testing.assert_allclose([grain.mean(), grain.std()], [0.0, 6.0 * np.linalg.norm(weights)], atol=0.06)
    kurtosis = np.mean((grain - grain.mean()) ** 4) / grain.var() ** 2
    assert 2.9 < kurtosis < 3.1


def test_an_old_print_has_grain_that_no_two_share():
    flat = tf.zeros([SIZE, SIZE, 1])
    olds = [aged(flat, seed, 1.0).numpy()[..., 0] for seed in seeds(20)]
    grain = np.array([np.std(old) for old in olds])
    assert np.median(grain) > 0.01 and grain.max() < 0.15  # of -1..1; fading alone leaves a flat picture flat
    assert not any(np.array_equal(one, olds[0]) for one in olds[1:])


def fineness(luma: np.ndarray) -> float:
    return float(np.std(luma[..., 0] - ndimage.gaussian_filter(luma[..., 0], 0.7)))


def test_sharpening_adds_fine_detail_of_which_no_two_have_as_much():
    soft = ndimage.gaussian_filter(np.random.default_rng(2).uniform(-1, 1, (SIZE, SIZE)), 0.8)[..., None]
    sharp = [retaken(tf.constant(soft, tf.float32), seed, 3.0, 0.0).numpy() for seed in seeds(40)]
    gained = np.array([fineness(one) for one in sharp]) / fineness(soft)
    assert 1.0 <= gained.min() < 1.4 and 1.8 < gained.max() < 4.0
    assert len(set(gained)) == len(gained)
    assert all(np.corrcoef(one.ravel(), soft.ravel())[0, 1] > 0.9 for one in sharp)  # still the same picture


def test_sharpening_adds_as_much_as_it_was_told():
    edge = np.where(np.arange(SIZE) < 32, -0.3, 0.3).astype(np.float32) * np.ones((SIZE, 1), np.float32)
    wanted = edge + 2.0 * (edge - ndimage.gaussian_filter(edge, 0.7, radius=4, mode="mirror"))
    none = tf.zeros([SIZE, SIZE, 1], tf.int32)
    got = _retake(SIZE)(tf.constant(edge[..., None]), tf.constant(2.0), tf.constant(0.0), none)[..., 0]
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert np.ptp(wanted) > 0.7 > np.ptp(edge)


def test_grain_is_mostly_little_and_no_more_than_was_told():
    flat = tf.zeros([SIZE, SIZE, 1])
    grain = np.array([50 * np.std(retaken(flat, seed, 0.0, 4.0)) for seed in seeds(200)])  # units of L
    assert grain.min() < 0.05 and 3.6 < grain.max() < 4.2
    assert 0.6 < np.median(grain) < 1.4


def test_what_is_retaken_stays_in_range():
    edge = np.where(np.arange(SIZE) < 32, -1.0, 1.0).astype(np.float32) * np.ones((SIZE, 1), np.float32)
    sharp = retaken(tf.constant(0.9 * edge[..., None]), seeds(1)[0], 9.0, 9.0).numpy()
    assert sharp.min() == -1 and sharp.max() == 1
