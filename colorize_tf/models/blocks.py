"""Building blocks of the convolutional networks: normalisation, down and up steps, dropout as a source of noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras
from keras import initializers, layers, ops

from colorize_tf.errors import InputError

__all__ = [
    "NORMS",
    "UPSAMPLINGS",
    "BatchNormalization",
    "Blocks",
    "InstanceNorm",
    "NoiseDropout",
    "Norm",
    "ReflectionPadding",
    "SpectralConv2D",
    "Upsampling",
    "choice",
    "resized",
]

Tensor = Any

Norm = Literal["batch", "instance"]
Upsampling = Literal["transposed", "bilinear"]
NORMS: tuple[str, ...] = get_args(Norm)
UPSAMPLINGS: tuple[str, ...] = get_args(Upsampling)


def choice(argument: str, value: str, valid: tuple[str, ...]) -> str:
    """Gives `value` back if it is one of `valid`, else raises an InputError that lists them."""
    if value not in valid:
        raise InputError(argument, f"must be one of {', '.join(valid)}", value)
    return value


def resized(images: Tensor, size: tuple[Any, Any], *, antialias: bool = False) -> Tensor:
    """[B,H,W,C] -> [B,*size,C], bilinear, of the same dtype; the size may be known only when the graph runs."""
    if keras.config.backend() != "tensorflow":
        return ops.image.resize(images, size, interpolation="bilinear", antialias=antialias)
    import tensorflow as tf  # Keras's own operation asks for the sizes as numbers

    return tf.cast(tf.image.resize(images, size, antialias=antialias), images.dtype)


@keras.saving.register_keras_serializable(package="colorize_tf")
class InstanceNorm(layers.Layer):
    """[B,H,W,C] -> the same shape and dtype, each channel of each picture with mean 0 and variance 1, then γx+β.

    Statistics are float32 under every policy: a sum over 256² half-precision values loses the small ones.
    """

    def __init__(self, *, epsilon: float = 1e-5, gamma_initializer: Any = "ones", **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon
        self.gamma_initializer = initializers.get(gamma_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer=self.gamma_initializer, autocast=False)
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, "float32")
        centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        y = centred * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        gamma = initializers.serialize(self.gamma_initializer)
        return {**super().get_config(), "epsilon": self.epsilon, "gamma_initializer": gamma}


@keras.saving.register_keras_serializable(package="colorize_tf")
class BatchNormalization(layers.BatchNormalization):
    """Keras's batch norm, trained by TensorFlow's fused kernel: under bfloat16 a step of pix2pix takes 7 % less time.

    The loose operations of Keras would cast whole activations to float32 and back; the kernel computes its statistics
    in float32 all the same. Inference is Keras's own, which exporters know how to fold into a convolution. The name is
    Keras's too: weights files name layers by their class, and those of either kind can be loaded into the other.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        if not training or not self.trainable or keras.config.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        nothing = tf.constant([], tf.float32)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=nothing, variance=nothing,
            epsilon=self.epsilon, is_training=True,
        )  # fmt: skip
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        variance *= (count - 1) / count  # the kernel reports the sample's variance, Keras keeps the population's
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * value)
        return outputs


