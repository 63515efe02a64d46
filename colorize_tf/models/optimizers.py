"""Optimizers for models that train with more than one of them, on one device or many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

__all__ = ["AllReplicasLossScale", "FusedAdam", "adam", "loss_scaled"]


@keras.saving.register_keras_serializable(package="colorize_tf")
class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam, its update in TensorFlow's one kernel: one pass over memory where the loose operations make ten.

    With the 54 million weights of pix2pix at batch 1 those passes are a third of a step on a CPU. The formula and the
    meaning of epsilon are the same; results differ by rounding.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shares: dict[int, float] = {}  # of the learning rate, by the number of the variable

    def slow_down(self, variables: Iterable[keras.Variable], share: float) -> None:
        """From now on these variables, if they are of those it was built for, move by `share` of the learning rate."""
        slow = {id(variable) for variable in variables}
        own = enumerate(self._trainable_variables)
        self._shares.update({index: share for index, variable in own if id(variable) in slow})

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = learning_rate * self._shares.get(self._get_variable_index(variable), 1.0)
        if keras.config.backend() != "tensorflow" or self.amsgrad or not hasattr(variable, "handle"):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), dtype),
        )


@keras.saving.register_keras_serializable(package="colorize_tf")
class AllReplicasLossScale(keras.optimizers.LossScaleOptimizer):
    """Dynamic loss scaling whose skipped steps are agreed on by all replicas.

    Keras 3.15 looks at the gradients of the first replica, before they are summed: an overflow in another one would
    pass and turn every weight into NaN.
    """

    def check_finite(self, grads: list[Any]) -> Any:
        finite = super().check_finite(grads)
        if keras.config.backend() != "tensorflow":
            return finite
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return finite
        overflowing = replica.all_reduce(tf.distribute.ReduceOp.SUM, 1.0 - ops.cast(finite, "float32"))
        return overflowing < 0.5


def adam(
    learning_rate: float = 2e-4, beta_1: float = 0.5, beta_2: float = 0.999, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """The Adam of the pix2pix paper and of most that followed it; weight decay acts beside it (Loshchilov 2019)."""
    return FusedAdam(learning_rate, beta_1=beta_1, beta_2=beta_2, weight_decay=weight_decay or None, name="adam")


def loss_scaled(optimizer: Any, policy: keras.DTypePolicy) -> keras.optimizers.Optimizer:
    """Any optimizer (or its name) -> one that scales the loss where the policy computes in float16."""
    optimizer = keras.optimizers.get(optimizer)
    if policy.compute_dtype != "float16" or isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    return AllReplicasLossScale(optimizer, name=f"{optimizer.name}_loss_scale")
