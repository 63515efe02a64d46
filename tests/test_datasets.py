"""Sources and shards: what is found, what is left out, what is remembered."""

import errno
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from colorize_tf.datasets import Unpaired, open_source, open_unpaired
from colorize_tf.datasets.__main__ import main
from colorize_tf.datasets.pack import pack
from colorize_tf.datasets.synthetic import scene
from colorize_tf.errors import InputError
from colorize_tf.labels import labelled


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "cache"))


def save_scene(path, seed, size=(48, 64), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(seed, size)).save(path, **options)
    return path


# === Folders ===


def test_a_folder_is_read_recursively_in_the_order_of_names(photo_folder):
    photos = open_source(f"folder:{photo_folder}")
    assert photos.count == 24
    assert list(photos.names) == sorted(photos.names)
    assert photos.image(0).shape == (48, 64, 3)


def test_class_folders_are_labels(photo_folder):
    photos = open_source(f"folder:{photo_folder}")
    assert photos.label_names == ("meadow", "shore")
    assert all(
        name.startswith(photos.label_names[label]) for name, label in zip(photos.names, photos.labels, strict=True)
    )


def test_a_photo_beside_the_class_folders_means_that_there_are_no_classes(tmp_path):
    save_scene(tmp_path / "photos/a/1.jpg", 1)
    save_scene(tmp_path / "photos/2.jpg", 2)
    assert open_source(f"folder:{tmp_path}/photos").labels is None


def test_hidden_files_and_other_files_are_no_photos(tmp_path):
    save_scene(tmp_path / "photos/1.jpg", 1)
    save_scene(tmp_path / "photos/.thumbnails/2.jpg", 2)
    save_scene(tmp_path / "photos/._1.jpg", 3)
    (tmp_path / "photos/notes.txt").write_text("no photo")
    photos = open_source(f"folder:{tmp_path}/photos")
    assert list(photos.names) == ["1.jpg"] and not photos.rejected


def test_a_folder_linked_into_itself_ends(tmp_path):
    save_scene(tmp_path / "photos/1.jpg", 1)
    (tmp_path / "photos/again").symlink_to(tmp_path / "photos")
    assert open_source(f"folder:{tmp_path}/photos").count == 1


def test_what_is_no_file_or_no_photo_by_its_size_is_not_read(tmp_path):
    save_scene(tmp_path / "photos/1.jpg", 1)
    os.mkfifo(tmp_path / "photos/pipe.jpg")  # reading it would wait for a writer
    with open(tmp_path / "photos/vast.jpg", "wb") as file:
        file.truncate(1 << 36)  # takes no room on the disk, and would take all memory
    photos = open_source(f"folder:{tmp_path}/photos", max_bad_share=0.9)
    assert list(photos.names) == ["1.jpg"]
    assert {bad.name: bad.reason for bad in photos.rejected} == {
        "pipe.jpg": "not a file",
        "vast.jpg": "larger than 1365 MiB",
    }


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    save_scene(tmp_path / "photos/1.jpg", 1)
    (tmp_path / "photos/closed").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    photos = open_source(f"folder:{tmp_path}/photos")
    assert list(photos.names) == ["1.jpg"]
    assert [(bad.name, bad.reason) for bad in photos.rejected] == [("closed/", "Permission denied")]


def test_what_is_said_of_a_file_cannot_garble_the_terminal(tmp_path, caplog):
    save_scene(tmp_path / "a\nb/1.jpg", 1)
    (tmp_path / "a\nb/\x1b[31m.jpg").write_bytes(b"bad")
    open_source(f"folder:{tmp_path}/a\nb")
    (said,) = (record.getMessage() for record in caplog.records if record.name.startswith("colorize_tf"))
    assert said.isprintable() and "left out 1 of 2" in said


def test_unusable_files_are_named_with_the_reason_and_left_out(tmp_path, caplog):
    good = save_scene(tmp_path / "photos/good.jpg", 1)
    save_scene(tmp_path / "photos/tiny.jpg", 2, (20, 64))
    save_scene(tmp_path / "photos/dot.png", 2, (1, 1))
    (tmp_path / "photos/cut.jpg").write_bytes(good.read_bytes()[:700])
    (tmp_path / "photos/empty.jpg").write_bytes(b"")
    (tmp_path / "photos/text.png").write_text("no photo")
    (tmp_path / "photos/nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
    photos = open_source(f"folder:{tmp_path}/photos", max_bad_share=0.9)
    assert list(photos.names) == ["good.jpg"]
    assert {bad.name: bad.reason for bad in photos.rejected} == {
        "tiny.jpg": "smaller than 32 pixels",
        "dot.png": "smaller than 32 pixels",
        "cut.jpg": "damaged",
        "empty.jpg": "not a picture",
        "text.png": "not a picture",
        "nowhere.jpg": "No such file or directory",
    }
    assert "left out 6 of 7" in caplog.text


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share):
    with pytest.raises(InputError, match="must be from 0 to 1"):
        open_source("synthetic:3", max_bad_share=share)


