"""Colour as a choice among 313 bins of ab (Zhang, Isola & Efros 2016, arXiv:1603.08511, section 2).

A network that must answer with one colour answers with the mean of all plausible ones, which is brown. One that gives
each bin a probability can say "red or blue"; how bold the colour made of that answer is, `expected_ab` leaves open.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from keras import ops

__all__ = [
    "BINS",
    "bin_counts",
    "expected_ab",
    "nearest_bins",
    "rarity",
    "smoothed",
    "soft_cross_entropy",
    "soft_encode",
]

# A tensor of whichever backend Keras runs on: there is no static type for it.
Tensor = Any

# The cells of a grid of 10 that sRGB reaches: for each a from -90 to 100 a run of b, in the order of the authors' file.
_FIRST = (50, 20, 0, -20, -30, -40, -50, -50, -60, -70, -80, -80, -90, -100, -100, -110, -110, -110, -110, -90)
_LAST = (90, 90, 90, 90, 100, 100, 100, 100, 100, 100, 90, 90, 90, 90, 80, 80, 80, 70, 70, 0)
_RUNS = zip(range(-90, 101, 10), _FIRST, _LAST, strict=True)
BINS = np.array([(a, b) for a, first, last in _RUNS for b in range(first, last + 1, 10)], np.float32)

NEIGHBOURS = 5
SIGMA = 5.0  # of the Gaussian over the neighbours, and of the one that smooths the prior
_REACH = 128  # |a| and |b| of every colour are below
_PER_UNIT = 2  # cells of the table of neighbours per unit of ab: fine enough for the nearest bin to be right


def soft_encode(ab: Tensor) -> tuple[Tensor, Tensor]:
    """ab [...,2] in Lab units -> its five nearest bins, int32 [...,5], and their weights, float32 [...,5] of sum 1."""
    ab = ops.cast(ab, "float32")
    last = 2 * _REACH * _PER_UNIT - 1
    cell = ops.cast(ops.clip(ops.round(ab * _PER_UNIT) + _REACH * _PER_UNIT, 0, last), "int32")
    # A table, as sorting 313 distances for every pixel takes twenty times as long.
    bins = ops.take(ops.convert_to_tensor(nearest_bins()), cell[..., 0] * (last + 1) + cell[..., 1], axis=0)
    distances = ops.sum(ops.square(ab[..., None, :] - ops.take(ops.convert_to_tensor(BINS), bins, axis=0)), axis=-1)
    return bins, ops.softmax(-distances / (2 * SIGMA**2), axis=-1)


def soft_cross_entropy(logits: Tensor, bins: Tensor, weights: Tensor) -> Tensor:
    """Logits [...,313] and a soft choice as `soft_encode` gives it -> cross entropy in nats, float32 [...]."""
    logits = ops.cast(logits, "float32")
    chosen = ops.take_along_axis(logits, bins, axis=-1)
    return ops.logsumexp(logits, axis=-1) - ops.sum(weights * chosen, axis=-1)


def expected_ab(logits: Tensor) -> Tensor:
    """Logits [B,h,w,313] -> the mean ab of the distribution they stand for, float32 [B,h,w,2] in Lab units."""
    # A product with a kernel of 1x1, which runtimes do faster than one of matrices.
    return ops.conv(ops.softmax(ops.cast(logits, "float32"), axis=-1), ops.convert_to_tensor(BINS[None, None]))


def bin_counts(ab: np.ndarray) -> np.ndarray:
    """ab [...,2] in Lab units -> how often each bin occurs, float64 [313]."""
    bins, weights = (ops.convert_to_numpy(part).ravel() for part in soft_encode(ab))
    return np.bincount(bins, weights, len(BINS))


def smoothed(counts: np.ndarray) -> np.ndarray:
    """How often each bin occurs [313] -> probabilities [313] of sum 1, blurred over neighbouring bins."""
    distances = np.square(BINS[:, None] - BINS).sum(-1)
    blur = np.exp(-distances / (2 * SIGMA**2))
    prior = (counts / counts.sum()) @ (blur / blur.sum(1, keepdims=True))
    return prior / prior.sum()


def rarity(prior: np.ndarray, balance: float) -> np.ndarray:
    """Prior [313] -> weight of each bin in the loss [313], of mean 1 under the prior.

    `balance` is the paper's λ: the share of a uniform distribution mixed into the prior; 1 weighs all bins alike.
    """
    weights = 1.0 / ((1.0 - balance) * prior + balance / len(BINS))
    return weights / (prior * weights).sum()


@functools.lru_cache(maxsize=1)
def nearest_bins() -> np.ndarray:
    """The five bins nearest to each cell of a fine grid of ab, int32 [cells, 5]; cell = 512 (2 a + 256) + 2 b + 256."""
    axis = np.arange(-_REACH, _REACH, 1 / _PER_UNIT, np.float32)
    along_b = np.square(axis[:, None] - BINS[:, 1])
    rows = [np.argpartition(np.square(a - BINS[:, 0]) + along_b, NEIGHBOURS)[:, :NEIGHBOURS] for a in axis]
    return np.concatenate(rows).astype(np.int32)
