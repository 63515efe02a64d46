from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from colorize_tf.hints import _blurred, _old_print, aged, simulated_hints

SIZE = 64


def seeds(count: int):
    return [tf.constant([7, number], tf.int64) for number in range(count)]


@pytest.fixture(scope="module")
def truth() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, (SIZE, SIZE, 2)).astype(np.float32))


@pytest.fixture(scope="module")
def drawn(truth) -> np.ndarray:
    draw = tf.function(lambda seed: simulated_hints(truth, seed, 0.0))
    return np.stack([draw(seed).numpy() for seed in seeds(200)])


def test_the_mask_says_where_hints_are(drawn):
    assert set(np.unique(drawn[..., 2])) == {0.0, 1.0}
    assert not drawn[drawn[..., 2] == 0][:, :2].any()
    assert np.abs(drawn[..., :2]).max() <= 1


def test_as_many_photos_without_hints_as_the_distribution_says(drawn):
    empty = (drawn[..., 2].max((1, 2)) == 0).mean()
    assert 0.06 < empty < 0.2  # 1/8


def test_hints_gather_about_the_middle(drawn):
    where = drawn[..., 2].mean(0)
    middle = slice(SIZE // 4, 3 * SIZE // 4)
    assert where[middle, middle].mean() > 1.5 * where.mean()


def test_a_hint_shows_the_mean_of_its_patch():
    flat = tf.constant(np.full((SIZE, SIZE, 2), [0.3, -0.2], np.float32))
    for seed in seeds(20):
        hints = simulated_hints(flat, seed, 0.0).numpy()
        shown = hints[hints[..., 2] == 1][:, :2]
        np.testing.assert_allclose(shown, np.broadcast_to(np.float32([0.3, -0.2]), shown.shape), atol=1e-6)


def test_the_truth_is_shown_where_it_is(truth):
    # A photo of two halves: what a hint says on one side is that side's colour.
    halves = np.zeros((SIZE, SIZE, 2), np.float32)
    halves[:, SIZE // 2 :] = 0.8
    for seed in seeds(20):
        hints = simulated_hints(tf.constant(halves), seed, 0.0).numpy()
        left, right = hints[:, : SIZE // 2 - 9], hints[:, SIZE // 2 + 9 :]
        assert not left[left[..., 2] == 1][:, 0].any()
        assert (right[right[..., 2] == 1][:, 0] > 0.79).all()


def test_hintless_is_the_share_that_gets_none(truth):
    counts = [simulated_hints(truth, seed, 0.6).numpy()[..., 2].max() for seed in seeds(100)]
    assert 0.2 < np.mean(counts) < 0.5


def test_striking_hints_lie_where_colours_are_unusual():
    patch = np.zeros((SIZE, SIZE, 2), np.float32)
    patch[8:24, 40:56] = 0.7
    for striking, wanted in ((0.0, (0.0, 0.2)), (0.5, (0.25, 0.7)), (1.0, (0.75, 1.0))):
        hints = np.stack([simulated_hints(tf.constant(patch), seed, 0.0, striking).numpy() for seed in seeds(60)])
        told = hints[hints[..., 2] == 1]
        assert wanted[0] <= np.mean(told[:, 0] > 0.3) <= wanted[1], striking


def test_where_hints_overlap_they_show_their_mean():
    # Every pixel another colour, so patches differ; a pixel lies between the extremes of the patches around it.
    ramp = np.stack(np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE)), axis=-1).astype(np.float32)
    slope, reach = 2 / (SIZE - 1), 9
    for seed in seeds(30):
        hints = simulated_hints(tf.constant(ramp), seed, 0.0).numpy()
        told = hints[..., 2] == 1
        # A sum in place of the mean would be off by far more than a patch is wide.
        assert np.abs(hints[told][:, :2] - ramp[told]).max(initial=0) <= slope * reach


def test_the_same_seed_draws_the_same(truth):
    seed = tf.constant([1, 2], tf.int64)
    np.testing.assert_array_equal(simulated_hints(truth, seed, 0.0, 0.5), simulated_hints(truth, seed, 0.0, 0.5))


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
