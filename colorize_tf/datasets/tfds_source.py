"""TensorFlow Datasets as a source: its image sets, streamed once as encoded bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.pack import Item
from colorize_tf.errors import InputError

__all__ = ["tfds_items"]

_NAMES = ("image/filename", "filename", "file_name")  # as coco, places365_small and others call it


def tfds_items(where: str) -> tuple[Path, Callable[[], Iterator[Item]], int | None]:
    """`coco/2017` or `coco/2017@train[:4000]` -> (cache folder, a function giving its photos, how many if known).

    Without a split, all of them: which photo is for training is decided by our own split, from its content.
    """
    try:
        import tensorflow_datasets as tfds

        import colorize_tf.datasets.tfds_builder  # noqa: F401 (registers photo_folder)
    except ImportError as error:
        remedy = "Install it with: pip install 'colorize-tf[train]'"
        raise InputError("data", "tfds: needs tensorflow-datasets", str(error), remedy) from error
    name, _, split = where.partition("@")
    builder = _prepared(tfds, name)
    split = split or "+".join(builder.info.splits) or "train"
    image = _image_feature(tfds, builder)
    try:
        count = builder.info.splits[split].num_examples if builder.info.splits else None
    except (KeyError, ValueError) as error:
        raise InputError("data", f"tfds: {name} has the splits {', '.join(builder.info.splits)}", split) from error

    features = dict(builder.info.features.items())
    labels = next((key for key in ("label", "objects") if key in features), "label")
    wanted: dict[str, Any] = dict.fromkeys((image, *(key for key in (labels, *_NAMES) if key in features)), True)
    if labels == "objects":
        wanted[labels] = {"label"}  # not their outlines

    def items() -> Iterator[Item]:
        dataset = tfds.load(
            name,
            split=split,
            data_dir=_data_dir(),
            download=False,
            decoders=tfds.decode.PartialDecoding(wanted, {image: tfds.decode.SkipDecoding()}),
            read_config=tfds.ReadConfig(add_tfds_id=True),
        )
        for example in tfds.as_numpy(dataset):
            title = next((example[key] for key in _NAMES if key in example), example["tfds_id"])
            yield (
                title.decode("utf-8", "replace"),
                _label(tfds, features.get(labels), example.get(labels)),
                example[image],
            )

    key = re.sub(r"[^\w.-]+", "-", f"{builder.info.full_name}@{split}")
    return cache_root() / "tfds" / f"{key}-{_edition(builder, labels, split)}", items, count


def _prepared(tfds: Any, name: str) -> Any:
    """The builder, downloaded and prepared if it is not yet."""
    try:
        builder = tfds.builder(name, data_dir=_data_dir())
    except Exception as error:  # whatever a builder makes of a name, a version, a configuration
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError("data", f"tfds: no such set ({reason[:200]})", name, "See tfds.list_builders().") from error
    try:
        builder.download_and_prepare()
    except Exception as error:  # of the network, the disk, a missing package, a set to be fetched by hand
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            "data",
            f"tfds: {name} is not in {builder.data_dir} and could not be prepared ({reason[:200]})",
            name,
            f"Where there is a network, run: tfds build {name}; or set TFDS_DATA_DIR to where it is.",
        ) from error
    return builder


def _edition(builder: Any, labels: str, split: str) -> str:
    """Tells apart what has one name: sets made by hand, such as photo_folder, and parts such as [:80%] and [80%:]."""
    splits = sorted((name, split.num_examples, split.num_bytes) for name, split in builder.info.splits.items())
    return hashlib.sha256(repr((labels, split, splits)).encode()).hexdigest()[:12]


def _data_dir() -> str | None:
    return os.environ.get("TFDS_DATA_DIR")  # tfds itself reads it only once, when it is imported


def _image_feature(tfds: Any, builder: Any) -> str:
    names = [key for key, feature in builder.info.features.items() if isinstance(feature, tfds.features.Image)]
    if not names:
        features = ", ".join(builder.info.features)
        raise InputError("data", f"tfds: {builder.name} has no image feature", features)
    return "image" if "image" in names else str(names[0])


def _label(tfds: Any, feature: Any, value: Any) -> str:
    """A label as text; of objects in a picture, as COCO names them, each class once, joined by "|"."""
    if isinstance(feature, tfds.features.ClassLabel):
        return str(feature.int2str(int(value))) if int(value) >= 0 else ""
    if isinstance(feature, tfds.features.Text):
        return str(value.decode("utf-8", "replace"))
    inner = getattr(feature, "feature", None)  # of a sequence of objects
    if isinstance(inner, tfds.features.FeaturesDict) and "label" in inner:
        return "|".join(sorted({_label(tfds, inner["label"], number) for number in value["label"]} - {""}))
    return ""
