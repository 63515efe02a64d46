"""`colorize` where something is wrong: one clear line, the rest goes on, and nothing is lost."""

import json
import os
import resource
import struct
from pathlib import Path

import pytest

import colorize_tf.apps.selection as selection
import colorize_tf.apps.work as work
from colorize_tf.atomic import atomic_path

from .albums import MODEL, files, gray, is_coloured, start


def test_a_bad_file_is_reported_and_the_rest_goes_on(album, colorize):
    (album / "0.jpg").write_bytes((album / "a.jpg").read_bytes()[:300])
    code, out, err = colorize(album, "--workers", "1")
    assert code == 1
    assert len(out.splitlines()) == 2
    assert "0.jpg: must be a" in err
    assert "2 colorized, 1 failed" in err


def test_a_folder_that_cannot_be_read_is_reported(album, colorize, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, out, err = colorize(album, "-r")
    assert (code, len(out.splitlines())) == (1, 2)
    assert f"error: {album / 'inner'}: must be a readable folder. Received: Permission denied\n" in err
    assert "2 colorized, 1 failed" in err
    assert "inner: must be a readable folder" in colorize(album / "inner")[2]


def test_an_empty_folder_among_others_is_reported(album, tmp_path, colorize):
    (tmp_path / "empty").mkdir()
    code, out, err = colorize(tmp_path / "empty", album / "a.jpg")
    assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
    assert f"error: {tmp_path / 'empty'}: must hold photos itself; add --recursive for folders inside" in err
    assert "1 colorized, 1 failed" in err
    code, _, err = colorize(tmp_path / "empty", "-r")
    assert (code, err) == (2, f"error: {tmp_path / 'empty'}: must hold photos. Received: none found.\n")


def test_files_of_which_nothing_can_be_learnt_are_reported(album, colorize, monkeypatch):
    real = Path.stat

    def stat(path, **options):
        if path.name == "b.png":  # as in a folder that may be listed and not entered
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(selection.Path, "stat", stat)
    for words in ([album], [album / "a.jpg", album / "b.png", album / f"{'a' * 300}.jpg"]):
        code, out, err = colorize(*words, "--overwrite", "--workers", "1")
        assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
        assert f"error: {album / 'b.png'}: must be a readable photo. Received: Permission denied.\n" in err
    assert "File name too long" in err
    assert "1 colorized, 2 failed" in err


def test_what_is_wrong_with_a_photo_names_it(album, colorize):
    gray().save(album / "pages.tif", save_all=True, append_images=[gray(1)])
    code, _, err = colorize(album, "--format", "jpg")
    assert code == 1
    assert f"error: {album / 'pages.tif'}: --format: only TIFF holds several pages. Received: JPEG.\n" in err


def test_a_pipe_without_a_writer_is_not_waited_for(album, colorize):
    os.mkfifo(album / "pipe.jpg")
    code, _, err = colorize(album / "pipe.jpg")
    assert (code, err.count("\n")) == (1, 1)
    assert "pipe.jpg: a photo must be a file. Received: something else. For a pipe: colorize - < PIPE" in err


def test_names_that_differ_in_case_are_one_where_the_file_system_says_so(album, tmp_path, colorize, monkeypatch):
    (album / "A.JPG").write_bytes((album / "a.jpg").read_bytes())
    out = tmp_path / "out"
    assert colorize(album, "-o", out)[0] == 0
    assert files(out) == ["A.JPG", "a.jpg", "b.png"]  # this one does not
    real = Path.exists
    monkeypatch.setattr(selection.Path, "exists", lambda path: path.name[:2] == ".A" or real(path))
    selection._ignores_case.cache_clear()
    code, _, err = colorize(album, "-o", tmp_path / "other", "--overwrite")
    selection._ignores_case.cache_clear()
    assert code == 1
    assert f"{album / 'a.jpg'}: its result would have the name of another's, that of {album / 'A.JPG'}\n" in err
    assert files(tmp_path / "other") == ["A.JPG", "b.png"]


@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        ("picture", MemoryError(), "MemoryError: more memory than there is"),
        ("write_photos", struct.error("'L' format requires 0 <= number <= 4294967295"), "error: 'L' format requires"),
        ("write_photos", ValueError("an encoder's\nown words"), "ValueError: an encoder's own words"),
    ],
)
def test_whatever_one_photo_raises_the_rest_goes_on(album, colorize, monkeypatch, place, error, said):
    real, calls = getattr(work, place), []

    def first_fails(*words):
        calls.append(words)
        if len(calls) == 1:
            raise error
        return real(*words)

    monkeypatch.setattr(work, place, first_fails)
    before = files(album)
    code, out, err = colorize(album)
    assert (code, out) == (1, f"{album / 'b.colorized.png'}\n")
    assert err.splitlines()[0].startswith(f"error: {album / 'a.jpg'}: could not be colorized ({said}")
    assert files(album) == sorted([*before, "b.colorized.png"])


