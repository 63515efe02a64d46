"""A JPEG by several threads is the one that a single thread writes."""

import io

import numpy as np
import pytest
from PIL import Image

import colorize_tf.edge.jpeg as jpeg
from colorize_tf.edge.jpeg import save_jpeg


def picture(height, width=75):
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return pixels


def encoded(image, threads, **options):
    out = io.BytesIO()
    save_jpeg(image, out, threads, quality=88, **options)
    return out.getvalue()


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    monkeypatch.setattr(jpeg, "SMALL", 1)
    monkeypatch.setattr(jpeg, "LARGE", 12_000)


@pytest.mark.parametrize("height", [1, 127, 128, 129, 300, 1000])
@pytest.mark.parametrize("threads", [2, 5])
def test_it_decodes_to_the_same_pixels(height, threads):
    pixels = picture(height)
    image = Image.fromarray(pixels[..., :3])
    alone = Image.open(io.BytesIO(encoded(image, 1)))
    for together in (
        encoded(image, threads),
        encoded(
            Image.frombuffer("RGBX", image.size, pixels, "raw", "RGBX", 0, 1),
            threads,
            rows=lambda top, bottom: pixels[top:bottom],
        ),
    ):
        found = Image.open(io.BytesIO(together))
        assert found.size == image.size
        assert (np.asarray(found) == np.asarray(alone)).all()


def test_what_is_said_about_the_photo_is_there_once():
    image = Image.fromarray(picture(400)[..., :3])
    exif = Image.Exif()
    exif[0x0131] = "colorize_tf"
    content = encoded(image, 3, exif=exif.tobytes(), xmp=b"<x:xmpmeta/>", icc_profile=bytes(200), dpi=(300, 300))
    found = Image.open(io.BytesIO(content))
    assert found.getexif()[0x0131] == "colorize_tf"
    assert (found.info["xmp"], found.info["dpi"], found.info["icc_profile"]) == (
        b"<x:xmpmeta/>",
        (300, 300),
        bytes(200),
    )
    assert content.count(b"<x:xmpmeta/>") == content.count(b"colorize_tf") == 1


def test_damage_stays_where_it_is():
    # Restart markers, counted through from band to band, are what a decoder finds its way back by.
    content = encoded(Image.fromarray(picture(700)[..., :3]), 4)
    markers = [
        content[at + 1] & 7 for at in range(len(content) - 1) if content[at] == 0xFF and 0xD0 <= content[at + 1] <= 0xD7
    ]
    assert markers == [number % 8 for number in range(len(markers))]
    assert len(markers) == -(-700 // 16) - 1


def test_small_pictures_are_left_to_one_thread(monkeypatch):
    monkeypatch.setattr(jpeg, "SMALL", 10**9)
    assert b"\xff\xdd" not in encoded(Image.fromarray(picture(200)[..., :3]), 4)
