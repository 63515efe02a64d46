"""MobileNetV1 (Howard et al. 2017, arXiv:1704.04861) as an encoder of lightness, with room for hints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from colorize_tf.errors import InputError
from colorize_tf.models.blocks import BatchNormalization
from colorize_tf.models.state_dict import read_arrays

__all__ = ["load_imagenet", "mobilenet"]

Tensor = Any

# Filters at width 1 and stride of each depthwise-separable block.
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
TAPS = (3, 5, 11, 13)  # the last block at strides 4, 8, 16, 32


def mobilenet(inputs: Tensor, alpha: float, dtype: Any) -> list[Tensor]:
    """[B,H,W,C], sides multiples of 32 -> features at strides 4, 8, 16 and 32. Layers have Keras's names."""

    def norm(x: Tensor, name: str) -> Tensor:
        x = BatchNormalization(momentum=0.9, epsilon=1e-3, dtype=dtype, name=f"{name}_bn")(x)
        return layers.ReLU(6.0, dtype=dtype, name=f"{name}_relu")(x)

    same = {"padding": "same", "use_bias": False, "dtype": dtype}
    x = norm(layers.Conv2D(int(32 * alpha), 3, strides=2, **same, name="conv1")(inputs), "conv1")
    taps = []
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        depthwise, pointwise = f"conv_dw_{number}", f"conv_pw_{number}"
        x = norm(layers.DepthwiseConv2D(3, strides=stride, **same, name=depthwise)(x), depthwise)
        x = norm(layers.Conv2D(int(filters * alpha), 1, **same, name=pointwise)(x), pointwise)
        if number in TAPS:
            taps.append(x)
    return taps


def load_imagenet(network: keras.Model, path: str | Path) -> None:
    """Sets the layers of `mobilenet` in `network` from an npz of Keras's ImageNet weights, `layer/weight` -> array.

    The three equal channels of a gray picture become one: the first kernel is summed over its inputs. Further input
    channels start at zero.
    """
    stored = read_arrays(path)
    kernel = stored.get("conv1/kernel")
    if kernel is None or kernel.ndim != 4:
        raise InputError("--encoder-weights", "holds no weights of a Keras MobileNet", f"{path}: {sorted(stored)[:3]}")
    first = np.zeros(network.get_layer("conv1").kernel.shape, np.float32)
    first[:, :, 0] = kernel.sum(axis=2) if kernel.shape[-1] == first.shape[-1] else 0.0
    stored["conv1/kernel"] = first
    for layer in network.layers:
        if layer.weights and layer.name.startswith("conv"):
            _set(layer, stored, path)


def _set(layer: keras.Layer, stored: dict[str, np.ndarray], path: str | Path) -> None:
    values = []
    for weight in layer.weights:
        names = (f"{layer.name}/{weight.name}", f"{layer.name}/depthwise_kernel")
        value = next((stored[name] for name in names if name in stored), None)
        if value is None or value.shape != tuple(weight.shape):
            found = "nothing" if value is None else str(value.shape)
            raise InputError(
                "--encoder-weights", f"must hold {names[0]} of shape {tuple(weight.shape)}", f"{found} in {path}",
                "The file's width must be that of --alpha.",
            )  # fmt: skip
        values.append(value)
    layer.set_weights([ops.convert_to_numpy(value) for value in values])
