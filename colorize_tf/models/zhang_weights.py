"""The published weights of ECCV16 and SIGGRAPH17: PyTorch state dicts, and the Caffe model of the former.

Every array of a file must have its place, and every weight of the network its array.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from colorize_tf import bins
from colorize_tf.colorspace import AB_RANGE
from colorize_tf.errors import InputError
from colorize_tf.models.caffe import read_caffemodel
from colorize_tf.models.state_dict import check_hash, read_arrays, take
from colorize_tf.models.zhang import CONVOLUTIONS, ECCV16, SIGGRAPH17

__all__ = ["import_weights"]

Array = np.ndarray[Any, Any]

NORM = ("weight", "bias", "running_mean", "running_var")
# Caffe's names of ECCV16's layers -> those of the state dict.
CAFFE = {
    **{f"{'bw_' if (block, i) == (1, 0) else ''}conv{block}_{i + 1}": f"model{block}.{2 * i}"
       for block, count in enumerate(CONVOLUTIONS, start=1) for i in range(count)},
    **{f"conv{block}_{count}norm": f"model{block}.{2 * count}" for block, count in enumerate(CONVOLUTIONS, start=1)},
    "conv8_1": "model8.0", "conv8_2": "model8.2", "conv8_3": "model8.4", "conv8_313": "model8.6",
    "class8_ab": "model_out",
}  # fmt: skip
CAFFE_SCALE = "conv8_313_rh"
# The released file is a snapshot of the training, without the last two layers: the deploy prototxt says what the first
# of them is to be, and whoever uses it fills in the bins.
CAFFE_ANNEALING = 2.606
# What a snapshot has besides, and of what numbers: gray is L-50, of ab every fourth pixel is taken as it is.
CAFFE_TRAINING = {"data_l_meansub": (1.0, -50.0), "data_ab_ss": (1.0, 0.0)}


def import_weights(path: str | Path, sha256: str | None = None) -> keras.Model:
    """A .pth, .pt, .safetensors, .npz or .caffemodel file -> the network that it holds, not compiled.

    The file is checked against `sha256`, or else against the eight digits that PyTorch's file names end in.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("weights", "must be a file that exists", str(path))
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{8,64}", sha256):
        raise InputError("--sha256", "must be the first 8 or more of its 64 hexadecimal digits", sha256)
    named = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    if expected := sha256 or (named and named[1]):
        check_hash(path, expected)
    temperature = 1.0  # the state dicts have theirs in the weights of the last layer
    if path.suffix == ".caffemodel":
        arrays, temperature = _from_caffe(path)
    else:
        arrays = read_arrays(path)
    arrays = {name: value for name, value in arrays.items() if not name.endswith("num_batches_tracked")}
    first = arrays.get("model1.0.weight")
    if first is None or first.ndim != 4:
        raise InputError("weights", "must be those of ECCV16 or SIGGRAPH17", f"{path}: {', '.join(list(arrays)[:3])}")
    width = first.shape[0]
    model = ECCV16(base_width=width, temperature=temperature) if first.shape[1] == 1 else SIGGRAPH17(base_width=width)
    for layer in model.generator.layers:
        if layer.weights:
            layer.set_weights(_of_layer(layer, arrays, path))
    if isinstance(model, ECCV16):
        centres = take(arrays, "model_out.weight", (2, model.centres.shape[2], 1, 1), path)
        model.centres.assign(centres.transpose(2, 3, 1, 0))
    if arrays:
        raise InputError("weights", f"must be those of {model.name}", f"{path}, which also holds {', '.join(arrays)}")
    return model


def _of_layer(layer: keras.Layer, arrays: dict[str, Array], path: Path) -> list[Array]:
    """Takes the weights of one layer out of `arrays`, in Keras's order and layout."""
    key = ".".join(layer.name.rsplit("_", 1))
    if isinstance(layer, layers.BatchNormalization):
        return [take(arrays, f"{key}.{part}", tuple(layer.gamma.shape), path) for part in NORM]
    # [out, in, k, k], and [in, out, k, k] where it is transposed: Keras has both the other way round.
    height, width, *rest = layer.kernel.shape
    kernel = take(arrays, f"{key}.weight", (rest[1], rest[0], height, width), path)
    return [kernel.transpose(2, 3, 1, 0), take(arrays, f"{key}.bias", tuple(layer.bias.shape), path)]


def _from_caffe(path: Path) -> tuple[dict[str, Array], float]:
    """A .caffemodel -> the arrays of the state dict that means the same, and the temperature beside it."""
    blobs = read_caffemodel(path)
    temperature = 1.0 / CAFFE_ANNEALING
    arrays: dict[str, Array] = {}
    for name, values in blobs.items():
        if name == CAFFE_SCALE:
            scale = np.unique(np.concatenate([np.zeros(0), *(value.ravel() for value in values)]))
            if len(scale) == 0 or np.ptp(scale) > 1e-6 or not scale[0] > 0:
                raise InputError("weights", f"must scale all bins alike in {CAFFE_SCALE}", f"{path}: {scale[:3]}")
            temperature = 1.0 / float(scale[0])
        elif name in CAFFE_TRAINING:
            found = [np.unique(value).tolist() for value in values]
            if found != (expected := [[number] for number in CAFFE_TRAINING[name]]):
                raise InputError("weights", f"must hold {expected} in {name}", f"{path}: {str(found)[:60]}")
        elif name not in CAFFE:
            raise InputError("weights", "must be those of ECCV16", f"{path}, which also holds {name}")
        elif name.endswith("norm"):
            if len(values) != 3 or values[2].size != 1:
                raise InputError("weights", f"must hold mean, variance and their factor of {name}", str(path))
            arrays |= _caffe_norm(CAFFE[name], values)
        else:
            if len(values) > 2:
                raise InputError("weights", f"must hold a kernel and a bias of {name}", f"{path}: {len(values)} blobs")
            arrays |= {f"{CAFFE[name]}.{part}": value for part, value in zip(NORM, values, strict=False)}
    if "model1.0.weight" in arrays:
        arrays["model1.0.weight"] = 100.0 * arrays["model1.0.weight"]  # of L-50 there, of (L-50)/100 here
    if np.any(arrays.pop("model_out.bias", np.zeros(1))):
        raise InputError("weights", "must have no bias in class8_ab", str(path))
    centres = arrays.get("model_out.weight", bins.BINS.T[..., None, None])
    arrays["model_out.weight"] = centres / AB_RANGE  # of Lab units there
    return arrays, temperature


def _caffe_norm(key: str, values: list[Array]) -> dict[str, Array]:
    """Mean, variance and the factor that both are to be divided by -> a batch norm without gain and shift."""
    mean, variance, factor = values
    scale = 1.0 / float(factor.flat[0]) if factor.flat[0] else 0.0
    ones = np.ones(mean.size, np.float32)
    parts = (ones, 0 * ones, scale * mean.ravel(), scale * variance.ravel())
    return {f"{key}.{part}": value for part, value in zip(NORM, parts, strict=True)}
