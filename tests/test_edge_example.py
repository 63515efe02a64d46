"""The one-file example for small boards does what the product does, with numpy, Pillow and a runtime alone."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf.edge.card import read_model
from colorize_tf.edge.network import Options
from colorize_tf.edge.provenance import SOURCE_TYPE
from colorize_tf.edge.space import SRGB
from colorize_tf.edge.tflite import TfliteColorizer

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "edge" / "colorize_board.py"
MODELS = ROOT / "tests" / "golden" / "models"


def run(*words):
    # -P and an empty path: the script must not find the package.
    return subprocess.run(
        [sys.executable, "-P", str(SCRIPT), *map(str, words)], capture_output=True, text=True, timeout=120, cwd="/"
    )


@pytest.mark.parametrize("model", ["tiny", "tiny-fixed"])
@pytest.mark.parametrize(("photo", "times"), [("gray.png", 1), ("colour.png", 1), ("colour.png", 20), ("tall.png", 1)])
def test_the_example_equals_the_product(tmp_path, model, photo, times):
    source, target = tmp_path / photo, tmp_path / "out.png"
    with Image.open(ROOT / "tests" / "golden" / photo) as image:  # as it is, or large enough to be reduced at first
        image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST).save(source)
    result = run(MODELS / f"{model}.tflite", source, target)
    assert result.returncode == 0, result.stderr
    with Image.open(target) as image:
        found = np.asarray(image).astype(int)
        assert SOURCE_TYPE in str(image.info)
        assert image.getexif()[0x0131].startswith("colorize_tf example")
    with Image.open(source) as image:
        pixels = np.asarray(image)
    expected = TfliteColorizer(MODELS / f"{model}.tflite", 1, Options(levels=False, edges=False))(pixels)
    off = np.abs(found - expected)
    assert off.max() <= 3  # the product stirs red and rounds the channels together; the example just rounds
    assert off.mean() <= 0.45


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".avif"])
def test_whatever_the_example_writes_says_what_was_done(tmp_path, suffix):
    photo, out = ROOT / "tests" / "golden" / "gray.png", tmp_path / f"out{suffix}"
    result = run(MODELS / "tiny-fixed.tflite", photo, out)
    assert result.returncode == 0, result.stderr
    assert SOURCE_TYPE.encode() in out.read_bytes()
    with Image.open(out) as image:
        assert image.getexif()[0x0131].startswith("colorize_tf example")


def test_the_example_reads_16_bits(tmp_path):
    gray = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "deep.png")
    result = run(MODELS / "tiny-fixed.tflite", tmp_path / "deep.png", tmp_path / "out.png")
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "out.png") as image:
        assert np.abs(SRGB.luma(np.asarray(image)) - SRGB.luma((gray // 257).astype(np.uint8))).max() < 1


def test_the_example_needs_the_package_no_more_than_a_board_has_it():
    text = SCRIPT.read_text()
    assert "import colorize_tf" not in text
    assert "from colorize_tf" not in text


def test_the_example_says_what_is_wrong(tmp_path):
    bad, photo = tmp_path / "bad.tflite", ROOT / "tests" / "golden" / "gray.png"
    bad.write_bytes(bytes(100))
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 9_000)).save(huge)
    vague = tmp_path / "vague.tif"
    Image.new("F", (40, 40), 0.5).save(vague)
    odd, whole = tmp_path / "odd.tflite", (MODELS / "tiny.tflite").read_bytes()
    _, card = read_model(MODELS / "tiny.tflite")
    content = whole.replace(b'"ab_scale"', b'"ab_scull"').replace(card.sha256.encode(), b"0" * 64)
    odd.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode()))
    cut = tmp_path / "cut.tflite"
    cut.write_bytes((MODELS / "tiny.tflite").read_bytes()[:-100])
    for words, said in (
        ((bad, "a", "b.png"), "not a model exported by colorize_tf"),
        ((MODELS / "tiny.tflite", huge, tmp_path / "b.png"), "DecompressionBombError"),
        ((MODELS / "tiny.tflite", vague, tmp_path / "b.png"), "vague.tif: has tones of 32 bits"),
        ((odd, photo, tmp_path / "b.png"), "KeyError: 'ab_scale'"),
        ((cut, photo, tmp_path / "b.png"), "does not match the checksum"),
        ((MODELS / "tiny.tflite", tmp_path / "none.png", tmp_path / "b.png"), "No such file"),
        ((MODELS / "tiny.tflite", bad, tmp_path / "b.png"), "cannot identify image file"),
        ((MODELS / "tiny.tflite", photo, tmp_path / "b.tif"), "b.tif: must end in one of .jpg, .jpeg, .png"),
        ((MODELS / "tiny.tflite", photo, bad), "bad.tflite: is there already"),
    ):
        result = run(*words)
        assert (result.returncode, "Traceback" in result.stderr) == (1, False)
        assert said in result.stderr.splitlines()[-1]
    made = ["bad.tflite", "cut.tflite", "huge.png", "odd.tflite", "vague.tif"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made
    assert run().returncode == 1
