"""Saliency map-guided colorization (Zhao et al. 2021, arXiv:2011.11377): colour and what draws the eye, together.

A second end predicts the saliency of the picture, and what is salient is weighed and judged once more by itself. The
authors' saliency comes from a trained detector; here it is that of Achanta et al. 2009, which needs no training.

The published loss also has the difference of features of a taught VGG-16, which is not here: L1 stands for it. The
branch of global features learns with the rest; theirs was taught before.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import keras
from keras import layers, ops

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, CriticLoss, l1
from colorize_tf.models.adversarial import ConditionalGan
from colorize_tf.models.blocks import Blocks, choice
from colorize_tf.models.learner import LabView
from colorize_tf.models.pix2pix import patch_discriminator

__all__ = ["SCGAN", "saliency", "scgan_generator"]

Tensor = Any
ScganLoss = Literal["wgan-gp", "vanilla", "lsgan", "hinge"]
LOSSES: tuple[str, ...] = get_args(ScganLoss)

VGG = (2, 2, 3, 3, 4)  # convolutions of the global features' stages, the last of each of stride 2
SALIENCY_LEVELS = (1, 2, 3)  # of the decoder, from a half to an eighth of the size, that saliency is read from


def saliency(lab: Tensor) -> Tensor:
    """CIE Lab [B,H,W,3] -> saliency float32 [B,H,W,1] in 0..1.

    "Frequency-tuned": how far each colour, blurred over five pixels, is from the picture's mean, by the most of all.
    """
    blurred = ops.cast(lab, "float32")
    for _ in range(2):
        blurred = ops.average_pool(blurred, 3, strides=1, padding="same")
    distance = ops.norm(blurred - ops.mean(blurred, axis=(1, 2), keepdims=True), axis=-1, keepdims=True)
    return distance / (ops.max(distance, axis=(1, 2, 3), keepdims=True) + 1e-3)


def scgan_generator(size: int, channels: tuple[int, int], width: int, blocks: Blocks) -> keras.Model:
    """Network range [B,S,S,channels[0]] -> float32 colours [B,S,S,channels[1]] in -1..1, saliency [B,S,S,1] in 0..1.

    A U-Net down to 1x1 whose encoder is told, at a 32nd of the size, what a second encoder makes of the picture.
    """
    if size < 32 or size & (size - 1):
        raise InputError("size", "must be a power of two, at least 32", size)
    halvings = size.bit_length() - 1
    told = min(len(VGG), halvings - 1)
    gray = keras.Input((size, size, channels[0]), name="gray")
    x = blocks.convolution(width, 7, "down0", padding="same")(gray)
    skips = [x]
    for i in range(1, halvings + 1):
        x = blocks.down(x, width * min(2**i, 8), f"down{i}", normalize=i < halvings)
        skips.append(x)
        if i == told:
            x = layers.Concatenate(dtype=blocks.dtype, name="told")([x, _global_features(gray, width, told, blocks)])
    found = {}
    for i in reversed(range(halvings)):
        x = found[i] = blocks.up(x, width * min(2**i, 8), f"up{i}")
        x = layers.Concatenate(dtype=blocks.dtype, name=f"up{i}_skip")([x, skips[i]])
    x = layers.ReLU(dtype=blocks.dtype, name="ab_act")(x)
    x = blocks.convolution(channels[1], 3, "ab", padding="same")(x)
    colour = layers.Activation("tanh", dtype="float32", name="colour")(x)
    return keras.Model(gray, [colour, _saliency_end(found, 2 * width, blocks)], name="generator")


def _global_features(gray: Tensor, width: int, stages: int, blocks: Blocks) -> Tensor:
    """The picture [B,S,S,C] -> features [B,s,s,8*width] at the last of `stages` halvings, by the layers of VGG-16."""
    x = gray
    for stage, count in enumerate(VGG[:stages]):
        for i in range(count):
            stride = 2 if i == count - 1 else 1
            x = blocks.conv(x, width * min(2**stage, 8), f"global{stage}_{i}", strides=stride)
    return x


def _saliency_end(found: dict[int, Tensor], width: int, blocks: Blocks) -> Tensor:
    """Levels of the decoder -> saliency float32 [B,S,S,1] in 0..1."""
    grown = []
    for level in SALIENCY_LEVELS:
        x = found[level]
        for step in range(level - 1):
            x = blocks.up(x, width, f"saliency{level}_{step}")
        x = layers.ReLU(dtype=blocks.dtype, name=f"saliency{level}_in")(x)
        grown.append(blocks.conv(x, width, f"saliency{level}"))
    x = layers.Concatenate(dtype=blocks.dtype, name="saliency_all")(grown)
    x = layers.ReLU(dtype=blocks.dtype, name="saliency_in")(blocks.up(x, width, "saliency_full"))
    x = blocks.convolution(1, 3, "saliency_map", padding="same")(x)
    return layers.Activation("sigmoid", dtype="float32", name="saliency")(x)


def hierarchical_discriminator(size: int, channels: tuple[int, int], width: int, blocks: Blocks) -> keras.Model:
    """L, ab, saliency [B,S,S,4] -> logits of two judges: one sees L and ab, the other L and the ab that is salient."""
    seen = keras.Input((size, size, sum(channels) + 1), name="pair")
    logits = [
        patch_discriminator(size, sum(channels), width, blocks, name=name)(
            layer(channels[0], name=f"{name}_seen")(seen)
        )
        for name, layer in (("whole", Whole), ("salient", Salient))
    ]
    return keras.Model(seen, logits, name="discriminator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class Whole(layers.Layer):
    """L, ab and saliency [B,H,W,gray+3] -> L and ab; `gray` channels are before ab."""

    def __init__(self, gray: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gray = gray

    def call(self, inputs: Tensor) -> Tensor:
        return inputs[..., :-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gray": self.gray}


@keras.saving.register_keras_serializable(package="colorize_tf")
class Salient(Whole):
    """L, ab and saliency [B,H,W,gray+3] -> L, and ab times saliency."""

    def call(self, inputs: Tensor) -> Tensor:
        gray, colour, drawn = inputs[..., : self.gray], inputs[..., self.gray : -1], inputs[..., -1:]
        return ops.concatenate([gray, colour * drawn], axis=-1)


@keras.saving.register_keras_serializable(package="colorize_tf")
class SCGAN(LabView, ConditionalGan):
    """L/50-1 [B,S,S,1] -> ab/110 float32 [B,S,S,2] in -1..1; the saliency that it learns beside is for training alone.

    Args:
        size: side S of the square pictures, a power of two from 32.
        base_width: filters of the outermost convolutions of all networks; deeper ones have up to 8 times as many.
        gan_loss: "wgan-gp", whose judges are critics with a penalty on their slope, "lsgan", "vanilla" or "hinge".
        l1_weight: of the mean absolute difference of the colours.
        attention_weight: of that of the salient colours, and of the saliency itself.
        gan_weight: of the adversarial loss.
    """

    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_gan", "g_l1", "g_attention", "g_saliency", "d_loss")

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        gan_loss: ScganLoss = "wgan-gp",
        l1_weight: float = 1.0,
        attention_weight: float = 0.5,
        gan_weight: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if base_width < 1:
            raise InputError("base_width", "must be at least 1", base_width)
        self.size, self.base_width, self.gan_loss = size, base_width, gan_loss
        self.l1_weight, self.attention_weight, self.gan_weight = l1_weight, attention_weight, gan_weight
        if choice("gan_loss", gan_loss, LOSSES) == "wgan-gp":
            self.adversarial_loss, self.discriminator_loss_weight = CriticLoss(), 1.0
            self.penalty_seed = keras.random.SeedGenerator()
        else:
            self.adversarial_loss = AdversarialLoss(gan_loss)
        blocks = Blocks(dtype=self.dtype_policy)
        self.generator = scgan_generator(size, self.channels, base_width, blocks)
        self.discriminator = hierarchical_discriminator(size, self.channels, base_width, blocks)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.generator(inputs, training=training)[0]

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses; both networks step from one forward pass."""
        return super().train_step(_with_saliency(data))

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses, both networks in inference mode."""
        return super().test_step(_with_saliency(data))

    def reconstruction(self, x: Tensor, y: Tensor, painted: list[Tensor]) -> dict[str, Tensor]:  # noqa: ARG002
        """Colours and saliency, and the true ones [B,S,S,3] -> the losses without the discriminator."""
        colour, drawn = painted
        true, wanted = y[..., :-1], y[..., -1:]
        return {
            "g_l1": self.l1_weight * l1(colour, true),
            "g_attention": self.attention_weight * l1(colour * drawn, true * wanted),
            "g_saliency": self.attention_weight * l1(drawn, wanted),
        }

    def shown(self, painted: list[Tensor]) -> Tensor:
        """Colours and saliency side by side, as y has them."""
        return ops.concatenate(painted, axis=-1)


def _with_saliency(data: Any) -> tuple[Tensor, Tensor]:
    """(x, y), L/50-1 and ab/110 -> the same with the picture's saliency as y's last channel."""
    x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
    x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
    lab = ops.concatenate([colorspace.decode_luma(x), colorspace.decode_ab(y)], axis=-1)
    return x, ops.concatenate([y, saliency(lab)], axis=-1)
