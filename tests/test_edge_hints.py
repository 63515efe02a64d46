"""Where the colour of a hint goes, in the model that ships."""

import numpy as np
import pytest
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import Hint, TfliteColorizer

SIDE = 256
RED = (200, 40, 30)
BLUR = 4  # pixels at an edge where colours mix: the network gives them at half the size


@pytest.fixture(scope="module")
def colorizer():
    return TfliteColorizer(threads=1)


def rooms(left: int, right: int) -> np.ndarray:
    """Two plastered walls, gray levels 0..255, that meet in the middle: uint8 [256,256,3]."""
    bumps = np.random.default_rng(0).normal(0, 4, (64, 64)).astype(np.float32)
    plaster = np.asarray(Image.fromarray(bumps).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    walls = np.where(np.arange(SIDE) < SIDE // 2, left, right) + plaster
    return np.repeat(np.clip(walls, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize(("left", "right"), [(171, 120), (171, 130), (110, 145), (71, 110)])
def test_red_on_a_gray_wall_spreads_on_it_and_stops_at_its_edge(colorizer, left, right):
    image = rooms(left, right)
    x, y = SIDE // 4, SIDE // 2
    plain, hinted = (
        rgb_to_lab(colorizer(image, hints=hints) / np.float32(255))[..., 1:] for hints in (None, [Hint(x, y, RED)])
    )
    change = np.linalg.norm(hinted - plain, axis=-1)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(columns - x, rows - y)
    same_wall = (columns < SIDE // 2 - 8) & (away > 16) & (away < 48)  # well beyond the hint's own radius
    other_wall = (columns >= SIDE // 2 + BLUR) & (away >= 64)
    assert change[y, x] > 25
    assert np.median(change[same_wall]) > 30
    assert change[other_wall].max() < 3
