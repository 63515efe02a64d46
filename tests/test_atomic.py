"""A file is there whole, or the old one still is."""

import json
import os
from pathlib import Path

import pytest

from colorize_tf.atomic import atomic_folder, atomic_path, write_bytes, write_text


def test_writes_whole_files(tmp_path):
    write_text(tmp_path / "a.txt", "día")
    write_bytes(tmp_path / "b.bin", b"\x00\x01")
    assert (tmp_path / "a.txt").read_bytes() == "día".encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.bin"]


def test_text_with_a_file_name_that_is_no_unicode_stays_utf_8(tmp_path):
    write_text(tmp_path / "a.json", '["\udcff", "é"]')
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == ["\udcff", "é"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(final) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_the_temporary_file_keeps_the_suffix_and_stays_in_the_folder(tmp_path):
    with atomic_path(tmp_path / "photo.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path


@pytest.mark.parametrize("letter", ["a", "写", "😀", "\udcff"], ids=["ascii", "cjk", "emoji", "no-utf8"])
def test_names_may_be_as_long_as_file_systems_allow(tmp_path, letter):
    final = tmp_path / (letter * (251 // len(os.fsencode(letter))) + ".jpg")
    write_bytes(final, b"whole")
    assert list(tmp_path.iterdir()) == [final]


def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / "plain").touch()
    write_text(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    final = tmp_path / "step"
    for content in ("old", "new"):
        with atomic_folder(final) as temporary:
            (temporary / content).write_text(content)
    assert [path.name for path in final.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [final]


def test_a_failed_folder_keeps_the_old_one(tmp_path):
    final = tmp_path / "step"
    with atomic_folder(final) as temporary:
        (temporary / "old").touch()
    with pytest.raises(RuntimeError), atomic_folder(final) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert [path.name for path in final.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [final]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    final = tmp_path / "step"
    with atomic_folder(final) as temporary:
        (temporary / "old").touch()
    replace = Path.replace

    def unwilling(path, target):
        if (path / "new").exists():
            raise OSError("no")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", unwilling)
    with pytest.raises(OSError, match="no"), atomic_folder(final) as temporary:
        (temporary / "new").touch()
    assert [path.name for path in final.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [final]
