"""Unpaired image-to-image translation (Zhu et al. 2017, arXiv:1703.10593): two sets of pictures, no pairs.

`CycleGAN` turns pictures of set A into such of set B and back; `CycleGANGray` has photos without colour for A.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar

import keras
from keras import ops

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, GanLoss, l1
from colorize_tf.models.blocks import Blocks, Norm
from colorize_tf.models.learner import Learner, RgbView
from colorize_tf.models.pix2pix import patch_discriminator
from colorize_tf.models.pool import ImagePool
from colorize_tf.models.residual import residual_generator

__all__ = ["CycleGAN", "CycleGANGray", "diversity"]

Tensor = Any


def diversity(inputs: Tensor, outputs: Tensor) -> Tensor:
    """Pictures [B,H,W,C] and what was made of them -> how far each is from the next one, after by before, float32 [B].

    About 1 where each picture keeps what is its own, 0 where all become the same: mode collapse.
    """
    before, after = (ops.mean(ops.abs(x - ops.roll(x, 1, axis=0)), axis=(1, 2, 3)) for x in (inputs, outputs))
    return after / (before + 1e-3)


@keras.saving.register_keras_serializable(package="colorize_tf")
class CycleGAN(Learner):
    """RGB of set A [B,S,S,3] in -1..1 -> RGB of set B float32 [B,S,S,3] in -1..1 by `generator`, back by `inverse`.

    Args:
        size: side S of the square pictures it learns on, a multiple of 4, at least 32.
        base_width: filters of the outermost convolutions of all networks.
        residual_blocks: of each generator; the paper has 9 for 256x256, 6 for 128x128.
        norm: "instance" or "batch".
        gan_loss: "lsgan", "vanilla" or "hinge".
        cycle_weight: λ of equation 3: there and back again must be where one was.
        identity_weight: of "what is in B already stays as it is", in units of λ (section 5.2).
        pool: pictures that a discriminator is shown again, 0 for none.
        diversity_weight: of a penalty on outputs that are more alike than their inputs; needs a batch of two or more.
    """

    view: ClassVar[str] = "rgb"
    unpaired: ClassVar[bool] = True
    phases: ClassVar[tuple[str, ...]] = ("gan",)
    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_gan", "g_cycle", "g_identity", "g_diversity", "d_loss")
    multiple: ClassVar[int] = 4

    def __init__(
        self,
        *,
        size: int = 256,
        base_width: int = 64,
        residual_blocks: int = 9,
        norm: Norm = "instance",
        gan_loss: GanLoss = "lsgan",
        cycle_weight: float = 10.0,
        identity_weight: float = 0.5,
        pool: int = 50,
        diversity_weight: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size < 32 or size % 4:
            raise InputError("size", "must be a multiple of 4, at least 32", size)
        if base_width < 1:
            raise InputError("base_width", "must be at least 1", base_width)
        weights = (cycle_weight, identity_weight, diversity_weight, pool)
        if min(weights) < 0:
            raise InputError("cycle, identity and diversity weights, pool", "must not be negative", weights)
        self.size, self.base_width, self.residual_blocks, self.norm = size, base_width, residual_blocks, norm
        self.gan_loss, self.cycle_weight, self.identity_weight = gan_loss, cycle_weight, identity_weight
        self.pool, self.diversity_weight = pool, diversity_weight
        self.adversarial_loss = AdversarialLoss(gan_loss)
        blocks = Blocks(norm, dtype=self.dtype_policy)
        self.generator = residual_generator((3, 3), base_width, residual_blocks, blocks)
        self.inverse = residual_generator((3, 3), base_width, residual_blocks, blocks, name="inverse")
        self.discriminator_a = patch_discriminator(size, 3, base_width, blocks, name="discriminator_a")
        self.discriminator_b = patch_discriminator(size, 3, base_width, blocks, name="discriminator_b")
        self.pool_a, self.pool_b = (ImagePool(pool, (size, size, 3), random.getrandbits(31)) for _ in range(2))
        self.built = True

    def sides(self) -> dict[str, list[keras.Model]]:
        return {
            "optimizer": [self.generator, self.inverse],
            "discriminator_optimizer": [self.discriminator_a, self.discriminator_b],
        }

    def translate(self, rgb: Tensor) -> Tensor:
        """RGB of set A [B,H,W,3] in 0..1, sides multiples of 4 -> RGB of set B float32 [B,H,W,3] in 0..1."""
        return self._through(self.generator, rgb)

    def translate_back(self, rgb: Tensor) -> Tensor:
        """RGB of set B [B,H,W,3] in 0..1, sides multiples of 4 -> RGB of set A float32 [B,H,W,3] in 0..1."""
        return self._through(self.inverse, rgb)

    def of_a(self, rgb: Tensor) -> Tensor:
        """Pictures of set A as the pipeline gives them, RGB [B,S,S,3] -> as the generator is to see them."""
        return ops.cast(rgb, "float32")

    def there(self, pictures: Tensor) -> Tensor:
        """Pictures of set A as `of_a` gives them [B,S,S,3] -> such of set B, float32 in -1..1."""
        return self.generator(pictures, training=False)

    def back(self, pictures: Tensor) -> Tensor:
        """Pictures of set B, RGB [B,S,S,3] in -1..1 -> such of set A, float32 in -1..1."""
        return self.inverse(pictures, training=False)

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(a, b), RGB [B,S,S,3] in -1..1 and no pairs -> running means of the losses; all four networks step."""
        import tensorflow as tf

        a, b, _ = keras.utils.unpack_x_y_sample_weight(data)
        a, b = self.of_a(a), ops.cast(b, "float32")
        with tf.GradientTape() as g_tape:
            losses, painted = self._generators_losses(a, b, training=True)
            g_loss = self._scaled("optimizer", losses["g_loss"])
        seen = [pool(ops.stop_gradient(picture)) for pool, picture in zip(self._pools(), painted, strict=True)]
        with tf.GradientTape() as d_tape:
            losses["d_loss"] = self._discriminators_loss((a, b), seen, training=True)
            d_loss = self._scaled("discriminator_optimizer", losses["d_loss"])
        self._descend({"optimizer": (g_tape, g_loss), "discriminator_optimizer": (d_tape, d_loss)})
        return self._log(losses, b)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """(a, b) as in training -> running means of the losses, all networks in inference mode."""
        a, b, _ = keras.utils.unpack_x_y_sample_weight(data)
        a, b = self.of_a(a), ops.cast(b, "float32")
        losses, painted = self._generators_losses(a, b, training=False)
        losses["d_loss"] = self._discriminators_loss((a, b), painted, training=False)
        return self._log(losses, b)

    def _generators_losses(self, a: Tensor, b: Tensor, *, training: bool) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Pictures of both sets -> what the generators lose, and the pictures they make, of A's kind and of B's."""
        there, back = self.generator, self.inverse
        if self.identity_weight:
            like_b, same_b = self._both(there, a, b, training)
            like_a, same_a = self._both(back, b, a, training)
        else:
            like_b, like_a = there(a, training=training), back(b, training=training)
        again = l1(back(like_b, training=training), a) + l1(there(like_a, training=training), b)
        judge = self.adversarial_loss.generator
        fooled = judge(self.discriminator_b(like_b, training=training))
        fooled += judge(self.discriminator_a(like_a, training=training))
        losses = {"g_gan": fooled, "g_cycle": self.cycle_weight * again}
        if self.identity_weight:
            kept = l1(same_b, b) + l1(same_a, a)
            losses["g_identity"] = self.identity_weight * self.cycle_weight * kept
        if self.diversity_weight:
            if a.shape[0] == 1:
                raise InputError("--diversity-weight", "needs a batch of two pictures or more", "--batch 1")
            lost = [ops.relu(1.0 - diversity(*pair)) for pair in ((a, like_b), (b, like_a))]
            losses["g_diversity"] = self.diversity_weight * ops.mean(ops.concatenate(lost))
        return {"g_loss": sum(losses.values()), **losses}, [like_a, like_b]

    def _discriminators_loss(self, true: tuple[Tensor, Tensor], painted: list[Tensor], *, training: bool) -> Tensor:
        judges = (self.discriminator_a, self.discriminator_b)
        judged = [self._both(*each, training) for each in zip(judges, true, painted, strict=True)]
        parts = [self.adversarial_loss.real(real) + self.adversarial_loss.fake(fake) for real, fake in judged]
        return 0.5 * (parts[0] + parts[1])

    def _both(self, network: keras.Model, one: Tensor, other: Tensor, training: bool) -> list[Tensor]:
        """Pictures [B,H,W,C] twice -> what the network makes of either, in one go: that is faster.

        Batch norm would learn the statistics of a mixture, so that it is given one kind at a time.
        """
        if self.norm == "batch":
            return [network(pictures, training=training) for pictures in (one, other)]
        return ops.split(network(ops.concatenate([one, other]), training=training), 2)

    def _pools(self) -> tuple[ImagePool, ImagePool]:
        return self.pool_a, self.pool_b

    def _through(self, network: keras.Model, rgb: Tensor) -> Tensor:
        painted = network(colorspace.encode_rgb(255.0 * ops.cast(rgb, "float32")), training=False)
        return colorspace.decode_rgb(painted) / 255.0


@keras.saving.register_keras_serializable(package="colorize_tf")
class CycleGANGray(RgbView, CycleGAN):
    """Gray replicated [B,S,S,3] in -1..1 -> RGB float32 [B,S,S,3] in -1..1; arguments as for `CycleGAN`.

    Set A are photos robbed of their colour, set B photos; one source of photos is enough for both.
    """

    def of_a(self, rgb: Tensor) -> Tensor:
        """Photos, RGB [B,S,S,3] in -1..1 -> their gray, replicated."""
        return ops.repeat(colorspace.rgb_to_gray(ops.cast(rgb, "float32"))[..., None], 3, axis=-1)
