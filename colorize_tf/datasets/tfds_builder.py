"""A folder of photos as a TensorFlow Dataset, split as everywhere here: by content, so that no photo changes sides.

tfds build colorize_tf/datasets/tfds_builder.py --manual_dir photos

import colorize_tf.datasets.tfds_builder        # registers it
tfds.load("photo_folder", split="train")
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from PIL import Image

from colorize_tf.datasets.photos import FRACTIONS, Photos
from colorize_tf.datasets.readable import readable
from colorize_tf.datasets.sources import open_source

__all__ = ["PhotoFolder"]


class PhotoFolder(tfds.core.GeneratorBasedBuilder):
    """tfds builder `photo_folder`: upright RGB photos with their file names and, from class folders, labels."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 (as tfds declares it)
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Give the folder of photos as manual_dir: tfds build … --manual_dir PHOTOS"

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Colour photographs from a folder.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "filename": tfds.features.Text(),
                    "label": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        photos = open_source(f"folder:{dl_manager.manual_dir}")
        splits = {name: photos.split(name) for name in FRACTIONS}
        return {name: self._generate_examples(part) for name, part in splits.items() if part.count}

    def _generate_examples(self, photos: Photos) -> Iterator[tuple[str, dict[str, Any]]]:
        for index in range(photos.count):
            name = str(photos.names[index])
            with readable(name):
                encoded = _upright(photos, index)
            yield name, {"image": io.BytesIO(encoded), "filename": name, "label": photos.label(index)}


def _upright(photos: Photos, index: int) -> bytes:
    """The stored bytes, or those of the turned photo: who reads the set knows nothing of EXIF."""
    if photos.orientation[index] == 1:
        return photos.encoded(index)
    buffer = io.BytesIO()
    Image.fromarray(photos.image(index)).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
