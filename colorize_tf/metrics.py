"""How near, how colourful and how faulty a colorized picture is: NumPy only, RGB uint8 [H,W,3] in, floats out.

Colour is compared in CIE Lab (`colorspace.rgb_to_lab`). `measure` computes everything at once and converts each
picture once; the single functions are for callers that want one number.

    psnr              dB, higher is nearer; inf for identical pictures
    ssim              -1..1, 1 for identical pictures
    colourfulness     Hasler & Süsstrunk 2003: 0 not, 15 slightly, 33 moderately, 45 averagely, 59 quite, 82 highly
    colourfulness_gap |colourfulness - that of the truth|: catches both the brown picture and the gaudy one
    ab_error          mean Euclidean distance of ab, Lab units
    accuracy          % of pixels whose ab lie within 10 Lab units of the truth
    auc               area under that share over all distances from 0 to 150, in % (Zhang 2016, "raw accuracy")
    false_colour      % of all pixels that are near neutral in truth and strongly coloured in the prediction
    edge_error        mean ab distance near the strongest chroma edges of the truth, where bleeding shows
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorize_tf.colorspace import rgb_to_lab

__all__ = [
    "ab_error",
    "accuracy",
    "auc",
    "colourfulness",
    "colourfulness_gap",
    "edge_error",
    "false_colour",
    "measure",
    "psnr",
    "ssim",
]

Image: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]

PEAK = 255.0
SSIM_WINDOW = 11  # Wang, Bovik, Sheikh, Simoncelli 2004, section III-C: 11 x 11 circular Gaussian, σ 1.5,
SSIM_SIGMA = 1.5  # K1 0.01, K2 0.03
SSIM_K = (0.01, 0.03)
NEUTRAL_CHROMA = 8.0  # true chroma below this reads as gray,
VIVID_CHROMA = 25.0  # predicted chroma above this as a colour that nobody overlooks
EDGE_QUANTILE = 0.95  # the strongest 5 % of the gradients of true chroma,
EDGE_REACH = 3  # and everything within 3 px (city-block) of them
ACCURATE = 10.0  # Lab units: the spacing of the 313 colours of Zhang, Isola, Efros 2016
FARTHEST = 150.0  # Lab units, to which section 3.1 there integrates
EDGE_FLOOR = 0.1  # Lab units: weaker gradients are rounding noise of neutral pictures, not edges


def psnr(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> peak signal-to-noise ratio in dB over all channels; inf if they are identical."""
    _check(truth, predicted)
    error = np.square(truth.astype(np.float64) - predicted).mean()
    return float(10 * np.log10(PEAK**2 / error)) if error > 0 else float("inf")