def test_whatever_a_piped_photo_raises_is_one_line(album, colorize, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(work, "picture", fails)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    code, out, err = colorize(album / "a.jpg", "-o", "-")
    assert (code, out) == (1, "")
    assert err == f"error: {album / 'a.jpg'}: could not be colorized (MemoryError: more memory than there is)\n"


def test_a_format_that_cannot_be_written_is_said_once(album, colorize, monkeypatch):
    monkeypatch.setattr("colorize_tf.edge.write.features.check", lambda _: False)
    code, out, err = colorize(album, "--format", "avif")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--format: this Pillow was built without it. Received: AVIF" in err


def test_a_photo_that_is_not_there(album, colorize):
    code, out, err = colorize("nowhere.jpg")
    assert (code, out) == (2, "")
    assert err == "error: photo: no such file or folder. Received: nowhere.jpg.\n"
    code, out, err = colorize("nowhere.jpg", album / "a.jpg", "no*thing")
    assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
    assert "nowhere.jpg: must be a readable photo. Received: No such file or directory" in err
    assert "1 colorized, 2 failed" in err


def test_what_cannot_be_piped_is_named(album, colorize):
    for words, said in (
        (["nowhere.jpg"], "nowhere.jpg: must be a readable photo. Received: No such file or directory.\n"),
        ([album], "--output: - must go with one photo"),
        ([album / "a.jpg", album / "b.png"], "--output: - must go with one photo"),
    ):
        code, out, err = colorize(*words, "-o", "-")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"error: {said}" in err


def test_a_pipe_into_a_file_says_how(colorize):
    for name, said in (
        ("res.png", "Use --format png > res.png"),
        ("res", "Use > res"),
        ("r.jpeg", "Use --format jpg > r.jpeg"),
    ):
        code, _, err = colorize("-", "-o", name)
        assert (code, err) == (
            2,
            f"error: --output: standard input goes to standard output. Received: {name}. {said}\n",
        )


def test_a_photo_in_a_closed_folder_is_not_called_absent(album, colorize, monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(selection.Path, "stat", closed)
    code, out, err = colorize("closed/photo.jpg")
    assert (code, out) == (2, "")
    assert err == "error: photo: must be readable. Received: closed/photo.jpg: Permission denied.\n"


def test_a_place_that_cannot_be_written(album, colorize, monkeypatch):
    def refused(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(work, "atomic_path", refused)
    code, _, err = colorize(album / "a.jpg")
    assert code == 1
    assert "a.colorized.jpg: could not be written: Permission denied" in err


def test_a_target_that_is_a_folder_or_under_a_file(album, tmp_path, colorize):
    (album / "a.colorized.jpg").mkdir()
    assert colorize(album / "a.jpg", "--overwrite")[0] == 1
    code, _, err = colorize(album / "b.png", "-o", f"{album}/notes.txt/new/")
    assert code == 1
    assert "could not be written" in err


def test_a_result_that_outgrows_what_there_is_leaves_nothing(album):
    # A limit on the size of files fails in the middle of writing, as a full disk does.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    before = files(album)
    process = start(album / "b.png", preexec_fn=limit)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, b"")
    assert b"b.colorized.png: could not be written: File too large" in err
    assert b"Traceback" not in err
    assert files(album) == before


def test_a_full_disk_ends_the_run_with_a_count(album, colorize, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(work, "write_photos", full)
    before = files(album)
    code, out, err = colorize(album, "--json")
    assert code == 1
    said = f"{album / 'a.colorized.jpg'}: could not be written: No space left on device. Make room, and run it again"
    assert err.splitlines() == [f"error: {said}", "0 colorized, 1 failed, 1 not begun"]
    assert [json.loads(line)["error"] for line in out.splitlines()] == [said]
    assert files(album) == before


def test_a_place_that_is_read_only_does_not_end_the_run(album, colorize, monkeypatch):
    def refused(path, **_):
        if path.name == "a.colorized.jpg":
            raise OSError(30, "Read-only file system", str(path))
        return atomic_path(path)

    monkeypatch.setattr(work, "atomic_path", refused)
    code, out, err = colorize(album)
    assert (code, out) == (1, f"{album / 'b.colorized.png'}\n")
    assert "a.colorized.jpg: could not be written: Read-only file system\n1 colorized, 1 failed" in err


def test_a_photo_may_be_called_as_a_result_of_nothing(album, colorize):
    name = album / ".colorized.jpg"
    (album / "a.jpg").rename(name)
    code, out, _ = colorize(name, album / "b.png")
    assert (code, out) == (0, f"{album / '.colorized.colorized.jpg'}\n{album / 'b.colorized.png'}\n")


def test_hostile_names(tmp_path, colorize):
    names = [
        "-rf.jpg",
        "new\nline.jpg",
        "\x1b[31mred.jpg",
        "naïve 写真.jpg",
        "a" * 244 + ".jpg",
        "..jpg",
        "%s{0}.jpg",
        "[x].jpg",
    ]
    for name in names:
        gray().save(tmp_path / name, "JPEG")
    (tmp_path / "..jpg").rename(os.fsdecode(os.fsencode(tmp_path) + b"/bytes-\xff.jpg"))
    code, out, err = colorize(tmp_path, "--json")
    rows = {Path(row["source"]).name: row for row in map(json.loads, out.splitlines())}
    assert len(rows) == 8
    assert "\x1b" not in out + err
    failed = [name for name, row in rows.items() if row["status"] == "failed"]
    assert failed == ["a" * 244 + ".jpg"]  # with .colorized it is longer than file systems allow
    assert code == 1
    assert is_coloured(tmp_path / "-rf.colorized.jpg")
    assert is_coloured(tmp_path / "[x].colorized.jpg")


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", MODEL.read_bytes()[:2000], MODEL.read_bytes().replace(b"tiny", b"tony")]
)
def test_a_model_that_is_none(album, tmp_path, colorize, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    code, out, err = colorize(album / "a.jpg", model=path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "model.tflite" in err
