"""Each measure against a value computed elsewhere: by hand, by scikit-image, by TensorFlow, or printed in a paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from colorize_tf import metrics


def solid(red: int, green: int, blue: int, side: int = 16) -> np.ndarray:
    return np.full((side, side, 3), (red, green, blue), np.uint8)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A smooth coloured picture with an edge, and a noisy, shifted copy: 48 x 40 so that a swapped axis shows."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:48, :40] / 48.0
    truth = np.stack([200 * x + 20, 120 + 80 * np.sin(6 * y), 180 - 160 * x * y], -1)
    truth[20:, 25:] = (90, 60, 200)
    noisy = truth + rng.normal(0, 12, truth.shape) + (6, 0, -9)
    return truth.astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


# === PSNR ===


def test_psnr_by_hand() -> None:
    # Every value 16 apart: 10 log10(255² / 16²) = 24.0484 dB.
    assert metrics.psnr(solid(100, 100, 100), solid(116, 84, 116)) == pytest.approx(24.0484, abs=1e-4)


def test_psnr_equals_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    assert metrics.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-9)


def test_psnr_of_identical_pictures_is_infinite() -> None:
    assert metrics.psnr(solid(1, 2, 3), solid(1, 2, 3)) == math.inf


# === SSIM ===


def test_ssim_equals_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from skimage.metrics import structural_similarity

    theirs = structural_similarity(
        *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1
    )
    assert 0.2 < theirs < 0.9  # a pair on which a wrong constant would show
    assert metrics.ssim(*pair) == pytest.approx(theirs, abs=1e-9)


def test_ssim_equals_tensorflow(pair: tuple[np.ndarray, np.ndarray]) -> None:
    import tensorflow as tf

    assert metrics.ssim(*pair) == pytest.approx(float(tf.image.ssim(*pair, max_val=255)), abs=5e-5)  # theirs is float32


def test_ssim_by_hand() -> None:
    # Flat pictures: only the luminance term is left, (2·100·150 + C1) / (100² + 150² + C1) with C1 = 2.55² = 6.5025.
    assert metrics.ssim(solid(100, 100, 100), solid(150, 150, 150)) == pytest.approx(30006.5025 / 32506.5025, abs=1e-12)


def test_ssim_of_a_tiny_picture_names_the_rule() -> None:
    with pytest.raises(ValueError, match=r"at least 11 px. Received: shape=\(10, 10, 3\)"):
        metrics.ssim(solid(0, 0, 0, side=10), solid(0, 0, 0, side=10))


# === Colourfulness ===


@pytest.mark.parametrize("colours", [[(77, 77, 77)], [(0, 0, 0), (255, 255, 255)]])
def test_colourfulness_of_gray_is_zero(colours: list[tuple[int, int, int]]) -> None:
    assert metrics.colourfulness(np.array([colours], np.uint8)) == 0


def test_colourfulness_by_hand_of_red_green_blue() -> None:
    # rg = 255, -255, 0: mean 0, variance 2/3·255². yb = 127.5, 127.5, -255: mean 0, variance 255²/2.
    # sqrt(43350 + 32512.5) = 275.4315. With absolute values it would be the 206.5 found on the web.
    image = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)]], np.uint8)
    assert metrics.colourfulness(image) == pytest.approx(275.4315, abs=1e-3)


def test_colourfulness_by_hand_of_one_colour() -> None:
    # No spread; rg = 100, yb = 150 - 50 = 100: 0.3·100·sqrt(2).
    assert metrics.colourfulness(solid(200, 100, 50)) == pytest.approx(30 * math.sqrt(2), abs=1e-9)


def test_colourfulness_gap_has_no_sign() -> None:
    gray, red = solid(128, 128, 128), solid(200, 100, 50)
    assert (
        metrics.colourfulness_gap(gray, red) == metrics.colourfulness_gap(red, gray) == pytest.approx(42.426, abs=1e-3)
    )


# === Lab measures ===


def test_ab_error_of_published_colours() -> None:
    # Pure sRGB red is Lab (53.24, 80.09, 67.20), D65 (Lindbloom's calculator): its distance from gray is its chroma.
    assert metrics.ab_error(solid(119, 119, 119), solid(255, 0, 0)) == pytest.approx(math.hypot(80.09, 67.20), abs=0.05)


def test_accuracy_counts_pixels_near_enough(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = pair
    distance = _lab_distance(truth, predicted)
    assert 20 < metrics.accuracy(truth, predicted) < 95
    for within in (metrics.ACCURATE, 3.0, 25.0):
        assert metrics.accuracy(truth, predicted, within) == pytest.approx(100 * (distance <= within).mean())
    assert metrics.accuracy(truth, truth, 0.0) == 100


def test_auc_is_the_area_under_accuracy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy.integrate import trapezoid

    distance = _lab_distance(*pair)
    within = np.linspace(0, 150, 15001)
    share = np.searchsorted(np.sort(distance.ravel()), within, side="right") / distance.size
    assert metrics.auc(*pair) == pytest.approx(100 * trapezoid(share, within) / 150, abs=0.01)
    # Blue is 1.9 · 10² Lab units from yellow: farther than the area reaches.
    assert metrics.auc(solid(0, 0, 255), solid(255, 255, 0)) == 0


def _lab_distance(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    from skimage.color import rgb2lab

    return np.hypot(*np.moveaxis((rgb2lab(truth) - rgb2lab(predicted))[..., 1:], -1, 0))


def test_ab_error_ignores_lightness() -> None:
    assert metrics.ab_error(solid(10, 10, 10), solid(240, 240, 240)) == pytest.approx(0, abs=0.02)


def test_ab_error_equals_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from skimage.color import rgb2lab

    difference = (rgb2lab(pair[0]) - rgb2lab(pair[1]))[..., 1:]
    assert metrics.ab_error(*pair) == pytest.approx(np.sqrt((difference**2).sum(-1)).mean(), abs=1e-3)


def test_false_colour_counts_only_gray_turned_vivid() -> None:
    gray, pale, vivid = (128, 128, 128), (150, 128, 120), (200, 60, 60)  # chroma 0, 11, 58
    truth = np.array([[gray, gray, gray, pale, vivid]], np.uint8)
    predicted = np.array([[gray, pale, vivid, vivid, vivid]], np.uint8)
    assert metrics.false_colour(truth, predicted) == pytest.approx(20.0)


def test_edge_error_equals_a_scipy_reference(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy.ndimage import binary_dilation
    from skimage.color import rgb2lab
    from skimage.filters import sobel

    true_ab, predicted_ab = (rgb2lab(image)[..., 1:] for image in pair)
    gradient = sobel(np.hypot(true_ab[..., 0], true_ab[..., 1]))
    near = binary_dilation(gradient >= np.quantile(gradient, 0.95), iterations=3)
    theirs = np.linalg.norm(true_ab - predicted_ab, axis=-1)[near].mean()
    assert metrics.edge_error(*pair) == pytest.approx(theirs, abs=1e-3)
    assert metrics.edge_error(*pair) != pytest.approx(metrics.ab_error(*pair), abs=0.1)


def test_edge_error_sees_bleeding_that_the_mean_hides() -> None:
    truth = solid(120, 120, 120, side=64)
    truth[:, 32:] = (170, 90, 90)
    bled = truth.copy()
    bled[:, 31] = truth[:, 32]  # one column of colour has crossed the edge
    assert metrics.edge_error(truth, bled) > 5 * metrics.ab_error(truth, bled)


def test_edge_error_of_a_gray_truth_is_undefined() -> None:
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=-1).repeat(16, axis=0)
    assert math.isnan(metrics.edge_error(gray, gray))


# === All at once ===


def test_measure_agrees_with_the_single_functions(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert metrics.measure(*pair) == {
        "psnr": metrics.psnr(*pair),
        "ssim": metrics.ssim(*pair),
        "colourfulness": metrics.colourfulness(pair[1]),
        "true_colourfulness": metrics.colourfulness(pair[0]),
        "colourfulness_gap": metrics.colourfulness_gap(*pair),
        "ab_error": metrics.ab_error(*pair),
        "accuracy": metrics.accuracy(*pair),
        "auc": metrics.auc(*pair),
        "false_colour": metrics.false_colour(*pair),
        "edge_error": metrics.edge_error(*pair),
    }


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (solid(0, 0, 0), solid(0, 0, 0, side=17), "must have the shape of `truth`"),
        (solid(0, 0, 0).astype(np.float32), solid(0, 0, 0), "`truth` must be RGB uint8"),
        (solid(0, 0, 0), solid(0, 0, 0)[..., 0], "`predicted` must be RGB uint8"),
    ],
)
def test_wrong_pictures_are_refused(truth: np.ndarray, predicted: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.measure(truth, predicted)
