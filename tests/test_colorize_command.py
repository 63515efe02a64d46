"""`colorize`: every way in, every way out, and nothing lost on the way."""

import json
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorize_tf.apps.selection as selection
import colorize_tf.apps.work as work
from colorize_tf.__main__ import main
from colorize_tf.atomic import atomic_path

from .albums import MODEL, files, gray, is_coloured, luma, make_album, start


@pytest.fixture
def album(tmp_path):
    return make_album(tmp_path)


@pytest.fixture
def run(capsys):
    """Runs the command in this process; gives the exit code, stdout and stderr."""

    def call(*words, model=MODEL):
        code = main([*map(str, words), *(["--model", str(model)] if model else [])])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# --- what goes where ---


def test_a_photo_gets_a_coloured_neighbour(album, run):
    before = (album / "a.jpg").read_bytes()
    code, out, err = run(album / "a.jpg")
    assert (code, out, err) == (0, f"{album / 'a.colorized.jpg'}\n", "")
    assert is_coloured(album / "a.colorized.jpg")
    assert (album / "a.jpg").read_bytes() == before


def test_a_folder_may_have_any_name_but_that_of_a_command(album, run, monkeypatch):
    album.rename(album.with_name("photos"))
    monkeypatch.chdir(album.parent)
    assert run("photos")[0] == 0
    assert is_coloured(Path("photos/a.colorized.jpg"))


def test_a_second_run_skips_what_is_done(album, run):
    run(album / "a.jpg")
    made = (album / "a.colorized.jpg").stat().st_mtime_ns
    code, out, err = run(album / "a.jpg")
    assert (code, out) == (0, "")
    assert "1 there already" in err
    assert (album / "a.colorized.jpg").stat().st_mtime_ns == made
    assert run(album / "a.jpg", model=album / "notes.txt")[0] == 0  # nothing to do needs no model
    assert run(album / "a.jpg", "--overwrite")[0] == 0
    assert (album / "a.colorized.jpg").stat().st_mtime_ns > made


def test_a_folder_without_its_inner_ones(album, run):
    assert run(album)[0] == 0
    made = [name for name in files(album) if "colorized" in name]
    assert made == ["a.colorized.jpg", "b.colorized.png"]


def test_a_folder_is_mirrored(album, tmp_path, run):
    out = tmp_path / "out"
    assert run(album, "--recursive", "-o", out)[0] == 0
    assert files(out) == ["a.jpg", "b.png", "inner/c.tif"]
    assert all(is_coloured(out / name) for name in files(out))


def test_results_are_no_photos(album, run):
    assert run(album, "-r")[0] == 0
    code, out, _ = run(album, "-r")
    assert (code, out) == (0, "")
    assert len(files(album)) == 8


def test_an_output_folder_inside_the_album_is_not_colorized_again(album, run):
    run(album, "-r", "-o", album / "coloured")
    code, out, _ = run(album, "-r", "-o", album / "coloured")
    assert (code, out) == (0, "")
    assert files(album / "coloured") == ["a.jpg", "b.png", "inner/c.tif"]


def test_patterns_that_the_shell_left_alone(album, run, monkeypatch):
    monkeypatch.chdir(album)
    assert run("*.jpg", "inner/*")[0] == 0
    assert (album / "a.colorized.jpg").is_file()
    assert (album / "inner" / "c.colorized.tif").is_file()
    code, out, _ = run("*.jpg")
    assert (code, out) == (0, "")  # the result matches the pattern, and is left out


def test_results_that_a_shell_brings_along_are_no_photos(album, run):
    assert run(*sorted(album.glob("?.*")))[0] == 0
    before = files(album)
    for options in ((), ("--overwrite",)):
        assert run(*sorted(album.glob("?.*")), *options)[0] == 0
        assert files(album) == before
    assert run(album / "a.colorized.jpg")[0] == 0  # alone, it is meant
    assert files(album) == sorted([*before, "a.colorized.colorized.jpg"])


