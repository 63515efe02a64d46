"""Quantization-aware fine-tuning: a network learns to give its own colours again, with its numbers rounded.

Fake quantization after Jacob et al. 2018 (arXiv:1712.05877): kernels and activations are rounded to the 8-bit grid
they will have in the file, and gradients pass as if they were not. The teacher is the network itself before, so no
truth, no discriminator and no loss of a particular model are needed. The tuned network is an ordinary one again, and
its file is made as that of any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tqdm import tqdm

from colorize_tf.colorspace import encode_ab

from .source import Source

__all__ = ["fine_tune"]

# The axes of a kernel that one output channel owns: rounded with one step.
KERNEL_AXES = {layers.Conv2D: (0, 1, 2), layers.Conv2DTranspose: (0, 1, 3), layers.DepthwiseConv2D: (0, 1)}
UNCHANGED = (layers.Dropout, layers.Reshape, layers.Identity)  # give the numbers they are given


class Round(layers.Layer):
    """Rounds to 255 steps between the least and the greatest value it met while it was `observing`."""

    observing = True

    def build(self, shape: tuple[int | None, ...]) -> None:  # noqa: ARG002
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        if self.observing:
            self.low.assign(tf.minimum(low, tf.reduce_min(inputs)))
            self.high.assign(tf.maximum(high, tf.reduce_max(inputs)))
            return inputs
        # A channel that is always 0 has a range of nothing, which would divide by zero.
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, tf.maximum(high, low + 1e-6))


def fine_tune(
    source: Source,
    samples: Sequence[Mapping[str, np.ndarray]],
    *,
    steps: int,
    batch: int = 8,
    learning_rate: float = 1e-4,
) -> Source:
    """A network and inputs for it -> the same with weights that bear 8 bits; `source` itself stays as it is."""
    tuned = source.copy()
    networks = tuned.networks()
    roundings: list[Round] = []
    for name, network in networks.items():
        rounded = _rounded(network)
        roundings += [layer for layer in rounded.layers if isinstance(layer, Round)]
        setattr(tuned.model, name, rounded)

    observe = tf.function(lambda inputs: tuned.model.colorize(**inputs), autograph=False)
    for sample in samples:
        observe({name: tf.constant(value) for name, value in sample.items()})
    for rounding in roundings:
        rounding.observing = False
    variables = [weight for network in networks.values() for weight in network.trainable_weights]
    step = _step(source.model, tuned.model, variables, keras.optimizers.Adam(learning_rate))
    random = np.random.default_rng(0)
    groups = _of_one_shape(samples)
    for _ in tqdm(range(steps), desc="fine-tuning", unit="step", disable=None):
        group = groups[random.choice(len(groups), p=[len(group) / len(samples) for group in groups])]
        chosen = [samples[index] for index in random.choice(group, batch)]
        step({name: tf.concat([sample[name] for sample in chosen], axis=0) for name in source.intake.inputs})
    for name, network in networks.items():
        setattr(tuned.model, name, network)
    return tuned


def _step(teacher: keras.Model, student: keras.Model, variables: Sequence[Any], optimizer: Any) -> Any:
    """Makes the function that takes inputs by name and moves the student's colours towards the teacher's."""
    kernels = [layer for layer in student._flatten_layers() if type(layer) in KERNEL_AXES]
    optimizer.build(variables)

    @tf.function(autograph=False, reduce_retracing=True)
    def step(inputs: Mapping[str, tf.Tensor]) -> None:
        wanted = teacher.colorize(**inputs)
        with tf.GradientTape() as tape:
            rounded = [(layer.kernel, _round_kernel(layer)) for layer in kernels]
            with keras.StatelessScope(state_mapping=rounded):
                given = student.colorize(**inputs)
            loss = tf.reduce_mean(tf.square(encode_ab(given) - encode_ab(wanted)))
        optimizer.apply(tape.gradient(loss, variables), variables)

    return step


def _round_kernel(layer: layers.Layer) -> tf.Tensor:
    """A convolution -> its kernel on a grid of 8 bits without zero point, a step for each output channel.

    Batch norm, which conversion multiplies into the kernel, scales whole output channels: the grid scales with them.
    """
    kernel = tf.convert_to_tensor(layer.kernel)
    step = tf.reduce_max(tf.abs(kernel), KERNEL_AXES[type(layer)], keepdims=True) / 127.0
    grid = tf.math.divide_no_nan(kernel, step)
    return kernel + tf.stop_gradient(tf.round(grid) * step - kernel)


def _rounded(network: keras.Model) -> keras.Model:
    """The same layers with a `Round` wherever the file will hold an 8-bit tensor."""
    readers = _readers(network)
    inner = _between_convolutions(network, readers)

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if type(layer) in KERNEL_AXES and not isinstance(args[0]._keras_history.operation, (Round, *UNCHANGED)):
            producer = args[0]._keras_history.operation
            if producer not in inner:
                args = (Round()(args[0]), *args[1:])
        given = layer(*args, **kwargs)
        return Round()(given) if layer in inner and not _fused(layer, readers) else given

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _between_convolutions(network: keras.Model, readers: Mapping[Any, list[Any]]) -> set[Any]:
    """The operations from the first convolution to the last one, with the norm that belongs to it."""
    after: set[Any] = set()
    for operation in network.operations:
        if operation in after or type(operation) in KERNEL_AXES:
            after.update((operation, *readers.get(operation, ())))
    inner: set[Any] = set()
    for operation in reversed(network.operations):
        following = readers.get(operation, [])
        if type(operation) in KERNEL_AXES or any(reader in inner for reader in following):
            inner.add(operation)
            inner.update(reader for reader in following if isinstance(reader, layers.BatchNormalization))
    return {operation for operation in inner & after if not isinstance(operation, UNCHANGED)}


def _fused(layer: layers.Layer, readers: Mapping[Any, list[Any]]) -> bool:
    """Whether conversion makes one operator of this layer and the one that reads it."""
    following = readers.get(layer, [])
    if len(following) != 1:
        return False
    norm = isinstance(following[0], layers.BatchNormalization) and type(layer) in KERNEL_AXES
    return norm or isinstance(following[0], layers.ReLU)


def _readers(network: keras.Model) -> dict[Any, list[Any]]:
    """Operation -> the operations of this network that take what it gives."""
    readers: dict[Any, list[Any]] = {}
    for nodes in network._nodes_by_depth.values():
        for node in nodes:
            for tensor in node.input_tensors:
                readers.setdefault(tensor._keras_history.operation, []).append(node.operation)
    return readers


def _of_one_shape(samples: Sequence[Mapping[str, np.ndarray]]) -> list[list[int]]:
    """Groups of indices of samples that can be stacked."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, sample in enumerate(samples):
        groups.setdefault(sample["luma"].shape, []).append(index)
    return list(groups.values())
