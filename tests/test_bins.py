from __future__ import annotations

import numpy as np
import pytest

from colorize_tf import bins
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.families import ECCV16Config


def colours(count: int = 2000) -> np.ndarray:
    """ab of random sRGB colours [count,2]."""
    return rgb_to_lab(np.random.default_rng(0).uniform(size=(count, 3)).astype(np.float32))[..., 1:]


def test_bins_are_those_of_the_paper():
    assert bins.BINS.shape == (313, 2)  # section 2.1 of the paper
    assert (bins.BINS % 10 == 0).all()
    assert len({tuple(ab) for ab in bins.BINS}) == 313
    # Every colour of sRGB lies in a bin's square of 10, or just beside one.
    assert np.abs(colours()[:, None] - bins.BINS).max(-1).min(1).max() < 10


@pytest.mark.shared_data
def test_bins_are_in_the_order_of_the_authors_file(shared_data):
    authors = np.load(shared_data.parent / "reference" / "pts_in_hull.npy")
    np.testing.assert_array_equal(bins.BINS, authors)


def test_soft_encoding_takes_the_nearest_bins():
    ab = colours()
    found, weights = (np.asarray(part) for part in bins.soft_encode(ab))
    distances = np.linalg.norm(ab[:, None] - bins.BINS, axis=-1)
    best = np.take_along_axis(found, weights.argmax(-1)[:, None], -1)[:, 0]
    np.testing.assert_allclose(distances[np.arange(len(ab)), best], distances.min(1), atol=1e-4)
    reach = np.sort(distances, axis=1)[:, 4]
    # The table has cells of half a unit, so the fifth may be a near tie with the sixth.
    assert (np.take_along_axis(distances, found, 1).max(1) <= reach + 0.8).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-5)


def test_weights_are_the_papers_gaussian():
    ab = np.float32([[13.0, -4.0]])
    found, weights = (np.asarray(part)[0] for part in bins.soft_encode(ab))
    wanted = np.exp(-np.square(ab - bins.BINS[found]).sum(-1) / 50)
    np.testing.assert_allclose(weights, wanted / wanted.sum(), atol=1e-5)


def test_cross_entropy_is_that_of_dense_targets():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 3, 313)).astype(np.float32)
    found, weights = bins.soft_encode(colours(6).reshape(2, 3, 2))
    dense = np.zeros((2, 3, 313))
    np.put_along_axis(dense, np.asarray(found), np.asarray(weights), -1)
    log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(bins.soft_cross_entropy(logits, found, weights), -(dense * log).sum(-1), atol=1e-5)


def test_certainty_gives_the_bin_itself_and_doubt_the_mean():
    logits = np.zeros((1, 1, 2, 313), np.float32)
    logits[0, 0, 1, 17] = 50.0
    found = np.asarray(bins.expected_ab(logits))[0, 0]
    np.testing.assert_allclose(found[0], bins.BINS.mean(0), atol=1e-3)
    np.testing.assert_allclose(found[1], bins.BINS[17], atol=1e-3)


def test_counting_keeps_every_colour():
    assert bins.bin_counts(colours(500)).sum() == pytest.approx(500, rel=1e-5)


def test_smoothing_spreads_a_bin_over_its_neighbours():
    middle = np.abs(bins.BINS).sum(-1).argmin()
    prior = bins.smoothed(np.eye(313)[middle])
    distances = np.linalg.norm(bins.BINS - bins.BINS[middle], axis=-1)
    assert prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(prior / prior[middle], np.exp(-np.square(distances) / 50), atol=1e-9)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_rarity_has_mean_one_under_the_prior(balance):
    prior = bins.smoothed(bins.bin_counts(colours(500)))
    weights = bins.rarity(prior, balance)
    assert (prior * weights).sum() == pytest.approx(1)
    spread = weights.max() / weights.min()
    assert spread == pytest.approx(1) if balance == 1 else spread > 2


def test_the_least_balance_leaves_colours_that_no_photo_has_a_weight():
    prior = bins.smoothed(bins.bin_counts(np.zeros((4, 2), np.float32)))  # gray alone
    assert (prior == 0).any()
    least = ECCV16Config.__dataclass_fields__["balance"].metadata["low"]
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        weights = bins.rarity(prior, least)
        assert np.isfinite(np.log(weights.astype(np.float32))).all()