def test_one_photo_to_one_file(album, tmp_path, run):
    assert run(album / "a.jpg", "-o", tmp_path / "new.png")[0] == 0
    with Image.open(tmp_path / "new.png") as image:
        assert image.format == "PNG"
    assert np.abs(luma(tmp_path / "new.png") - luma(album / "a.jpg")).max() <= 0.26


def test_a_format_and_a_name_for_it_may_be_spelt_differently(album, tmp_path, run):
    assert run(album / "b.png", "-o", tmp_path / "new.JPEG", "--format", "jpg")[0] == 0
    with Image.open(tmp_path / "new.JPEG") as image:
        assert image.format == "JPEG"


def test_several_photos_do_not_go_into_one_file(album, tmp_path, run):
    code, out, err = run(album / "a.jpg", album / "b.png", "-o", tmp_path / "new.jpg")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--output: must be a folder for several photos" in err
    assert not (tmp_path / "new.jpg").exists()


def test_another_format(album, tmp_path, run):
    assert run(album, "-o", tmp_path / "out", "--format", "webp", "--quality", "50")[0] == 0
    assert files(tmp_path / "out") == ["a.webp", "b.webp"]


def test_formats_that_are_only_read_become_png(tmp_path, run):
    gray().save(tmp_path / "old.bmp")
    assert run(tmp_path / "old.bmp")[0] == 0
    assert is_coloured(tmp_path / "old.colorized.png")


def test_of_two_photos_for_one_place_the_second_is_reported(album, tmp_path, run):
    gray(4).save(album / "a.png")
    for made, skipped in ((2, 0), (0, 2)):
        code, out, err = run(album, "-o", tmp_path / "out", "--format", "jpg")
        assert (code, len(out.splitlines())) == (1, made)
        said = f"{album / 'a.png'}: its result would have the name of another's, that of {album / 'a.jpg'}\n"
        assert f"error: {said}" in err
        assert ("2 there already" in err) == bool(skipped)
    assert np.abs(luma(tmp_path / "out" / "a.jpg") - luma(album / "a.jpg")).max() < 8
    assert files(tmp_path / "out") == ["a.jpg", "b.jpg"]


def test_the_original_is_never_the_target(album, run):
    code, _, err = run(album / "a.jpg", "-o", album, "--overwrite")
    assert code == 2
    assert "originals stay as they are" in err
    os.link(album / "a.jpg", album / "linked.jpg")
    assert run(album / "a.jpg", "-o", album / "linked.jpg", "--overwrite")[0] == 2


def test_a_photo_that_is_named_twice_is_made_once(album, run, monkeypatch):
    monkeypatch.chdir(album)
    for words in (["a.jpg", "a.jpg"], ["a.jpg", album / "a.jpg"], ["a.jpg", "."]):
        code, out, err = run(*words, "--overwrite", "--workers", "1")
        assert (code, out.splitlines()[0], out.count("a.colorized.jpg")) == (0, "a.colorized.jpg", 1)
        assert "failed" not in err


def test_no_photo_of_a_run_gives_way_to_the_result_of_another(album, tmp_path, run):
    gray(4).save(tmp_path / "c.tif")
    before = (album / "inner" / "c.tif").read_bytes()
    (tmp_path / "other" / "inner").mkdir(parents=True)
    (tmp_path / "c.tif").rename(tmp_path / "other" / "inner" / "c.tif")
    code, out, err = run(tmp_path / "other", album / "inner", "-r", "-o", album, "--overwrite")
    assert (code, out) == (1, f"{album / 'c.tif'}\n")
    assert f"c.tif: its result would replace {album / 'inner' / 'c.tif'}, which is a photo to be colorized\n" in err
    assert (album / "inner" / "c.tif").read_bytes() == before


def test_side_by_side(album, run):
    assert run(album / "b.png", "--side-by-side")[0] == 0
    with Image.open(album / "b.colorized.png") as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (60, 180, 3)
    assert np.ptp(pixels[:, :90], axis=2).max() == 0
    assert np.ptp(pixels[:, 90:], axis=2).mean() > 3


