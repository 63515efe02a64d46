"""What `evaluate` measures of a picture, as losses: each photo of a batch counts alike, and each has a gradient.

A mean of squares listens to the few photos that it gets most wrong. PSNR is a logarithm, so that in its mean a tenth
less error is worth the same in every photo.
"""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["colourfulness", "false_colour", "log_error"]

Tensor = Any

NOISE = 3e-4  # of the squared error in RGB, 35 dB: below it nothing more is to be gained
GRAY, COLOURED = 8.0, 12.0  # chroma of what counts as gray, and from which on colour there is called false


def log_error(truth: Tensor, rgb: Tensor) -> Tensor:
    """sRGB float32 [B,H,W,3] in 0..1 twice -> ln of each photo's mean squared error, [B]; a dB is 0.23 of it."""
    return ops.log(ops.mean(ops.square(rgb - truth), axis=(1, 2, 3)) + NOISE)


def colourfulness(rgb: Tensor) -> Tensor:
    """sRGB float32 [B,H,W,3] in 0..1 -> M3 of Hasler & Süsstrunk 2003 in units of 0..255, [B], as in `metrics`."""
    red, green, blue = (255.0 * rgb[..., channel] for channel in range(3))
    opponents = [red - green, (red + green) / 2 - blue]
    means = [ops.mean(channel, axis=(1, 2)) for channel in opponents]
    spread = [ops.var(channel, axis=(1, 2)) for channel in opponents]
    # A root has no finite slope at 0, where a gray picture is.
    return ops.sqrt(spread[0] + spread[1] + 1e-3) + 0.3 * ops.sqrt(ops.square(means[0]) + ops.square(means[1]) + 1e-3)


def false_colour(true_ab: Tensor, ab: Tensor) -> Tensor:
    """ab [B,H,W,2] twice -> each photo's mean chroma beyond what passes as gray, where the truth is gray, [B]."""
    gray = ops.cast(ops.sum(ops.square(true_ab), axis=-1) < GRAY**2, "float32")
    chroma = ops.sqrt(ops.sum(ops.square(ab), axis=-1) + 1e-3)
    return ops.mean(gray * ops.relu(chroma - COLOURED), axis=(1, 2))
