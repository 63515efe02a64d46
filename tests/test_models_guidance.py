"""Hints that spread: beside the sums written out, and what they must and must not do."""

from __future__ import annotations

import numpy as np
import pytest

from colorize_tf.models.guidance import CELL, FIRM, REACH, STRICT, Likeness, guided

HEIGHT, WIDTH = 4, 6


@pytest.fixture
def keys() -> np.ndarray:
    return np.random.default_rng(2).normal(0, 0.3, (2, HEIGHT, WIDTH, 5)).astype(np.float32)


@pytest.fixture
def ab() -> np.ndarray:
    return np.random.default_rng(4).normal(0, 20, (2, HEIGHT, WIDTH, 2)).astype(np.float32)


def hints(*places: tuple[int, int, int, float]) -> np.ndarray:
    """(photo, row, column, share of the pixel) hinted as a = 55, b = -22."""
    told = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    for photo, row, column, share in places:
        told[photo, row, column] = share * np.array([0.5, -0.2, 1.0])
    return told


def likeness(keys: np.ndarray, told: np.ndarray) -> np.ndarray:
    return Likeness()([keys, told[..., 2:]])


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["no hint", "a hint in one pixel of the cell"])
def test_likeness_falls_with_the_distance_of_features_and_places(keys: np.ndarray, share: float) -> None:
    found = np.asarray(likeness(keys, hints((0, 2, 3, share))))
    places = np.stack(np.broadcast_arrays(*np.ogrid[:HEIGHT, :WIDTH]), axis=-1) / REACH
    points = np.concatenate([keys[0], places], axis=-1)
    # The cell of the hint looks like the hinted pixel alone, any other like the mean of its four.
    cells = points.reshape(HEIGHT // CELL, CELL, WIDTH // CELL, CELL, -1).mean((1, 3))
    if share:
        cells[1, 1] = points[2, 3]
    distance = np.sum((points.reshape(-1, 1, 7) - cells.reshape(1, -1, 7)) ** 2, axis=-1)
    np.testing.assert_allclose(found[0], (1 + STRICT * distance) ** -8, rtol=2e-3)


def test_without_a_hint_nothing_changes(keys: np.ndarray, ab: np.ndarray) -> None:
    np.testing.assert_array_equal(guided(ab, hints(), likeness(keys, hints())), ab)


def test_a_hint_is_heard_where_it_lies_and_by_what_is_like_it(keys: np.ndarray, ab: np.ndarray) -> None:
    keys[0, 0, :2], keys[0, 2, 3] = 0.0, 9.0
    told = hints((0, 0, 0, 1.0))
    found = np.asarray(guided(ab, told, likeness(keys, told)))
    wanted = np.array([55.0, -22.0])
    near, far = np.linalg.norm(found[0] - wanted, axis=-1), np.linalg.norm(ab[0] - wanted, axis=-1)
    assert near[0, 0] < 1.1 / FIRM * far[0, 0]
    assert np.linalg.norm(found[0, 0, 1] - ab[0, 0, 1] - (found[0, 0, 0] - ab[0, 0, 0])) < 0.1 * far[0, 0]
    np.testing.assert_allclose(found[0, 2, 3], ab[0, 2, 3], atol=0.01)  # beyond an edge
    np.testing.assert_array_equal(found[1], ab[1])  # another photo


def test_hints_in_two_cells_add_up(keys: np.ndarray, ab: np.ndarray) -> None:
    one, other = hints((0, 0, 0, 0.5)), hints((0, 2, 4, 0.5))
    both = one + other
    alike = likeness(0.0 * keys, both)
    # Told the same by two, a pixel between them believes it more than told by one.
    error = [np.linalg.norm(np.asarray(guided(ab, told, alike))[0, 1, 2] - [55.0, -22.0]) for told in (one, both)]
    assert error[1] < error[0] < np.linalg.norm(ab[0, 1, 2] - [55.0, -22.0])


def test_a_larger_hint_outweighs_a_smaller_one(keys: np.ndarray, ab: np.ndarray) -> None:
    told = hints((0, 1, 1, 0.9))
    told[0, 1, 2] = 0.05 * np.array([-0.5, 0.2, 1.0])  # the opposite, at a neighbour
    found = np.asarray(guided(0.0 * ab, told, likeness(0.0 * keys, told)))
    assert found[0, 1, 1, 0] > 40 and found[0, 0, 1, 0] > 40
