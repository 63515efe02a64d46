"""How far apart two sets of pictures are as sets: the Fréchet distance of their features, NumPy only.

Both sets are taken for normal distributions of features (Heusel et al. 2017, arXiv:1706.08500, equation 6). What a
distance means depends on the network that gave the features, so it is named after that network, and distances of
different networks, sizes or numbers of pictures cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorize_tf.errors import InputError

__all__ = ["FEW", "GROUPS", "Distance", "caution", "frechet", "frechet_distance", "of_few"]

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

GROUPS = 10  # of the jackknife
# Below, a distance tells more of the number of pictures than of the pictures: two sets of 300 photos of one kind, drawn
# apart, are 43 apart by `mobilenet-v1-1.0-dw13`; the same photos with and without colour are 28.
FEW = 300
NORMAL_95 = 1.959964  # half a 95 % interval of the normal distribution, in standard errors


@dataclass(frozen=True)
class Distance:
    """A Fréchet distance with its 95 % interval, NaN where there are too few pictures for one."""

    value: float
    low: float
    high: float
    count: int  # pictures of the smaller set


def frechet(x: Floats, y: Floats) -> Distance:
    """Features [N,D] and [M,D] -> their distance with its sampling error.

    The error is that of the jackknife over groups (Efron 1993, chapter 11), which leaves out a tenth of both sets at a
    time. A bootstrap would count pictures twice, and sets with repetitions are further apart than the sets they are of.
    Row k of x and of y leave together, so pictures of the same photo stay together.
    """
    value, count = frechet_distance(x, y), min(len(x), len(y))
    if count < 2 * GROUPS:
        return Distance(value, math.nan, math.nan, count)
    rest = [frechet_distance(_without(x, group), _without(y, group)) for group in range(GROUPS)]
    error = math.sqrt((GROUPS - 1) * float(np.var(rest)))
    return Distance(value, max(0.0, value - NORMAL_95 * error), value + NORMAL_95 * error, count)


def of_few(count: int) -> str:
    """Pictures of the smaller set -> what to put behind a distance: their number where it is below `FEW`, else ""."""
    return f" (N {count})" if count < FEW else ""


def caution(count: int) -> str | None:
    """Pictures of the smaller set -> a line that says what a distance of so few is worth, None if they are enough."""
    if count >= FEW:
        return None
    return (
        f"Fréchet distance: {count} pictures are few (below {FEW}): sets of so few are far apart even where both show "
        "the same kind of thing; compare it with distances of as many pictures only"
    )


def frechet_distance(x: Floats, y: Floats) -> float:
    """Features [N,D] and [M,D], N and M at least 2 -> |μx - μy|² + tr(Σx + Σy - 2 (Σx Σy)^½), covariances unbiased."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"`x` and `y` must be [N,D] and [M,D]. Received: {x.shape} and {y.shape}")
    if min(len(x), len(y)) < 2:
        raise InputError("Fréchet distance", "needs at least two pictures in each set", f"{len(x)} and {len(y)}")
    (mean_x, a), (mean_y, b) = (_centred(features) for features in (x, y))
    # Σx = aᵀa and Σy = bᵀb, so Σx Σy has the eigenvalues of (a bᵀ)(a bᵀ)ᵀ, and the trace of its root is the sum of the
    # singular values of a bᵀ: exact also where there are fewer pictures than features and no covariance has full rank.
    common = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = np.square(mean_x - mean_y).sum() + np.square(a).sum() + np.square(b).sum() - 2 * common
    return max(0.0, float(distance))


def _centred(features: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[N,D] -> the mean [D], and a [min(N,D),D] with aᵀa the covariance."""
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    values = (values - mean) / math.sqrt(len(values) - 1)
    if len(values) > values.shape[1]:
        values = np.asarray(np.linalg.qr(values, mode="r"))
    return mean, values


def _without(features: Floats, group: int) -> Floats:
    kept: Floats = features[np.arange(len(features)) % GROUPS != group]
    return kept
