"""Streams of batches, and what they show, for tests of the pipeline."""

import itertools

import numpy as np

from colorize_tf.colorspace import decode_rgb
from colorize_tf.pipeline import training_batches


def first(dataset, count):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(count)]


def shown(batches):
    """Which of `flats` each batch of view "rgb" shows."""
    return [np.rint(decode_rgb(y[:, 0, 0, 0]) / 10).astype(int).tolist() for _, y in batches]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def stream(photos, **options):
    return training_batches(photos, **{"view": "rgb", "size": 16, "batch": 5, "seed": 3, **options})


def assert_equal(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for part, same in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, same)
