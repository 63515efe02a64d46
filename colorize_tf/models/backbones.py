"""Encoders that ImageNet has taught, for gray pictures: which there are, what they expect, where their features are."""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from colorize_tf.errors import InputError, RunError, shorten
from colorize_tf.models import resnet
from colorize_tf.models.blocks import choice
from colorize_tf.models.state_dict import read_arrays, take
from colorize_tf.models.weights import set_weights

__all__ = ["BACKBONES", "Backbone", "backbone", "feature_maps", "load_named", "load_weights"]

Tensor = Any

AUTOMATIC = re.compile(r"_\d+$")  # what Keras adds to the name of a second layer of a kind


@dataclass(frozen=True)
class Backbone:
    """How a network is made of an input tensor, and how the pictures that it learnt on were normalised."""

    make: str  # of keras.applications, or "" for our own ResNet-18
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)  # of pixels in 0..255
    deviation: tuple[float, float, float] = (127.5, 127.5, 127.5)
    smallest: int = 32  # side of a picture
    alpha: float | None = None  # width of a MobileNetV1, if not 1


_RAW = {"mean": (0.0, 0.0, 0.0), "deviation": (1.0, 1.0, 1.0)}  # the network normalises by itself
# So does EfficientNet, but its taught form divides once more by the root of the deviation; keras.applications adds
# that layer only where it also fetches the weights.
_ROOTS = (0.229**0.5, 0.224**0.5, 0.225**0.5)
_EFFICIENT = tuple(255.0 * mean * (1.0 - root) for mean, root in zip((0.485, 0.456, 0.406), _ROOTS, strict=True))

BACKBONES: dict[str, Backbone] = {
    "resnet18": Backbone("", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),  # as torchvision's were trained
    "resnet50": Backbone("ResNet50", (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),  # as Caffe's: BGR, not divided
    "inceptionv3": Backbone("InceptionV3", smallest=96),
    "mobilenetv1": Backbone("MobileNet"),
    "mobilenetv1-0.75": Backbone("MobileNet", alpha=0.75),
    "mobilenetv2": Backbone("MobileNetV2"),
    "mobilenetv3": Backbone("MobileNetV3Large", **_RAW),
    "efficientnetb0": Backbone("EfficientNetB0", _EFFICIENT, _ROOTS),
}


def backbone(name: str, size: int, dtype: Any = None, width: int = 64) -> keras.Model:
    """A name of `BACKBONES` -> L/50-1 [B,S,S,1] to features at about a half, a quarter … a 32nd of the size.

    `width` is that of ResNet-18; ImageNet teaches one of 64.
    """
    row = BACKBONES[choice("backbone", name, tuple(BACKBONES))]
    if size % 32 or size < row.smallest:
        raise InputError("size", f"must be a multiple of 32, at least {row.smallest} for {name}", size)
    if width < 1 or (row.make and width != 64):
        raise InputError("encoder_width", "must be at least 1, and 64 but for resnet18", f"{width} for {name}")
    gray = keras.Input((size, size, 1), name="gray")
    rgb = layers.Concatenate(dtype="float32", name="gray_thrice")([gray, gray, gray])
    # L is nearly what the gray value of the picture is: both are about the cube root of luminance.
    scale = [127.5 / deviation for deviation in row.deviation]
    offset = [(127.5 - mean) / deviation for mean, deviation in zip(row.mean, row.deviation, strict=True)]
    rgb = layers.Rescaling(scale, offset, dtype="float32", name="as_imagenet")(rgb)
    if not row.make:
        return keras.Model(gray, feature_maps(gray, resnet.resnet18(rgb, dtype, width)), name="backbone")
    make: Callable[..., keras.Model] = getattr(keras.applications, row.make)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype or policy)  # keras.applications take none
    try:
        with warnings.catch_warnings():  # MobileNets say that they have weights for other sizes, as if it mattered
            warnings.simplefilter("ignore", UserWarning)
            network = make(include_top=False, weights=None, input_tensor=rgb, **_options(row))
    finally:
        keras.config.set_dtype_policy(policy)
    return keras.Model(gray, feature_maps(gray, network.output), name="backbone")


