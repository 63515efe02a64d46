"""Packs any source into TFRecord shards whose photos have been examined once and for all."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from tqdm import tqdm

from colorize_tf.atomic import atomic_folder
from colorize_tf.datasets.photos import Photos
from colorize_tf.datasets.shards import SHARD_BYTES, ShardWriter
from colorize_tf.errors import InputError

__all__ = ["pack"]

_log = logging.getLogger(__name__)


def pack(photos: Photos, out: Path, *, shard_bytes: int = SHARD_BYTES, overwrite: bool = False) -> int:
    """Writes `photos` into the folder `out`, which appears complete or not at all; returns how many shards."""
    if out.exists() and not overwrite:
        raise InputError("--out", "must not exist yet", out, "Give --overwrite to replace it")
    out.parent.mkdir(parents=True, exist_ok=True)
    need = int(photos.length.sum())
    if shutil.disk_usage(out.parent).free < need:
        raise InputError("--out", f"needs {need >> 20} MiB of free space", out)
    with atomic_folder(out) as folder, ShardWriter(folder, shard_bytes=shard_bytes) as writer:
        for index in tqdm(range(photos.count), desc="packing", unit="photo", disable=None):
            writer.write(_features(photos, index))
    return len(list(out.glob("*.tfrecord")))


def _features(photos: Photos, index: int) -> dict[str, bytes | int | float]:
    features: dict[str, bytes | int | float] = {
        "image/encoded": photos.encoded(index),
        "image/filename": str(photos.names[index]).encode(),
        "image/sha256": bytes(photos.hashes[index]),
        "image/format": int(photos.format[index]),
        "image/height": int(photos.height[index]),
        "image/width": int(photos.width[index]),
        "image/orientation": int(photos.orientation[index]),
        "image/chroma": float(photos.chroma[index]),
    }
    if photos.labels is not None:
        features["image/class/label"] = int(photos.labels[index])
        features["image/class/text"] = photos.label_names[photos.labels[index]].encode()
    return features
