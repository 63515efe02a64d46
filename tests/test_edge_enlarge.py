"""Enlarging chroma: samples lie where they should, and colour stays on its side of an edge."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from colorize_tf.edge.enlarge import blend_rows, joint_bilateral, mirror, positions, widen


@pytest.mark.parametrize(("small", "large"), [(5, 40), (16, 23), (7, 7), (1, 9), (30, 307), (60, 200)])
def test_bilinear_agrees_with_pillow(small, large):
    plane = np.random.default_rng(0).normal(0, 30, (small, small)).astype(np.float32)
    expected = np.asarray(Image.fromarray(plane).resize((large, large), Image.Resampling.BILINEAR))
    wide = widen(plane, *positions(0, large, small / large, small))
    base, spare = np.ones((2, large, large), np.float32)
    out = np.empty((2, large, large), np.float32)
    blend_rows(np.stack([wide, -wide]), *positions(0, large, small / large, small), base, out, spare)
    assert np.abs(out - [1 + expected, 1 - expected]).max() < 1e-4


def test_mirror_reflects_without_repeating_the_border():
    assert mirror(np.arange(-3, 8), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert mirror(np.arange(3), 1).tolist() == [0, 0, 0]


def test_constant_chroma_stays_constant():
    luma = np.random.default_rng(2).uniform(0, 100, (48, 64)).astype(np.float32)
    ab = np.stack([np.full((12, 16), 21.0), np.full((12, 16), -8.0)]).astype(np.float32)
    out = joint_bilateral(ab, luma, 4)
    assert np.abs(out - ab[:, :1, :1]).max() < 1e-4


def test_without_edges_in_luma_it_is_bilinear_with_the_means_restored():
    ab = np.random.default_rng(3).normal(0, 20, (2, 9, 11)).astype(np.float32)
    out = joint_bilateral(ab, np.full((36, 44), 50, np.float32), 4)
    means = out.reshape(2, 9, 4, 11, 4).mean((2, 4))
    plain = np.stack([np.asarray(Image.fromarray(p).resize((44, 36), Image.Resampling.BILINEAR)) for p in ab])
    plain_means = plain.reshape(2, 9, 4, 11, 4).mean((2, 4))
    assert np.abs(means - ab).mean() < 0.6 * np.abs(plain_means - ab).mean()


def test_colour_does_not_cross_an_edge_of_luma():
    luma = np.full((64, 64), 20, np.float32)
    luma[:, 30:] = 80  # inside a sample: 30 is no multiple of 8
    ab = np.zeros((2, 8, 8), np.float32)
    ab[0, :, 4:] = 60.0
    ab[0, :, 3] = 15.0  # the mean of the sample that the edge divides: a quarter of it is coloured
    out = joint_bilateral(ab, luma, 8)[0]
    bilinear = np.asarray(Image.fromarray(ab[0]).resize((64, 64), Image.Resampling.BILINEAR))
    dark, bright = slice(20, 30), slice(30, 40)
    assert out[:, dark].mean() < 0.55 * bilinear[:, dark].mean()
    assert out[:, bright].mean() > 1.15 * bilinear[:, bright].mean()


def test_threads_change_nothing():
    random = np.random.default_rng(4)
    ab, luma = random.normal(0, 20, (2, 10, 12)).astype(np.float32), random.uniform(0, 100, (50, 60)).astype(np.float32)
    with ThreadPoolExecutor(3) as executor:
        assert (joint_bilateral(ab, luma, 5, executor) == joint_bilateral(ab, luma, 5)).all()
