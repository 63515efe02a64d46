"""Sets of features against what is known of normal distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from colorize_tf.errors import InputError
from colorize_tf.frechet import FEW, Distance, caution, frechet, frechet_distance, of_few


def features(count: int, size: int, seed: int) -> np.ndarray:
    """Correlated features, the later ones larger."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, size)) @ random.normal(size=(size, size)) + np.arange(size)


def with_moments(mean: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """A set whose mean is exactly `mean` and whose covariance is exactly diagonal."""
    size = len(mean)
    corners = np.concatenate([np.eye(size), -np.eye(size)]) * deviations
    return mean + corners * math.sqrt((2 * size - 1) / 2)


def test_closed_form_of_independent_features() -> None:
    # Diagonal covariances commute: |μ - ν|² + Σ (σ - τ)².
    x = with_moments(np.array([1.0, -2.0, 0.5]), np.array([1.0, 3.0, 0.2]))
    y = with_moments(np.array([0.0, 2.0, 0.5]), np.array([2.0, 1.0, 0.2]))
    assert frechet_distance(x, y) == pytest.approx((1 + 16 + 0) + (1 + 4 + 0), rel=1e-12)


@pytest.mark.parametrize(("count", "others"), [(60, 45), (60, 12)])
def test_matrix_square_root_of_scipy_gives_the_same(count: int, others: int) -> None:
    from scipy.linalg import sqrtm

    x, y = features(count, 20, 1), features(others, 20, 2)
    root = sqrtm(np.cov(x.T) @ np.cov(y.T))
    theirs = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root.real)
    # Where a covariance has not full rank, the root of the product is what limits the comparison.
    assert frechet_distance(x, y) == pytest.approx(theirs, rel=1e-9 if others > 20 else 1e-4)


def test_fewer_pictures_than_features() -> None:
    x = features(8, 30, 1)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 3.0) == pytest.approx(9 * 30)


def test_interval_covers_what_many_samples_show() -> None:
    truth = features(4000, 6, 5)
    values = [frechet(truth[at : at + 400] + 0.7, truth[2000 + at // 2 :][:400]) for at in range(0, 1600, 400)]
    spread = np.std([one.value for one in values])
    halves = [(one.high - one.low) / 2 for one in values]
    assert all(one.low <= one.value <= one.high and one.count == 400 for one in values)
    assert 0.5 * spread < np.mean(halves) < 8 * spread


def test_few_pictures_have_no_interval() -> None:
    found = frechet(features(19, 4, 1), features(30, 4, 2))
    assert isinstance(found, Distance)
    assert found.count == 19 and math.isnan(found.low) and math.isnan(found.high)


def test_a_distance_of_few_pictures_is_told_of() -> None:
    told = caution(15)
    assert told is not None and "15 pictures" in told and of_few(15) == " (N 15)"
    assert caution(FEW) is None and of_few(FEW) == ""


def test_few_pictures_of_one_kind_are_far_apart() -> None:
    same = np.random.default_rng(1).normal(size=(2 * FEW, 100))
    apart = [frechet_distance(same[:count], same[count : 2 * count]) for count in (15, 60, FEW)]
    # Of 15 pictures nearly all of the two variances, 100 each; it falls as they come to span all directions.
    assert apart[0] > 120 and apart[0] > 1.5 * apart[1] and apart[1] > 1.5 * apart[2]


def test_one_picture_is_no_set() -> None:
    with pytest.raises(InputError, match="at least two pictures"):
        frechet_distance(features(1, 4, 1), features(30, 4, 2))
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(3, 5\)"):
        frechet_distance(features(3, 4, 1), features(3, 5, 1))