def test_json_is_one_line_a_photo(album, run):
    (album / "bad.jpg").write_bytes(b"no photo")
    code, out, _ = run(album, "--json", "--workers", "1")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [(Path(row["source"]).name, row["status"]) for row in rows] == [
        ("a.jpg", "done"),
        ("b.png", "done"),
        ("bad.jpg", "failed"),
    ]
    assert (rows[0]["width"], rows[0]["height"], rows[0]["pages"]) == (90, 60, 1)
    assert "must be a photo" in rows[2]["error"]


# --- options of colour ---


def test_options_reach_the_colour(album, run):
    def pixels(*words):
        run(album / "b.png", "--overwrite", *words)
        with Image.open(album / "b.colorized.png") as image:
            return np.asarray(image).astype(int)

    plain = pixels()
    for words in (
        ["--saturation", "0.3"],
        ["--chroma-cap", "5"],
        ["--vivid", "1"],
        ["--no-levels"],
        ["--fast"],
        ["--hint", "40,30,#ff0000"],
    ):
        assert np.abs(pixels(*words) - plain).max() > 2, words
    hinted = pixels("--hint", "40,30,#ff0000", "--hint", "80,50,#0000ff,5")
    assert np.abs(hinted - plain)[28:33, 38:43].mean() > np.abs(hinted - plain)[:, :10].mean()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--hint", "900,30,#ff0000"], "must lie in the photo"),
        (["--hint", "red"], "--hint"),
        (["--vivid", "2"], "vivid: must be in 0..1"),
        (["--saturation", "-1"], "saturation"),
        (["--keep-tint", "nan"], "keep_tint: must be in 0..1"),
        (["--chroma-cap", "0.5"], "chroma_cap: must be in 1..200"),
        (["--chroma-cap", "nan"], "chroma_cap: must be in 1..200"),
        (["--quality", "0"], "--quality"),
        (["--threads", "0"], "threads"),
        (["--workers", "0"], "--workers"),
        (["--max-pixels", "0"], "--max-pixels"),
        (["--max-pixels", "99"], "--max-pixels"),
        (["-o", "out.xyz"], "--output"),
        (["-o", "out.png", "--format", "jpg"], "--format"),
        (["-o", ""], "--output: must have a name"),
        (["--watch", ""], "--watch: must have a name"),
        ([""], "photo: must have a name"),
        (["-o", "-", "--json"], "--json: does not go with a photo on standard output"),
        (["--watch", "nowhere"], "--watch"),
    ],
)
def test_words_that_make_no_sense_are_one_line(album, run, words, what):
    code, out, err = run(album / "a.jpg", *words)
    assert code in (1, 2)
    assert out == ""
    assert what in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert len(files(album)) == 5


