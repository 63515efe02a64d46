"""What networks that know photos make of colorized pictures: features for the Fréchet distance, and LPIPS.

The networks are files of the user's, and every result is named after what was in them:

    mobilenet-v1-1.0-dw13   features of MobileNetV1 before its last pointwise convolution (…-pw13: after it)
    inception-v3            those of `keras.applications.InceptionV3`, pooled
    lpips-vgg               LPIPS 0.1 (Zhang et al. 2018, arXiv:1801.03924): torchvision's VGG16 and its linear weights
    lpips-vgg-conv1-3       the same sum over the first three of the five stages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from colorize_tf.errors import InputError, shorten
from colorize_tf.frechet import Distance, frechet
from colorize_tf.models.backbones import load_named
from colorize_tf.models.state_dict import read_arrays, take

__all__ = ["Features", "Lpips", "Panel", "open_features", "open_lpips"]

Image8: TypeAlias = NDArray[np.uint8]
Tensor = Any

MOBILENET_SIDE, INCEPTION_SIDE = 224, 299  # of the pictures they learnt on
STAGES = (("conv1_1", "conv1_2"), ("conv2_1", "conv2_2"), ("conv3_1", "conv3_2", "conv3_3"),
          ("conv4_1", "conv4_2", "conv4_3"), ("conv5_1", "conv5_2", "conv5_3"))  # fmt: skip
WIDTHS = (64, 128, 256, 512, 512)
TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # places of these convolutions in its `features`
OXFORD_MEAN = (103.939, 116.779, 123.68)  # of B, G, R in 0..255, as Caffe's and Keras's VGG16 takes them
TORCH_MEAN, TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of R, G, B in 0..1


class Features:
    """Pictures uint8 RGB [N,H,W,3] -> features float32 [N,D] of the network `name`."""

    def __init__(self, name: str, network: keras.Model, side: int) -> None:
        self.name = name

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
        def look(pictures: tf.Tensor) -> tf.Tensor:
            seen = tf.image.resize(tf.cast(pictures, tf.float32), (side, side), "bicubic", antialias=True)
            return network(tf.clip_by_value(seen, 0.0, 255.0) / 127.5 - 1.0, training=False)

        self._look = look

    def __call__(self, pictures: Image8) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._look(pictures).numpy()
        return found


def open_features(path: str | Path) -> Features:
    """An .npz of MobileNetV1 as Keras names its weights, or an .h5 of Keras's InceptionV3 -> the network."""
    if not Path(path).is_file():
        raise InputError("--features", "must be a file of weights that exists", str(path))
    if Path(path).suffix == ".h5":
        try:
            network = keras.applications.InceptionV3(include_top=False, weights=str(path), pooling="avg")
        except Exception as error:  # whatever the reader of a file raises
            rule = "must be weights of keras.applications.InceptionV3 without its top"
            raise InputError("--features", rule, shorten(f"{path} ({error})", 150)) from None
        return Features("inception-v3", network, INCEPTION_SIDE)
    arrays = read_arrays(path)
    first = arrays.get("conv1/kernel")
    if first is None or first.ndim != 4:
        raise InputError(
            "--features", "must hold a MobileNetV1 with the names of Keras", f"{path}: {sorted(arrays)[:3]}"
        )
    alpha, last = first.shape[-1] / 32, "pw_13" if "conv_pw_13/kernel" in arrays else "dw_13"
    whole = keras.applications.MobileNet(
        (MOBILENET_SIDE, MOBILENET_SIDE, 3), alpha=alpha, include_top=False, weights=None
    )
    pooled = layers.GlobalAveragePooling2D()(whole.get_layer(f"conv_{last}_relu").output)
    network = keras.Model(whole.input, pooled)
    load_named(network, arrays, path)
    return Features(f"mobilenet-v1-{alpha}-{last.replace('_', '')}", network, MOBILENET_SIDE)


class Lpips:
    """Truth uint8 RGB [H,W,3] and pictures [N,H,W,3] -> how different they look, float64 [N], 0 if equal."""

    def __init__(self, name: str, network: keras.Model, linear: Sequence[NDArray[np.float32]]) -> None:
        self.name = name
        weights = [tf.constant(values) for values in linear]

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
        def compare(pictures: tf.Tensor) -> tf.Tensor:
            distance = 0.0
            stages = keras.tree.flatten(network(tf.cast(pictures, tf.float32), training=False))
            for features, weight in zip(stages, weights, strict=True):
                unit = features / (tf.norm(features, axis=-1, keepdims=True) + 1e-10)
                distance += tf.reduce_mean(tf.square(unit[1:] - unit[:1]) @ weight[:, None], axis=(1, 2, 3))
            return distance

        self._compare = compare

    def __call__(self, truth: Image8, pictures: Image8) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._compare(np.concatenate([truth[None], pictures])).numpy().astype(np.float64)
        return found


