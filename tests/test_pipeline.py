"""Streams are exact: the same seed gives the same batches, from any step, shared out without loss."""

import numpy as np
import pytest

from colorize_tf.colorspace import decode_ab, decode_luma
from colorize_tf.datasets import open_source
from colorize_tf.pipeline import evaluation_batches, steps_per_epoch, training_batches


@pytest.fixture(scope="module")
def photos(photo_folder):
    return open_source(f"folder:{photo_folder}")


def first(dataset, count):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(count)]


@pytest.mark.parametrize("view", ["rgb", "lab"])
def test_a_later_start_gives_the_tail_bit_for_bit(photos, view):
    whole = first(training_batches(photos, view=view, size=32, batch=5, seed=3), 8)
    tail = first(training_batches(photos, view=view, size=32, batch=5, seed=3, start_step=5), 3)
    for expected, received in zip(whole[5:], tail, strict=True):
        for a, b in zip(expected, received, strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_seed_gives_another_stream(photos):
    (a,), (b,) = (first(training_batches(photos, view="rgb", size=32, batch=8, seed=s), 1) for s in (1, 2))
    assert not np.array_equal(a[1], b[1])


def test_steps_per_epoch(photos):
    assert steps_per_epoch(photos, 5) == 4
    assert steps_per_epoch(photos, 5, (1, 2)) == 2
    assert steps_per_epoch(photos, 100) == 1


def test_evaluation_sees_every_photo_once_in_order(photos):
    batches = evaluation_batches(photos, view="lab", size=16, batch=7)
    assert batches.cardinality().numpy() == 4
    luma = np.concatenate([decode_luma(x.numpy()) for x, _ in batches])
    assert luma.shape == (24, 16, 16, 1)
    one = first(evaluation_batches(photos.pick(np.array([9])), view="lab", size=16, batch=1), 1)[0]
    np.testing.assert_array_equal(luma[9], decode_luma(one[0])[0])
    assert np.abs(decode_ab(one[1])).max() > 5