def ssim(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice, sides ≥ 11 px -> structural similarity (Wang 2004), mean over pixels and R, G, B.

    Population covariance, windows wholly inside the picture: equal to `tf.image.ssim(max_val=255)` and to
    scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255`.
    """
    _check(truth, predicted)
    if min(truth.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"`truth`: SSIM needs sides of at least {SSIM_WINDOW} px. Received: shape={truth.shape}")
    c1, c2 = ((k * PEAK) ** 2 for k in SSIM_K)
    similarity = []
    for channel in range(3):  # one at a time stays in the cache: three times the speed of all at once
        x, y = truth[..., channel].astype(np.float64), predicted[..., channel].astype(np.float64)
        mean_x, mean_y, xx, yy, xy = _gaussian_mean(np.stack([x, y, x * x, y * y, x * y]))
        means, products = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
        variances = xx + yy - means
        quotient = (2 * products + c1) * (2 * (xy - products) + c2) / ((means + c1) * (variances + c2))
        similarity.append(quotient.mean())
    return float(np.mean(similarity))


def colourfulness(image: Image) -> float:
    """RGB uint8 [H,W,3] -> M3 of Hasler & Süsstrunk, "Measuring colourfulness in natural images", 2003, eq. 3-5.

    The opponent channels keep their sign, as printed there; a widespread implementation takes absolute values, which
    gives other numbers.
    """
    _check(image, image)
    red, green, blue = (image[..., channel].astype(np.float64) for channel in range(3))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def colourfulness_gap(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> |colourfulness of the prediction - that of the truth|."""
    return abs(colourfulness(predicted) - colourfulness(truth))


def ab_error(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> mean over pixels of the Euclidean distance of ab, in Lab units."""
    return float(_ab_distance(*_ab(truth, predicted)).mean())


def accuracy(truth: Image, predicted: Image, within: float = ACCURATE) -> float:
    """RGB uint8 [H,W,3] twice -> % of pixels whose ab are at most `within` Lab units off."""
    return _accuracy(_ab_distance(*_ab(truth, predicted)), within)


def auc(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> area under `accuracy` over `within` from 0 to 150 Lab units, % of the largest."""
    return _auc(_ab_distance(*_ab(truth, predicted)))


def false_colour(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> % of pixels whose true chroma is < 8 and whose predicted chroma is > 25."""
    return _false_colour(*_ab(truth, predicted))


def edge_error(truth: Image, predicted: Image) -> float:
    """RGB uint8 [H,W,3] twice -> mean ab distance within 3 px of the 5 % strongest Sobel gradients of true chroma.

    NaN where the truth has no chroma edge, as a black-and-white photo has none.
    """
    true_ab, predicted_ab = _ab(truth, predicted)
    return _edge_error(true_ab, _ab_distance(true_ab, predicted_ab))


def measure(truth: Image, predicted: Image) -> dict[str, float]:
    """RGB uint8 [H,W,3] twice, sides ≥ 11 px -> every measure of this module by name."""
    true_ab, predicted_ab = _ab(truth, predicted)
    distance = _ab_distance(true_ab, predicted_ab)
    lively, truly = colourfulness(predicted), colourfulness(truth)
    return {
        "psnr": psnr(truth, predicted),
        "ssim": ssim(truth, predicted),
        "colourfulness": lively,
        "true_colourfulness": truly,
        "colourfulness_gap": abs(lively - truly),
        "ab_error": float(distance.mean()),
        "accuracy": _accuracy(distance),
        "auc": _auc(distance),
        "false_colour": _false_colour(true_ab, predicted_ab),
        "edge_error": _edge_error(true_ab, distance),
    }


def _check(truth: Image, predicted: Image) -> None:
    for name, image in (("truth", truth), ("predicted", predicted)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or image.size == 0:
            raise ValueError(f"`{name}` must be RGB uint8 [H,W,3]. Received: {image.dtype} {image.shape}")
    if truth.shape != predicted.shape:
        raise ValueError(f"`predicted` must have the shape of `truth`. Received: {predicted.shape} and {truth.shape}")


def _gaussian_mean(planes: Floats) -> Floats:
    """[N,H,W] -> [N,H-10,W-10]: the Gaussian mean around every pixel whose window lies inside."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-0.5 * np.square(offsets / SSIM_SIGMA))
    weights /= weights.sum()
    height, width = (side - SSIM_WINDOW + 1 for side in planes.shape[1:])
    rows = np.zeros((len(planes), height, planes.shape[2]))
    for start, weight in enumerate(weights):
        rows += weight * planes[:, start : start + height]
    result = np.zeros((len(planes), height, width))
    for start, weight in enumerate(weights):
        result += weight * rows[:, :, start : start + width]
    return result


def _ab(truth: Image, predicted: Image) -> tuple[Floats, Floats]:
    _check(truth, predicted)
    true_lab, predicted_lab = (rgb_to_lab(image.astype(np.float64) / PEAK) for image in (truth, predicted))
    return true_lab[..., 1:], predicted_lab[..., 1:]


def _ab_distance(true_ab: Floats, predicted_ab: Floats) -> Floats:
    return _chroma(true_ab - predicted_ab)


def _accuracy(distance: Floats, within: float = ACCURATE) -> float:
    return float(100 * (distance <= within).mean())


def _auc(distance: Floats) -> float:
    # A pixel counts from its own distance on: the integral of these steps, exactly.
    return float(100 * np.clip(1 - distance / FARTHEST, 0, 1).mean())


def _chroma(ab: Floats) -> Floats:
    chroma: Floats = np.hypot(ab[..., 0], ab[..., 1])
    return chroma


def _false_colour(true_ab: Floats, predicted_ab: Floats) -> float:
    return float(100 * np.mean((_chroma(true_ab) < NEUTRAL_CHROMA) & (_chroma(predicted_ab) > VIVID_CHROMA)))


def _edge_error(true_ab: Floats, distance: Floats) -> float:
    gradient = _sobel(_chroma(true_ab))
    edges = gradient >= max(np.quantile(gradient, EDGE_QUANTILE), EDGE_FLOOR)
    for _ in range(EDGE_REACH):
        edges = _grow(edges)
    return float(distance[edges].mean()) if edges.any() else float("nan")


def _sobel(plane: Floats) -> Floats:
    """[H,W] -> [H,W]: magnitude of the Sobel gradient per pixel, in units of the plane, borders replicated."""
    padded = np.pad(plane, 1, mode="edge")
    down = (padded[2:] - padded[:-2]) / 2
    across = (padded[:, 2:] - padded[:, :-2]) / 2
    vertical = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 4
    horizontal = (across[:-2] + 2 * across[1:-1] + across[2:]) / 4
    magnitude: Floats = np.hypot(vertical, horizontal)
    return magnitude


def _grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[H,W] -> [H,W]: the mask and its four neighbours."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
