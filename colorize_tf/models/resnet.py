"""ResNet-18 (He et al. 2016, arXiv:1512.03385) as an encoder, laid out as torchvision's, whose weights it can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import layers

from colorize_tf.errors import InputError
from colorize_tf.models.blocks import BatchNormalization
from colorize_tf.models.state_dict import read_arrays, take

__all__ = ["CLASSIFIER", "load_state_dict", "resnet18"]

Tensor = Any

CLASSIFIER = ("fc.weight", "fc.bias")  # what a file holds and an encoder has no use for


def resnet18(inputs: Tensor, dtype: Any = None, width: int = 64) -> Tensor:
    """RGB as ImageNet is normalised [B,H,W,3] -> features [B,H/32,W/32,8*width]; the paper's width is 64.

    Layers are named as in the state dict, with underscores for points: layer1.0.conv1 is layer1_0_conv1.
    """

    def convolution(x: Tensor, filters: int, size: int, name: str, stride: int = 1) -> Tensor:
        if size > 1:  # on every side: "same" would pad a stride of two on one side alone
            x = layers.ZeroPadding2D(size // 2, dtype=dtype, name=f"{name}_pad")(x)
        return layers.Conv2D(
            filters, size, strides=stride, use_bias=False, kernel_initializer="he_normal", dtype=dtype, name=name
        )(x)

    def norm(x: Tensor, name: str) -> Tensor:
        return BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=dtype, name=name)(x)

    def relu(x: Tensor, name: str) -> Tensor:
        return layers.ReLU(dtype=dtype, name=name)(x)

    x = relu(norm(convolution(inputs, width, 7, "conv1", stride=2), "bn1"), "relu")
    # After a ReLU the padding with zeros is as good as PyTorch's with minus infinity.
    x = layers.ZeroPadding2D(1, dtype=dtype, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, 2, dtype=dtype, name="maxpool")(x)
    for stage, filters in enumerate((width, 2 * width, 4 * width, 8 * width), start=1):
        for block in range(2):
            name = f"layer{stage}_{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            y = relu(norm(convolution(x, filters, 3, f"{name}_conv1", stride), f"{name}_bn1"), f"{name}_relu1")
            y = norm(convolution(y, filters, 3, f"{name}_conv2"), f"{name}_bn2")
            if stride > 1:
                x = norm(convolution(x, filters, 1, f"{name}_downsample_0", stride), f"{name}_downsample_1")
            x = relu(layers.Add(dtype=dtype, name=f"{name}_add")([x, y]), f"{name}_relu2")
    return x


def load_state_dict(network: keras.Model, path: str | Path) -> None:
    """Gives `network`, made of `resnet18`, the weights of a torchvision state dict (.pth, .safetensors or .npz).

    Every array of the file is used, except those of the classifier and the counters of PyTorch's batch norm.
    """
    arrays = read_arrays(path)
    values = {}
    for layer in network.layers:
        key = layer.name.replace("_downsample_", ".downsample.").replace("_", ".")
        if isinstance(layer, layers.Conv2D):
            height, width, into, out = layer.kernel.shape
            values[layer] = [take(arrays, f"{key}.weight", (out, into, height, width), path).transpose(2, 3, 1, 0)]
        elif isinstance(layer, layers.BatchNormalization):
            shape = tuple(layer.gamma.shape)
            parts = ("weight", "bias", "running_mean", "running_var")
            values[layer] = [take(arrays, f"{key}.{part}", shape, path) for part in parts]
    left = [name for name in arrays if name not in CLASSIFIER and not name.endswith("num_batches_tracked")]
    if left:
        raise InputError("weights", "must be those of a ResNet-18", f"{path}, which also holds {', '.join(left[:3])}")
    for layer, arrays_of_layer in values.items():  # all or nothing
        layer.set_weights(arrays_of_layer)
