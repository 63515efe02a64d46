"""The colour formulas against scikit-image, published values, and each other."""

import numpy as np
import pytest
import skimage.color

from colorize_tf import colorspace

GRID = np.stack(np.meshgrid(*[np.linspace(0, 1, 33)] * 3, indexing="ij"), -1).reshape(-1, 3)

# Lindbloom's CIE colour calculator, sRGB with D65, no adaptation: sRGB 0..255 -> Lab.
PUBLISHED = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (53.2408, 80.0925, 67.2032),
    (0, 255, 0): (87.7347, -86.1827, 83.1793),
    (0, 0, 255): (32.2970, 79.1875, -107.8602),
    (255, 255, 0): (97.1393, -21.5537, 94.4780),
    (0, 255, 255): (91.1132, -48.0875, -14.1312),
    (255, 0, 255): (60.3242, 98.2343, -60.8249),
    (128, 128, 128): (53.5850, 0.0, 0.0),
}


def tensor_kinds():
    import keras
    import tensorflow as tf

    return {"numpy": np.asarray, "tensorflow": tf.convert_to_tensor, "keras": lambda x: keras.Variable(x)}


@pytest.mark.parametrize("kind", ["numpy", "tensorflow", "keras"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rgb_to_lab_equals_scikit_image_on_the_whole_grid(kind, dtype):
    found = np.asarray(colorspace.rgb_to_lab(tensor_kinds()[kind](GRID.astype(dtype))))
    np.testing.assert_allclose(found, skimage.color.rgb2lab(GRID), atol=1e-3)


@pytest.mark.parametrize("kind", ["numpy", "tensorflow", "keras"])
def test_lab_to_rgb_equals_scikit_image_on_the_whole_grid(kind):
    lab = skimage.color.rgb2lab(GRID)
    found = np.asarray(colorspace.lab_to_rgb(tensor_kinds()[kind](lab.astype("float32"))))
    np.testing.assert_allclose(found, skimage.color.lab2rgb(lab), atol=1e-3)
    np.testing.assert_allclose(found, GRID, atol=1e-3)


@pytest.mark.parametrize(("rgb", "lab"), PUBLISHED.items())
def test_published_values(rgb, lab):
    found = colorspace.rgb_to_lab(np.array(rgb) / 255)
    np.testing.assert_allclose(found, lab, atol=0.02)


def test_every_8_bit_colour_survives_the_round_trip():
    values = np.arange(0, 256, 5)
    rgb = np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3).astype(np.uint8)
    back = colorspace.lab_to_rgb(colorspace.rgb_to_lab(rgb.astype("float32") / 255))
    np.testing.assert_array_equal(np.round(back * 255).astype(np.uint8), rgb)


def test_runs_inside_a_tf_data_graph():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensors(GRID.astype("float32")).map(colorspace.rgb_to_lab)
    np.testing.assert_allclose(next(iter(dataset)).numpy(), colorspace.rgb_to_lab(GRID), atol=1e-3)


@pytest.mark.parametrize("kind", ["numpy", "tensorflow"])
def test_bytes_to_lab_equals_rgb_to_lab(kind):
    steps = np.unique(np.concatenate([np.arange(0, 256, 5), np.arange(24)]))  # the short ones about the curve's bend
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3).astype(np.uint8)
    found = np.asarray(colorspace.rgb8_to_lab(tensor_kinds()[kind](grid)))
    np.testing.assert_allclose(found, colorspace.rgb_to_lab(grid / 255), atol=3e-4)


def test_gray_has_the_stated_weights():
    assert colorspace.rgb_to_gray(np.eye(3)).tolist() == pytest.approx([0.2989, 0.5870, 0.1140])
    assert colorspace.rgb_to_gray(np.full((1, 3), 200, np.uint8)) == pytest.approx(200 * 0.9999)


def test_luma_to_gray_inverts_the_l_of_neutrals():
    gray = np.linspace(0, 1, 256)
    luma = skimage.color.rgb2lab(np.repeat(gray[:, None], 3, 1))[:, 0]
    np.testing.assert_allclose(colorspace.luma_to_gray(luma), gray, atol=1e-4)


def test_network_ranges_and_their_inverses():
    np.testing.assert_allclose(colorspace.encode_rgb(np.array([0, 127.5, 255])), [-1, 0, 1])
    np.testing.assert_allclose(colorspace.encode_luma(np.array([0, 50, 100])), [-1, 0, 1])
    np.testing.assert_allclose(colorspace.encode_ab(np.array([-110, 0, 110])), [-1, 0, 1])
    values = np.linspace(-1, 1, 7)
    for encode, decode in (
        (colorspace.encode_rgb, colorspace.decode_rgb),
        (colorspace.encode_luma, colorspace.decode_luma),
        (colorspace.encode_ab, colorspace.decode_ab),
    ):
        np.testing.assert_allclose(encode(decode(values)), values, atol=1e-7)


def test_ab_of_every_srgb_colour_is_inside_the_network_range():
    assert np.abs(colorspace.encode_ab(colorspace.rgb_to_lab(GRID)[:, 1:])).max() < 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_are_finite_at_black_and_white(value):
    import tensorflow as tf

    rgb = tf.fill((1, 3), value)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rgb)
        lab = colorspace.rgb_to_lab(rgb)
        back = colorspace.lab_to_rgb(lab)
        gray = colorspace.luma_to_gray(lab[..., 0])
    for result in (lab, back, gray):
        gradient = tape.gradient(result, rgb).numpy()
        assert np.isfinite(gradient).all()
    assert np.abs(tape.gradient(lab, rgb).numpy()).max() > 1


def wild_lab():
    random = np.random.default_rng(0)
    return np.stack([random.uniform(0, 100, 5000), *random.uniform(-128, 128, (2, 5000))], -1)


def test_gamut_clip_keeps_luma_and_hue_and_lowers_chroma():
    lab = wild_lab()
    clipped = colorspace.gamut_clip(lab)
    np.testing.assert_allclose(clipped[:, 0], lab[:, 0])
    before, after = np.hypot(*lab[:, 1:].T), np.hypot(*clipped[:, 1:].T)
    assert (after <= before + 1e-9).all()
    np.testing.assert_allclose(lab[:, 1] * after, clipped[:, 1] * before, atol=1e-6)
    np.testing.assert_allclose(lab[:, 2] * after, clipped[:, 2] * before, atol=1e-6)


def test_gamut_clip_lands_inside_and_not_needlessly_deep():
    clipped = colorspace.gamut_clip(wild_lab())
    shown = colorspace.rgb_to_lab(colorspace.lab_to_rgb(clipped))
    assert np.abs(shown - clipped).max() < 0.5
    further = clipped * [1, 1.05, 1.05]
    was_clipped = np.abs(clipped - wild_lab()).max(-1) > 1
    outside = np.abs(colorspace.rgb_to_lab(colorspace.lab_to_rgb(further)) - further).max(-1) > 0.02
    assert outside[was_clipped & (np.abs(clipped[:, 1:]).max(-1) > 5)].mean() > 0.99


def test_gamut_clip_leaves_colours_inside_alone():
    lab = colorspace.rgb_to_lab(GRID)
    np.testing.assert_allclose(colorspace.gamut_clip(lab), lab, atol=1e-6)


def test_dtype_is_kept_for_floats_and_integers_become_float32():
    assert colorspace.rgb_to_lab(np.zeros(3)).dtype == np.float64
    assert colorspace.rgb_to_lab(np.zeros(3, np.float32)).dtype == np.float32
    assert colorspace.encode_rgb(np.zeros(3, np.uint8)).dtype == np.float32
