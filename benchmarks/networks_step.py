"""Training steps of networks beside plain Keras and TensorFlow on the same layers, as a Markdown table.

    python benchmarks/networks_step.py                                        # the presets for two cores
    python benchmarks/networks_step.py --scale smoke --rounds 2 --seconds 0.5 # a look in a minute

autoencoder, unet    `compile` and `fit` of Keras with its own Adam; unet in its first phase, L1 alone
eccv16, siggraph17   the same with their losses; siggraph17 in its second phase, in which the colours teach the trunk
dcgan                the step of TensorFlow's pix2pix tutorial: two tapes, two of Keras's Adams
cyclegan             the step of TensorFlow's CycleGAN tutorial: one persistent tape, four of Keras's Adams

The plain networks have Keras's own layers wherever ours take their place: BatchNormalization, and
GroupNormalization for instance norm. The losses of colours as classes are made of our own functions, which find
a colour's five nearest bins in a table: public code sorts 313 distances for every pixel, or looks for them with
scikit-learn, outside of the step. `fit` has XLA compile the step unless told not to, which takes minutes for a
ResNet and slows convolutions on a CPU: it is told not to; with --xla both are tried and the faster one counts.
Contestants take turns, round after round; the figures are medians.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from train_step import contestant, tutorial_step
from turns import Contestant, load, machine, medians

from colorize_tf import bins
from colorize_tf.colorspace import AB_RANGE
from colorize_tf.config import RunConfig, TrainConfig
from colorize_tf.errors import InputError, command_line
from colorize_tf.losses import huber
from colorize_tf.models import build
from colorize_tf.models.blocks import BatchNormalization, InstanceNorm
from colorize_tf.models.zhang import CELLS, Gate
from colorize_tf.presets import PRESETS
from colorize_tf.steps import Stepper
from colorize_tf.strategies import open_devices


def rebalanced(ab: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """ab/110 [B,S,S,2], logits of 313 bins [B,S/4,S/4,313] -> nats of each pixel times its colour's rarity, here 1."""
    nearest, weights = bins.soft_encode(ab[:, ::4, ::4] * AB_RANGE)
    likeliest = tf.gather(nearest, tf.argmax(weights, axis=-1), batch_dims=3)
    return bins.soft_cross_entropy(logits, nearest, weights) * tf.gather(tf.ones(len(bins.BINS)), likeliest)


def classes(ab: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """ab/110 [B,S,S,2], logits of 23x23 cells of ab [B,S/4,S/4,529] -> nats of each pixel."""
    nearest, weights = bins.soft_encode(ab[:, ::4, ::4] * AB_RANGE)
    return bins.soft_cross_entropy(logits, tf.gather(CELLS, nearest), weights)


# Of those that `fit` trains.
LOSSES: dict[str, Any] = {
    "autoencoder": "mse",
    "unet": "mae",
    "eccv16": rebalanced,
    "siggraph17": [lambda ab, colour: huber(colour, ab, 1.0 / AB_RANGE), classes],
}
NETWORKS = (*LOSSES, "dcgan", "cyclegan")
PHASES = {"unet": "l1"}  # of those that are not measured in their last
SCALES: dict[str, Callable[[str], RunConfig]] = {
    "small": lambda name: PRESETS[f"{name}-small"].config,
    "paper": lambda name: PRESETS[name].config,
    "smoke": lambda name: PRESETS[name].config.smoke(),
}


def plain(network: keras.Model) -> keras.Model:
    """The same layers, with other weights, and Keras's own where ours take their place."""

    def layer_of(layer: layers.Layer) -> layers.Layer:
        if isinstance(layer, BatchNormalization):
            return layers.BatchNormalization.from_config(layer.get_config())
        if isinstance(layer, InstanceNorm):
            return layers.GroupNormalization(groups=-1, epsilon=layer.epsilon, name=layer.name)
        if isinstance(layer, Gate):  # of the phase that is measured, the second
            return layers.Lambda(tf.stop_gradient if layer.name == "class_gate" else tf.identity, name=layer.name)
        return type(layer).from_config(layer.get_config()) if layer.weights else layer

    return keras.models.clone_model(network, clone_function=layer_of, recursive=True)


def ours(model: keras.Model, phase: str, data: tuple[tf.Tensor, tf.Tensor]) -> Contestant:
    """The step of this package, as its training loop runs it."""
    model.compile()
    model.phase = phase
    step = Stepper(open_devices(TrainConfig()), model).prepared(model.phase)

    def run(count: int) -> None:
        for _ in range(count):
            logs, _ = step(data)
        np.asarray(logs["g_loss"])  # waits for an accelerator, too

    return run


def fitted(network: keras.Model, loss: Any, data: tuple[tf.Tensor, tf.Tensor], jit: bool) -> Contestant:
    """Keras's `fit`, its step compiled by XLA or not; a list of losses is one for each output, all of the same y."""
    network.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=jit)
    x, y = data
    truth = (y,) * len(loss) if isinstance(loss, list) else y
    batches = tf.data.Dataset.from_tensors((x, truth)).repeat().prefetch(1)
    return lambda count: network.fit(batches, steps_per_epoch=count, shuffle=False, verbose=0)


