"""Photographs of 16 bits per channel."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from colorize_tf.apps.work import Settings, colorize_bytes
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import deep
from colorize_tf.edge.provenance import SOURCE_TYPE

from .photo_files import COLORIZER, KINDS, camera_exif, colorized, gray, luma, opened, rgb, saved, xmp


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


def test_12_bits_are_as_light_as_16():
    codes = np.asarray(gray()).astype(np.uint16) * 16
    first, second = codes.reshape(-1, 2).T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1).astype(np.uint8).tobytes()
    content, raw = saved(Image.fromarray(codes), "TIFF"), codes.tobytes()
    of_16, of_12 = (struct.pack("<HHII", 258, 3, 1, bits) for bits in (16, 12))
    assert of_16 in content and raw in content
    content = content.replace(of_16, of_12).replace(raw, packed.ljust(len(raw), b"\0"))
    after = opened(colorized(content, "JPEG", 100))
    assert np.abs(luma(after) - luma(gray())).mean() < 0.5


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiffs_that_lie_on_their_side_are_turned(orientation):
    content = deep_file("TIFF", extratags=[(0x0112, 3, 1, orientation, True)])
    upright = np.asarray(ImageOps.exif_transpose(Image.fromarray((deep_rgb() >> 8).astype(np.uint8), "RGB")))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = ImageOps.exif_transpose(opened(saved(Image.fromarray(upright), "PNG", exif=exif)))
    pixels = deep_pixels(colorized(content), "TIFF")
    assert pixels.shape[:2] == turned.size[::-1]
    assert np.abs(deep_luma(pixels) - rgb_to_lab(np.asarray(turned) / 255.0)[..., 0]).mean() < 0.5


def test_what_stands_behind_the_pixels_of_a_png_is_kept():
    content = deep_file("PNG")
    end = content.index(b"IEND") - 4
    exif = camera_exif()
    late = chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    image = opened(colorized(content[:end] + late + content[end:]))
    assert image.size == (60, 90)
    assert image.getexif()[0x010F]


@pytest.mark.parametrize("extra", [True, False])
def test_a_code_of_16_bits_that_stands_for_clear_is_kept(monkeypatch, extra):
    if extra:
        deep_file("PNG")
    monkeypatch.setattr(deep, "available", lambda: extra)
    pixels = np.asarray(KINDS["I;16"])
    code = int(pixels[7, 7])
    content = saved(KINDS["I;16"], "PNG")
    image = opened(colorized(content[:33] + chunk(b"tRNS", struct.pack(">H", code)) + content[33:]))
    assert image.mode == "RGBA"
    assert ((np.asarray(image)[..., 3] == 0) == (pixels == code)).all()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_a_fourth_channel_is_alpha_only_where_it_says_so():
    tifffile = pytest.importorskip("tifffile", reason="pip install 'colorize-tf[photo16]' runs it")
    pixels = deep_rgb(4)
    pixels[:5, :, 3] = 0

    def file(kind, content):
        out = io.BytesIO()
        tifffile.imwrite(out, content, photometric="rgb", extrasamples=[kind])
        return deep_pixels(colorized(out.getvalue()), "TIFF")

    plain = file("unassalpha", pixels)
    assert file("unspecified", pixels).shape == (60, 90, 3)
    alpha = pixels[..., 3:].astype(np.int64)
    within = np.concatenate([(pixels[..., :3] * alpha + 32767) // 65535, alpha], -1).astype(np.uint16)
    found = file("assocalpha", within)
    assert (found[..., 3] == pixels[..., 3]).all()
    seen = pixels[..., 3] > 20_000
    assert np.abs(deep_luma(found) - deep_luma(plain))[seen].max() < 0.1


def test_side_by_side_both_halves_have_the_alpha_of_the_photo():
    deep_alpha = colorize_bytes(deep_file("PNG", 4), COLORIZER, Settings(side_by_side=True), None, [])
    alpha = deep_pixels(deep_alpha, "PNG")[..., 3]
    assert (alpha == np.tile(deep_rgb(4)[..., 3], 2)).all()
    shallow = saved(KINDS["RGBA"], "PNG")
    both = opened(colorize_bytes(shallow, COLORIZER, Settings(side_by_side=True), None, []))
    assert (np.asarray(both)[..., 3] == np.tile(np.asarray(KINDS["RGBA"])[..., 3], 2)).all()
    # Over paper, where there is no alpha, clear pixels are white on both sides.
    clear = rgb()
    clear.putalpha(0)
    both = opened(colorize_bytes(saved(clear, "PNG"), COLORIZER, Settings(side_by_side=True), "JPEG", []))
    assert np.asarray(both).min() > 250


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
