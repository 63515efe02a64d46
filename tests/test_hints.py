from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.hints import hint_draws, hinted

SIZE, MANY = 64, 200


def seeds(count: int):
    return [tf.constant([7, number], tf.int64) for number in range(count)]


@pytest.fixture(scope="module")
def draws() -> tf.Tensor:
    return tf.stack([hint_draws(seed) for seed in seeds(MANY)])


def hints_of(ab: np.ndarray, draws: tf.Tensor, hintless: float = 0.0, **shares: float) -> np.ndarray:
    """ab [S,S,2], or one for each photo, and draws -> hints [photos,S,S,3]."""
    ab = np.broadcast_to(ab, (MANY, SIZE, SIZE, 2)).astype(np.float32)
    x = hinted(tf.fill([MANY, SIZE, SIZE, 1], 0.5), tf.constant(ab), draws, hintless, **shares).numpy()
    assert (x[..., 0] == 0.5).all()
    return x[..., 1:]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (SIZE, SIZE, 2))


@pytest.fixture(scope="module")
def drawn(truth, draws) -> np.ndarray:
    return hints_of(truth, draws)


def test_the_mask_says_where_hints_are(drawn):
    assert set(np.unique(drawn[..., 2])) == {0.0, 1.0}
    assert not drawn[drawn[..., 2] == 0][:, :2].any()
    assert np.abs(drawn[..., :2]).max() <= 1


def test_as_many_photos_without_hints_as_the_distribution_says(drawn):
    empty = (drawn[..., 2].max((1, 2)) == 0).mean()
    assert 0.06 < empty < 0.2  # 1/8


def test_a_photo_has_as_many_hints_as_the_distribution_says(drawn):
    # A patch has 1 to 9 pixels a side, 32 on average, and few of some seven overlap.
    assert 5 < drawn[..., 2].sum((1, 2)).mean() / np.mean(np.square(np.arange(1, 10))) < 8


def test_hints_gather_about_the_middle(drawn):
    where = drawn[..., 2].mean(0)
    middle = slice(SIZE // 4, 3 * SIZE // 4)
    assert where[middle, middle].mean() > 1.5 * where.mean()


def test_hints_that_fall_outside_lie_at_the_rim(draws):
    for draw, corner in ((0.0, 0), (1.0 - 2**-24, SIZE - 1)):
        middles = np.array(draws)
        middles[:, 0, 0], middles[:, 1:3] = 0.99, draw
        assert hints_of(np.zeros((SIZE, SIZE, 2)), tf.constant(middles))[:, corner, corner, 2].all()


def test_a_hint_shows_the_mean_of_its_patch(draws):
    # Each photo of one colour, its own.
    colours = np.random.default_rng(1).uniform(-1, 1, (MANY, 1, 1, 2)).astype(np.float32)
    hints = hints_of(colours, draws)
    shown = hints[..., :2] - colours
    np.testing.assert_allclose(shown[hints[..., 2] == 1], 0.0, atol=1e-5)


def test_the_truth_is_shown_where_it_is(draws):
    # A photo of two halves: what a hint says on one side is that side's colour.
    halves = np.zeros((SIZE, SIZE, 2))
    halves[:, SIZE // 2 :] = 0.8
    hints = hints_of(halves, draws)
    left, right = hints[:, :, : SIZE // 2 - 9], hints[:, :, SIZE // 2 + 9 :]
    assert not left[left[..., 2] == 1][:, 0].any()
    assert (right[right[..., 2] == 1][:, 0] > 0.79).all()


def test_hintless_is_the_share_that_gets_none(truth, draws):
    counts = hints_of(truth, draws, hintless=0.6)[..., 2].max((1, 2))
    assert 0.25 < np.mean(counts) < 0.45  # 0.4 of 7/8


def test_revealed_photos_are_shown_with_all_their_colours_and_the_others_as_they_were(truth, draws):
    for hintless in (0.0, 1.0):
        hints, before = (hints_of(truth, draws, hintless, revealed=share) for share in (0.2, 0.0))
        whole = hints[..., 2].min((1, 2)) == 1
        assert 0.12 < whole.mean() < 0.28
        np.testing.assert_array_equal(
            hints[whole][..., :2], np.broadcast_to(truth, (whole.sum(), SIZE, SIZE, 2)).astype("f")
        )
        np.testing.assert_array_equal(hints[~whole], before[~whole])


def test_striking_hints_lie_where_colours_are_unusual(draws):
    patch = np.zeros((SIZE, SIZE, 2))
    patch[8:24, 40:56] = 0.7
    for striking, wanted in ((0.0, (0.0, 0.2)), (0.5, (0.25, 0.7)), (1.0, (0.75, 1.0))):
        hints = hints_of(patch, draws, striking=striking)
        told = hints[hints[..., 2] == 1]
        assert wanted[0] <= np.mean(told[:, 0] > 0.3) <= wanted[1], striking


def test_what_is_striking_is_found_in_each_photo_by_itself(draws):
    # Gray with a coloured patch, and the reverse: by their mean nothing in either would be striking.
    photos = np.zeros((MANY, SIZE, SIZE, 2))
    photos[1::2] = 0.7
    photos[::2, 8:24, 40:56], photos[1::2, 40:56, 8:24] = 0.7, 0.0
    hints = hints_of(photos, draws, striking=1.0)
    coloured = [np.mean(part[part[..., 2] == 1][:, 0] > 0.35) for part in (hints[::2], hints[1::2])]
    assert coloured[0] > 0.75 and coloured[1] < 0.25


def test_where_hints_overlap_they_show_their_mean(draws):
    # Every pixel another colour, so patches differ; a pixel lies between the extremes of the patches around it.
    ramp = np.stack(np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE)), axis=-1)
    slope, reach = 2 / (SIZE - 1), 9
    hints = hints_of(ramp, draws)
    # A sum in place of the mean would be off by far more than a patch is wide.
    off = np.abs(hints[..., :2] - ramp)[hints[..., 2] == 1]
    assert off.max() <= slope * reach


def test_the_same_seed_draws_the_same(draws):
    np.testing.assert_array_equal(draws[3], hint_draws(seeds(4)[3]))
    assert len({draw.tobytes() for draw in draws.numpy()}) == MANY
