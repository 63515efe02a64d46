"""Photographs of 16 bits per channel."""

import io

import numpy as np
import pytest
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import deep
from colorize_tf.edge.provenance import SOURCE_TYPE

from .photo_files import KINDS, camera_exif, colorized, gray, opened, saved, xmp


def deep_rgb(channels=3):
    planes = [np.asarray(gray(seed)).astype(np.uint16) * 257 + seed for seed in range(channels)]
    return np.stack(planes, -1)


def deep_file(format, channels=3, **options):
    imagecodecs = pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    tifffile = pytest.importorskip("tifffile", reason="pip install 'colorize-tf[photo16]' runs it")
    if format == "PNG":
        return imagecodecs.png_encode(deep_rgb(channels))
    out = io.BytesIO()
    tifffile.imwrite(out, deep_rgb(channels), photometric="rgb", **options)
    return out.getvalue()


def deep_pixels(content, format):
    return deep.read(io.BytesIO(content), format, 0)


def deep_luma(pixels):
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, -1)
    return rgb_to_lab(pixels[..., :3].astype(np.float64) / 65535)[..., 0]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [3, 4])
def test_48_bits_stay_48_bits(format, channels):
    content = deep_file(
        format, channels, **({"extrasamples": ["unassalpha"]} if channels == 4 and format == "TIFF" else {})
    )
    notes = []
    out = colorized(content, notes=notes)
    pixels = deep_pixels(out, format)
    assert (pixels.dtype, pixels.shape) == (np.uint16, (60, 90, channels))
    assert np.abs(deep_luma(pixels) - deep_luma(deep_rgb(channels))).max() < 0.01
    if channels == 4:
        assert (pixels[..., 3] == deep_rgb(4)[..., 3]).all()
    assert notes == []
    image = opened(out)
    assert SOURCE_TYPE in xmp(image)
    assert image.getexif()[0x0131].startswith("colorize_tf")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("source", ["L", "I;16"])
def test_camera_exif_gets_into_a_tiff_of_either_depth(source, order):
    pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    image = opened(colorized(saved(KINDS[source], "PNG", exif=camera_exif(order)), "TIFF"))
    inner = image.getexif().get_ifd(0x8769)
    assert image.getexif()[0x010F] == "Camera Inc."
    assert (inner[0xA002], inner[0xA003]) == (60, 90)
    assert inner[0x927C] == b"MAKER NOTE" * 4
    assert image.getexif()[0x0112] == 1


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_gray_becomes_48_bit_colour(format):
    pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    values = (np.asarray(gray()).astype(np.uint16) * 257 + 77).clip(0, 65535).astype(np.uint16)
    out = colorized(saved(Image.fromarray(values), format, dpi=(300, 300)))
    pixels = deep_pixels(out, format)
    assert pixels.dtype == np.uint16
    assert np.abs(deep_luma(pixels) - deep_luma(values)).max() < 0.01
    assert [round(float(dpi)) for dpi in opened(out).info["dpi"]] == [300, 300]


def test_planes_and_compression_of_deep_tiffs():
    for options in (
        {"compression": "adobe_deflate", "predictor": True},
        {"planarconfig": "contig", "compression": "lzw"},
    ):
        assert (
            np.abs(
                deep_luma(deep_pixels(colorized(deep_file("TIFF", **options)), "TIFF")) - deep_luma(deep_rgb())
            ).max()
            < 0.01
        )


def test_without_the_extra_there_is_a_note_and_8_bits(monkeypatch):
    contents = {"PNG": deep_file("PNG"), "TIFF": saved(KINDS["I;16"], "TIFF")}
    monkeypatch.setattr(deep, "available", lambda: False)
    for format, content in contents.items():
        notes = []
        image = opened(colorized(content, notes=notes))
        assert image.format == format
        assert image.mode == "RGB"
        assert len(notes) == 1
        assert "colorize-tf[photo16]" in notes[0]
