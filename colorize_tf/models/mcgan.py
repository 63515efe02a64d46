"""Multi-domain cycle-consistent colorization of radar pictures (Ji et al. 2021, doi:10.1109/LGRS.2020.2969891).

One generator paints pictures of every class, such as a kind of terrain, and takes the colour away again. A label tells
it what to make, a mask whether there is such a label; a discriminator also guesses the label. The letter learns without
pairs; they can be used where there are some. Its tables of layers were not at hand: the generator is that of CycleGAN,
the discriminator and the weights of the losses are those of StarGAN (Choi et al. 2018, arXiv:1711.09020).
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss, l1
from colorize_tf.models.blocks import Blocks
from colorize_tf.models.learner import Learner, RgbView
from colorize_tf.models.residual import residual_generator

__all__ = ["MCGAN", "multidomain_discriminator", "speckled"]

Tensor = Any

SPECKLE = 1  # seed of the speckle where it must always be the same: outside of training


def speckled(rgb: Tensor, looks: int, seed: Any) -> Tensor:
    """Gray thrice [B,S,S,3] in -1..1 -> the same as a radar of so many looks would see it, clipped to -1..1.

    Gray is taken for amplitude. Its square is multiplied by noise of mean 1 from a gamma distribution of shape `looks`,
    another for each pixel: for one look amplitudes are those of a Rayleigh distribution, for many the noise vanishes.
    """
    amplitude = (ops.cast(rgb, "float32") + 1.0) / 2.0
    noise = keras.random.gamma(ops.shape(amplitude[..., :1]), alpha=float(looks), seed=seed) / looks
    return ops.clip(2.0 * amplitude * ops.sqrt(noise) - 1.0, -1.0, 1.0)


def multidomain_discriminator(size: int, domains: int, width: int, blocks: Blocks) -> keras.Model:
    """RGB [B,S,S,3] in -1..1 -> float32 logits of patches [B,s,s,1], and of what it shows [B,1,1,domains].

    Without norms, which would hide how light and how colourful the whole picture is.
    """
    inputs = x = keras.Input((size, size, 3), name="picture")
    for i in range(min(6, (size // 4).bit_length() - 1)):
        x = blocks.down(x, width * 2**i, f"conv{i}", activate=i > 0, normalize=False)
    x = blocks.leaky("last_act")(x)
    ends = {
        "patches": blocks.convolution(1, 3, "patches_conv", padding="same")(x),
        "domain": blocks.convolution(domains, x.shape[1], "domain_conv")(x),
    }
    logits = [layers.Activation("linear", dtype="float32", name=name)(end) for name, end in ends.items()]
    return keras.Model(inputs, logits, name="discriminator")


@keras.saving.register_keras_serializable(package="colorize_tf")
class MCGAN(RgbView, Learner):
    """Gray thrice in -1..1, and a mask and a class if known, [B,S,S,3] or [B,S,S,5] -> RGB float32 [B,S,S,3] in -1..1.

    It learns from (a, b) [B,S,S,5] without pairs: RGB of which it sees the gray, and RGB, each with mask and class. If
    `paired`, from (x, y): gray with mask and class, and the RGB of the same photos.

    What the generator is to make is a code: 1 for gray, the class one-hot, the mask. All zeros ask for colour as such.

    Args:
        size: side S of the square pictures it learns on, a multiple of 4, at least 32.
        base_width: filters of the outermost convolutions of both networks.
        residual_blocks: of the generator.
        gan_loss: "lsgan", "vanilla" or "hinge".
        domains: classes that it tells apart; 1: all photos are of one.
        paired: whether it learns from pairs.
        cycle_weight: of "there and back again must be where one was".
        class_weight: of "what is made must be taken for what was asked for".
        l1_weight: of the mean absolute difference from the truth, where there are pairs.
        looks: of the speckle that gray pictures get in training; 0 for none.
    """

    view: ClassVar[str] = "labelled"
    phases: ClassVar[tuple[str, ...]] = ("gan",)
    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_gan", "g_cycle", "g_class", "g_l1", "d_loss", "d_class")
    multiple: ClassVar[int] = 4

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        residual_blocks: int = 6,
        gan_loss: GanLoss = "lsgan",
        domains: int = 1,
        paired: bool = False,
        cycle_weight: float = 10.0,
        class_weight: float = 1.0,
        l1_weight: float = 100.0,
        looks: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size < 32 or size % 4:
            raise InputError("size", "must be a multiple of 4, at least 32", size)
        if base_width < 1 or domains < 1:
            raise InputError("base_width, domains", "must be at least 1", (base_width, domains))
        weights = (cycle_weight, class_weight, l1_weight, looks)
        if min(weights) < 0:
            raise InputError("cycle, class and L1 weights, looks", "must not be negative", weights)
        self.size, self.base_width, self.residual_blocks = size, base_width, residual_blocks
        self.gan_loss, self.domains, self.paired, self.looks = gan_loss, domains, paired, looks
        self.cycle_weight, self.class_weight, self.l1_weight = cycle_weight, class_weight, l1_weight
        self.unpaired = not paired
        self.adversarial_loss = AdversarialLoss(gan_loss)
        self.noise_seed = keras.random.SeedGenerator()
        # Not batch norm: one network paints gray and colour, and the moving statistics of both would fit neither.
        blocks = Blocks("instance", dtype=self.dtype_policy)
        self.generator = residual_generator((3, 3), base_width, residual_blocks, blocks, code=domains + 2)
        self.discriminator = multidomain_discriminator(size, domains + 1, base_width, blocks)
        self.built = True

    def sides(self) -> dict[str, list[keras.Model]]:
        return {"optimizer": [self.generator], "discriminator_optimizer": [self.discriminator]}

    # === In use ===

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        code = self.colour_code() if inputs.shape[-1] == 3 else self._told(inputs)
        return self._made(inputs[..., :3], code, training=training)

    def translate(self, rgb: Tensor, domain: int | None = None) -> Tensor:
        """RGB [B,H,W,3] in 0..1, sides multiples of 4, of which gray alone is seen -> RGB float32 of that class."""
        seen = self._gray(colorspace.encode_rgb(255.0 * ops.cast(rgb, "float32")))
        return colorspace.decode_rgb(self._made(seen, self.colour_code(domain), training=False)) / 255.0

    def translate_back(self, rgb: Tensor) -> Tensor:
        """RGB [B,H,W,3] in 0..1, sides multiples of 4 -> such a picture as it sees, RGB float32 [B,H,W,3] in 0..1."""
        return colorspace.decode_rgb(self.back(colorspace.encode_rgb(255.0 * ops.cast(rgb, "float32")))) / 255.0

    def there(self, pictures: Tensor) -> Tensor:
        """What `of_a` gives [B,S,S,3] -> RGB float32 [B,S,S,3] in -1..1 of no class in particular."""
        return self._made(pictures, self.colour_code(), training=False)

    def back(self, pictures: Tensor) -> Tensor:
        """RGB [B,S,S,3] in -1..1 -> the gray of it, with speckle where that was learnt, float32 [B,S,S,3] in -1..1."""
        return self._made(pictures, self.gray_code(), training=False)

    def of_a(self, rgb: Tensor, training: bool = False) -> Tensor:
        """RGB [B,S,S,3] in -1..1 -> what the generator is shown of it: gray thrice, with speckle if it has `looks`."""
        gray = self._gray(rgb)
        return speckled(gray, self.looks, self.noise_seed if training else SPECKLE) if self.looks else gray

    def colour_code(self, domain: int | None = None) -> np.ndarray:
        """A class, None if unknown -> what asks the generator for it, float32 [1, domains + 2]."""
        if domain is not None and not 0 <= domain < self.domains:
            raise InputError("--domain", f"must be a class from 0 to {self.domains - 1}", domain)
        if domain is None and self.domains > 1:
            return np.zeros((1, self.domains + 2), np.float32)
        classes = np.eye(self.domains)[domain or 0]
        return np.array([[0, *classes, 1]], np.float32)

    def gray_code(self) -> np.ndarray:
        """What asks the generator for a picture without colour, float32 [1, domains + 2]."""
        return np.array([[1, *[0] * self.domains, 1]], np.float32)

    # === In training ===

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(a, b), or (x, y) if paired -> running means of the losses; both networks step."""
        import tensorflow as tf

        true, codes = self._sets(data, training=True)
        with tf.GradientTape() as g_tape:
            losses, made = self._generator_losses(true, codes, training=True)
            g_loss = self._scaled("optimizer", losses["g_loss"])
        with tf.GradientTape() as d_tape:
            shown = [ops.stop_gradient(picture) for picture in made]
            losses |= self._discriminator_losses(true, codes, shown, training=True)
            d_loss = self._scaled("discriminator_optimizer", losses["d_loss"])
        self._descend({"optimizer": (g_tape, g_loss), "discriminator_optimizer": (d_tape, d_loss)})
        return self._log(losses, true[1])

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """(a, b), or (x, y) if paired -> running means of the losses, both networks in inference mode."""
        true, codes = self._sets(data, training=False)
        losses, made = self._generator_losses(true, codes, training=False)
        return self._log(losses | self._discriminator_losses(true, codes, made, training=False), true[1])

    def _sets(self, data: Any, *, training: bool) -> tuple[list[Tensor], list[Tensor]]:
        """A batch -> pictures without colour and with it, and the codes that ask for the colours of both."""
        a, b, _ = keras.utils.unpack_x_y_sample_weight(data)
        told = self._told(a)
        known = told if self.paired else self._told(b)
        return [self.of_a(a[..., :3], training), ops.cast(b[..., :3], "float32")], [told, known]

    def _generator_losses(
        self, true: list[Tensor], codes: list[Tensor], *, training: bool
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Pictures and codes as of `_sets` -> what the generator loses, and the pictures it made: gray ones, others."""
        (a, b), (told, known), gray = true, codes, self.gray_code()
        like_b, like_a = self._made(a, told, training=training), self._made(b, gray, training=training)
        fooled, taken_for = 0.0, 0.0
        for picture, code in ((like_a, gray), (like_b, told)):
            patches, domain = self.discriminator(picture, training=training)
            fooled += self.adversarial_loss.generator(patches)
            taken_for += _cross_entropy(domain, code)
        losses = {"g_gan": fooled, "g_class": self.class_weight * taken_for}
        if self.cycle_weight:
            again = l1(self._made(like_b, gray, training=training), a)
            again += l1(self._made(like_a, known, training=training), b)
            losses["g_cycle"] = self.cycle_weight * again
        if self.paired:
            losses["g_l1"] = self.l1_weight * l1(like_b, b)
        return {"g_loss": sum(losses.values()), **losses}, [like_a, like_b]

    def _discriminator_losses(
        self, true: list[Tensor], codes: list[Tensor], made: list[Tensor], *, training: bool
    ) -> dict[str, Tensor]:
        judged, classed = 0.0, 0.0
        for real, fake, code in zip(true, made, (self.gray_code(), codes[1]), strict=True):
            patches, domain = self.discriminator(real, training=training)
            judged += self.adversarial_loss.real(patches)
            judged += self.adversarial_loss.fake(self.discriminator(fake, training=training)[0])
            classed += _cross_entropy(domain, code)
        classed *= self.class_weight
        return {"d_loss": 0.5 * judged + classed, "d_class": classed}

    def _made(self, pictures: Tensor, code: Tensor, *, training: bool) -> Tensor:
        """Pictures [B,H,W,3] and codes [B or 1, domains + 2] -> what was asked for, float32 [B,H,W,3]."""
        pictures = ops.cast(pictures, "float32")
        code = ops.ones_like(pictures[:, 0, 0, :1]) * ops.cast(code, "float32")
        return self.generator([pictures, code], training=training)

    def _told(self, pictures: Tensor) -> Tensor:
        """Pictures with mask and class [B,S,S,5] -> the codes that ask for their colours."""
        known, number = ops.cast(pictures[:, 0, 0, 3:4], "float32"), ops.cast(pictures[:, 0, 0, 4], "int32")
        if self.domains == 1:  # one class is no news
            known, number = ops.ones_like(known), ops.zeros_like(number)
        classes = known * ops.one_hot(number, self.domains, dtype="float32")
        return ops.concatenate([ops.zeros_like(known), classes, known], axis=-1)

    @staticmethod
    def _gray(rgb: Tensor) -> Tensor:
        # Not by indexing with None, which TFLite lacks where height and width are unknown.
        return ops.repeat(ops.expand_dims(colorspace.rgb_to_gray(ops.cast(rgb, "float32")), -1), 3, axis=-1)


def _cross_entropy(logits: Tensor, code: Tensor) -> Tensor:
    """Logits [B,1,1,D] and codes [B or 1, D + 1] -> mean cross entropy of those whose code says what they are."""
    logits = ops.log_softmax(logits[:, 0, 0], axis=-1)
    wanted = ops.ones_like(logits) * ops.cast(code, "float32")[:, :-1]
    return -ops.sum(wanted * logits) / ops.maximum(ops.sum(wanted), 1.0)
