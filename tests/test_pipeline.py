"""Streams are exact: the same seed gives the same batches, from any step, shared out without loss."""

import logging
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from colorize_tf import pipeline
from colorize_tf.datasets import Unpaired, open_source, reading
from colorize_tf.datasets.pack import pack
from colorize_tf.errors import InputError
from colorize_tf.pipeline import Augment, evaluation_batches, steps_per_epoch

from .streams import assert_equal, first, flat, shown, stream

FLATS = 20


@pytest.fixture(scope="module")
def photos(photo_folder):
    return open_source(f"folder:{photo_folder}")


@pytest.fixture(scope="module")
def flats(tmp_path_factory):
    """Photos of one colour each, red = 10 × index: they can be told apart in any crop."""
    folder = tmp_path_factory.mktemp("flats")
    for index in range(FLATS):
        Image.new("RGB", (40, 32), (10 * index, 128, 255 - 10 * index)).save(folder / f"{index:02d}.png")
    return open_source(f"folder:{folder}")


# === The same again ===


@pytest.mark.parametrize(
    "options",
    [
        {"view": "lab"},
        {"augment": Augment(crop=(0.5, 1.0), rotation=10.0)},
        {"augment": Augment(stretch=1.5, aging=0.5), "view": "hinted"},
        {"cache": True},
    ],
)
def test_a_later_start_gives_the_tail_bit_for_bit(photos, options):
    whole = first(stream(photos, **options), 8)
    assert_equal(whole[5:], first(stream(photos, **options, start_step=5), 3))


def test_another_seed_gives_another_order_and_other_crops(photos, flats):
    assert shown(first(stream(flats, seed=1), 4)) != shown(first(stream(flats, seed=2), 4))
    one = photos.sample(1)
    (a,), (b,) = (first(stream(one, batch=1, seed=seed), 1) for seed in (1, 2))
    assert not np.array_equal(a[1], b[1])


def test_a_photo_is_cut_differently_each_time(photos):
    (batch,) = first(stream(photos.sample(1), batch=6), 1)
    assert len({y.tobytes() for y in batch[1]}) == 6


# === Every photo, once ===


