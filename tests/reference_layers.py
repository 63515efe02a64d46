"""Layers as their definitions have them, in NumPy and in PyTorch's order [B,C,H,W]: what imported networks must equal.

They share nothing with Keras: sums over shifted pictures, in float64.
"""

from __future__ import annotations

import numpy as np

__all__ = ["batch_norm", "convolve", "max_pool", "relu", "transposed"]


def convolve(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    stride: int = 1,
    pad: int = 0,
    dilation: int = 1,
) -> np.ndarray:
    """x [B,I,H,W], kernel [O,I,k,k] -> [B,O,h,w], zeros around the picture."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    reach = dilation * (kernel.shape[2] - 1)
    height, width = (x.shape[2] - reach - 1) // stride + 1, (x.shape[3] - reach - 1) // stride + 1
    result = np.zeros((x.shape[0], kernel.shape[0], height, width))
    for row in range(kernel.shape[2]):
        for column in range(kernel.shape[3]):
            top, left = row * dilation, column * dilation
            seen = x[
                :, :, top : top + stride * (height - 1) + 1 : stride, left : left + stride * (width - 1) + 1 : stride
            ]
            result += np.einsum("bihw,oi->bohw", seen, kernel[:, :, row, column])
    return result if bias is None else result + bias[:, None, None]


def transposed(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, stride: int, pad: int) -> np.ndarray:
    """x [B,I,H,W], kernel [I,O,k,k] -> [B,O,stride*H,...]: each pixel stamps its kernel, then `pad` is cut off."""
    batch, _, height, width = x.shape
    size = kernel.shape[2]
    result = np.zeros((batch, kernel.shape[1], stride * (height - 1) + size, stride * (width - 1) + size))
    for row in range(size):
        for column in range(size):
            stamped = np.einsum("bihw,io->bohw", x.astype(np.float64), kernel[:, :, row, column])
            result[:, :, row : row + stride * height : stride, column : column + stride * width : stride] += stamped
    return result[:, :, pad : result.shape[2] - pad, pad : result.shape[3] - pad] + bias[:, None, None]


def batch_norm(
    x: np.ndarray, gain: np.ndarray, shift: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float = 1e-5
) -> np.ndarray:
    """[B,C,H,W] with the statistics given, as at inference."""
    gain, shift, mean, variance = (value[:, None, None] for value in (gain, shift, mean, variance))
    return (x - mean) / np.sqrt(variance + epsilon) * gain + shift


def relu(x: np.ndarray) -> np.ndarray:
    """Negative values become 0."""
    return np.maximum(x, 0)


def max_pool(x: np.ndarray, size: int, *, stride: int, pad: int) -> np.ndarray:
    """The largest value of each window; what lies outside of the picture never is."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(-2, -1))
