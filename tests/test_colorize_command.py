"""`colorize`: every way in, every way out, and nothing lost on the way."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .albums import files, gray, is_coloured, luma


def test_a_photo_gets_a_coloured_neighbour(album, colorize):
    before = (album / "a.jpg").read_bytes()
    code, out, err = colorize(album / "a.jpg")
    assert (code, out, err) == (0, f"{album / 'a.colorized.jpg'}\n", "")
    assert is_coloured(album / "a.colorized.jpg")
    assert (album / "a.jpg").read_bytes() == before


def test_a_folder_may_have_any_name_but_that_of_a_command(album, colorize, monkeypatch):
    album.rename(album.with_name("photos"))
    monkeypatch.chdir(album.parent)
    assert colorize("photos")[0] == 0
    assert is_coloured(Path("photos/a.colorized.jpg"))


def test_a_second_run_skips_what_is_done(album, colorize):
    colorize(album / "a.jpg")
    made = (album / "a.colorized.jpg").stat().st_mtime_ns
    code, out, err = colorize(album / "a.jpg")
    assert (code, out) == (0, "")
    assert "1 there already" in err
    assert (album / "a.colorized.jpg").stat().st_mtime_ns == made
    assert colorize(album / "a.jpg", model=album / "notes.txt")[0] == 0  # nothing to do needs no model
    assert colorize(album / "a.jpg", "--overwrite")[0] == 0
    assert (album / "a.colorized.jpg").stat().st_mtime_ns > made


def test_a_folder_without_its_inner_ones(album, colorize):
    assert colorize(album)[0] == 0
    made = [name for name in files(album) if "colorized" in name]
    assert made == ["a.colorized.jpg", "b.colorized.png"]


def test_a_folder_is_mirrored(album, tmp_path, colorize):
    out = tmp_path / "out"
    assert colorize(album, "--recursive", "-o", out)[0] == 0
    assert files(out) == ["a.jpg", "b.png", "inner/c.tif"]
    assert all(is_coloured(out / name) for name in files(out))


def test_results_are_no_photos(album, colorize):
    assert colorize(album, "-r")[0] == 0
    code, out, _ = colorize(album, "-r")
    assert (code, out) == (0, "")
    assert len(files(album)) == 8


def test_an_output_folder_inside_the_album_is_not_colorized_again(album, colorize):
    colorize(album, "-r", "-o", album / "coloured")
    code, out, _ = colorize(album, "-r", "-o", album / "coloured")
    assert (code, out) == (0, "")
    assert files(album / "coloured") == ["a.jpg", "b.png", "inner/c.tif"]


def test_patterns_that_the_shell_left_alone(album, colorize, monkeypatch):
    monkeypatch.chdir(album)
    assert colorize("*.jpg", "inner/*")[0] == 0
    assert (album / "a.colorized.jpg").is_file()
    assert (album / "inner" / "c.colorized.tif").is_file()
    code, out, _ = colorize("*.jpg")
    assert (code, out) == (0, "")  # the result matches the pattern, and is left out


def test_results_that_a_shell_brings_along_are_no_photos(album, colorize):
    assert colorize(*sorted(album.glob("?.*")))[0] == 0
    before = files(album)
    for options in ((), ("--overwrite",)):
        assert colorize(*sorted(album.glob("?.*")), *options)[0] == 0
        assert files(album) == before
    assert colorize(album / "a.colorized.jpg")[0] == 0  # alone, it is meant
    assert files(album) == sorted([*before, "a.colorized.colorized.jpg"])


def test_one_photo_to_one_file(album, tmp_path, colorize):
    assert colorize(album / "a.jpg", "-o", tmp_path / "new.png")[0] == 0
    with Image.open(tmp_path / "new.png") as image:
        assert image.format == "PNG"
    assert np.abs(luma(tmp_path / "new.png") - luma(album / "a.jpg")).max() <= 0.26


def test_a_format_and_a_name_for_it_may_be_spelt_differently(album, tmp_path, colorize):
    assert colorize(album / "b.png", "-o", tmp_path / "new.JPEG", "--format", "jpg")[0] == 0
    with Image.open(tmp_path / "new.JPEG") as image:
        assert image.format == "JPEG"


def test_several_photos_do_not_go_into_one_file(album, tmp_path, colorize):
    code, out, err = colorize(album / "a.jpg", album / "b.png", "-o", tmp_path / "new.jpg")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--output: must be a folder for several photos" in err
    assert not (tmp_path / "new.jpg").exists()


def test_another_format(album, tmp_path, colorize):
    assert colorize(album, "-o", tmp_path / "out", "--format", "webp", "--quality", "50")[0] == 0
    assert files(tmp_path / "out") == ["a.webp", "b.webp"]


def test_formats_that_are_only_read_become_png(tmp_path, colorize):
    gray().save(tmp_path / "old.bmp")
    assert colorize(tmp_path / "old.bmp")[0] == 0
    assert is_coloured(tmp_path / "old.colorized.png")


def test_jpegs_by_another_suffix_are_photos_of_a_folder_and_stay_jpegs(tmp_path, colorize):
    (tmp_path / "in").mkdir()
    gray().save(tmp_path / "in" / "saved.jfif", "JPEG")
    code, out, _ = colorize(tmp_path / "in", "-o", tmp_path / "out")
    assert (code, out) == (0, f"{tmp_path / 'out' / 'saved.jfif'}\n")
    with Image.open(tmp_path / "out" / "saved.jfif") as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize("space", ["\u202f", "\u00a0", "\u3000"])
def test_the_path_that_is_printed_is_the_files(space, tmp_path, colorize):
    gray().save(tmp_path / f"10.30{space}PM.png")
    code, out, _ = colorize(tmp_path / f"10.30{space}PM.png")
    assert code == 0 and Path(out.removesuffix("\n")).is_file()


def test_of_two_photos_for_one_place_the_second_is_reported(album, tmp_path, colorize):
    gray(4).save(album / "a.png")
    for made, skipped in ((2, 0), (0, 2)):
        code, out, err = colorize(album, "-o", tmp_path / "out", "--format", "jpg")
        assert (code, len(out.splitlines())) == (1, made)
        said = f"{album / 'a.png'}: its result would have the name of another's, that of {album / 'a.jpg'}\n"
        assert f"error: {said}" in err
        assert ("2 there already" in err) == bool(skipped)
    assert np.abs(luma(tmp_path / "out" / "a.jpg") - luma(album / "a.jpg")).max() < 8
    assert files(tmp_path / "out") == ["a.jpg", "b.jpg"]


def test_the_original_is_never_the_target(album, colorize):
    code, _, err = colorize(album / "a.jpg", "-o", album, "--overwrite")
    assert code == 2
    assert "originals stay as they are" in err
    os.link(album / "a.jpg", album / "linked.jpg")
    assert colorize(album / "a.jpg", "-o", album / "linked.jpg", "--overwrite")[0] == 2


def test_a_photo_that_is_named_twice_is_made_once(album, colorize, monkeypatch):
    monkeypatch.chdir(album)
    for words in (["a.jpg", "a.jpg"], ["a.jpg", album / "a.jpg"], ["a.jpg", "."]):
        code, out, err = colorize(*words, "--overwrite", "--workers", "1")
        assert (code, out.splitlines()[0], out.count("a.colorized.jpg")) == (0, "a.colorized.jpg", 1)
        assert "failed" not in err


def test_no_photo_of_a_run_gives_way_to_the_result_of_another(album, tmp_path, colorize):
    gray(4).save(tmp_path / "c.tif")
    before = (album / "inner" / "c.tif").read_bytes()
    (tmp_path / "other" / "inner").mkdir(parents=True)
    (tmp_path / "c.tif").rename(tmp_path / "other" / "inner" / "c.tif")
    code, out, err = colorize(tmp_path / "other", album / "inner", "-r", "-o", album, "--overwrite")
    assert (code, out) == (1, f"{album / 'c.tif'}\n")
    assert f"c.tif: its result would replace {album / 'inner' / 'c.tif'}, which is a photo to be colorized\n" in err
    assert (album / "inner" / "c.tif").read_bytes() == before


def test_side_by_side(album, colorize):
    assert colorize(album / "b.png", "--side-by-side")[0] == 0
    with Image.open(album / "b.colorized.png") as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (60, 180, 3)
    assert np.ptp(pixels[:, :90], axis=2).max() == 0
    assert np.ptp(pixels[:, 90:], axis=2).mean() > 3


def test_json_is_one_line_a_photo(album, colorize):
    (album / "bad.jpg").write_bytes(b"no photo")
    code, out, _ = colorize(album, "--json", "--workers", "1")
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


def test_options_reach_the_colour(album, colorize):
    def pixels(*words):
        colorize(album / "b.png", "--overwrite", *words)
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
def test_words_that_make_no_sense_are_one_line(album, colorize, words, what):
    code, out, err = colorize(album / "a.jpg", *words)
    assert code in (1, 2)
    assert out == ""
    assert what in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert len(files(album)) == 5


def test_unknown_flags_and_abbreviations_are_refused(album, colorize):
    for words, close in ((["--colour", "red"], ""), (["--over"], "--overwrite"), (["--qualty", "3"], "--quality")):
        code, out, err = colorize(album / "a.jpg", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: command line: unknown name. Received: {words[0]}. ")
        assert f"Did you mean {close}? Valid: " in err or not close
    assert len(files(album)) == 5


def test_hints_go_with_one_photo(album, colorize):
    code, _, err = colorize(album, "--hint", "1,1,#ff0000")
    assert code == 2
    assert "must go with one photo" in err


def test_without_a_photo_there_is_help(colorize, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, out, _ = colorize(model=None)
    assert code == 2
    assert "colorize photo.jpg" in out


# --- benchmark ---


def test_benchmark_measures_every_step(colorize):
    code, out, err = colorize("benchmark", "--megapixels", "0.02", "--repeat", "1", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert set(report["milliseconds"]) >= {"decode", "network", "fusion", "encode", "whole", "whole, fast"}
    assert all(value >= 0 for value in report["milliseconds"].values())
    code, out, _ = colorize("benchmark", "--megapixels", "0.02", "--repeat", "1", "--gray")
    assert code == 0
    assert "Pillow decode + encode" in out


@pytest.mark.parametrize(
    "words", [["--megapixels", "9999"], ["--repeat", "0"], ["--photo", "nowhere.jpg"], ["--photo", os.devnull]]
)
def test_benchmark_has_bounds(colorize, words):
    code, _, err = colorize("benchmark", *words)
    assert (code, err.count("\n")) == (2, 1)