def test_each_epoch_shows_every_photo_once_in_a_new_order(flats):
    batches = shown(first(stream(flats), 8))
    epochs = [flat(batches[:4]), flat(batches[4:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(FLATS))
    assert epochs[0] != epochs[1] and epochs[0] != sorted(epochs[0])


def test_epochs_follow_each_other_without_loss_when_batches_do_not_divide_them(flats):
    seen = flat(shown(first(stream(flats, batch=7), 20)))
    assert set(Counter(seen).values()) == {7}


def test_workers_share_the_epoch_without_overlap(flats):
    parts = [shown(first(stream(flats, batch=2, worker=(rank, 2)), 5)) for rank in (0, 1)]
    assert sorted(flat(parts[0] + parts[1])) == list(range(FLATS))
    # Together they see what one worker with the batch of both would see.
    alone = shown(first(stream(flats, batch=4), 5))
    assert [a + b for a, b in zip(*parts, strict=True)] == alone


def test_steps_per_epoch(photos):
    assert steps_per_epoch(photos, 5) == 4
    assert steps_per_epoch(photos, 5, (1, 2)) == 2
    assert steps_per_epoch(photos, 100) == 1


def test_evaluation_sees_every_photo_once_in_order(flats):
    batches = evaluation_batches(flats, view="rgb", size=16, batch=7)
    assert batches.cardinality().numpy() == 3
    assert shown(first(batches, 9)) == [list(range(7)), list(range(7, 14)), list(range(14, 20))]


# === Wherever the bytes lie ===


def test_shards_and_files_give_the_same_batches(photos, tmp_path, monkeypatch):
    pack(photos, tmp_path / "shards", shard_bytes=5_000)
    packed = open_source(f"tfrecord:{tmp_path}/shards/*")
    assert len(packed.files) > 2
    expected = first(stream(photos), 3)
    assert_equal(expected, first(stream(packed), 3))
    monkeypatch.setattr(reading, "_MOST_MAPPED", 1)  # more shards than that are read by skipping
    assert_equal(expected, first(stream(packed), 3))


def test_files_and_ranges_can_be_mixed(photos, tmp_path):
    pack(photos, tmp_path / "shards")
    packed = open_source(f"tfrecord:{tmp_path}/shards/*")
    whole = np.arange(photos.count) % 2 == 0
    mixed = replace(
        packed,
        files=packed.files + photos.files,
        file=np.where(whole, photos.file + 1, 0).astype(np.int32),
        offset=np.where(whole, 0, packed.offset),
    )
    assert_equal(first(stream(photos), 3), first(stream(mixed), 3))


# === Unpaired sets ===


def test_unpaired_sets_run_in_their_own_orders(flats, photos):
    both = Unpaired(flats, flats.pick(np.arange(6)))
    batches = first(stream(both, batch=2), 12)
    assert batches[0][0].shape == batches[0][1].shape == (2, 16, 16, 3)
    a, b = (flat(shown([(None, batch[side]) for batch in batches])) for side in (0, 1))
    assert sorted(a[:20]) == list(range(20))
    assert sorted(b[:6]) == sorted(b[6:12]) == list(range(6))
    assert steps_per_epoch(both, 2) == 10


def test_unpaired_sets_of_one_size_are_not_paired(flats):
    (batch,) = first(stream(Unpaired(flats, flats), batch=20), 1)
    a, b = (shown([(None, side)])[0] for side in batch)
    assert sum(x == y for x, y in zip(a, b, strict=True)) < 8


# === Wrong arguments ===


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "hsv"}, "view: must be one of rgb, lab, hinted"),
        ({"size": 0}, "must be at least 1"),
        ({"batch": 0}, "must be at least 1"),
        ({"worker": (2, 2)}, "worker"),
    ],
)
def test_wrong_arguments_are_answered(photos, options, message):
    with pytest.raises(InputError, match=message):
        stream(photos, **options)


def test_no_photos_are_answered(photos):
    none = photos.pick(np.zeros(0, int))
    for make in (lambda: stream(none), lambda: evaluation_batches(none, view="rgb", size=16, batch=1)):
        with pytest.raises(InputError, match="must contain photos"):
            make()


@pytest.mark.parametrize(
    "wrong",
    [{"crop": (0.0, 1.0)}, {"crop": (0.9, 0.5)}, {"crop": (0.5, 1.5)}, {"rotation": 90.0}, {"stretch": 0.5}],
)
def test_an_augmentation_that_makes_no_sense_is_answered(wrong):
    with pytest.raises(InputError):
        Augment(**wrong)


# === The benchmark ===


@pytest.mark.filterwarnings("ignore")
def test_bench_compares_with_bare_decoding(photo_folder, capsys):
    command = ["bench", f"folder:{photo_folder}", "--sizes", "16", "--batch", "2", "--rounds", "1"]
    assert pipeline.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("24 JPEG photos, median 64×48")
    assert [line.split("  ")[0] for line in lines[2:]] == ["bare decoding", "16² first pass", "16² warm cache"]


def test_bench_of_shards_has_nothing_else_to_say(tmp_path, capsys):
    """TensorFlow warns of code that it would convert for a graph and cannot."""
    logger = logging.getLogger("tensorflow")
    said = []
    handler = logging.Handler()
    handler.emit = said.append
    logger.addHandler(handler)
    try:
        command = ["bench", "synthetic:4,size=48x64", "--sizes", "16", "--batch", "2", "--rounds", "1"]
        assert pipeline.main(command) == 0
    finally:
        logger.removeHandler(handler)
    assert [record.getMessage() for record in said if record.levelno >= logging.WARNING] == []


def test_bench_needs_jpeg_photos(flats, capsys):
    folder = flats.source
    assert pipeline.main(["bench", folder]) == 2
    assert "must contain JPEG photos" in capsys.readouterr().err
