"""Colour as a choice: ECCV16 (arXiv:1603.08511) and SIGGRAPH17 (arXiv:1705.02999) of Zhang, Isola, Efros and others.

Layers are named as in the state dicts of the authors' PyTorch code, with underscores for points: model8.6 is
model8_6. `import_weights` reads those files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from colorize_tf import bins, colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import huber
from colorize_tf.models.blocks import BatchNormalization
from colorize_tf.models.learner import LabView, Learner

__all__ = ["ECCV16", "GRID", "SIGGRAPH17", "eccv16", "import_weights", "siggraph17"]

Tensor = Any

CONVOLUTIONS = (2, 2, 3, 3, 3, 3, 3)  # of blocks 1 to 7
WIDTHS = (1, 2, 4, 8, 8, 8, 8)  # of the same, in units of the first
DILATED = (5, 6)
GRID = 23  # cells of 10 Lab units along a and along b, -110..110, those outside of the gamut included
CELLS = ((bins.BINS + 110) / 10 @ np.array([GRID, 1])).round().astype(np.int32)  # of the 313 bins in that grid


class _Layers:
    """Makes the layers of one network; a block ends with its batch norm, after the ReLU."""

    def __init__(self, width: int, dtype: Any) -> None:
        self.width, self.dtype = width, dtype

    def convolution(
        self, x: Tensor, filters: int, name: str, *, size: int = 3, stride: int = 1, dilation: int = 1
    ) -> Tensor:
        if stride > 1:  # on every side: "same" would pad on one alone
            x = layers.ZeroPadding2D(size // 2, dtype=self.dtype, name=f"{name}_pad")(x)
        return layers.Conv2D(
            filters, size, strides=stride, padding="valid" if stride > 1 else "same", dilation_rate=dilation,
            kernel_initializer="he_normal", dtype=self.dtype, name=name,
        )(x)  # fmt: skip

    def larger(self, x: Tensor, filters: int, name: str) -> Tensor:
        return layers.Conv2DTranspose(
            filters, 4, strides=2, padding="same", kernel_initializer="he_normal", dtype=self.dtype, name=name
        )(x)

    def relu(self, x: Tensor, name: str) -> Tensor:
        return layers.ReLU(dtype=self.dtype, name=f"{name}_relu")(x)

    def norm(self, x: Tensor, name: str) -> Tensor:
        return BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=self.dtype, name=name)(x)

    def scaled(self, x: Tensor, factors: list[float]) -> Tensor:
        """Our range of L, (L-50)/50, to that of the papers, (L-50)/100."""
        return layers.Rescaling(factors, dtype=self.dtype, name="as_authors")(x)

    def trunk(self, x: Tensor, *, strided: bool) -> dict[int, Tensor]:
        """What blocks 1 to 7 give; sides are halved after the first three, by strides or by leaving pixels out."""
        found = {}
        for block, (count, width) in enumerate(zip(CONVOLUTIONS, WIDTHS, strict=True), start=1):
            for i in range(count):
                halves = strided and block <= 3 and i == count - 1
                dilation = 2 if block in DILATED else 1
                name = f"model{block}_{2 * i}"
                x = self.convolution(x, width * self.width, name, stride=2 if halves else 1, dilation=dilation)
                x = self.relu(x, name)
            x = found[block] = self.norm(x, f"model{block}_{2 * count}")
            if not strided and block <= 3:
                x = layers.MaxPooling2D(1, 2, dtype=self.dtype, name=f"model{block}_thinned")(x)
        return found

    def float32(self, x: Tensor, name: str) -> Tensor:
        return layers.Activation("linear", dtype="float32", name=name)(x)


def eccv16(width: int, dtype: Any = None) -> keras.Model:
    """L/50-1 [B,H,W,1], sides multiples of 8 -> float32 logits of the 313 bins [B,H/4,W/4,313]."""
    make = _Layers(width, dtype)
    gray = keras.Input((None, None, 1), name="gray")
    x = make.trunk(make.scaled(gray, [0.5]), strided=True)[7]
    x = make.relu(make.larger(x, 4 * width, "model8_0"), "model8_0")
    for name in ("model8_2", "model8_4"):
        x = make.relu(make.convolution(x, 4 * width, name), name)
    logits = make.convolution(x, len(bins.BINS), "model8_6", size=1)
    return keras.Model(gray, make.float32(logits, "logits"), name="generator")


def siggraph17(width: int, dtype: Any = None) -> keras.Model:
    """L/50-1, a/110, b/110, mask [B,H,W,4], sides multiples of 8 -> ab/110 [B,H,W,2], logits [B,H/4,W/4,529], float32.

    The gates decide which of the two ends teaches the layers before them.
    """
    make = _Layers(width, dtype)
    seen = keras.Input((None, None, 4), name="seen")
    found = make.trunk(make.scaled(seen, [0.5, 1.0, 1.0, 1.0]), strided=False)

    def joined(x: Tensor, filters: int, block: int, skip: Tensor) -> Tensor:
        short = make.convolution(skip, filters, f"model{11 - block}short{block}_0")
        x = layers.Add(dtype=dtype, name=f"model{block}_sum")([make.larger(x, filters, f"model{block}up_0"), short])
        return make.relu(x, f"model{block}_sum")

    x = joined(found[7], 4 * width, 8, found[3])
    for name in ("model8_1", "model8_3"):
        x = make.relu(make.convolution(x, 4 * width, name), name)
    x = make.norm(x, "model8_5")
    logits = make.convolution(Gate(dtype=dtype, name="class_gate")(x), GRID**2, "model_class_0", size=1)
    x = joined(
        Gate(dtype=dtype, name="colour_gate8")(x), 2 * width, 9, Gate(dtype=dtype, name="colour_gate2")(found[2])
    )
    x = make.norm(make.relu(make.convolution(x, 2 * width, "model9_1"), "model9_1"), "model9_3")
    x = joined(x, 2 * width, 10, Gate(dtype=dtype, name="colour_gate1")(found[1]))
    x = make.convolution(x, 2 * width, "model10_1")
    x = layers.LeakyReLU(negative_slope=0.2, dtype=dtype, name="model10_1_relu")(x)
    x = make.convolution(x, 2, "model_out_0", size=1)
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(seen, [colour, make.float32(logits, "logits")], name="generator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class Gate(layers.Layer):
    """The input as it is; while `closed`, no gradient comes back through it."""

    closed = False

    def call(self, inputs: Tensor) -> Tensor:
        return ops.stop_gradient(inputs) if self.closed else inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@keras.saving.register_keras_serializable(package="colorize_tf")
class ECCV16(LabView, Learner):
    """Colorful Image Colorization: L/50-1 [B,H,W,1], sides multiples of 8 -> ab/110 float32 [B,H/4,W/4,2].

    Args:
        size: side of the square pictures it learns on.
        base_width: filters of the first convolution; deeper ones have up to 8 times as many.
        balance: λ of section 2.2, how much rare colours weigh: 0 most, 1 not at all. `prepare` finds which are rare.
        temperature: T of section 2.3; the colour is the mean of the distribution sharpened by it.
    """

    multiple: ClassVar[int] = 8  # of the sides of the pictures that it can colorize

    def __init__(
        self, *, size: int = 256, base_width: int = 64, balance: float = 0.5, temperature: float = 0.38, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        _check(size, base_width)
        if temperature <= 0:
            raise InputError("temperature", "must be above 0", temperature)
        self.size, self.base_width, self.balance, self.temperature = size, base_width, balance, temperature
        self.generator = eccv16(base_width, self.dtype_policy)
        self.centres = self._constant("centres", bins.BINS[None, None] / colorspace.AB_RANGE)
        self.rarity = self._constant("rarity", np.ones(len(bins.BINS), np.float32))
        self.built = True

    def prepare(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """(x, y) batches of the training photos -> the weights of rare colours in the loss."""
        counts = np.sum([bins.bin_counts(colorspace.decode_ab(_thinned(y))) for _, y in batches], axis=0)
        self.rarity.assign(bins.rarity(bins.smoothed(counts), self.balance).astype(np.float32))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        distribution = ops.softmax(self.generator(inputs, training=training) / self.temperature, axis=-1)
        return ops.conv(distribution, ops.cast(self.centres, "float32"))

    def _step_losses(self, x: Tensor, y: Tensor, *, training: bool) -> dict[str, Tensor]:
        nearest, weights = bins.soft_encode(colorspace.decode_ab(_thinned(y)))
        entropy = bins.soft_cross_entropy(self.generator(x, training=training), nearest, weights)
        likeliest = ops.take_along_axis(nearest, ops.argmax(weights, axis=-1, keepdims=True), axis=-1)[..., 0]
        return {"g_loss": ops.mean(entropy * ops.take(ops.cast(self.rarity, "float32"), likeliest))}

    def _constant(self, name: str, value: np.ndarray) -> keras.Variable:
        initial = keras.initializers.Constant(0.0)
        weight = self.add_weight(shape=value.shape, initializer=initial, trainable=False, autocast=False, name=name)
        weight.assign(value)
        return weight


@keras.saving.register_keras_serializable(package="colorize_tf")
class SIGGRAPH17(LabView, Learner):
    """Real-Time User-Guided: L/50-1, a/110, b/110, mask [B,H,W,4], sides multiples of 8 -> ab/110 float32 [B,H,W,2].

    Both ends learn in both phases; the rest of the network learns from the distribution of colours in phase
    "classification", and from the colours themselves in phase "regression".

    Args:
        size: side of the square pictures it learns on.
        base_width: filters of the first convolution; deeper ones have up to 8 times as many.
        class_weight: of the cross entropy beside the Huber loss of the colours.
    """

    view: ClassVar[str] = "hinted"
    channels: ClassVar[tuple[int, int]] = (4, 2)
    phases: ClassVar[tuple[str, ...]] = ("classification", "regression")
    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_colour", "g_class")
    multiple: ClassVar[int] = 8

    def __init__(self, *, size: int = 256, base_width: int = 64, class_weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check(size, base_width)
        self.size, self.base_width, self.class_weight = size, base_width, class_weight
        self.generator = siggraph17(base_width, self.dtype_policy)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.generator(inputs, training=training)[0]

    def colorize(self, luma: Tensor, hints: Tensor | None = None) -> Tensor:
        """CIE L [B,H,W,1] and hints [B,H,W,3] (a/110, b/110, mask; none if not given) -> ab float32 [B,H,W,2]."""
        luma = colorspace.encode_luma(luma)
        hints = ops.repeat(ops.zeros_like(luma), 3, axis=-1) if hints is None else ops.cast(hints, "float32")
        return colorspace.decode_ab(self(ops.concatenate([luma, hints], axis=-1), training=False))

    def _step_losses(self, x: Tensor, y: Tensor, *, training: bool) -> dict[str, Tensor]:
        classifies = self.phase == "classification"
        for layer in self.generator.layers:
            if isinstance(layer, Gate):  # the step is traced anew for each phase
                layer.closed = classifies != (layer.name == "class_gate")
        colour, logits = self.generator(x, training=training)
        nearest, weights = bins.soft_encode(colorspace.decode_ab(_thinned(y)))
        cells = ops.take(ops.convert_to_tensor(CELLS), nearest)
        entropy = self.class_weight * ops.mean(bins.soft_cross_entropy(logits, cells, weights))
        distance = huber(colour, y, 1.0 / colorspace.AB_RANGE)  # δ of equation 2 is one Lab unit
        return {"g_loss": distance + entropy, "g_colour": distance, "g_class": entropy}


def import_weights(path: str | Path, sha256: str | None = None) -> keras.Model:
    """A .pth, .pt, .safetensors, .npz or .caffemodel file -> the network that it holds, see `zhang_weights`."""
    from colorize_tf.models import zhang_weights  # which is made of these networks

    return zhang_weights.import_weights(path, sha256)


def _thinned(y: Tensor) -> Tensor:
    """[B,H,W,C] -> every fourth pixel either way, which is where the classes are predicted."""
    return y[:, ::4, ::4]


def _check(size: int, base_width: int) -> None:
    if size < 8 or size % 8:
        raise InputError("size", "must be a multiple of 8", size)
    if base_width < 1:
        raise InputError("base_width", "must be at least 1", base_width)
