"""Training steps per second of pix2pix beside a plain TensorFlow loop, as a Markdown table.

    python benchmarks/train_step.py                      # the table of docs/results.md: 256², batch 1 and 16
    python benchmarks/train_step.py --size 64 --base-width 16 --rounds 2     # a look in a minute

The plain loop is the step of TensorFlow's pix2pix tutorial (two tapes, two Keras Adams, one tf.function) on networks
of the same layers written with keras.layers alone. Contestants take turns, a few steps each, round after round, so
that whatever else the machine does meets all of them; the figures are medians over the rounds.
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
from turns import Contestant, load, machine, medians

from colorize_tf.errors import InputError, command_line
from colorize_tf.models import build

Step = Callable[[tf.Tensor, tf.Tensor], Any]


def plain_networks(size: int, width: int) -> tuple[keras.Model, keras.Model]:
    """The U-Net (1 -> 2 channels) and the 70x70 PatchGAN of the paper, nothing but keras.layers."""
    start = {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02)}
    same = {"strides": 2, "padding": "same", **start}

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    widths = [width * min(2**i, 8) for i in range(size.bit_length() - 1)]
    gray = x = keras.Input((size, size, 1))
    skips = []
    for i, filters in enumerate(widths):
        bare = i in (0, len(widths) - 1)
        x = layers.Conv2D(filters, 4, use_bias=bare, **same)(x if i == 0 else layers.LeakyReLU(negative_slope=0.2)(x))
        x = x if bare else norm(x)
        skips.append(x)
    for i, filters in enumerate(reversed(widths[:-1])):
        x = norm(layers.Conv2DTranspose(filters, 4, use_bias=False, **same)(layers.ReLU()(x)))
        x = layers.Dropout(0.5)(x) if i < 3 else x
        x = layers.Concatenate()([x, skips[-2 - i]])
    colour = layers.Conv2DTranspose(2, 4, activation="tanh", **same)(layers.ReLU()(x))

    pair = x = keras.Input((size, size, 3))
    for i, (filters, stride) in enumerate([(width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)]):
        x = layers.Conv2D(filters, 4, strides=stride, use_bias=i == 0, **start)(layers.ZeroPadding2D(1)(x))
        x = layers.LeakyReLU(negative_slope=0.2)(norm(x) if i else x)
    logits = layers.Conv2D(1, 4, **start)(layers.ZeroPadding2D(1)(x))
    return keras.Model(gray, colour), keras.Model(pair, logits)


def tutorial_step(generator: keras.Model, discriminator: keras.Model, smoothing: float = 0.0) -> Step:
    """The train step of the tutorial; `smoothing` is how far below 1 the discriminator's real label lies."""
    generator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    discriminator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> Any:
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            fake = generator(x, training=True)
            on_real = discriminator(tf.concat([x, y], -1), training=True)
            on_fake = discriminator(tf.concat([x, fake], -1), training=True)
            gen_loss = bce(tf.ones_like(on_fake), on_fake) + 100.0 * tf.reduce_mean(tf.abs(y - fake))
            disc_loss = bce((1.0 - smoothing) * tf.ones_like(on_real), on_real) + bce(tf.zeros_like(on_fake), on_fake)
        gen_gradients = gen_tape.gradient(gen_loss, generator.trainable_variables)
        disc_gradients = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gen_gradients, generator.trainable_variables, strict=True))
        discriminator_optimizer.apply_gradients(zip(disc_gradients, discriminator.trainable_variables, strict=True))
        return gen_loss, disc_loss

    return step


def our_step(size: int, width: int, dtype: str) -> Step:
    """The train step of this package, as its training loop runs it."""
    model = build("pix2pix-lab", size=size, base_width=width, dtype=dtype)
    model.compile()
    return tf.function(lambda x, y: model.train_step((x, y)), autograph=False)


def lab_batch(batch: int, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Noise in place of L and ab."""
    random = np.random.default_rng(0)
    x = tf.constant(random.uniform(-1, 1, (batch, size, size, 1)), tf.float32)
    return x, tf.constant(random.uniform(-1, 1, (batch, size, size, 2)), tf.float32)


def contestant(step: Step, x: tf.Tensor, y: tf.Tensor) -> Contestant:
    """A step and one batch in memory -> what takes so many steps on it."""

    def run(count: int) -> None:
        for _ in range(count):
            result = step(x, y)
        np.asarray(tf.nest.flatten(result)[0])  # waits for an accelerator, too

    return run


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="example: python benchmarks/train_step.py --size 128 --batches 16",
    )
    parser.add_argument("--size", type=int, default=256, help="side of the pictures (default 256)")
    parser.add_argument("--base-width", type=int, default=64, help="filters of the outermost layer (default 64)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], help="batch sizes (default 1 16)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (default 7)")
    parser.add_argument("--seconds", type=float, default=4.0, help="about how long a turn takes (default 4)")
    args = parser.parse_args(argv)
    if min(args.batches) < 1 or args.rounds < 1:
        raise InputError("--batches and --rounds", "must be at least 1", (args.batches, args.rounds))

    command = "python benchmarks/train_step.py " + " ".join(sys.argv[1:] if argv is None else argv)
    before = load()
    ours = {
        "colorize_tf, float32": our_step(args.size, args.base_width, "float32"),
        "colorize_tf, bfloat16": our_step(args.size, args.base_width, "mixed_bfloat16"),
    }
    steps = {"plain loop, float32": tutorial_step(*plain_networks(args.size, args.base_width)), **ours}
    rows, first = [], {}
    for batch in args.batches:
        contestants = {name: contestant(step, *lab_batch(batch, args.size)) for name, step in steps.items()}
        found = medians(contestants, args.rounds, args.seconds)
        for name, median in found.items():
            speed = batch / median
            against = found["plain loop, float32"] / median
            gain = speed / first.setdefault(name, speed)
            rows.append(f"| {batch} | {name} | {median:.3f} | {speed:.2f} | {against:.2f}× | {gain:.2f}× |")
    print(f"pix2pix-lab {args.size}², base width {args.base_width}, {args.rounds} turns each; {machine()}; "
          f"load {before} before, {load()} after. `{command.strip()}`\n")  # fmt: skip
    print(f"| batch | step | s/step | images/s | against plain loop | against batch {args.batches[0]} |")
    print("|---|---|---|---|---|---|", *rows, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
