"""Classifiers of several labels on the encoders of colorization networks: what colouring has taught about things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from colorize_tf.errors import InputError
from colorize_tf.models.weights import set_weights
from colorize_tf.summary import Statistic, statistic

__all__ = ["Result", "Scores", "compare", "encoder", "fine_tune", "fit_head", "look", "score", "settle"]

Floats = NDArray[np.float32]

BATCH = 32
FAST, SLOW = 1e-3, 1e-4  # learning rates of Adam: of what is new, and of what has learnt before
SETTLING = 512  # pictures that a new encoder's batch norms see before anything is asked of it
LEAST = 0.1  # of a feature's deviation, as a share of what features have on average
THRESHOLD = 0.5  # above which a label is given


@dataclass(frozen=True)
class Scores:
    """How well labels were told, in 0..1; each label counts the same in the first two."""

    average_precision: float  # mean over the labels that occur
    f1: float  # mean over the labels that occur, a label given where its probability is above a half
    accuracy: Statistic  # share of the photos whose likeliest label is one of theirs
    photos: int


@dataclass(frozen=True)
class Result:
    """One classifier: where its encoder comes from, what of it learnt, from how many photos, how well."""

    start: str  # colorization, chance or ImageNet
    encoder: str  # frozen or fine-tuned
    share: float  # of the photos to learn from
    photos: int
    scores: Scores


def encoder(model: keras.Model, size: int) -> keras.Model:
    """A colorization network -> its generator's input to float32 [B,D], the mean over pixels of its innermost features.

    `size` is the side of the pictures that it will see.

    Innermost is the widest of the smallest maps, the last of several: a decoder narrows before it enlarges.
    """
    generator = model.generator
    # What a layer takes, not what it gives: a network within the network names as its own the tensors inside it.
    layers_alone = [step for step in generator.operations if not isinstance(step, keras.Model)]
    taken = [tensor for step in layers_alone for tensor in keras.tree.flatten(step.input)]
    maps = [tensor for tensor in taken if len(tensor.shape) == 4]
    probe = np.zeros((1, size, size, generator.inputs[0].shape[-1]), np.float32)
    # Many networks take any size, so the sizes of their maps are known only once a picture has gone through.
    shapes = [found.shape for found in keras.Model(generator.input, maps)(probe, training=False)]
    last = min(range(len(maps)), key=lambda at: (shapes[at][1], -shapes[at][3], -at))
    pooled = layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(maps[last])
    return keras.Model(generator.input, pooled, name="encoder")


def settle(body: keras.Model, x: Floats, seed: int) -> None:
    """Gives a new encoder's batch norms the mean statistics of what they see in training.

    With those that they begin with, inference has next to nothing of the features that training has, and a layer taught
    on the ones could make nothing of the others.
    """
    some = x[np.random.default_rng(seed).permutation(len(x))[:SETTLING]]
    norms = [layer for layer in body._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for count, start in enumerate(range(0, len(some), BATCH)):
        for norm in norms:
            norm.momentum = count / (count + 1)
        body(some[start : start + BATCH], training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def look(network: keras.Model, x: Floats) -> Floats:
    """Inputs [N,...] -> features or probabilities float32 [N,D], in inference mode."""
    return np.concatenate(
        [ops.convert_to_numpy(network(x[i : i + BATCH], training=False)) for i in range(0, len(x), BATCH)]
    )


def fit_head(features: Floats, y: Floats, steps: int, seed: int) -> keras.Model:
    """Features [N,D] and labels [N,C] of 0 and 1 -> one layer from features to probabilities, taught for `steps`."""
    keras.utils.set_random_seed(seed)
    # Features differ in scale by what they come from, and one rate must suit all. Of few photos some never vary.
    deviation = features.std(axis=0)
    variance = np.square(np.maximum(deviation, LEAST * (deviation.mean() or 1.0)))
    normal = layers.Normalization(mean=features.mean(axis=0), variance=variance)
    head = keras.Sequential([keras.Input(features.shape[1:]), normal, layers.Dense(y.shape[1], activation="sigmoid")])
    return _taught(head, features, y, steps, seed, FAST)


def fine_tune(
    body: keras.Model, head: keras.Model, x: Floats, y: Floats, steps: int, seed: int, rate: float = SLOW
) -> keras.Model:
    """An encoder, and a head taught on its features, which comes first (arXiv:2202.10054) -> both, taught together."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(x.shape[1:])
    return _taught(keras.Model(inputs, head(body(inputs))), x, y, steps, seed, rate)


def _taught(network: keras.Model, x: Floats, y: Floats, steps: int, seed: int, rate: float) -> keras.Model:
    network.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    random = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = random.integers(0, len(x), BATCH)
        batch = x[chosen]
        if batch.ndim == 4 and random.random() < 0.5:
            batch = batch[:, :, ::-1]  # mirrored: the photos are few
        network.train_on_batch(batch, y[chosen])
    return network


def score(probabilities: Floats, truth: Floats) -> Scores:
    """Probabilities and labels of 0 and 1 [N,C] -> scores, by scikit-learn."""
    average_precision_score, f1_score = _judges()
    occurs = truth.any(axis=0)
    given, wanted = probabilities[:, occurs], truth[:, occurs]
    hits = truth[np.arange(len(truth)), probabilities.argmax(axis=1)]  # which labels occur here nobody is told
    return Scores(
        float(average_precision_score(wanted, given, average="macro")),
        float(f1_score(wanted, given > THRESHOLD, average="macro", zero_division=0)),
        statistic(hits.tolist()),
        len(truth),
    )


def _judges() -> tuple[Callable[..., float], Callable[..., float]]:
    """Average precision and F1 of scikit-learn."""
    try:
        from sklearn.metrics import average_precision_score, f1_score
    except ImportError:
        remedy = "Install it with: pip install 'colorize-tf[train]'"
        raise InputError("transfer", "needs scikit-learn", "none installed", remedy) from None
    return average_precision_score, f1_score


def compare(
    learnt: Mapping[str, keras.Model],
    fresh: Callable[[], keras.Model],
    data: Mapping[str, tuple[Floats, Floats]],
    shares: Sequence[float],
    steps: tuple[int, int],
    seed: int,
) -> Iterator[Result]:
    """Networks by what has taught them, x and y for "train" and "test" -> a result at a time, frozen, then fine-tuned.

    `fresh` makes the same network as chance leaves it, which is compared, too. `steps` are those of the new layer
    alone, and of all together.
    """
    _judges()  # or the first word of a missing one would come when the first classifier has learnt
    (x, y), (x_test, y_test) = data["train"], data["test"]
    size = x.shape[1]
    new = fresh()
    settle(encoder(new, size), x, seed)
    starts = {name: (model, SLOW) for name, model in learnt.items()} | {"chance": (new, FAST)}
    seen = {
        start: (look(encoder(model, size), x), look(encoder(model, size), x_test))
        for start, (model, _) in starts.items()
    }
    for share in shares:
        few = np.sort(np.random.default_rng(seed).permutation(len(x))[: max(1, round(share * len(x)))])
        for start, (source, rate) in starts.items():
            features, unseen = seen[start]
            head = fit_head(features[few], y[few], steps[0], seed)
            yield Result(start, "frozen", share, len(few), score(look(head, unseen), y_test))
            model = fresh()
            set_weights(model, source.get_weights())
            network = fine_tune(encoder(model, size), head, x[few], y[few], steps[1], seed, rate)
            yield Result(start, "fine-tuned", share, len(few), score(look(network, x_test), y_test))
