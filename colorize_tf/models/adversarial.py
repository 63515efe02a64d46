"""The training that conditional adversarial networks share: a generator against a discriminator that sees its input.

Isola et al. 2017 (arXiv:1611.07004), equations 1 to 4; the papers that followed differ in the networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

from colorize_tf.losses import AdversarialLoss, CriticLoss, l1
from colorize_tf.models.learner import Learner

__all__ = ["ConditionalGan"]

Tensor = Any


class ConditionalGan(Learner):
    """A `generator` that paints x, and a `discriminator` of raw scores for x beside colours, true or painted.

    Phase "l1": the generator learns without the discriminator, which is neither run nor updated. "warmup": the
    discriminator alone learns, from what the generator paints as at inference. "gan": both learn.

    A subclass whose generator gives something else than colours says by `reconstruction` what is lost against y, and
    by `shown` what the discriminator sees.
    """

    phases: ClassVar[tuple[str, ...]] = ("l1", "warmup", "gan")
    logged: ClassVar[tuple[str, ...]] = ("g_loss", "g_gan", "g_l1", "d_loss")
    discriminator_loss_weight: float = 0.5  # the mean of real and fake
    discriminator: keras.Model
    adversarial_loss: AdversarialLoss | CriticLoss
    penalty_seed: keras.random.SeedGenerator  # where there is a critic
    l1_weight: float
    gan_weight: float = 1.0  # of the adversarial loss in the generator's

    def sides(self) -> dict[str, list[keras.Model]]:
        return {"optimizer": [self.generator], "discriminator_optimizer": [self.discriminator]}

    def reconstruction(self, x: Tensor, y: Tensor, painted: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """x, y and what the generator made of x -> its losses without the discriminator, weighted, by logged name."""
        return {"g_l1": self.l1_weight * l1(painted, y)}  # times λ, as the studies print it

    def shown(self, painted: Tensor) -> Tensor:
        """What the generator made of x -> the colours in it, of y's shape and range."""
        return painted

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses; both networks step from one forward pass."""
        import tensorflow as tf

        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        paints, judges = self.phase != "warmup", self.phase != "l1"
        sides = {}
        with tf.GradientTape() as g_tape:
            painted = self.generator(x, training=paints)
            shown = self.shown(painted) if judges else None
            # Begun after the generator has run: for this tape its colours are a constant, nothing flows back into it.
            with tf.GradientTape() as d_tape:
                losses = self._losses_of(x, y, painted, shown, training=True)
                if judges:
                    sides["discriminator_optimizer"] = d_tape, self._scaled("discriminator_optimizer", losses["d_loss"])
            if paints:
                sides["optimizer"] = g_tape, self._scaled("optimizer", losses["g_loss"])
        self._descend(sides)
        return self._log(losses, y)

    def _step_losses(self, x: Tensor, y: Tensor, *, training: bool) -> dict[str, Tensor]:
        painted = self.generator(x, training=training)
        return self._losses_of(x, y, painted, None if self.phase == "l1" else self.shown(painted), training=training)

    def _losses_of(
        self, x: Tensor, y: Tensor, painted: Tensor, shown: Tensor | None, *, training: bool
    ) -> dict[str, Tensor]:
        losses = self.reconstruction(x, y, painted)
        distance = sum(losses.values())
        if shown is None:
            return {"g_loss": distance, **losses}
        gray = ops.cast(x, "float32")
        on_real = self.discriminator(ops.concatenate([gray, ops.cast(y, "float32")], axis=-1), training=training)
        on_fake = self.discriminator(ops.concatenate([gray, shown], axis=-1), training=training)
        judge = self.adversarial_loss
        fooled = self.gan_weight * _mean(judge.generator, on_fake)
        told_apart = _mean(judge.real, on_real) + _mean(judge.fake, on_fake)
        d_loss = self.discriminator_loss_weight * told_apart
        if training and isinstance(judge, CriticLoss):
            d_loss += judge.penalty * self._steepness(gray, ops.cast(y, "float32"), shown)
        return {"g_loss": fooled + distance, "g_gan": fooled, **losses, "d_loss": d_loss}

    def _steepness(self, gray: Tensor, true: Tensor, shown: Tensor) -> Tensor:
        """How far the discriminator's slope is from 1, somewhere between true and painted colours: mean square."""
        import tensorflow as tf

        share = keras.random.uniform((ops.shape(true)[0], 1, 1, 1), seed=self.penalty_seed)
        between = ops.stop_gradient(share * true + (1.0 - share) * shown)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(between)
            scores = self.discriminator(ops.concatenate([gray, between], axis=-1), training=True)
            ends = [ops.sum(one) for one in (scores if isinstance(scores, list) else [scores])]
        slopes = [tape.gradient(end, between) for end in ends]
        # A root has no finite slope at 0.
        lengths = [ops.sqrt(ops.sum(ops.square(slope), axis=(1, 2, 3)) + 1e-12) for slope in slopes]
        return sum(ops.mean(ops.square(length - 1.0)) for length in lengths) / len(lengths)


def _mean(loss: Callable[[Tensor], Tensor], scores: Tensor | list[Tensor]) -> Tensor:
    """The loss of one discriminator's scores, or the mean of those of several."""
    parts = [loss(one) for one in (scores if isinstance(scores, list) else [scores])]
    return sum(parts[1:], parts[0]) / len(parts)
