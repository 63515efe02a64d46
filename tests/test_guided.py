"""The measure of hints, with a colorizer that does what it is told and no more."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf import guided
from colorize_tf.datasets import Photos, open_source
from colorize_tf.edge import Hint
from colorize_tf.errors import RunError

SIZE = 64
MODELS = Path(__file__).parent / "golden" / "models"


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """Three photos: a gray ground with a square of colour, whose place and colour differ."""
    for number, colour in enumerate(((200, 60, 60), (60, 160, 60), (60, 60, 200))):
        pixels = np.full((SIZE, SIZE, 3), 120, np.uint8)
        pixels[8 * number : 8 * number + 24, 30:54] = colour
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return open_source(f"folder:{tmp_path}")


class Obedient:
    """Gray, but for what was as light as the place of a hint; remembers where hints lay."""

    def __init__(self) -> None:
        self.told: list[list[Hint]] = []

    def __call__(self, image: np.ndarray, hints: Sequence[Hint] | None = None) -> np.ndarray:
        self.told.append(list(hints or ()))
        out = np.repeat(image.mean(-1, keepdims=True), 3, axis=-1).astype(np.uint8)
        for hint in hints or ():
            out[(image == image[int(hint.y), int(hint.x)]).all(-1)] = hint.colour
        out[-1, -1] ^= 1  # never wholly right, so that there is a PSNR
        return out


def test_hints_where_it_is_furthest_off_help_more(photos: Photos) -> None:
    curves, exact = guided.measure_hints(Obedient(), photos, [1, 3], SIZE, quiet=True)
    assert exact == 0
    assert tuple(curves) == guided.PLACES and list(curves["random"]) == [0, 1, 3]
    assert curves["random"][0] == curves["furthest off"][0]
    assert curves["furthest off"][1] > curves["furthest off"][0] + 1.0
    assert curves["furthest off"][1] > curves["random"][1]


def test_places_depend_on_the_name_alone_and_colours_on_the_photo(photos: Photos) -> None:
    first, again = Obedient(), Obedient()
    guided.measure_hints(first, photos, [3], SIZE, quiet=True)
    guided.measure_hints(again, photos, [3], SIZE, quiet=True)
    assert first.told == again.told
    places = [(hint.x, hint.y) for hints in first.told for hint in hints]
    assert len(set(places)) > 9
    random = first.told[3]  # of the first photo: no hint, then one, two, three at random places
    truth = photos.image(0)
    for hint in random:
        row, column = int(hint.y), int(hint.x)
        patch = truth[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4].reshape(-1, 3)
        assert patch.min(0).min() - 30 <= min(hint.colour) and max(hint.colour) <= patch.max(0).max() + 30


def test_no_two_hints_lie_at_one_place_even_where_they_cover_the_picture(photos: Photos) -> None:
    told = Obedient()
    guided.measure_hints(told, photos.pick(np.array([0])), [60], 32, quiet=True)
    places = {(hint.x, hint.y) for hint in told.told[-1]}
    assert len(places) == 60 and {(x // 16, y // 16) for x, y in places} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_photo_that_comes_out_exact_is_counted_and_in_no_mean(photos: Photos) -> None:
    first = photos.image(0)

    class Exact(Obedient):
        def __call__(self, image: np.ndarray, hints: Sequence[Hint] | None = None) -> np.ndarray:
            return image if hints and (image == first).all() else super().__call__(image, hints)

    curves, exact = guided.measure_hints(Exact(), photos, [1, 3], SIZE, quiet=True)
    others, _ = guided.measure_hints(Obedient(), photos.pick(np.array([1, 2])), [1, 3], SIZE, quiet=True)
    assert (curves, exact) == (others, 1)


def test_where_all_come_out_exact_there_is_no_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, photos: Photos
) -> None:
    monkeypatch.setattr(guided.metrics, "psnr", lambda *_: math.inf)
    words = [str(MODELS / "tiny.tflite"), "--data", photos.source, "--counts", "1", "--size", "32"]
    assert guided.main([*words, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.endswith("| 1 | – | – |\n\n3 of 3 photos came out equal to the truth: left out.\n")
    written = (tmp_path / "out" / "hints.json").read_text()
    read = json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read["random"]["1"] is None and read["left_out"] == 3


def test_a_photo_that_becomes_unreadable_is_named(photos: Photos) -> None:
    Path(photos.files[1]).write_bytes(b"no picture")
    with pytest.raises(RunError, match=r"--data: 1\.png could not be read any more"):
        guided.measure_hints(Obedient(), photos, [1], SIZE, quiet=True)


def test_the_table_tells_gains() -> None:
    text = guided.table({"random": {0: 20.0, 10: 22.5}, "furthest off": {0: 20.0, 10: 19.5}})
    assert text.splitlines()[-1] == "| 10 | 22.50 (+2.50) | 19.50 (-0.50) |"


def test_a_model_without_hints_and_a_wrong_count_are_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], photos: Photos
) -> None:
    assert guided.main(["model.tflite", "--data", photos.source, "--counts", "0"]) == 2
    assert "--counts" in capsys.readouterr().err
    assert guided.main([str(MODELS / "pix2pix.tflite"), "--data", photos.source]) == 2
    assert "MODEL: must take hints" in capsys.readouterr().err
    assert guided.main([str(tmp_path / "none.tflite"), "--data", photos.source]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["--size", "0"], ["--size", "100000"], ["--limit", "0"], ["--counts", "1001"]])
def test_numbers_that_make_no_sense_are_one_clear_error(
    words: list[str], capsys: pytest.CaptureFixture[str], photos: Photos
) -> None:
    assert guided.main([str(MODELS / "tiny.tflite"), "--data", photos.source, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {words[0]}: must be ") and error.count("\n") == 1


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str], photos: Photos) -> None:
    out = tmp_path / "out"
    words = [str(MODELS / "tiny.tflite"), "--data", photos.source, "--counts", "2", "1", "--size", "64", "--limit", "2"]
    assert guided.main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert (out / "hints.md").read_text() == printed and "| hints | random, dB | furthest off, dB |" in printed
    curves = json.loads((out / "hints.json").read_text())
    assert curves.pop("left_out") == 0 and set(curves) == set(guided.PLACES)
    assert list(curves["random"]) == ["0", "1", "2"]
    assert f"{curves['random']['2']:.2f} (" in printed
    with Image.open(out / "hints.png") as drawing:
        assert drawing.width > 300

    assert guided.main([*words, "--out", str(out)]) == 2
    assert "--out: holds a result already" in capsys.readouterr().err
    assert guided.main([*words, "--out", str(out), "--overwrite"]) == 0


def test_the_mean_of_patches_is_that_of_scipy() -> None:
    from scipy.ndimage import uniform_filter

    values = np.random.default_rng(1).random((40, 33))
    np.testing.assert_allclose(guided.patch_means(values), uniform_filter(values, guided.PATCH), atol=1e-12)
