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
from colorize_tf.models.weights import set_weights

from .source import Source
from .trace import of_one_shape

__all__ = ["fine_tune"]

# The axes of a kernel that one output channel owns: rounded with one step.
KERNEL_AXES = {layers.Conv2D: (0, 1, 2), layers.Conv2DTranspose: (0, 1, 3), layers.DepthwiseConv2D: (0, 1)}
EQUALIZING = (layers.Conv2D, layers.Conv2DTranspose)
CARRIERS = (
    layers.LeakyReLU, layers.ReLU, layers.Concatenate, layers.Dropout, layers.UpSampling2D, layers.MaxPooling2D,
)  # fmt: skip
UNCHANGED = (layers.Dropout, layers.Reshape, layers.Identity)  # give the numbers they are given


class Round(layers.Layer):
    """Rounds to 255 steps between the least and the greatest value it met while it was `observing`.

    All channels share a range, as they do in a file; but where conversion will equalize them, each has its own.
    """

    observing = True

    def __init__(self, *, equalized: bool) -> None:
        super().__init__()
        self.equalized = equalized

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.low = self.add_weight(name="low", shape=shape[-1:], initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=shape[-1:], initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        if self.observing:
            axes = list(range(len(inputs.shape) - 1))
            self.low.assign(tf.minimum(low, tf.reduce_min(inputs, axes)))
            self.high.assign(tf.maximum(high, tf.reduce_max(inputs, axes)))
            return inputs
        if not self.equalized:
            low, high = tf.zeros_like(low) + tf.reduce_min(low), tf.zeros_like(high) + tf.reduce_max(high)
        # A channel that is always 0 has a range of nothing, which would divide by zero.
        high = tf.maximum(high, low + 1e-6)
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(inputs, low, high)


def fine_tune(
    source: Source,
    samples: Sequence[Mapping[str, np.ndarray]],
    *,
    steps: int,
    batch: int = 8,
    learning_rate: float = 3e-5,
) -> Source:
    """A network and inputs for it -> the same with weights that bear 8 bits; `source` itself stays as it is."""
    simulated = source.copy()
    networks = simulated.networks()
    # What is exported may be the average of what was trained. A clone does not pass it on to its layers.
    for part in (part for network in networks.values() for part in (network, *network.layers)):
        part.trainable = True
    roundings: list[Round] = []
    kernels: list[layers.Layer] = []
    for name, network in networks.items():
        readers = _readers(network)
        inner = _between_convolutions(network, readers)
        rounded = _rounded(network, readers, inner)
        roundings += [layer for layer in rounded.layers if isinstance(layer, Round)]
        kernels += [layer for layer in inner if type(layer) in KERNEL_AXES]
        setattr(simulated.model, name, rounded)

    observe = tf.function(lambda inputs: simulated.model.colorize(**inputs), autograph=False)
    for sample in samples:
        observe({name: tf.constant(value) for name, value in sample.items()})
    for rounding in roundings:
        rounding.observing = False
    variables = [weight for network in networks.values() for weight in network.trainable_weights]
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    step = _step(source.model, simulated.model, kernels, variables, keras.optimizers.Adam(rate))
    random = np.random.default_rng(0)
    groups = of_one_shape(samples)
    for _ in tqdm(range(steps), desc="fine-tuning", unit="step", disable=None):
        group = groups[random.choice(len(groups), p=[len(group) / len(samples) for group in groups])]
        step(_batch([samples[index] for index in random.choice(group, batch)]))
    tuned = source.copy()
    for name, network in tuned.networks().items():
        set_weights(network, networks[name].get_weights())
    return tuned


def _step(
    teacher: keras.Model,
    student: keras.Model,
    kernels: Sequence[layers.Layer],
    variables: Sequence[Any],
    optimizer: keras.optimizers.Optimizer,
) -> Any:
    """Makes the function that takes inputs by name and moves the student's colours towards the teacher's."""
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


def _rounded(network: keras.Model, readers: Mapping[Any, list[Any]], inner: set[Any]) -> keras.Model:
    """The same layers with a `Round` wherever the file will hold an 8-bit tensor."""

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer in inner and type(layer) in KERNEL_AXES and args[0]._keras_history.operation not in known:
            args = (Round(equalized=False)(args[0]), *args[1:])  # what enters the first convolution
        given = layer(*args, **kwargs)
        known.add(layer)
        if layer not in inner or isinstance(layer, UNCHANGED) or _fused(layer, readers):
            return given
        rounding = Round(equalized=layer in equalized)
        known.add(rounding)
        return rounding(given)

    known: set[Any] = set()
    equalized = _equalized(network, readers)
    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _between_convolutions(network: keras.Model, readers: Mapping[Any, list[Any]]) -> set[Any]:
    """The operations from the first convolution to what the last ones read.

    Those stay float32 in the file; where they become weights (see `quantize`) they do not, but have little to learn.
    """
    after: set[Any] = set()
    for operation in network.operations:
        if operation in after or type(operation) in KERNEL_AXES:
            after.update((operation, *readers.get(operation, ())))
    before: set[Any] = set()
    for operation in reversed(network.operations):
        if any(reader in before or type(reader) in KERNEL_AXES for reader in readers.get(operation, ())):
            before.add(operation)
    return after & before


def _equalized(network: keras.Model, readers: Mapping[Any, list[Any]]) -> set[Any]:
    """The operations whose channels conversion scales to like size: see `equalize`."""
    carrying: set[Any] = set()  # let a factor pass, and so does all that reads them, up to a convolution
    for operation in reversed(network.operations):
        following = readers.get(operation, [])
        passes = [
            type(reader) in EQUALIZING or (reader in carrying and isinstance(reader, CARRIERS)) for reader in following
        ]
        norm = len(following) == 1 and isinstance(following[0], layers.BatchNormalization) and following[0] in carrying
        unbounded = getattr(operation, "max_value", None) is None
        if following and unbounded and (all(passes) or norm):
            carrying.add(operation)
    made: set[Any] = set()
    for operation in network.operations:
        inputs = [maker for maker, following in readers.items() if operation in following]
        if operation in carrying and (type(operation) in EQUALIZING or all(maker in made for maker in inputs)):
            made.add(operation)
    return made


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


def _batch(samples: Sequence[Mapping[str, np.ndarray]]) -> dict[str, tf.Tensor]:
    """Inputs for single pictures, of one size -> for all of them; vividness, which has no batch, is the first one's."""
    return {
        name: tf.constant(value) if value.ndim == 1 else tf.concat([sample[name] for sample in samples], axis=0)
        for name, value in samples[0].items()
    }