def test_too_many_unusable_files_are_an_error(tmp_path):
    for index in range(4):
        save_scene(tmp_path / f"photos/{index}.jpg", index)
    (tmp_path / "photos/bad.jpg").write_bytes(b"bad")
    assert open_source(f"folder:{tmp_path}/photos", max_bad_share=0.2).count == 4
    with pytest.raises(InputError, match=r"at most 19% unusable photos. Received: 1 of 5 .*bad.jpg"):
        open_source(f"folder:{tmp_path}/photos", max_bad_share=0.19)


def test_a_folder_of_nothing_but_bad_files_is_an_error_whatever_the_share(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    with pytest.raises(InputError, match="unusable"):
        open_source(f"folder:{tmp_path}", max_bad_share=1.0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("folder:/no/such", "existing folder"),
        ("folder:", "existing folder"),
        ("folder:~nobody-here/photos", "existing folder"),
        ("tar:~nobody-here/photos.tar", "must match existing files"),
        ("photos", "must be one of folder:"),
        ("ftp:photos", "must be one of folder:"),
        ("tfrecord:/no/such/*", "must match existing files"),
        ("tar:/no/such.tar", "must match existing files"),
        ("synthetic:many", "synthetic:COUNT"),
        ("synthetic:0", "1 to a million"),
        pytest.param(f"synthetic:{'9' * 5000}", "at most 18 digits", id="a number too long to be one"),
        pytest.param(f"synthetic:3,seed={'9' * 400}", "at most 18 digits", id="a seed too long for a file's name"),
        ("synthetic:5,size=0x0", "1 to 4096 pixels"),
        ("unpaired:folder:a|folder:b", "two sets"),
    ],
)
def test_a_wrong_name_is_answered(spec, message):
    with pytest.raises(InputError, match=message):
        open_source(spec)


def test_an_empty_folder_is_answered(tmp_path):
    with pytest.raises(InputError, match="must contain photos"):
        open_source(f"folder:{tmp_path}")


def test_near_gray_photos_can_be_left_out(tmp_path):
    save_scene(tmp_path / "photos/colour.jpg", 1)
    gray = np.repeat(scene(2, (48, 64)).mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "photos/gray.jpg")
    spec = f"folder:{tmp_path}/photos"
    assert open_source(spec).count == 2
    assert list(open_source(spec, near_gray=5).names) == ["colour.jpg"]
    with pytest.raises(InputError, match="near_gray"):
        open_source(spec, near_gray=500)


# === What was examined is remembered ===


def test_a_second_opening_examines_nothing(photo_folder, monkeypatch):
    before = open_source(f"folder:{photo_folder}")
    monkeypatch.setattr("colorize_tf.datasets.index.examine", None)
    after = open_source(f"folder:{photo_folder}")
    np.testing.assert_array_equal(before.hashes, after.hashes)
    np.testing.assert_array_equal(before.chroma, after.chroma)


def test_what_this_pillow_cannot_read_another_may(photo_folder, tmp_path, monkeypatch):
    save_scene(tmp_path / "photos/a.jpg", 1)
    source = f"folder:{tmp_path}/photos"
    with monkeypatch.context() as patch:
        patch.setattr(
            "colorize_tf.datasets.examine.Image.open", lambda *_: (_ for _ in ()).throw(UnidentifiedImageError)
        )
        with pytest.raises(InputError, match="1 not a picture"):
            open_source(source)
    assert open_source(source).count == 1


def test_a_photo_without_a_label_leaves_the_others_theirs(photo_folder, tmp_path, capsys):
    photos = open_source(f"folder:{photo_folder}")
    some = replace(photos, labels=np.where(np.arange(24) == 3, -1, photos.labels).astype(np.int32))
    assert [some.label(index) for index in (2, 3)] == ["meadow", ""]
    pack(some, tmp_path / "shards")
    source = f"tfrecord:{tmp_path}/shards/*"
    packed = open_source(source)
    assert packed.label_names == ("meadow", "shore")
    assert {name: packed.label(i) for i, name in enumerate(packed.names)} == {
        name: some.label(i) for i, name in enumerate(some.names)
    }
    (bare,) = np.flatnonzero(packed.labels < 0)
    assert packed.classes(("shore", "meadow"))[bare] == packed.classes(("shore",))[bare] == -1
    assert sorted(packed.classes(("shore", "meadow"))) == [-1, *[0] * 12, *[1] * 11]
    assert labelled(source, None, 1)[0].count == 23
    assert main(["info", source]) == 0
    assert re.search(r"classes +2: shore 12, meadow 11; 1 has none", capsys.readouterr().out)


