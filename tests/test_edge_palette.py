"""Colours of large gray photos from a table: as exact in luminance, and elsewhere right on average."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from colorize_tf.edge import palette
from colorize_tf.edge.fusion import Chroma, Fusion, fuse, fuse_raster
from colorize_tf.edge.palette import Palette
from colorize_tf.edge.raster import ImageRaster
from colorize_tf.edge.space import SRGB

from .test_edge_fusion import MEAN, WORST, luma, picture, smooth

HEIGHT, WIDTH = 1003, 1402


@pytest.fixture(scope="module")
def photo():
    return picture(20, HEIGHT, WIDTH, channels=1)


@pytest.fixture(scope="module")
def ab():
    return smooth(21, 48, 64, 2, -12, 12)


def without_table(image, ab):
    """As for small photos, for which no table is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(palette, "MOST", 0)
        return fuse(image, ab, edges=False)


def test_luma_is_as_exact_as_without(photo, ab):
    for chroma in (ab, ab + np.float32((30, 40)), np.zeros_like(ab)):
        difference = np.abs(luma(fuse(photo, chroma, edges=False)) - luma(photo))
        assert difference.max() <= WORST
        assert difference.mean() <= MEAN


def test_colours_are_those_of_the_arithmetic_to_a_step_and_on_average_the_same(photo, ab):
    fast, exact = (one.astype(float) for one in (fuse(photo, ab, edges=False), without_table(photo, ab)))
    assert (fast != exact).any()
    assert np.abs(fast - exact).mean() < 0.6
    assert np.abs((fast - exact).mean((0, 1))).max() < 0.02


def test_neither_strips_nor_threads_nor_the_kind_of_raster_show(photo, ab):
    expected = fuse(photo, ab, edges=False, threads=1)
    assert (fuse(photo, ab, edges=False, threads=3) == expected).all()
    raster = ImageRaster(Image.fromarray(photo))
    with ThreadPoolExecutor(2) as executor:
        fuse_raster(raster, Chroma.of(ab), False, executor=executor)
    assert (np.asarray(raster.result)[..., :3] == expected).all()
    rows = Fusion(ImageRaster(Image.fromarray(photo)), Chroma.of(ab), False).rows(501, 777)
    assert (rows[..., :3] == expected[501:777]).all()


@pytest.mark.parametrize("most", [0.4, 30])
def test_table_is_made_where_it_pays(ab, most):
    planes = np.moveaxis(ab, -1, 0) * np.float32(most / 12) * np.float32([1 / 500, -1 / 200])[:, None, None]
    colours = 256 * np.prod(
        [np.ptp(np.floor(plane * unit)) + 2 for plane, unit in zip(planes, (500, 200), strict=True)]
    )
    assert Palette.of(SRGB, planes, 1, int(4 * colours) - 1) is None
    assert Palette.of(SRGB, planes, 1, int(4 * colours)) is not None


def test_only_8_bit_grays_without_the_edge_step_have_one(photo, ab, monkeypatch):
    made = []
    monkeypatch.setattr(Palette, "of", lambda *_: made.append(1))
    for image, edges in ((photo, True), (photo.astype(np.uint16) * 257, False), (picture(22), False)):
        fuse(image, ab, edges=edges)
    assert not made
    fuse(photo, ab, edges=False)
    assert made
