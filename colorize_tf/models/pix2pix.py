"""Image-to-image translation with conditional adversarial networks (Isola et al. 2017, arXiv:1611.07004), for colour.

`Pix2PixRGB` paints gray as RGB; `Pix2PixLab`, its subclass, adds ab to the L it is given. Section 6.1 of the paper
describes the networks: U-Net generator, 70x70 PatchGAN.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import keras
from keras import layers, ops

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss, l1
from colorize_tf.models.blocks import Blocks, NoiseDropout, Norm, Upsampling, choice
from colorize_tf.models.optimizers import adam, loss_scaled

__all__ = ["NOISES", "PHASES", "Pix2PixLab", "Pix2PixRGB", "patch_discriminator", "unet_generator"]

Tensor = Any

Noise = Literal["train", "dropout"]
Phase = Literal["l1", "gan"]
NOISES: tuple[str, ...] = get_args(Noise)
PHASES: tuple[str, ...] = get_args(Phase)


def unet_generator(
    size: int, channels: tuple[int, int], width: int, blocks: Blocks, dropout: float, always_drop: bool
) -> keras.Model:
    """Network range [B,S,S,channels[0]] -> float32 [B,S,S,channels[1]] in -1..1: as many halvings as lead to 1x1."""
    widths = [width * min(2**i, 8) for i in range(size.bit_length() - 1)]
    last = len(widths) - 1
    drop = NoiseDropout if always_drop else layers.Dropout
    inputs = x = keras.Input((size, size, channels[0]), name="gray")
    skips = []
    for i, filters in enumerate(widths):
        # No norm on the first (paper), nor on the 1x1 bottleneck, where that of a batch of one would leave only zeros.
        x = blocks.down(x, filters, f"down{i}", activate=i > 0, normalize=0 < i < last)
        skips.append(x)
    for i, filters in enumerate(reversed(widths[:-1])):
        x = blocks.up(x, filters, f"up{i}")
        if i < 3 and dropout:
            x = drop(dropout, dtype=blocks.dtype, name=f"up{i}_drop")(x)
        x = layers.Concatenate(dtype=blocks.dtype, name=f"up{i}_skip")([x, skips[last - 1 - i]])
    x = blocks.up(x, channels[1], f"up{last}", normalize=False)
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(inputs, colour, name="generator")


def patch_discriminator(size: int, channels: int, width: int, blocks: Blocks) -> keras.Model:
    """Gray beside colour [B,S,S,channels] -> float32 logits, one for each 70x70 patch: [B,30,30,1] at S=256.

    Padding is one pixel of zeros on every side, as in the authors' code: "same" of a 4x4 kernel would pad unevenly.
    """
    inputs = x = keras.Input((size, size, channels), name="pair")
    for i, (filters, stride) in enumerate([(width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)]):
        x = layers.ZeroPadding2D(1, dtype=blocks.dtype, name=f"conv{i}_pad")(x)
        x = blocks.convolution(filters, 4, f"conv{i}", strides=stride, use_bias=i == 0)(x)
        if i > 0:
            x = blocks.normalization(f"conv{i}_norm")(x)
        x = blocks.leaky(f"conv{i}_act")(x)
    x = layers.ZeroPadding2D(1, dtype=blocks.dtype, name="logits_pad")(x)
    x = blocks.convolution(1, 4, "logits")(x)
    logits = layers.Activation("linear", dtype="float32", name="logits_float32")(x)
    return keras.Model(inputs, logits, name="discriminator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class Pix2PixRGB(keras.Model):
    """Gray replicated [B,S,S,3] in -1..1 -> RGB float32 [B,S,S,3] in -1..1.

    Args:
        size: side S of the square pictures, a power of two from 32.
        base_width: filters of the outermost convolutions of both networks; deeper ones have up to 8 times as many.
        norm: "batch" (moving statistics at inference) or "instance".
        upsampling: "transposed" convolutions, or "bilinear" resizing and a convolution, which draws no checkerboards.
        gan_loss: "vanilla" (cross entropy), "lsgan" or "hinge".
        l1_weight: λ of the paper, the weight of the mean absolute difference beside the adversarial loss.
        label_smoothing: how far below 1 the discriminator's target for real pictures lies.
        dropout: rate in the three innermost up blocks.
        noise: "train": dropout in training only; "dropout": also at inference, so that every call paints anew.

    `phase` may be set to "l1" at any time: the generator then learns from λ·L1 alone, while the discriminator is
    neither run nor updated; "gan" trains both. Freeze layers after `compile`, which gives every trainable weight its
    optimizer state; what is then not trainable is left alone until it is thawed.
    """

    view: ClassVar[str] = "rgb"
    channels: ClassVar[tuple[int, int]] = (3, 3)  # of the generator's input and output
    discriminator_loss_weight: ClassVar[float] = 1.0  # real + fake

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        norm: Norm = "batch",
        upsampling: Upsampling = "transposed",
        gan_loss: GanLoss = "vanilla",
        l1_weight: float = 100.0,
        label_smoothing: float = 0.0,
        dropout: float = 0.5,
        noise: Noise = "train",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_numbers(size, base_width, l1_weight, dropout)
        self.size, self.base_width, self.norm, self.upsampling = size, base_width, norm, upsampling
        self.gan_loss, self.l1_weight, self.label_smoothing = gan_loss, l1_weight, label_smoothing
        self.dropout, self.noise = dropout, choice("noise", noise, NOISES)
        self.adversarial_loss = AdversarialLoss(gan_loss, label_smoothing)
        self._phase = "gan"

        blocks = Blocks(norm, upsampling, self.dtype_policy)
        self.generator = unet_generator(size, self.channels, base_width, blocks, dropout, noise == "dropout")
        self.discriminator = patch_discriminator(size, sum(self.channels), base_width, blocks)

        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")
        self.g_gan_tracker = keras.metrics.Mean(name="g_gan")
        self.g_l1_tracker = keras.metrics.Mean(name="g_l1")  # weighted by λ, as the studies print it
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "base_width": self.base_width,
            "norm": self.norm,
            "upsampling": self.upsampling,
            "gan_loss": self.gan_loss,
            "l1_weight": self.l1_weight,
            "label_smoothing": self.label_smoothing,
            "dropout": self.dropout,
            "noise": self.noise,
        }

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.generator(inputs, training=training)

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> the generator's own RGB, float32 [B,S,S,3] in 0..1."""
        gray = ops.repeat(colorspace.luma_to_gray(ops.cast(luma, "float32")), 3, axis=-1)
        painted = self(colorspace.encode_rgb(255.0 * gray), training=False)
        return colorspace.decode_rgb(painted) / 255.0

    def colorize(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> ab float32 [B,S,S,2] in Lab units."""
        return colorspace.rgb_to_lab(self.paint(luma))[..., 1:]

    @property
    def phase(self) -> str:
        """What `train_step` does next: "l1" or "gan"; a step compiled by the caller must be traced anew."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = choice("phase", phase, PHASES)
        for made, make in (("train_function", "make_train_function"), ("test_function", "make_test_function")):
            if getattr(self, made, None) is not None:
                getattr(self, make)(force=True)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.g_loss_tracker, self.g_gan_tracker, self.g_l1_tracker, self.d_loss_tracker]

    def compile(
        self,
        optimizer: Any = None,
        discriminator_optimizer: Any = None,
        *,
        learning_rate: Any = 2e-4,
        beta_1: float = 0.5,
        **kwargs: Any,
    ) -> None:
        """Sets the two optimizers, Adam unless given, and makes their state, so that checkpoints find it."""
        if keras.config.backend() != "tensorflow":
            raise InputError(
                "KERAS_BACKEND", "adversarial training runs on tensorflow", keras.config.backend(),
                "On other backends train `model.generator` with its own compile and fit.",
            )  # fmt: skip
        policy = self.dtype_policy
        optimizer = loss_scaled(optimizer or adam(learning_rate, beta_1), policy)
        super().compile(optimizer=optimizer, auto_scale_loss=False, **kwargs)
        self.discriminator_optimizer = loss_scaled(discriminator_optimizer or adam(learning_rate, beta_1), policy)
        for player, network in ((self.optimizer, self.generator), (self.discriminator_optimizer, self.discriminator)):
            if not player.built:
                player.build(network.trainable_variables)

    def get_compile_config(self) -> dict[str, Any]:
        optimizers = {"optimizer": self.optimizer, "discriminator_optimizer": self.discriminator_optimizer}
        return {name: keras.saving.serialize_keras_object(optimizer) for name, optimizer in optimizers.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{name: keras.saving.deserialize_keras_object(optimizer) for name, optimizer in config.items()})

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses; both networks step from one forward pass."""
        import tensorflow as tf

        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        # Keras adds up the gradients of the replicas; their mean is wanted.
        share = 1.0 / tf.distribute.get_strategy().num_replicas_in_sync
        gan = self.phase == "gan"
        with tf.GradientTape() as g_tape:
            fake = self.generator(x, training=True)
            # Begun after the generator has run: for this tape the fake is a constant, and nothing flows back into it.
            with tf.GradientTape() as d_tape:
                losses = self._step_losses(x, y, fake, training=True)
                d_loss = self.discriminator_optimizer.scale_loss(share * losses["d_loss"]) if gan else None
            g_loss = self.optimizer.scale_loss(share * losses["g_loss"])
        sides = [(self.optimizer, g_tape, g_loss, self.generator)]
        if gan:
            sides.append((self.discriminator_optimizer, d_tape, d_loss, self.discriminator))
        gradients = [tape.gradient(loss, network.trainable_variables) for _, tape, loss, network in sides]
        for (optimizer, _, _, network), gradient in zip(sides, gradients, strict=True):
            if gradient:  # a network frozen whole has none
                optimizer.apply(gradient, network.trainable_variables)
        return self._log(losses, x)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses, both networks in inference mode."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._log(self._step_losses(x, y, self.generator(x, training=False), training=False), x)

    def _step_losses(self, x: Tensor, y: Tensor, fake: Tensor, *, training: bool) -> dict[str, Tensor]:
        distance = self.l1_weight * l1(fake, y)
        if self.phase == "l1":
            return {"g_loss": distance, "g_l1": distance}
        gray = ops.cast(x, "float32")
        on_real = self.discriminator(ops.concatenate([gray, ops.cast(y, "float32")], axis=-1), training=training)
        on_fake = self.discriminator(ops.concatenate([gray, fake], axis=-1), training=training)
        fooled = self.adversarial_loss.generator(on_fake)
        told_apart = self.adversarial_loss.real(on_real) + self.adversarial_loss.fake(on_fake)
        return {
            "g_loss": fooled + distance, "g_gan": fooled, "g_l1": distance,
            "d_loss": self.discriminator_loss_weight * told_apart,
        }  # fmt: skip

    def _log(self, losses: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
        known = [metric for metric in self.metrics if metric.name in losses]  # the "l1" phase knows two of the four
        for metric in known:
            metric.update_state(losses[metric.name], sample_weight=ops.shape(x)[0])
        return {metric.name: metric.result() for metric in known}


@keras.saving.register_keras_serializable(package="colorize_tf")
class Pix2PixLab(Pix2PixRGB):
    """L/50-1 [B,S,S,1] -> ab/110 float32 [B,S,S,2] in -1..1; arguments as for `Pix2PixRGB`."""

    view: ClassVar[str] = "lab"
    channels: ClassVar[tuple[int, int]] = (1, 2)
    discriminator_loss_weight: ClassVar[float] = 0.5  # the mean of real and fake

    def colorize(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> ab float32 [B,S,S,2] in Lab units."""
        return colorspace.decode_ab(self(colorspace.encode_luma(luma), training=False))

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> RGB float32 [B,S,S,3] in 0..1 of this L with the generated ab."""
        luma = ops.cast(luma, "float32")
        return colorspace.lab_to_rgb(ops.concatenate([luma, self.colorize(luma)], axis=-1))


def _check_numbers(size: int, base_width: int, l1_weight: float, dropout: float) -> None:
    if size < 32 or size & (size - 1):
        raise InputError("size", "must be a power of two, at least 32", size)
    if base_width < 1:
        raise InputError("base_width", "must be at least 1", base_width)
    if l1_weight < 0:
        raise InputError("l1_weight", "must not be negative", l1_weight)
    if not 0 <= dropout < 1:
        raise InputError("dropout", "must be at least 0 and below 1", dropout)
