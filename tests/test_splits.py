from __future__ import annotations

from pathlib import Path

import pytest

from colorize_tf.config import DataConfig
from colorize_tf.errors import InputError
from colorize_tf.splits import open_splits


def hashes(folder: Path, **options: object) -> dict[str, set[bytes]]:
    splits = open_splits(DataConfig(data=f"folder:{folder}", **options))
    return {name: set(photos.hashes.tolist()) for name, photos in splits.items()}


def test_every_photo_is_in_one_split(photo_folder: Path):
    found = hashes(photo_folder, val_share=0.3, test_share=0.2)
    assert sum(len(part) for part in found.values()) == 24 == len(set.union(*found.values()))
    assert all(found.values())


def test_more_validation_takes_from_training_alone(photo_folder: Path):
    less, more = (hashes(photo_folder, val_share=share, test_share=0.2) for share in (0.2, 0.4))
    assert less["test"] == more["test"]
    assert less["val"] < more["val"]


def test_subset_counts_are_exact(photo_folder: Path):
    found = hashes(photo_folder, subset="15/6")
    assert (len(found["train"]), len(found["val"]), len(found["test"])) == (15, 6, 0)


def test_limit_shortens_training_alone(photo_folder: Path):
    found = hashes(photo_folder, limit=3, val_share=0.3, test_share=0)
    assert len(found["train"]) == 3 and len(found["val"]) > 3


def test_limit_draws_from_all_folders(photo_folder: Path):
    whole, limited = (
        open_splits(DataConfig(data=f"folder:{photo_folder}", limit=limit))["train"].names.tolist()
        for limit in (None, 6)
    )
    assert len(limited) == 6 and set(limited) < set(whole) and limited != whole[:6]
    assert {Path(name).parent.name for name in limited} == {"meadow", "shore"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"val_share": 0.5, "test_share": 0.5}, "must leave photos for training"),
        ({"subset": "0/5"}, "no photo left for training"),
        ({"subset": "20/20"}, "subset: must not add up to more than the distinct photos"),
        ({"subset": "many"}, "must be counts"),
    ],
)
def test_split_that_leaves_nothing_is_one_clear_error(options: dict[str, object], said: str, photo_folder: Path):
    with pytest.raises(InputError, match=said):
        hashes(photo_folder, **options)