def tutorial(model: keras.Model, data: tuple[tf.Tensor, tf.Tensor]) -> Contestant:
    """The train step of TensorFlow's CycleGAN tutorial."""
    networks = [plain(getattr(model, name)) for name in ("generator", "inverse", "discriminator_a", "discriminator_b")]
    there, back, judge_a, judge_b = networks
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in networks]
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def distance(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.abs(x - y))

    @tf.function
    def step(a: tf.Tensor, b: tf.Tensor) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            like_b, like_a = there(a, training=True), back(b, training=True)
            again_a, again_b = back(like_b, training=True), there(like_a, training=True)
            same_a, same_b = back(a, training=True), there(b, training=True)
            real_a, real_b = judge_a(a, training=True), judge_b(b, training=True)
            fake_a, fake_b = judge_a(like_a, training=True), judge_b(like_b, training=True)
            cycle = 10.0 * (distance(again_a, a) + distance(again_b, b))
            losses = [
                bce(tf.ones_like(fake_b), fake_b) + cycle + 5.0 * distance(same_b, b),
                bce(tf.ones_like(fake_a), fake_a) + cycle + 5.0 * distance(same_a, a),
                0.5 * (bce(tf.ones_like(real_a), real_a) + bce(tf.zeros_like(fake_a), fake_a)),
                0.5 * (bce(tf.ones_like(real_b), real_b) + bce(tf.zeros_like(fake_b), fake_b)),
            ]
        for network, optimizer, loss in zip(networks, optimizers, losses, strict=True):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return losses[0]

    def run(count: int) -> None:
        for _ in range(count):
            loss = step(*data)
        np.asarray(loss)

    return run


def contestants(name: str, config: RunConfig, xla: bool) -> dict[str, Contestant]:
    """A network and its sizes -> "ours" and plain ones, on the same batch in memory."""
    model = build(name, **config.model.options())
    size, batch = config.model.size, config.data.batch
    random = np.random.default_rng(0)
    channels = model.channels if hasattr(model, "channels") else (3, 3)
    x, y = (tf.constant(random.uniform(-1, 1, (batch, size, size, count)), tf.float32) for count in channels)
    if name == "cyclegan":
        others = {"tutorial": tutorial(model, (x, y))}
    elif name == "dcgan":
        step = tutorial_step(plain(model.generator), plain(model.discriminator), config.model.label_smoothing)
        others = {"tutorial": contestant(step, x, y)}
    else:
        others = {f"fit {jit}": fitted(plain(model.generator), LOSSES[name], (x, y), jit) for jit in {False, xla}}
    return {**others, "ours": ours(model, PHASES.get(name, model.phases[-1]), (x, y))}


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="example: python benchmarks/networks_step.py --networks cyclegan --scale paper",
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS, help="which (default: all)")
    parser.add_argument("--scale", choices=tuple(SCALES), default="small", help="which presets (default %(default)s)")
    parser.add_argument("--xla", action="store_true", help="also try `fit` with XLA")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (default 7)")
    parser.add_argument("--seconds", type=float, default=4.0, help="about how long a turn takes (default 4)")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        raise InputError("--rounds", "must be at least 1", args.rounds)

    command = "python benchmarks/networks_step.py " + " ".join(sys.argv[1:] if argv is None else argv)
    print(f"load {load()} before; {args.rounds} turns each; {machine()}. `{command.strip()}`\n", flush=True)
    print("| network | step | plain, s | ours, s | plain by ours |\n|---|---|---|---|---|", flush=True)
    for name in args.networks:
        config = SCALES[args.scale](name)
        found = medians(contestants(name, config, args.xla), args.rounds, args.seconds)
        shape = f"{config.model.size}², batch {config.data.batch}"
        mine, other = found.pop("ours"), min(found.values())
        print(f"| {name} | {shape} | {other:.3f} | {mine:.3f} | {other / mine:.2f}× |", flush=True)
    print(f"\nload {load()} after")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
