"""How common colours are: the counts of photos that are known, files whole or not at all, and what a training finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf import bins
from colorize_tf.colorspace import lab_to_rgb
from colorize_tf.datasets import open_source
from colorize_tf.models import build
from colorize_tf.pipeline import evaluation_batches
from colorize_tf.prior import main, prior_of


def plain(path: Path, a: float, b: float) -> None:
    """A photo of one colour."""
    rgb = np.rint(255 * lab_to_rgb(np.float32([60, a, b]))).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.tile(rgb, (40, 40, 1))).save(path)


def test_the_commonest_colour_is_that_of_most_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        plain(tmp_path / "photos" / f"{number}.png", 40 if number else -30, 20)
    out, picture = tmp_path / "prior.npz", tmp_path / "prior.png"
    words = [f"folder:{tmp_path}/photos", "--size", "32", "--out", str(out), "--picture", str(picture)]
    assert main(words) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["photos", "3", "(3,072", "pixels)"]
    assert shown[3].startswith("common    a   40, b   20")
    assert shown[-1] == "unseen    303 of 313 colours"  # each of the two is shared by the five around it
    with np.load(out) as found:
        assert found["counts"].sum() == pytest.approx(3 * 32 * 32)
        assert found["prior"].sum() == pytest.approx(1)
        assert found["ab"][found["prior"].argmax()].tolist() == [40, 20]
        assert found["weights"].argmin() == found["prior"].argmax()
        near = np.abs(found["ab"] - [-30, 20]).sum(1) < 20
        assert found["counts"][near].sum() == pytest.approx(32 * 32, rel=0.01)  # a third of all
        assert (found["prior"] * found["weights"]).sum() == pytest.approx(1)
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 600

    assert main(words) == 2
    assert "--out: is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def test_a_training_finds_the_same_rare_colours(photo_folder: Path) -> None:
    source = f"folder:{photo_folder}"
    model = build("eccv16", size=32, base_width=2)
    model.prepare(evaluation_batches(open_source(source), view="lab", size=32, batch=8).as_numpy_iterator())
    found = prior_of(source, size=32)
    theirs = np.asarray(model.rarity)  # of every fourth pixel
    assert np.corrcoef(np.log(found.weights), np.log(theirs))[0, 1] > 0.99
    np.testing.assert_allclose(found.weights, bins.rarity(bins.smoothed(found.counts), 0.5))
    assert prior_of(source, size=32, balance=1.0).weights == pytest.approx(np.ones(313))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "prior.txt"], "--out: must end in .npz"),
        (["--picture", "nowhere/prior.png"], "--picture: must lie in a folder that is there"),
        (["--balance", "0"], "--balance: must be above 0"),
        (["--photos", "0"], "--photos: must be at least 1"),
        (["--size", "0"], "--size: must be from 1 to 4096"),
        (["--size", "100000"], "--size: must be from 1 to 4096"),
        ([], "data: folder: must name an existing folder"),
    ],
)
def test_bad_input_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["folder:nowhere", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
