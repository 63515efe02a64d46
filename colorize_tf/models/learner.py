"""What all networks share: in training phases, optimizers and logged losses, in use the way from L to colours.

A paper's file gives the networks and their losses.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import keras
from keras import ops

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.models.blocks import choice
from colorize_tf.models.optimizers import adam, loss_scaled

__all__ = ["LabView", "Learner", "RgbView"]

Tensor = Any


class Learner(keras.Model):
    """A model of a `generator`, and of other networks where a subclass has them, that learns by its own `train_step`.

    A subclass keeps each option of its constructor under the option's own name, names what it logs, and either says
    by `_step_losses` what the generator is to lower, as "g_loss", or brings a `train_step` of its own. If it needs
    to see the training data once, it has `prepare(batches)`, which keeps what it finds in weights.

    `phase` may be set to any of `phases` at any time. Freeze layers after `compile`, which gives every trainable
    weight its optimizer state; what is then not trainable is left alone until it is thawed.
    """

    unpaired: ClassVar[bool] = False  # whether it learns from two sets of photos that do not correspond
    phases: ClassVar[tuple[str, ...]] = ("train",)  # in the order of a training; the last one is the network's own
    logged: ClassVar[tuple[str, ...]] = ("g_loss",)
    generator: keras.Model

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._phase = self.phases[-1]
        for name in self.logged:
            setattr(self, f"{name}_tracker", keras.metrics.Mean(name=name))

    def get_config(self) -> dict[str, Any]:
        parameters = inspect.signature(type(self).__init__).parameters.values()
        options = {p.name: getattr(self, p.name) for p in parameters if p.kind is p.KEYWORD_ONLY}
        return {**super().get_config(), **options}

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.generator(inputs, training=training)

    @property
    def phase(self) -> str:
        """What `train_step` does next; a step compiled by the caller must be traced anew."""
        return self._phase

    @phase.setter
    def phase(self, phase: str) -> None:
        self._phase = choice("phase", phase, self.phases)
        for made, make in (("train_function", "make_train_function"), ("test_function", "make_test_function")):
            if getattr(self, made, None) is not None:
                getattr(self, make)(force=True)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [getattr(self, f"{name}_tracker") for name in self.logged]

    def sides(self) -> dict[str, list[keras.Model]]:
        """The optimizers by attribute, each with the networks that it trains."""
        return {"optimizer": [self.generator]}

    def compile(
        self,
        optimizer: Any = None,
        discriminator_optimizer: Any = None,
        *,
        learning_rate: Any = 2e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        weight_decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizers, Adam unless given, and makes their state, so that checkpoints find it."""
        if keras.config.backend() != "tensorflow":
            raise InputError(
                "KERAS_BACKEND", "training in phases runs on tensorflow", keras.config.backend(),
                "On other backends train `model.generator` with its own compile and fit.",
            )  # fmt: skip
        given = {"optimizer": optimizer, "discriminator_optimizer": discriminator_optimizer}
        for name, networks in self.sides().items():
            made = given[name] or adam(learning_rate, beta_1, beta_2, weight_decay)
            made = loss_scaled(made, self.dtype_policy)
            if name == "optimizer":
                super().compile(optimizer=made, auto_scale_loss=False, **kwargs)
            else:
                setattr(self, name, made)
            if not made.built:
                made.build(_trainable(networks))

    def get_compile_config(self) -> dict[str, Any]:
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in self.sides()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{name: keras.saving.deserialize_keras_object(optimizer) for name, optimizer in config.items()})

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses; the generator steps down "g_loss"."""
        import tensorflow as tf

        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            losses = self._step_losses(x, y, training=True)
            loss = self._scaled("optimizer", losses["g_loss"])
        self._descend({"optimizer": (tape, loss)})
        return self._log(losses, y)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """(x, y) in this model's view -> running means of the losses, all networks in inference mode."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._log(self._step_losses(x, y, training=False), y)

    def _step_losses(self, x: Tensor, y: Tensor, *, training: bool) -> dict[str, Tensor]:
        raise NotImplementedError(f"{type(self).__name__} must say what it learns from")

    def _scaled(self, side: str, loss: Tensor) -> Tensor:
        import tensorflow as tf

        # Keras adds up the gradients of the replicas; their mean is wanted.
        return getattr(self, side).scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)

    def _descend(self, sides: dict[str, tuple[Any, Tensor]]) -> None:
        """Optimizer by attribute -> (tape, scaled loss): one step of each, all from the weights as they are now."""
        steps = []
        for side, (tape, loss) in sides.items():
            variables = _trainable(self.sides()[side])
            if variables:  # networks frozen whole have none
                steps.append((getattr(self, side), tape.gradient(loss, variables), variables))
        for optimizer, gradients, variables in steps:
            optimizer.apply(gradients, variables)

    def _log(self, losses: dict[str, Tensor], y: Tensor) -> dict[str, Tensor]:
        known = [metric for metric in self.metrics if metric.name in losses]  # a phase need not have all of them
        for metric in known:
            metric.update_state(losses[metric.name], sample_weight=ops.shape(y)[0])
        return {metric.name: metric.result() for metric in known}


class LabView:
    """Mixed into a `Learner` whose generator takes L/50-1 [B,S,S,1] and gives ab/110 [B,s,s,2]."""

    view: ClassVar[str] = "lab"
    channels: ClassVar[tuple[int, int]] = (1, 2)  # of the generator's input and output

    def colorize(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> ab float32 [B,s,s,2] in Lab units."""
        return colorspace.decode_ab(self(colorspace.encode_luma(luma), training=False))  # type: ignore[operator]

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> RGB float32 [B,S,S,3] in 0..1 of this L with the generated ab."""
        luma = ops.cast(luma, "float32")
        ab = self.colorize(luma)
        if ab.shape[1:3] != luma.shape[1:3]:
            ab = ops.image.resize(ab, ops.shape(luma)[1:3], interpolation="bilinear")
        return colorspace.lab_to_rgb(ops.concatenate([luma, ab], axis=-1))


class RgbView:
    """Mixed into a `Learner` whose generator takes gray replicated [B,S,S,3] in -1..1 and gives RGB [B,S,S,3]."""

    view: ClassVar[str] = "rgb"
    channels: ClassVar[tuple[int, int]] = (3, 3)

    def paint(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> the generator's own RGB, float32 [B,S,S,3] in 0..1."""
        gray = ops.repeat(colorspace.luma_to_gray(ops.cast(luma, "float32")), 3, axis=-1)
        painted = self(colorspace.encode_rgb(255.0 * gray), training=False)  # type: ignore[operator]
        return colorspace.decode_rgb(painted) / 255.0

    def colorize(self, luma: Tensor) -> Tensor:
        """CIE L [B,S,S,1] in 0..100 -> ab float32 [B,S,S,2] in Lab units."""
        return colorspace.rgb_to_lab(self.paint(luma))[..., 1:]


def _trainable(networks: list[keras.Model]) -> list[keras.Variable]:
    return [variable for network in networks for variable in network.trainable_variables]