def test_unknown_flags_and_abbreviations_are_refused(album, run):
    for words, close in ((["--colour", "red"], ""), (["--over"], "--overwrite"), (["--qualty", "3"], "--quality")):
        code, out, err = run(album / "a.jpg", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: command line: unknown name. Received: {words[0]}. ")
        assert f"Did you mean {close}? Valid: " in err or not close
    assert len(files(album)) == 5


def test_hints_go_with_one_photo(album, run):
    code, _, err = run(album, "--hint", "1,1,#ff0000")
    assert code == 2
    assert "must go with one photo" in err


def test_without_a_photo_there_is_help(run, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, out, _ = run(model=None)
    assert code == 2
    assert "colorize photo.jpg" in out


# --- what goes wrong with some photos ---


def test_a_bad_file_is_reported_and_the_rest_goes_on(album, run):
    (album / "0.jpg").write_bytes((album / "a.jpg").read_bytes()[:300])
    code, out, err = run(album, "--workers", "1")
    assert code == 1
    assert len(out.splitlines()) == 2
    assert "0.jpg: must be a" in err
    assert "2 colorized, 1 failed" in err


def test_a_folder_that_cannot_be_read_is_reported(album, run, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, out, err = run(album, "-r")
    assert (code, len(out.splitlines())) == (1, 2)
    assert f"error: {album / 'inner'}: must be a readable folder. Received: Permission denied\n" in err
    assert "2 colorized, 1 failed" in err
    assert "inner: must be a readable folder" in run(album / "inner")[2]


def test_an_empty_folder_among_others_is_reported(album, tmp_path, run):
    (tmp_path / "empty").mkdir()
    code, out, err = run(tmp_path / "empty", album / "a.jpg")
    assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
    assert f"error: {tmp_path / 'empty'}: must hold photos itself; add --recursive for folders inside" in err
    assert "1 colorized, 1 failed" in err
    code, _, err = run(tmp_path / "empty", "-r")
    assert (code, err) == (2, f"error: {tmp_path / 'empty'}: must hold photos. Received: none found.\n")


def test_files_of_which_nothing_can_be_learnt_are_reported(album, run, monkeypatch):
    real = Path.stat

    def stat(path, **options):
        if path.name == "b.png":  # as in a folder that may be listed and not entered
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(selection.Path, "stat", stat)
    for words in ([album], [album / "a.jpg", album / "b.png", album / f"{'a' * 300}.jpg"]):
        code, out, err = run(*words, "--overwrite", "--workers", "1")
        assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
        assert f"error: {album / 'b.png'}: must be a readable photo. Received: Permission denied.\n" in err
    assert "File name too long" in err
    assert "1 colorized, 2 failed" in err


def test_what_is_wrong_with_a_photo_names_it(album, run):
    gray().save(album / "pages.tif", save_all=True, append_images=[gray(1)])
    code, _, err = run(album, "--format", "jpg")
    assert code == 1
    assert f"error: {album / 'pages.tif'}: --format: only TIFF holds several pages. Received: JPEG.\n" in err


def test_a_pipe_without_a_writer_is_not_waited_for(album, run):
    os.mkfifo(album / "pipe.jpg")
    code, _, err = run(album / "pipe.jpg")
    assert (code, err.count("\n")) == (1, 1)
    assert "pipe.jpg: a photo must be a file. Received: something else. For a pipe: colorize - < PIPE" in err


def test_names_that_differ_in_case_are_one_where_the_file_system_says_so(album, tmp_path, run, monkeypatch):
    (album / "A.JPG").write_bytes((album / "a.jpg").read_bytes())
    out = tmp_path / "out"
    assert run(album, "-o", out)[0] == 0
    assert files(out) == ["A.JPG", "a.jpg", "b.png"]  # this one does not
    real = Path.exists
    monkeypatch.setattr(selection.Path, "exists", lambda path: path.name[:2] == ".A" or real(path))
    selection._ignores_case.cache_clear()
    code, _, err = run(album, "-o", tmp_path / "other", "--overwrite")
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
def test_whatever_one_photo_raises_the_rest_goes_on(album, run, monkeypatch, place, error, said):
    real, calls = getattr(work, place), []

    def first_fails(*words):
        calls.append(words)
        if len(calls) == 1:
            raise error
        return real(*words)

    monkeypatch.setattr(work, place, first_fails)
    before = files(album)
    code, out, err = run(album)
    assert (code, out) == (1, f"{album / 'b.colorized.png'}\n")
    assert err.splitlines()[0].startswith(f"error: {album / 'a.jpg'}: could not be colorized ({said}")
    assert files(album) == sorted([*before, "b.colorized.png"])


def test_whatever_a_piped_photo_raises_is_one_line(album, run, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(work, "picture", fails)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    code, out, err = run(album / "a.jpg", "-o", "-")
    assert (code, out) == (1, "")
    assert err == f"error: {album / 'a.jpg'}: could not be colorized (MemoryError: more memory than there is)\n"


def test_a_format_that_cannot_be_written_is_said_once(album, run, monkeypatch):
    monkeypatch.setattr("colorize_tf.edge.write.features.check", lambda _: False)
    code, out, err = run(album, "--format", "avif")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--format: this Pillow was built without it. Received: AVIF" in err


def test_a_photo_that_is_not_there(album, run):
    code, out, err = run("nowhere.jpg")
    assert (code, out) == (2, "")
    assert err == "error: photo: no such file or folder. Received: nowhere.jpg.\n"
    code, out, err = run("nowhere.jpg", album / "a.jpg", "no*thing")
    assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
    assert "nowhere.jpg: must be a readable photo. Received: No such file or directory" in err
    assert "1 colorized, 2 failed" in err


def test_what_cannot_be_piped_is_named(album, run):
    for words, said in (
        (["nowhere.jpg"], "nowhere.jpg: must be a readable photo. Received: No such file or directory.\n"),
        ([album], "--output: - must go with one photo"),
        ([album / "a.jpg", album / "b.png"], "--output: - must go with one photo"),
    ):
        code, out, err = run(*words, "-o", "-")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"error: {said}" in err


def test_a_photo_in_a_closed_folder_is_not_called_absent(album, run, monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(selection.Path, "stat", closed)
    code, out, err = run("closed/photo.jpg")
    assert (code, out) == (2, "")
    assert err == "error: photo: must be readable. Received: closed/photo.jpg: Permission denied.\n"


def test_a_place_that_cannot_be_written(album, run, monkeypatch):
    def refused(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(work, "atomic_path", refused)
    code, _, err = run(album / "a.jpg")
    assert code == 1
    assert "a.colorized.jpg: could not be written: Permission denied" in err


def test_a_target_that_is_a_folder_or_under_a_file(album, tmp_path, run):
    (album / "a.colorized.jpg").mkdir()
    assert run(album / "a.jpg", "--overwrite")[0] == 1
    code, _, err = run(album / "b.png", "-o", f"{album}/notes.txt/new/")
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


def test_a_full_disk_ends_the_run_with_a_count(album, run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(work, "write_photos", full)
    before = files(album)
    code, out, err = run(album, "--json")
    assert code == 1
    said = f"{album / 'a.colorized.jpg'}: could not be written: No space left on device. Make room, and run it again"
    assert err.splitlines() == [f"error: {said}", "0 colorized, 1 failed, 1 not begun"]
    assert [json.loads(line)["error"] for line in out.splitlines()] == [said]
    assert files(album) == before


def test_a_place_that_is_read_only_does_not_end_the_run(album, run, monkeypatch):
    def refused(path, **_):
        if path.name == "a.colorized.jpg":
            raise OSError(30, "Read-only file system", str(path))
        return atomic_path(path)

    monkeypatch.setattr(work, "atomic_path", refused)
    code, out, err = run(album)
    assert (code, out) == (1, f"{album / 'b.colorized.png'}\n")
    assert "a.colorized.jpg: could not be written: Read-only file system\n1 colorized, 1 failed" in err


def test_a_photo_may_be_called_as_a_result_of_nothing(album, run):
    name = album / ".colorized.jpg"
    (album / "a.jpg").rename(name)
    code, out, _ = run(name, album / "b.png")
    assert (code, out) == (0, f"{album / '.colorized.colorized.jpg'}\n{album / 'b.colorized.png'}\n")


def test_hostile_names(tmp_path, run):
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
    code, out, err = run(tmp_path, "--json")
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
def test_a_model_that_is_none(album, tmp_path, run, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    code, out, err = run(album / "a.jpg", model=path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "model.tflite" in err


# --- benchmark ---


def test_benchmark_measures_every_step(run):
    code, out, err = run("benchmark", "--megapixels", "0.02", "--repeat", "1", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert set(report["milliseconds"]) >= {"decode", "network", "fusion", "encode", "whole", "whole, fast"}
    assert all(value >= 0 for value in report["milliseconds"].values())
    code, out, _ = run("benchmark", "--megapixels", "0.02", "--repeat", "1", "--gray")
    assert code == 0
    assert "Pillow decode + encode" in out


@pytest.mark.parametrize(
    "words", [["--megapixels", "9999"], ["--repeat", "0"], ["--photo", "nowhere.jpg"], ["--photo", os.devnull]]
)
def test_benchmark_has_bounds(run, words):
    code, _, err = run("benchmark", *words)
    assert (code, err.count("\n")) == (2, 1)