def feature_maps(inputs: Tensor, output: Tensor) -> list[Tensor]:
    """The ends of a network -> its features just before each halving, and its last, from large to small.

    Taken are those through which everything goes that comes later: of parallel paths, the tensor that joins them.
    """
    operations = [step for step in keras.Model(inputs, output).operations if not isinstance(step, layers.InputLayer)]
    waiting = Counter(id(tensor) for step in operations for tensor in keras.tree.flatten(step.input))
    needed = {id(inputs)}  # the tensors that some later step takes
    maps: list[Tensor] = []
    for step in operations:
        waiting.subtract(id(tensor) for tensor in keras.tree.flatten(step.input))
        needed = {tensor for tensor in (*needed, id(step.output)) if waiting[tensor] or tensor == id(output)}
        # Padding enlarges what the next step will halve: it is no feature.
        if needed != {id(step.output)} or isinstance(step, layers.ZeroPadding2D):
            continue
        if maps and step.output.shape[1] > 0.67 * maps[-1].shape[1]:
            maps.pop()
        maps.append(step.output)
    return [tensor for tensor in maps if tensor.shape[1] <= 0.67 * inputs.shape[1]]


def load_weights(network: keras.Model, name: str, weights: str | Path) -> None:
    """Gives `network`, made by `backbone(name, …)`, what ImageNet teaches: "imagenet" or a file."""
    row = BACKBONES[name]
    if not row.make:
        if weights == "imagenet":
            remedy = "Give the file, such as torchvision's resnet18-f37072fd.pth."
            raise InputError("--encoder-weights", "has no weights by name for resnet18", weights, remedy)
        resnet.load_state_dict(network, weights)
        return
    make = getattr(keras.applications, row.make)
    if weights != "imagenet" and not Path(weights).is_file():
        raise InputError("--encoder-weights", 'must be "imagenet" or a file that exists', str(weights))
    if Path(weights).suffix == ".npz":
        load_named(network, read_arrays(weights), weights)
        return
    try:
        # Keras tells of a download on stdout, and warns of each layer that a wrong file has not before it refuses it.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            taught = make(include_top=False, weights=str(weights), input_shape=(None, None, 3), **_options(row))
    except Exception as error:  # whatever the reader of a file, or the way to a server, raises
        if weights == "imagenet":
            raise RunError(f"--encoder-weights imagenet: not to be had: {shorten(str(error), 120)}") from None
        raise InputError("--encoder-weights", f"must be weights of {row.make}", shorten(str(error), 120)) from None
    own = [layer for layer in network.layers if layer.weights]
    for layer, source in zip(own, [layer for layer in taught.layers if layer.weights], strict=True):
        values: dict[str, Any] = {}
        source.save_own_variables(values)
        layer.load_own_variables(values)  # unlike `set_weights`, also what EfficientNet's normalisation derives


def load_named(network: keras.Model, arrays: dict[str, Any], source: str | Path) -> None:
    """Gives a network of `keras.applications` its weights from arrays named `layer/weight`, as Keras names them."""
    values = {}
    for layer in network.layers:
        # What Keras 3 calls the kernel of a depthwise layer is "depthwise_kernel" in its older files for ImageNet.
        prefix = "depthwise_" if isinstance(layer, layers.DepthwiseConv2D) else ""
        known = AUTOMATIC.sub("", layer.name) if isinstance(layer, layers.Normalization) else layer.name
        names = [f"{known}/{weight.name}".replace("/kernel", f"/{prefix}kernel") for weight in layer.weights]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        values[layer] = [take(arrays, name, shape, source) for name, shape in zip(names, shapes, strict=True)]
    for layer, own in values.items():  # only when all have been found: half of them would be worse than none
        set_weights(layer, own)


def _options(row: Backbone) -> dict[str, Any]:
    return {} if row.alpha is None else {"alpha": row.alpha}