def test_a_shard_is_read_through_once_until_it_changes(photo_folder, tmp_path, monkeypatch):
    photos = open_source(f"folder:{photo_folder}")
    pack(photos, tmp_path / "shards")
    before = open_source(f"tfrecord:{tmp_path}/shards/*")
    with monkeypatch.context() as patch:
        patch.setattr("colorize_tf.datasets.sources.records", None)
        after = open_source(f"tfrecord:{tmp_path}/shards/*")
    for name in ("names", "hashes", "offset", "length", "labels", "chroma", "orientation"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    pack(photos.sample(7), tmp_path / "shards", overwrite=True)
    assert open_source(f"tfrecord:{tmp_path}/shards/*").count == 7


def test_a_changed_file_is_examined_again(tmp_path):
    path = save_scene(tmp_path / "photos/1.jpg", 1)
    save_scene(tmp_path / "photos/2.jpg", 2)
    before = open_source(f"folder:{tmp_path}/photos")
    save_scene(path, 3)
    after = open_source(f"folder:{tmp_path}/photos")
    assert before.hashes[0] != after.hashes[0] and before.hashes[1] == after.hashes[1]


def test_without_a_usable_cache_folder_photos_are_examined_each_time(photo_folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "file"))
    assert open_source(f"folder:{photo_folder}").count == 24


def test_a_damaged_index_is_no_obstacle(photo_folder, tmp_path):
    index = tmp_path / "cache/index-2.sqlite3"
    index.parent.mkdir()
    index.write_bytes(b"no database" * 1000)
    assert open_source(f"folder:{photo_folder}").count == 24


# === Generated scenes, unpaired sets ===


def test_scenes_are_repeatable_varied_and_colourful():
    photos = open_source("synthetic:12,seed=3,size=48x64")
    assert photos.count == 12 and len(np.unique(photos.hashes)) == 12
    assert photos.image(0).shape == (48, 64, 3)
    assert np.median(photos.chroma) > 12
    np.testing.assert_array_equal(photos.hashes, open_source("synthetic:12,seed=3,size=48x64").hashes)
    assert not set(photos.hashes) & set(open_source("synthetic:12,seed=4,size=48x64").hashes)
    assert set(photos.hashes[:5]) == set(open_source("synthetic:5,seed=3,size=48x64").hashes)


def test_a_sample_is_always_the_same_and_in_order(photo_folder):
    photos = open_source(f"folder:{photo_folder}")
    names = photos.sample(7).names.tolist()
    assert names == photos.sample(7).names.tolist() == sorted(set(names)) and len(names) == 7
    assert names != photos.names[:7].tolist()
    assert photos.sample(100).names.tolist() == photos.names.tolist()


def test_unpaired_sets_keep_their_sizes(photo_folder):
    both = open_unpaired(f"unpaired:folder:{photo_folder} | synthetic:10,size=32x32")
    assert isinstance(both, Unpaired)
    assert (both.a.count, both.b.count, both.count) == (24, 10, 24)
    part = both.split("train", fractions={"train": 0.5, "val": 0.5})
    assert 0 < part.a.count < 24 and 0 < part.b.count < 10
    few = both.sample(12)
    assert (few.a.count, few.b.count) == (12, 10) and few.a.names.tolist() != both.a.names[:12].tolist()
    with pytest.raises(InputError, match=r"unpaired:A\|B"):
        open_unpaired("unpaired:synthetic:3")


# === Command line ===


def test_info_counts_what_there_is(photo_folder, tmp_path, capsys):
    (tmp_path / "photos").symlink_to(photo_folder)
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    assert main(["info", f"folder:{tmp_path}", "--rejected"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["photos"].startswith("24 ")
    assert shown["unusable"] == "1 not a picture"
    assert shown["bad.jpg:"] == "not a picture"


def test_pack_prints_the_name_of_the_new_source(photo_folder, tmp_path, capsys):
    assert main(["pack", f"folder:{photo_folder}", "--out", str(tmp_path / "new/shards [1]")]) == 0
    summary, spec = capsys.readouterr().out.splitlines()
    assert summary.startswith("24 photos")
    assert open_source(spec).count == 24
    (shard,) = (tmp_path / "new/shards [1]").iterdir()
    assert open_source(f"tfrecord:{shard}").count == 24


def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["info", f"folder:{tmp_path}/nothing"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1


def test_rejections_of_a_streamed_source_are_remembered(tmp_path):
    from colorize_tf.datasets.pack import stream
    from colorize_tf.datasets.sources import _kept

    stream(tmp_path / "kept", [("a", "", b"bad"), ("b", "", save_scene(tmp_path / "b.png", 1).read_bytes())])
    assert json.loads((tmp_path / "kept/rejected.json").read_text()) == [["a", "not a picture"]]
    assert len(list(_kept(tmp_path / "kept", lambda: [], None))) == 2


@pytest.mark.parametrize("removed", [0, 1, None])
def test_a_kept_source_whose_shards_were_removed_is_made_again(removed, tmp_path, monkeypatch):
    from colorize_tf.datasets import pack

    monkeypatch.setattr(pack.ShardWriter.__init__, "__defaults__", ("photos", 1))  # a shard for each photo
    source = "synthetic:2,size=32x32"
    before = open_source(source)
    shards = sorted((tmp_path / "cache/synthetic").rglob("*.tfrecord"))
    assert len(shards) == 2
    for shard in shards if removed is None else [shards[removed]]:
        shard.unlink()
    again = open_source(source)
    assert again.count == 2 and (again.hashes == before.hashes).all()
