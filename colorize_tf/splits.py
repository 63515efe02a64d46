"""Which photos of a source are for training, validation and test, as a run's options say."""

from __future__ import annotations

from colorize_tf.config import DataConfig
from colorize_tf.datasets import Photos, Unpaired, open_source, open_unpaired, split_counts
from colorize_tf.errors import InputError

__all__ = ["open_splits"]


def open_splits(data: DataConfig) -> dict[str, Photos | Unpaired]:
    """`--data` and its options -> the photos of "train", "val" and "test"; the last two may be empty.

    `unpaired:A|B` gives two sets for each, every set split by itself.

    A photo's side depends on its content and the shares, not on `--seed`: runs with different seeds can be compared,
    and with equal shares a run that starts from another one's weights is not measured on what that one learnt from.
    """
    opened = open_unpaired if data.data.startswith("unpaired:") else open_source
    photos = opened(data.data, near_gray=data.near_gray, max_bad_share=data.max_bad_share)
    if data.subset is not None:
        counts = {"train": 0, "val": 0, "test": 0, **split_counts(data.subset)}
        splits = {name: photos.split(name, counts=counts) for name in counts}
    else:
        rest = 1.0 - data.val_share - data.test_share
        if rest <= 0:
            shares = f"{data.val_share:g} and {data.test_share:g}"
            raise InputError("--val-share, --test-share", "must leave photos for training", shares)
        fractions = {"train": rest, "val": data.val_share, "test": data.test_share}
        splits = {name: photos.split(name, fractions) for name in fractions}
    if data.limit is not None:
        splits["train"] = splits["train"].sample(data.limit)
    train = splits["train"]
    if min(train.a.count, train.b.count) == 0 if isinstance(train, Unpaired) else train.count == 0:
        raise InputError(
            "--data", "has no photo left for training", data.data, "Give more photos, or lower --val-share."
        )
    return splits
