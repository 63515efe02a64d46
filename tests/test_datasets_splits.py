"""Splits: which photos are learnt from, that they stay on their side, and that the rule is the published one."""

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from colorize_tf.datasets import open_source, split_counts
from colorize_tf.errors import InputError

from .test_datasets import save_scene


def sides(photos, **options):
    """name -> split of every photo."""
    names = ("train", "val", "test")
    return {name: split for split in names for name in photos.split(split, **options).names}


def test_fractions_hold_roughly_and_cover_everything():
    photos = open_source("synthetic:300,size=32x32")
    found = Counter(sides(photos, fractions={"train": 0.6, "val": 0.3, "test": 0.1}).values())
    assert sum(found.values()) == 300
    assert abs(found["train"] - 180) < 30 and abs(found["val"] - 90) < 30 and abs(found["test"] - 30) < 20


def test_adding_photos_moves_none_to_another_split(tmp_path):
    for index in range(30):
        save_scene(tmp_path / f"photos/{index:02d}.png", index, (32, 32))
    thirds = {"train": 0.4, "val": 0.3, "test": 0.3}
    before = sides(open_source(f"folder:{tmp_path}/photos"), fractions=thirds)
    for index in range(30, 60):
        save_scene(tmp_path / f"photos/0{index}.png", index, (32, 32))
    after = sides(open_source(f"folder:{tmp_path}/photos"), fractions=thirds)
    assert len(after) == 60 and len(set(before.values())) == 3
    assert before == {name: after[name] for name in before}


def test_copies_of_a_photo_never_cross_splits(tmp_path):
    for index in range(20):
        original = save_scene(tmp_path / f"photos/{index:02d}.png", index, (32, 32))
        (tmp_path / f"photos/copy-{index:02d}.png").write_bytes(original.read_bytes())
    photos = open_source(f"folder:{tmp_path}/photos")
    where = sides(photos, fractions={"train": 0.5, "val": 0.3, "test": 0.2})
    assert all(where[f"{index:02d}.png"] == where[f"copy-{index:02d}.png"] for index in range(20))
    counted = [photos.split(name, counts={"train": 12, "val": 8}) for name in ("train", "val")]
    assert [part.count for part in counted] == [12, 8]
    assert not set(counted[0].hashes) & set(counted[1].hashes)
    with pytest.raises(InputError, match="distinct photos"):
        photos.split("train", counts={"train": 15, "val": 6})


def test_the_seed_chooses_another_split(photo_folder):
    photos = open_source(f"folder:{photo_folder}")
    half = {"train": 0.5, "val": 0.5, "test": 0.0}
    assert sides(photos, fractions=half, seed=1) == sides(photos, fractions=half, seed=1)
    assert sides(photos, fractions=half, seed=1) != sides(photos, fractions=half, seed=2)


def test_a_split_is_the_same_on_every_machine():
    """The published rule: sha256 of the seed and the photo's sha256, as a number in 0..1."""
    photos = open_source("synthetic:4,size=32x32")
    photos = replace(photos, hashes=np.array([b"0" * 64] * 4, "S64"))
    place = int(hashlib.sha256(b"colorize_tf split 0 " + b"0" * 64).hexdigest()[:16], 16) / 2**64
    assert place == pytest.approx(0.92984697)
    assert photos.split("train", {"train": place + 1e-6, "val": 0.01}).count == 4
    assert photos.split("train", {"train": place - 1e-6, "val": 0.01}).count == 0


@pytest.mark.parametrize("fractions", [{"train": 0.9, "val": 0.2}, {"train": 1.1, "val": -0.1}])
def test_fractions_must_make_sense(photo_folder, fractions):
    with pytest.raises(InputError, match="fractions"):
        open_source(f"folder:{photo_folder}").split("train", fractions)


def test_an_unknown_split_lists_the_known(photo_folder):
    with pytest.raises(InputError, match="train, val, test"):
        open_source(f"folder:{photo_folder}").split("training")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("4000/1000", {"train": 4000, "val": 1000}),
        ("10000@80:20", {"train": 8000, "val": 2000}),
        ("10@1:1:1", {"train": 4, "val": 3, "test": 3}),
    ],
)
def test_counts_of_a_subset(text, counts):
    assert split_counts(text) == counts


@pytest.mark.parametrize("text", ["", "many", "1/2/3/4", "10@0:0", "-1/5", "0/0", "5@-1:6"])
def test_a_subset_that_makes_no_sense_is_answered(text):
    with pytest.raises(InputError, match="4000/1000"):
        split_counts(text)