def open_lpips(vgg: str | Path, linear: str | Path) -> Lpips:
    """Weights of VGG16 (torchvision's names, or Keras's as `conv1_1/kernel`) and LPIPS's linear ones -> the measure.

    As many stages count as the first file has; `lpips-vgg` is the name for all five of torchvision's alone, for whose
    channels the linear weights were learnt.
    """
    kernels, weights = read_arrays(vgg), read_arrays(linear)
    torchvision = "features.0.weight" in kernels
    if torchvision:
        names = [name for stage in STAGES for name in stage]
        kernels = {
            f"{name}/{mine}": value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
            for name, place in zip(names, TORCHVISION, strict=True)
            for mine, theirs in (("kernel", "weight"), ("bias", "bias"))
            if (value := kernels.get(f"features.{place}.{theirs}")) is not None
        }
    count = 0
    while count < len(STAGES) and f"{STAGES[count][-1]}/kernel" in kernels:
        count += 1
    if not count:
        raise InputError("--lpips", "needs a VGG16, its first stage at least", f"{vgg}: {sorted(kernels)[:3]}")
    network = _vgg(kernels, count, vgg, torchvision=torchvision)
    lines = [
        take(weights, f"lin{stage}.model.1.weight", (1, WIDTHS[stage], 1, 1), linear).reshape(-1)
        for stage in range(count)
    ]
    whole = torchvision and count == len(STAGES)
    return Lpips("lpips-vgg" if whole else f"lpips-vgg-conv1-{count}", network, lines)


def _vgg(kernels: Mapping[str, NDArray[Any]], stages: int, source: str | Path, *, torchvision: bool) -> keras.Model:
    """RGB [N,H,W,3] in 0..255 -> the features at the end of each stage, after the rectifier."""
    arrays = dict(kernels)
    pictures = keras.Input((None, None, 3))
    if torchvision:
        deviation = [255 * value for value in TORCH_DEVIATION]
        offset = [-mean / value for mean, value in zip(TORCH_MEAN, TORCH_DEVIATION, strict=True)]
        x = layers.Rescaling([1 / value for value in deviation], offset)(pictures)
    else:
        x = layers.Rescaling(1.0, [-mean for mean in OXFORD_MEAN])(ops.flip(pictures, axis=-1))
    found = []
    for stage in range(stages):
        x = layers.MaxPooling2D()(x) if stage else x
        for name in STAGES[stage]:
            convolution = layers.Conv2D(WIDTHS[stage], 3, padding="same", activation="relu", name=name)
            inputs = x.shape[-1]
            x = convolution(x)
            kernel = take(arrays, f"{name}/kernel", (3, 3, inputs, WIDTHS[stage]), source)
            convolution.set_weights([kernel, take(arrays, f"{name}/bias", (WIDTHS[stage],), source)])
        found.append(x)
    return keras.Model(pictures, found)


class Panel:
    """Looks at every photo and all that was made of it, and says at the end how far the sets are apart."""

    def __init__(self, features: Features | None = None, lpips: Lpips | None = None) -> None:
        self.features, self.lpips = features, lpips
        self._true: list[NDArray[np.float32]] = []
        self._made: dict[str, list[NDArray[np.float32]]] = {}

    def look(self, truth: Image8, pictures: Mapping[str, Image8]) -> dict[str, float]:
        """One photo uint8 [H,W,3] and pictures of it by colorizer -> LPIPS by colorizer, NaN without it."""
        stacked = np.stack(list(pictures.values()))
        if self.features is not None:
            true, *made = self.features(np.concatenate([truth[None], stacked]))
            self._true.append(true)
            for name, found in zip(pictures, made, strict=True):
                self._made.setdefault(name, []).append(found)
        found = np.full(len(stacked), np.nan) if self.lpips is None else self.lpips(truth, stacked)
        return dict(zip(pictures, found.tolist(), strict=True))

    def distances(self) -> dict[str, Distance]:
        """Colorizers -> Fréchet distance of their pictures from the photos; none where there are not two photos."""
        if len(self._true) < 2:
            return {}
        true = np.stack(self._true)
        return {name: frechet(np.stack(made), true) for name, made in self._made.items()}
