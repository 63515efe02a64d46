"""Archives and shards: the same photos, packed."""

import resource
import tarfile
from pathlib import Path

import numpy as np
import pytest

from colorize_tf.datasets import open_source
from colorize_tf.datasets.pack import pack
from colorize_tf.datasets.shards import records
from colorize_tf.errors import InputError, RunError
from colorize_tf.pipeline import evaluation_batches

# What a record of ours says of its photo.
OURS = {
    "image/sha256": b"0" * 64, "image/format": b"jpeg", "image/height": 64, "image/width": 64,
    "image/orientation": 1, "image/chroma": 9.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "cache"))


def test_a_tar_is_read_where_it_lies(photo_folder, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(photo_folder, "photos")
    direct, packed = open_source(f"folder:{photo_folder}"), open_source(f"tar:{tmp_path}/*.tar")
    assert set(direct.hashes) == set(packed.hashes)
    at = list(packed.hashes).index(direct.hashes[5])
    np.testing.assert_array_equal(packed.image(at), direct.image(5))


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_something_else_than_a_tar_is_answered(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"uncompressed tar|must contain photos"):
        open_source(f"tar:{tmp_path}/x.tar")


@pytest.mark.parametrize("size", ["-1", "9" * 20])
def test_a_tar_that_lies_about_a_size_is_answered(photo_folder, tmp_path, size):
    (photo,) = photo_folder.rglob("01.jpg")
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(photo, "true.jpg")
        member = archive.gettarinfo(photo, "lie.jpg")
        member.pax_headers = {"size": size}
        with photo.open("rb") as file:
            archive.addfile(member, file)
    try:
        photos = open_source(f"tar:{tmp_path}/x.tar")
    except InputError as error:
        assert "whole, uncompressed tar" in str(error)
    else:
        assert photos.names[0] == "true.jpg" and min(photos.length) > 0


def test_packed_photos_are_the_same_photos(photo_folder, tmp_path):
    photos = open_source(f"folder:{photo_folder}")
    assert pack(photos, tmp_path / "shards", shard_bytes=5_000) > 2
    packed = open_source(f"tfrecord:{tmp_path}/shards/*.tfrecord")
    assert len(packed.files) > 2 and packed.label_names == photos.label_names
    for name in ("hashes", "names", "labels", "format", "height", "width", "orientation", "chroma", "length"):
        np.testing.assert_array_equal(getattr(packed, name), getattr(photos, name), err_msg=name)
    assert all(packed.encoded(index) == photos.encoded(index) for index in range(photos.count))


def test_shards_are_tfrecords_of_examples(photo_folder, tmp_path):
    import tensorflow as tf

    photos = open_source(f"folder:{photo_folder}")
    pack(photos, tmp_path / "shards")
    (shard,) = (tmp_path / "shards").iterdir()
    serialized = list(tf.data.TFRecordDataset(str(shard)).as_numpy_iterator())
    assert serialized == [record for _, record in records(str(shard))]
    features = tf.train.Example.FromString(serialized[3]).features.feature
    assert features["image/encoded"].bytes_list.value[0] == photos.encoded(3)
    assert features["image/width"].int64_list.value[0] == 64


def test_opening_our_shards_needs_no_tensorflow(photo_folder, tmp_path):
    import subprocess
    import sys

    pack(open_source(f"folder:{photo_folder}"), tmp_path / "shards")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from colorize_tf.datasets import open_source\n"
        f"photos = open_source('tfrecord:{tmp_path}/shards/*').split('train')\n"
        "print(photos.image(0).shape, photos.count > 10)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "(48, 64, 3) True", result.stderr


def test_shards_of_others_are_read_too(photo_folder, tmp_path):
    import tensorflow as tf

    photos = open_source(f"folder:{photo_folder}")
    with tf.io.TFRecordWriter(str(tmp_path / "other.tfrecord")) as writer:
        for index in range(3):
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photos.encoded(index)])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[-7])),
                "boxes": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5, 1.5])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
        writer.write(tf.train.Example().SerializeToString())
        writer.write(b"\xff\xff no example")
    found = open_source(f"tfrecord:{tmp_path}/other.tfrecord")
    np.testing.assert_array_equal(found.hashes, photos.hashes[:3])
    assert found.label_names == ("-7",)
    assert [bad.reason for bad in found.rejected] == [
        "no encoded image in the record",
        "a record is no tf.train.Example",
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"image/sha256": b"x"},
        {"image/sha256": b"x", "image/format": b"jpeg", "image/height": b"tall", "image/width": 64},
        {"image/sha256": b"x", "image/format": b"JPEG", "image/height": 4, "image/width": 4, "image/orientation": 1},
        {"image/height": None, "image/chroma": 1.5},
        OURS | {"image/height": 1 << 40},
        OURS | {"image/width": -64},
        OURS | {"image/orientation": 300},
        OURS | {"image/sha256": b"\xff" * 64},
        OURS | {"image/chroma": float("nan")},
    ],
)
def test_what_others_say_of_a_photo_is_not_taken_for_ours(told, photo_folder, tmp_path):
    import tensorflow as tf

    photos = open_source(f"folder:{photo_folder}").sample(1)
    example = tf.train.Example()
    feature = example.features.feature
    feature["image/encoded"].bytes_list.value.append(photos.encoded(0))
    feature["image/boxes"].float_list.SetInParent()
    for name, value in told.items():
        kind = {bytes: "bytes_list", int: "int64_list", float: "float_list", type(None): "int64_list"}[type(value)]
        getattr(feature[name], kind).value.extend([] if value is None else [value])
        getattr(feature[name], kind).SetInParent()
    with tf.io.TFRecordWriter(str(tmp_path / "other.tfrecord")) as writer:
        writer.write(example.SerializeToString())
    found = open_source(f"tfrecord:{tmp_path}/other.tfrecord")
    assert found.hashes == photos.hashes
    assert (found.height, found.width, found.orientation) == (photos.height, photos.width, photos.orientation)


