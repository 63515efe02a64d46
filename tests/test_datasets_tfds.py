"""TensorFlow Datasets as a source, through its own mock data, and our builder through its own test case."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from colorize_tf.datasets import open_source
from colorize_tf.datasets.tfds_builder import PhotoFolder
from colorize_tf.errors import InputError, RunError
from colorize_tf.pipeline import training_batches


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["coco/2017", "places365_small", "cifar10"])
def test_image_sets_become_photos_and_batches(name):
    with tfds.testing.mock_data(num_examples=6):
        photos = open_source(f"tfds:{name}", smallest=1)
    assert photos.count == 6
    x, y = next(iter(training_batches(photos, view="lab", size=16, batch=3, seed=0)))
    assert x.shape == (3, 16, 16, 1) and y.shape == (3, 16, 16, 2)


def test_objects_in_a_picture_are_its_labels():
    with tfds.testing.mock_data(num_examples=6):
        photos = open_source("tfds:coco/2017@validation", smallest=1)
    known = set(tfds.builder("coco/2017").info.features["objects"]["label"].names)
    sets = [photos.label(index).split("|") for index in range(photos.count)]
    assert all(names == sorted(set(names)) and known.issuperset(names) for names in sets)
    assert max(map(len, sets)) > 1


def test_a_set_is_streamed_once(monkeypatch):
    with tfds.testing.mock_data(num_examples=3):
        first = open_source("tfds:cifar10", smallest=1)
        monkeypatch.setattr(tfds, "load", None)
        again = open_source("tfds:cifar10", smallest=1)
    np.testing.assert_array_equal(first.hashes, again.hashes)


def test_an_unknown_set_is_named():
    with pytest.raises(InputError, match="no_such_set"):
        open_source("tfds:no_such_set")
    with pytest.raises(InputError, match=r"cannot be loaded at version 9\.9\.9"):
        open_source("tfds:cifar10:9.9.9")


def test_a_set_that_cannot_be_fetched_says_what_to_do(monkeypatch, tmp_path):
    def offline(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", offline)
    with pytest.raises(InputError, match=r"no network.*tfds build cifar10"):
        open_source("tfds:cifar10")


@pytest.fixture
def prepared_folder(photo_folder, tmp_path, monkeypatch):
    """`photo_folder`, built as the tfds set photo_folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    config = tfds.download.DownloadConfig(manual_dir=str(photo_folder))
    PhotoFolder(data_dir=tmp_path / "tfds").download_and_prepare(download_config=config)
    return photo_folder


def test_the_encoded_bytes_names_and_classes_survive_tfds(prepared_folder):
    direct, through = open_source(f"folder:{prepared_folder}"), open_source("tfds:photo_folder")
    assert dict(zip(direct.hashes, direct.names, strict=True)) == dict(zip(through.hashes, through.names, strict=True))
    assert through.label_names == ("meadow", "shore")


@pytest.mark.parametrize(("first", "second"), [("[:5]", "[5:]"), ("[:50%]", "[50%:]"), ("[:10]", "[:10%]")])
def test_parts_of_a_split_are_sets_of_their_own(first, second, prepared_folder):
    whole = set(open_source("tfds:photo_folder@train").hashes)
    parts = [open_source(f"tfds:photo_folder@train{part}").hashes.tolist() for part in (first, second)]
    if "%" in second and "%" not in first:
        assert [len(part) for part in parts] == [10, round(0.1 * len(whole))]
    else:
        assert sorted(parts[0] + parts[1]) == sorted(whole) and not set(parts[0]) & set(parts[1])


def test_a_set_of_the_same_name_made_of_other_photos_is_another_one(prepared_folder, tmp_path, monkeypatch):
    first = open_source("tfds:photo_folder")
    (tmp_path / "others").mkdir()
    for index in range(4):
        Image.new("RGB", (40, 32), (50 * index, 90, 10)).save(tmp_path / "others" / f"{index}.png")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "second"))
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "others"))
    PhotoFolder(data_dir=tmp_path / "second").download_and_prepare(download_config=config)
    second = open_source("tfds:photo_folder")
    assert second.count == 4 and not set(first.hashes) & set(second.hashes)


def test_one_split_of_a_set_can_be_asked_for(prepared_folder):
    whole, part = open_source("tfds:photo_folder"), open_source("tfds:photo_folder@train[:5]")
    assert part.count == 5 and set(part.hashes) < set(whole.hashes)
    with pytest.raises(InputError, match="has the splits"):
        open_source("tfds:photo_folder@nowhere")


@pytest.mark.parametrize("turn", [1, 6])
def test_a_photo_that_became_unreadable_is_named(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (40, 32), "teal").save(tmp_path / name, exif=exif)
    photos = open_source(f"folder:{tmp_path}")
    examples = PhotoFolder(data_dir=tmp_path / "tfds")._generate_examples(photos)
    assert next(examples)[0] == "a.jpg"
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(RunError, match=r"^--data: b\.jpg could not be read any more: "):
        next(examples)


class TestPhotoFolder(tfds.testing.DatasetBuilderTestCase):
    """tfds's own checks of a builder."""

    DATASET_CLASS = PhotoFolder
    SPLITS = {"train": 26, "val": 2, "test": 2}  # noqa: RUF012
    test_session = property(lambda self: self.cached_session)  # the base class's method is collected, as a skipped test

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = cls.get_temp_dir(cls())
        y, x, channel = np.mgrid[0:32, 0:40, 0:3]
        for index in range(30):  # uncompressed: which split a photo falls into must not hang on a library's version
            pixels = (y * (index + 1) + x * 7 + channel * 90) % 256
            Image.fromarray(pixels.astype(np.uint8)).save(Path(cls.EXAMPLE_DIR) / f"{index:02d}.ppm")
        super().setUpClass()
