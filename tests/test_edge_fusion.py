"""Full-resolution fusion: the photo's own luma stays, chroma gives way, and neither strips nor threads show."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

import colorize_tf.edge.fusion as fusion
from colorize_tf.colorspace import lab_to_rgb, rgb_to_lab
from colorize_tf.edge.fusion import Chroma, fuse, fuse_raster
from colorize_tf.edge.raster import ImageRaster
from colorize_tf.edge.space import KNEE, SRGB, lab_root
from colorize_tf.edge.strip import cube_of
from colorize_tf.errors import InputError

WORST, MEAN = 0.26, 0.08  # L


def smooth(seed, height, width, channels, low, high):
    """A smooth random float32 [height, width, channels]."""
    coarse = np.random.default_rng(seed).uniform(low, high, (5, 6, channels)).astype(np.float32)
    planes = [
        np.asarray(Image.fromarray(coarse[..., c]).resize((width, height), Image.Resampling.BICUBIC))
        for c in range(channels)
    ]
    return np.stack(planes, -1)


def picture(seed, height=120, width=170, channels=3):
    """A picture with smooth parts and noise over the whole range, uint8."""
    random = np.random.default_rng(seed)
    values = smooth(seed, height, width, channels, -20, 275) + random.normal(0, 6, (height, width, channels))
    return (
        np.clip(values, 0, 255)
        .astype(np.uint8)
        .reshape((height, width, channels) if channels == 3 else (height, width))
    )


def luma(image):
    top = 255.0 if image.dtype == np.uint8 else 65535.0
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, -1)
    return rgb_to_lab(rgb.astype(np.float64) / top)[..., 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0, 3, 25, 60, 128])
@pytest.mark.parametrize("edges", [True, False])
def test_luma_stays_even_where_the_colour_does_not_fit(channels, strength, edges):
    image = picture(1, channels=channels)
    ab = smooth(2, 30, 44, 2, -1.5 * strength, 1.5 * strength)
    difference = np.abs(luma(fuse(image, ab, edges=edges)) - luma(image))
    assert difference.max() <= WORST
    assert difference.mean() <= MEAN


def test_luma_stays_for_every_gray_under_every_hue():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 72, 0)
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[:, None].repeat(256, 1)
    for chroma in (20, 80, 150):
        ab = np.stack([chroma * np.cos(angle), chroma * np.sin(angle)], -1).astype(np.float32)
        assert np.abs(luma(fuse(ramp, ab, edges=False)) - luma(ramp)).max() <= WORST


@pytest.mark.parametrize("channels", [1, 3])
def test_luma_stays_under_an_even_tint(channels):
    # There the fractions of the three channels are alike in all pixels, and errors of rounding add up in the mean.
    image = picture(18, 60, 80, channels)
    means = []
    for chroma in (0.3, 0.7, 1, 1.1, 1.5, 2.5, 3, 8, 25, 60, 110):
        for angle in np.linspace(0, 2 * np.pi, 72, endpoint=False):
            ab = np.full((4, 4, 2), chroma * np.array([np.cos(angle), np.sin(angle)]), np.float32)
            difference = np.abs(luma(fuse(image, ab, edges=False, threads=1)) - luma(image))
            assert difference.max() <= WORST
            means.append(difference.mean())
    assert max(means) <= MEAN
    assert np.mean(means) <= MEAN / 2


@pytest.mark.parametrize("strength", [3, 15, 40])
def test_colours_a_hair_apart_have_the_same_codes_or_the_next(strength):
    # So hosts and runtimes agree to 1/255 whose ab differ in the last digits.
    random = np.random.default_rng(19)
    image = random.integers(0, 256, (500, 1000)).astype(np.uint8)
    ab = random.normal(0, strength, (500, 1000, 2)).astype(np.float32)
    nearly = ab * (1 + 1e-5 * random.uniform(-1, 1, ab.shape)).astype(np.float32)
    one, other = (fuse(image, chroma, edges=False).astype(int) for chroma in (ab, nearly))
    off = np.abs(one - other).max(-1)
    assert (off == 1).sum() > 50
    assert off.max() <= 1


def test_colours_close_to_white_are_those_of_sixteen_bits():
    # There a little of red decides how far a colour outside the space is pulled in.
    image = np.repeat(np.arange(225, 256, dtype=np.uint8)[None], 72, 0)
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[:, None].repeat(31, 1)
    ab = 60 * np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    shallow, deep = (fuse(pixels, ab, edges=False) for pixels in (image, image.astype(np.uint16) * 257))
    assert np.abs(shallow - deep / 257).max() <= 5


def test_without_chroma_a_gray_photo_is_unchanged():
    image = picture(3, channels=1)
    assert (fuse(image, np.zeros((8, 8, 2), np.float32)) == image[..., None]).all()


def test_colours_inside_the_space_are_those_of_the_formula():
    image = picture(4, channels=1)
    ab = smooth(5, 120, 170, 2, -14, 14)
    lab = np.concatenate([luma(image)[..., None], ab], -1)
    wanted = lab_to_rgb(lab)
    inside = (np.abs(rgb_to_lab(wanted) - lab).max(-1) < 1e-3) & (luma(image) > 3)
    assert inside.mean() > 0.7
    off = np.abs(fuse(image, ab, edges=False).astype(np.float64) - wanted * 255)[inside]
    # Red and blue become one of the codes on either side; green is rounded, and takes over up to 0.3 from red. Before
    # that red is stirred by 0.6 codes of the photo's gray, which are more where red is the darkest channel.
    assert off[:, 1].max() <= 1.02
    assert off[:, 2].max() <= 1.4
    assert off.max() <= 2
    assert off.mean() <= 0.45


def test_what_does_not_fit_moves_towards_its_neutral_just_far_enough():
    gray = np.full((4, 4), 120, np.uint8)
    out = fuse(gray, np.full((4, 4, 2), (90, -90), np.float32), edges=False)[0, 0].astype(np.float64) / 255
    wanted = np.array([luma(gray)[0, 0], 90.0, -90.0])
    y = (wanted[0] + 16) / 116
    linear = SRGB.from_xyz @ np.array([(y + 90 / 500) ** 3, y**3, (y + 90 / 200) ** 3])
    light = y**3
    share = min(((1 if c > 1 else 0) - light) / (c - light) for c in linear if c > 1 or c < 0)
    expected = SRGB.curves[0].encode(np.clip(light + share * (linear - light), 0, 1))
    assert np.abs(out - expected).max() < 1 / 255
    assert min(out.min(), 1 - out.max()) < 1e-6


def test_the_branchless_cube_is_the_formula():
    def cube(roots):
        twice = np.stack([roots, roots]).astype(np.float32)
        cube_of(twice, np.full(roots.shape, KNEE, np.float32), (np.empty_like(twice), np.empty_like(twice)))
        assert (twice[0] == twice[1]).all()
        return twice[0]

    roots = np.linspace(-0.6, 1.6, 40001, dtype=np.float32)
    expected = np.where(roots > 0.2068966, roots.astype(np.float64) ** 3, (roots - 16 / 116) / 7.787)
    assert np.abs(cube(roots) - expected).max() < 2e-6
    light = np.linspace(0, 1, 10001)
    assert np.abs(cube(lab_root(light)) - light).max() < 1e-6
    assert np.abs(cube(lab_root(light[100:])) - light[100:]).max() < 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_luma_by_table_is_that_of_the_colour_space(dtype, channels):
    image = picture(6, channels=channels).astype(dtype) * (1 if dtype == np.uint8 else 257)
    assert np.abs(SRGB.luma(image) - luma(image)).max() < 0.02


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_keep_luma_far_better(channels):
    image = picture(7, channels=channels).astype(np.uint16) * 257
    out = fuse(image, smooth(8, 30, 40, 2, -70, 70))
    assert out.dtype == np.uint16
    assert np.abs(luma(out) - luma(image)).max() < 0.01


@pytest.mark.parametrize("edges", [True, False])
def test_neither_strips_nor_threads_show(monkeypatch, edges):
    image, ab = picture(9, 531, 397), smooth(10, 66, 50, 2, -60, 60)
    whole = fuse(image, ab, edges=edges, threads=1)
    monkeypatch.setattr(fusion, "BAND_ROWS", 37)
    monkeypatch.setattr(fusion, "SHARED_STRIP_PIXELS", 2000)
    assert np.abs(fuse(image, ab, edges=edges, threads=3).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (300, 7), (200_000, 1)])
@pytest.mark.parametrize("edges", [True, False])
def test_any_size_goes(size, edges):
    image = picture(11, *size)
    out = fuse(image, smooth(12, 16, 8, 2, -30, 30), edges=edges)
    assert out.shape == image.shape
    assert np.abs(luma(out) - luma(image)).max() <= WORST


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_pillow_image_gives_the_same_as_its_array(mode):
    image = picture(13, 240, 320, 3 if mode == "RGB" else 1)
    ab = smooth(14, 32, 44, 2, -50, 50)
    raster = ImageRaster(Image.fromarray(image))
    fuse_raster(raster, Chroma.of(ab))
    assert (np.asarray(raster.result.convert("RGB")) == fuse(image, ab)).all()


@pytest.mark.parametrize(
    "turned", [lambda image: image[..., 1], lambda image: image[::-1, ::-1, 2], lambda image: image[..., 0].T]
)
def test_a_view_gives_the_same_as_its_copy(turned):
    image = np.random.default_rng(1).integers(0, 256, (45, 63, 3), dtype=np.uint8)
    view, ab = turned(image), np.full((8, 8, 2), 20.0, np.float32)
    assert not view.flags.c_contiguous
    assert np.array_equal(fuse(view, ab), fuse(np.ascontiguousarray(view), ab))


def test_chroma_that_reaches_beyond_the_photo_is_cropped():
    image = picture(15, 100, 130, 1)
    ab = smooth(16, 40, 52, 2, -30, 30)
    padded = np.pad(ab, ((0, 8), (0, 4), (0, 0)), mode="reflect")
    for edges in (True, False):
        inner = fuse(image, ab, edges=edges).astype(int)
        outer = fuse(image, Chroma(padded, 40, 52), edges=edges).astype(int)
        assert np.abs(inner - outer)[:-6, :-6].max() <= 1
        assert np.abs(inner - outer).max() <= 40  # at the border the padding has a say


def test_memory_does_not_grow_with_the_number_of_strips():
    image = np.zeros((1500, 2000), np.uint8)
    chroma = Chroma.of(smooth(17, 64, 86, 2, -20, 20))
    fuse(image[:64], chroma)  # tables and pools
    tracemalloc.start()
    fuse(image, chroma, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.size * 3 + 90e6  # the result, and the edge-aware step on two megapixels


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(InputError, match="uint8 or uint16"):
        fuse(image, np.zeros((2, 2, 2), np.float32))


@pytest.mark.shared_data
@pytest.mark.parametrize("factor", [2, 4])
def test_edges_are_worth_half_a_decibel_on_kodak(shared_data, factor):
    gains = []
    for path in sorted((shared_data / "eval" / "kodak24").glob("*.png")):
        with Image.open(path) as opened:
            image = np.asarray(opened.convert("RGB"))
        ab = rgb_to_lab(image.astype(np.float32) / 255)[..., 1:]
        height, width = ab.shape[:2]
        small = ab.reshape(height // factor, factor, width // factor, factor, 2).mean((1, 3))
        errors = [
            np.square(fuse(image, small, edges=edges).astype(np.float32) - image).mean() for edges in (True, False)
        ]
        gains.append(10 * np.log10(errors[1] / errors[0]))
    assert len(gains) == 24
    assert np.mean(gains) >= 0.5, np.mean(gains)