@keras.saving.register_keras_serializable(package="colorize_tf")
class NoiseDropout(layers.Dropout):
    """Dropout that also acts at inference: in pix2pix it takes the place of the noise vector z (section 3.2)."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: ARG002
        return super().call(inputs, training=True)


@keras.saving.register_keras_serializable(package="colorize_tf")
class ReflectionPadding(layers.Layer):
    """[B,H,W,C] -> [B,H+2n,W+2n,C]: beyond an edge lies its mirror image."""

    def __init__(self, pixels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, inputs: Tensor) -> Tensor:
        around = (self.pixels, self.pixels)
        return ops.pad(inputs, ((0, 0), around, around, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, *sides, channels = input_shape
        return batch, *(side and side + 2 * self.pixels for side in sides), channels

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": self.pixels}


@keras.saving.register_keras_serializable(package="colorize_tf")
class SpectralConv2D(layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

    Keras's wrapper writes the quotient over the kernel, and the optimizer then works on what it did not step to.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.direction = self.add_weight(
            name="direction", shape=(1, self.filters), initializer="random_normal", trainable=False, autocast=False,
            aggregation="only_first_replica",
        )  # fmt: skip

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        flat = ops.reshape(ops.cast(self.kernel, "float32"), (-1, self.filters))
        # One round of power iteration for each training step, as in the paper: the kernel moves little between two.
        left = ops.stop_gradient(ops.normalize(self.direction @ ops.transpose(flat)))
        right = ops.stop_gradient(ops.normalize(left @ flat))
        if training:
            self.direction.assign(right)
        norm = ops.sum(left @ flat * right)
        outputs = self.convolution_op(inputs, self.kernel / ops.cast(norm, self.kernel.dtype))
        return outputs + ops.cast(self.bias, outputs.dtype) if self.use_bias else outputs

    # A plain convolution would keep kernel and bias alone.
    def save_own_variables(self, store: Any) -> None:
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        layers.Layer.load_own_variables(self, store)


@dataclass(frozen=True)
class Blocks:
    """Makes the layers of one network, which share a norm, a way of upsampling and a dtype policy.

    Weights start as the pix2pix authors' do: kernels from N(0, 0.02), gains of norms from N(1, 0.02).
    """

    norm: Norm = "batch"
    upsampling: Upsampling = "transposed"
    dtype: Any = None
    spectral: bool = False  # whether convolutions are divided by their norm

    def __post_init__(self) -> None:
        choice("norm", self.norm, NORMS)
        choice("upsampling", self.upsampling, UPSAMPLINGS)

    def convolution(self, filters: int, size: int, name: str, **options: Any) -> layers.Layer:
        kind = SpectralConv2D if self.spectral else layers.Conv2D
        return kind(filters, size, kernel_initializer=_normal(0.0), dtype=self.dtype, name=name, **options)

    def normalization(self, name: str) -> layers.Layer:
        if self.norm == "instance":
            return InstanceNorm(gamma_initializer=_normal(1.0), dtype=self.dtype, name=name)
        return BatchNormalization(
            momentum=0.9, epsilon=1e-5, gamma_initializer=_normal(1.0), dtype=self.dtype, name=name
        )

    def leaky(self, name: str) -> layers.Layer:
        return layers.LeakyReLU(negative_slope=0.2, dtype=self.dtype, name=name)

    def conv(self, x: Tensor, filters: int, name: str, *, strides: int = 1) -> Tensor:
        """[B,H,W,C] -> [B,H/strides,W/strides,filters]: 3x3 convolution, norm, ReLU."""
        x = self.convolution(filters, 3, name, strides=strides, padding="same", use_bias=False)(x)
        return layers.ReLU(dtype=self.dtype, name=f"{name}_act")(self.normalization(f"{name}_norm")(x))

    def down(self, x: Tensor, filters: int, name: str, *, activate: bool = True, normalize: bool = True) -> Tensor:
        """[B,H,W,C] -> [B,H/2,W/2,filters]: leaky ReLU, 4x4 convolution of stride 2, norm."""
        if activate:
            x = self.leaky(f"{name}_act")(x)
        x = self.convolution(filters, 4, name, strides=2, padding="same", use_bias=not normalize)(x)
        return self.normalization(f"{name}_norm")(x) if normalize else x

    def up(
        self, x: Tensor, filters: int, name: str, *, activate: bool = True, normalize: bool = True, size: int = 4
    ) -> Tensor:
        """[B,H,W,C] -> [B,2H,2W,filters]: ReLU, upsampling by two with a convolution, norm."""
        if activate:
            x = layers.ReLU(dtype=self.dtype, name=f"{name}_act")(x)
        if self.upsampling == "transposed":
            x = layers.Conv2DTranspose(
                filters, size, strides=2, padding="same", use_bias=not normalize, kernel_initializer=_normal(0.0),
                dtype=self.dtype, name=name,
            )(x)  # fmt: skip
        else:
            x = layers.UpSampling2D(2, interpolation="bilinear", dtype=self.dtype, name=f"{name}_resize")(x)
            x = self.convolution(filters, 3, name, padding="same", use_bias=not normalize)(x)
        return self.normalization(f"{name}_norm")(x) if normalize else x


def _normal(mean: float) -> initializers.Initializer:
    # A new one for every layer: a shared instance would give layers of one shape the same weights.
    return initializers.RandomNormal(mean, 0.02)