def test_a_record_that_is_none_costs_no_other(photo_folder, tmp_path):
    import tensorflow as tf

    pack(open_source(f"folder:{photo_folder}"), tmp_path / "shards")
    (shard,) = (tmp_path / "shards").iterdir()
    whole = [record for _, record in records(str(shard))]
    with tf.io.TFRecordWriter(str(tmp_path / "mixed.tfrecord")) as writer:
        for record in (*whole[:3], b"\xff" * 9, *whole[3:]):
            writer.write(record)
    found = open_source(f"tfrecord:{tmp_path}/mixed.tfrecord")
    assert found.count == 24
    assert [bad.reason for bad in found.rejected] == ["a record is no tf.train.Example"]


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_shard_gives_what_is_before_the_damage(photo_folder, tmp_path, damage):
    pack(open_source(f"folder:{photo_folder}"), tmp_path / "shards")
    (shard,) = (tmp_path / "shards").iterdir()
    offsets = [offset for offset, _ in records(str(shard))]
    content = bytearray(shard.read_bytes())
    content[offsets[10] - 12 :] = content[offsets[10] - 12 : -20] if damage == "cut" else bytes(500)
    shard.write_bytes(content)
    found = open_source(f"tfrecord:{shard}")
    assert found.count == (23 if damage == "cut" else 10)
    assert len(found.rejected) == 1


def test_shards_may_lie_in_any_folder(photo_folder, tmp_path, monkeypatch):
    """Here in the one we are in, whose name is no Unicode."""
    folder = tmp_path / "a\udcffb ü\n"
    folder.mkdir()
    monkeypatch.chdir(folder)
    photos = open_source(f"folder:{photo_folder}")
    assert pack(photos, Path(), overwrite=True) == 1
    monkeypatch.chdir(tmp_path)
    found = open_source(f"tfrecord:{folder}/*.tfrecord")
    np.testing.assert_array_equal(found.hashes, photos.hashes)
    ((x, _), *_) = evaluation_batches(found, view="rgb", size=16, batch=4)
    np.testing.assert_array_equal(x, next(iter(evaluation_batches(photos, view="rgb", size=16, batch=4)))[0])


def test_packing_refuses_to_replace_what_it_was_not_asked_to(photo_folder, tmp_path):
    photos = open_source(f"folder:{photo_folder}")
    pack(photos, tmp_path / "shards")
    with pytest.raises(InputError, match="--overwrite"):
        pack(photos, tmp_path / "shards")
    pack(photos.sample(5), tmp_path / "shards", overwrite=True)
    assert open_source(f"tfrecord:{tmp_path}/shards/*").count == 5
    with pytest.raises(InputError, match="other things"):
        pack(photos, photo_folder, overwrite=True)
    packed = open_source(f"tfrecord:{tmp_path}/shards/*")
    with pytest.raises(InputError, match="folder that is read"):
        pack(packed, tmp_path / "shards", overwrite=True)


def test_a_full_disk_is_told_and_leaves_the_old_shards(photo_folder, tmp_path, monkeypatch):
    photos = open_source(f"folder:{photo_folder}")
    pack(photos, tmp_path / "shards")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # a write beyond that fails, as on a full disk
    try:
        with pytest.raises(RunError, match="could not be written"):
            pack(photos, tmp_path / "shards", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(RunError, match="0 MiB left"):
        pack(photos, tmp_path / "shards", overwrite=True)
    assert open_source(f"tfrecord:{tmp_path}/shards/*").count == 24


def test_a_failed_packing_leaves_the_old_shards(photo_folder, tmp_path, monkeypatch):
    photos = open_source(f"folder:{photo_folder}")
    pack(photos, tmp_path / "shards")
    monkeypatch.setattr("colorize_tf.datasets.pack.features", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack(photos, tmp_path / "shards", overwrite=True)
    assert open_source(f"tfrecord:{tmp_path}/shards/*").count == 24
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
