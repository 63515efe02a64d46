"""Losses of the papers, on keras.ops: they take any float dtype and give float32 scalars.

Gradients of mixed precision are only as good as the loss they start from, so everything is cast to float32 first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from keras import ops

from colorize_tf.errors import InputError

__all__ = [
    "GAN_LOSSES",
    "AdversarialLoss",
    "CriticLoss",
    "GanLoss",
    "binary_cross_entropy",
    "hinge",
    "huber",
    "l1",
    "l2",
    "least_squares",
]

# A tensor of whichever backend Keras runs on: there is no static type for it.
Tensor = Any

GanLoss = Literal["vanilla", "lsgan", "hinge"]
GAN_LOSSES: tuple[str, ...] = get_args(GanLoss)


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Two tensors [...] of one shape -> mean absolute difference, float32 scalar."""
    return ops.mean(ops.abs(_float32(prediction) - _float32(target)))


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Two tensors [...] of one shape -> mean squared difference, float32 scalar."""
    return ops.mean(ops.square(_float32(prediction) - _float32(target)))


def huber(prediction: Tensor, target: Tensor, delta: float) -> Tensor:
    """Two tensors [...] of one shape -> mean difference, float32 scalar: squared below `delta`, absolute above.

    Divided by `delta`, so that above it a unit of difference costs one, whatever `delta` is.
    """
    distance = ops.abs(_float32(prediction) - _float32(target))
    return ops.mean(ops.where(distance < delta, ops.square(distance) / (2 * delta), distance - delta / 2))


def binary_cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Logits [...] and one probability for all of them -> mean cross entropy in nats, float32 scalar."""
    logits = _float32(logits)
    return ops.mean(ops.softplus(logits) - target * logits)


def least_squares(scores: Tensor, target: float) -> Tensor:
    """Scores [...] and the one value they should have -> mean squared difference, float32 scalar."""
    return ops.mean(ops.square(_float32(scores) - target))


def hinge(scores: Tensor, sign: float) -> Tensor:
    """Scores [...] that should lie beyond +1 or -1, as `sign` says -> mean shortfall, float32 scalar."""
    return ops.mean(ops.relu(1.0 - sign * _float32(scores)))


@dataclass(frozen=True)
class AdversarialLoss:
    """The two players' losses on the discriminator's raw scores.

    vanilla: cross entropy on logits, the generator's part non-saturating (Goodfellow et al. 2014).
    lsgan: squares with targets 1 and 0 (Mao et al. 2017; without their factor 1/2, as CycleGAN uses it).
    hinge: Lim & Ye 2017; the generator's part is the negated mean score.

    `label_smoothing` lowers the target of real pictures alone, 1 -> 1 - label_smoothing (Salimans et al. 2016).
    """

    kind: GanLoss = "vanilla"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in GAN_LOSSES:
            raise InputError("gan_loss", f"must be one of {', '.join(GAN_LOSSES)}", self.kind)
        if not 0.0 <= self.label_smoothing < 0.5:
            raise InputError("label_smoothing", "must be at least 0 and below 0.5", self.label_smoothing)
        if self.kind == "hinge" and self.label_smoothing:
            raise InputError(
                "label_smoothing", "needs a loss with labels, which hinge has not", self.label_smoothing,
                "Set it to 0 or choose vanilla or lsgan.",
            )  # fmt: skip

    def real(self, scores: Tensor) -> Tensor:
        """The discriminator's scores [...] of real pictures -> its loss, float32 scalar."""
        target = 1.0 - self.label_smoothing
        if self.kind == "vanilla":
            return binary_cross_entropy(scores, target)
        return least_squares(scores, target) if self.kind == "lsgan" else hinge(scores, 1.0)

    def fake(self, scores: Tensor) -> Tensor:
        """The discriminator's scores [...] of generated pictures -> its loss, float32 scalar."""
        if self.kind == "vanilla":
            return binary_cross_entropy(scores, 0.0)
        return least_squares(scores, 0.0) if self.kind == "lsgan" else hinge(scores, -1.0)

    def generator(self, scores: Tensor) -> Tensor:
        """The discriminator's scores [...] of generated pictures -> the generator's loss, float32 scalar."""
        if self.kind == "vanilla":
            return binary_cross_entropy(scores, 1.0)
        return least_squares(scores, 1.0) if self.kind == "lsgan" else -ops.mean(_float32(scores))


@dataclass(frozen=True)
class CriticLoss:
    """The two players' losses of a Wasserstein GAN (Arjovsky et al. 2017): scores as they are, the higher the truer.

    The critic must not be steep; who trains it adds `penalty` times the squared difference of its slope from 1, between
    true pictures and made ones (Gulrajani et al. 2017, arXiv:1704.00028).
    """

    penalty: float = 10.0

    def real(self, scores: Tensor) -> Tensor:
        """The critic's scores [...] of real pictures -> its loss, float32 scalar."""
        return -ops.mean(_float32(scores))

    def fake(self, scores: Tensor) -> Tensor:
        """The critic's scores [...] of generated pictures -> its loss, float32 scalar."""
        return ops.mean(_float32(scores))

    def generator(self, scores: Tensor) -> Tensor:
        """The critic's scores [...] of generated pictures -> the generator's loss, float32 scalar."""
        return -ops.mean(_float32(scores))


def _float32(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")
