"""Photographs in and out: upright, complete, marked, and of the same luma whatever they were stored as."""

import io
import struct
import sys
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

import colorize_tf.edge.jpeg as jpeg
import colorize_tf.edge.raster as raster
from colorize_tf.edge.exif import updated_exif
from colorize_tf.edge.icc import srgb_profile
from colorize_tf.edge.photo import open_photo
from colorize_tf.edge.provenance import SOURCE_TYPE
from colorize_tf.edge.write import FORMATS, picture, write_photos
from colorize_tf.errors import InputError

from .photo_files import COLORIZER, KINDS, camera_exif, colorized, gray, luma, opened, rgb, saved, xmp

LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "BMP": {}, "GIF": {}, "PPM": {}, "JPEG2000": {}}


@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("mode", KINDS)
def test_any_kind_of_pixels_keeps_its_luma(mode, format):
    image = KINDS[mode]
    try:
        content = saved(image, format, **LOSSLESS[format])
    except (OSError, ValueError, KeyError):
        return  # the format does not hold this kind
    try:
        before = opened(content)
    except OSError:
        return  # Pillow before 13 cannot read the uncompressed YCbCr TIFF that it writes
    before = before if not before.mode.startswith("I") else Image.fromarray((np.asarray(before) / 257).astype(np.uint8))
    expected = luma(before.convert("RGBA").convert("RGB"))
    after = opened(colorized(content, "PNG"))
    assert np.abs(luma(after) - expected).max() <= (0.45 if mode == "I;16" else 0.26)
    assert after.size == image.size


@pytest.mark.parametrize("format", [name for name in FORMATS.values() if name != "HEIF"])
def test_every_format_says_what_was_done(format):
    image = opened(colorized(saved(gray(), "PNG"), format))
    assert image.format == format
    assert image.getexif()[0x0131] == "colorize_tf 0.1.0 (tiny 1)"
    assert f'DigitalSourceType="{SOURCE_TYPE}"' in xmp(image)
    assert SOURCE_TYPE == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    ElementTree.fromstring(xmp(image).strip("\0\ufeff"))


def test_heic_goes_in_and_out():
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'colorize-tf[heic]' runs it")
    pillow_heif.register_heif_opener()
    content = saved(rgb(), "HEIF", quality=95)
    image = opened(colorized(content))
    assert image.format == "HEIF"
    assert SOURCE_TYPE in xmp(image)
    assert np.abs(luma(image) - luma(opened(content))).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG"])
def test_photos_are_turned_upright(orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(gray(), format, exif=exif)
    upright = ImageOps.exif_transpose(opened(content))
    image = opened(colorized(content, "PNG"))
    assert image.size == upright.size
    assert np.abs(luma(image) - luma(upright)).max() <= 0.26
    assert image.getexif()[0x0112] == 1


@pytest.mark.parametrize("format", [name for name in FORMATS.values() if name != "HEIF"])
def test_every_format_says_that_it_stands_upright(format):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "on the terrace"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0seen"
    image = opened(colorized(saved(gray(), exif=exif), format))
    assert image.size == gray().size[::-1]
    exif = image.getexif()
    assert (exif[0x0112], exif[0x010E]) == (1, "on the terrace")
    assert exif.get_ifd(0x8769)[0x9286] == b"ASCII\0\0\0seen"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_are_turned_the_same_way(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(KINDS["I;16"], "PNG", exif=exif)
    eight = saved(gray(), "PNG", exif=exif)
    assert (
        np.abs(luma(opened(colorized(content, "JPEG", 100))) - luma(opened(colorized(eight, "JPEG", 100)))).mean() < 0.2
    )


# --- what else is in the file ---


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_keeps_what_the_camera_wrote(order):
    image = opened(colorized(saved(gray(), "JPEG", exif=camera_exif(order))))
    assert image.size == (60, 90)  # it was lying on its side
    exif = image.getexif()
    inner = exif.get_ifd(0x8769)
    assert exif[0x010F] == "Camera Inc."
    assert (exif[0x0112], inner[0xA002], inner[0xA003]) == (1, 60, 90)
    assert inner[0x927C] == b"MAKER NOTE" * 4
    raw = image.info["exif"]
    assert raw.index(b"MAKER NOTE") == camera_exif(order).index(b"MAKER NOTE")  # its own offsets stay true
    assert not exif.get_ifd(1)  # no thumbnail without colour


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(30), b"II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_is_replaced(block):
    exif = Image.Exif()
    exif.load(updated_exif(block, "tool", (3, 4)))
    assert dict(exif) == {0x0112: 1, 0x0131: "tool"}


def test_exif_and_resolution_of_a_tiff_survive_in_other_formats():
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Scanner Ltd.", "A. Person"
    exif[0x8769] = {0x9003: "1931:05:01 12:00:00", 0x829A: 0.5}
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    content = saved(gray(), "TIFF", exif=exif.tobytes(), dpi=(300, 300))
    for format in ("TIFF", "JPEG", "PNG"):
        image = opened(colorized(content, format))
        found = image.getexif()
        assert (found[0x010F], found[0x013B]) == ("Scanner Ltd.", "A. Person")
        assert found.get_ifd(0x8769)[0x9003] == "1931:05:01 12:00:00"
        assert (found.get_ifd(0x8769)[0x829A], found.get_ifd(0x8825)[2]) == (0.5, (52.0, 31.0, 12.0))
        assert [round(float(dpi)) for dpi in image.info["dpi"]] == [300, 300]


def test_alpha_is_kept_where_the_format_holds_it():
    content = saved(KINDS["RGBA"], "PNG")
    for format in ("PNG", "TIFF", "WEBP"):
        image = opened(colorized(content, format))
        assert image.mode == "RGBA"
        assert (np.asarray(image)[..., 3] == np.asarray(KINDS["RGBA"])[..., 3]).mean() > 0.99
    assert opened(colorized(content, "JPEG")).mode == "RGB"


def test_alpha_of_a_palette_is_kept():
    image = gray().quantize(16)
    content = saved(image, "PNG", transparency=3)
    alpha = np.asarray(opened(colorized(content)))[..., 3]
    assert ((alpha == 0) == (np.asarray(image) == 3)).all()


def test_pages_of_a_tiff_are_all_colorized():
    pages = [gray(seed, 40 + 10 * seed) for seed in range(3)]
    image = Image.open(io.BytesIO(colorized(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))))
    assert image.n_frames == 3
    for number, page in enumerate(pages):
        image.seek(number)
        assert image.size == page.size
        assert np.abs(luma(image) - luma(page)).max() <= 0.26
        assert SOURCE_TYPE in xmp(image)


def test_a_page_has_nothing_from_those_before_it():
    image, out = gray(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "the first"
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        rgb().save(writer, "TIFF", icc_profile=srgb_profile(), dpi=(300, 300), exif=exif)
        writer.newFrame()
        for _ in range(2):
            image.save(writer, "TIFF")
            writer.newFrame()
    pages = Image.open(io.BytesIO(colorized(out.getvalue())))
    assert (pages.size, pages.info["icc_profile"], pages.info["dpi"]) == ((60, 90), srgb_profile(), (300, 300))
    for number in (1, 2):
        pages.seek(number)
        assert pages.size == image.size
        assert np.abs(luma(pages) - luma(image)).max() <= 0.26
        assert not {0x010E, 282, 34675} & set(pages.tag_v2)


def test_a_resolution_that_is_not_stated_is_not_invented():
    assert opened(colorized(saved(gray(), "TIFF"), "JPEG")).info["jfif_unit"] == 0
    assert "dpi" not in opened(colorized(saved(gray(), "TIFF"), "PNG")).info
    assert "dpi" not in opened(colorized(saved(gray(), "JPEG", exif=camera_exif()), "PNG")).info
    exif = Image.Exif()
    exif[0x0128], exif[0x011A] = 2, 300.0  # inches
    for stated in ({"dpi": (300, 300)}, {"exif": exif}):
        dpi = opened(colorized(saved(gray(), "JPEG", **stated), "PNG")).info["dpi"]
        assert [round(x) for x in dpi] == [300, 300]


def test_exif_that_a_png_has_as_text_is_kept():
    block = camera_exif()
    for digits, kept in ((block.hex(), True), ("beef", False), ("no digits", False)):
        text, notes = PngImagePlugin.PngInfo(), []
        text.add_text("Raw profile type exif", f"\nexif\n{len(block):8d}\n{digits}\n", zip=True)
        image = opened(colorized(saved(gray(), "PNG", pnginfo=text), "JPEG", notes=notes))
        assert (image.getexif().get(0x010F) == "Camera Inc.") == kept
        assert notes == ([] if kept else ["its EXIF is damaged and was left out"])


def test_pages_do_not_fit_into_a_jpeg():
    content = saved(gray(), "TIFF", save_all=True, append_images=[gray(1)])
    with pytest.raises(InputError, match="only TIFF"):
        colorized(content, "JPEG")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_said_so(format):
    notes = []
    content = saved(gray(), format, save_all=True, append_images=[gray(1), gray(2)], duration=100)
    image = opened(colorized(content, "PNG", notes=notes))
    assert image.size == (90, 60)
    assert notes == ["only the first of its 3 frames was colorized"]


def test_what_pillow_merely_thinks_is_not_shown_but_the_warnings_of_others_are(recwarn):
    content = saved(gray(), "JPEG", exif=camera_exif()[:60])
    with open_photo(content) as reader:
        next(reader.photos())
        warnings.warn("mine", stacklevel=1)
    assert [str(warning.message) for warning in recwarn] == ["mine"]


def test_the_quality_of_a_jpeg_is_kept_within_reason():
    sizes = {quality: len(colorized(saved(rgb(), "JPEG", quality=quality))) for quality in (30, 85, 92, 100)}
    assert sizes[30] == pytest.approx(sizes[85], rel=0.05)
    assert sizes[85] < sizes[92] < sizes[100]
    assert len(colorized(saved(rgb(), "JPEG", quality=92), quality=40)) < sizes[30]


# --- bad input ---


def test_the_header_is_checked_before_anything_is_decoded():
    content = bytearray(saved(gray(), "PNG"))
    content[16:24] = struct.pack(">II", 100_000, 100_000)
    import zlib

    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(InputError, match="250,000,000 pixels"), open_photo(bytes(content)):
        pass
    with pytest.raises(InputError, match="--max-pixels"), open_photo(saved(gray()), max_pixels=100):
        pass


@pytest.mark.parametrize("size", [(500_001, 1), (1, 500_001)])
def test_rows_and_columns_are_bounded_too(size):
    with pytest.raises(InputError, match="sides of at most 500,000 pixels"), open_photo(saved(Image.new("1", size))):
        pass
    within = Image.new("1", tuple(min(side, 500_000) for side in size))
    with open_photo(saved(within)) as reader:
        assert next(reader.photos()).size == within.size


def test_pillows_own_limit_is_untouched_and_does_not_matter(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert opened_size(saved(gray())) == (90, 60)
    assert Image.MAX_IMAGE_PIXELS == 10


def opened_size(content):
    with open_photo(content) as reader:
        return next(reader.photos()).size


@pytest.mark.parametrize("content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n" * 50, saved(rgb(), "JPEG")[:400]])
def test_what_is_no_photo_is_one_clear_line(content):
    with pytest.raises(InputError) as caught, open_photo(content, "a\nb.jpg") as reader:
        next(reader.photos())
    assert str(caught.value).startswith("a b.jpg: must be a")
    assert "\n" not in str(caught.value)


def test_a_pillow_without_some_formats_opens_the_others(monkeypatch):
    monkeypatch.setattr("colorize_tf.edge.photo.features.check", lambda _: False)
    assert opened_size(saved(gray(), "TIFF")) == (90, 60)
    with pytest.raises(InputError, match="must be a photo"):
        opened_size(saved(gray(), "WEBP"))


def test_a_pillow_that_cannot_write_a_format_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("colorize_tf.edge.write.features.check", lambda _: False)
    with pytest.raises(InputError, match="built without it"):
        colorized(saved(gray()), "AVIF")


def test_an_avif_that_begins_like_a_heic_needs_no_other_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = saved(gray(), "AVIF")
    assert content[8:12] == b"avif"
    assert opened_size(content[:8] + b"mif1" + content[12:]) == (90, 60)


def test_floating_point_is_refused():
    image = Image.fromarray(np.zeros((9, 9), np.float32))
    with pytest.raises(InputError, match="whole numbers"):
        colorized(saved(image, "TIFF"))


def test_a_tiff_of_an_unknown_kind_is_not_called_something_else():
    content = saved(gray(), "TIFF").replace(
        struct.pack("<HHIHH", 262, 3, 1, 1, 0), struct.pack("<HHIHH", 262, 3, 1, 4, 0)
    )
    for damaged in (content, b"MM\0+" + content[4:]):
        with pytest.raises(InputError, match=r"must be a TIFF of a kind that Pillow reads.* Convert it"):
            colorized(damaged)


def test_integers_of_more_than_16_bits_are_refused_and_not_clipped():
    for wide in (70_000, -1):
        with pytest.raises(InputError, match="must have 8 or 16 bits"):
            colorized(saved(Image.fromarray(np.full((9, 9), wide, np.int32)), "TIFF"))


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_a_tiff_in_which_white_is_zero_is_no_negative(mode):
    content = saved(KINDS[mode], "TIFF")
    black_is_zero, white_is_zero = (struct.pack("<HHII", 262, 3, 1, value) for value in (1, 0))
    assert black_is_zero in content
    after = opened(colorized(content.replace(black_is_zero, white_is_zero), "JPEG", 100))
    assert np.abs(luma(after) - (luma(opened(saved(gray().point(lambda code: 255 - code)))))).mean() < 0.5


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGB, in place"])
def test_colour_given_while_it_is_written_is_that_given_before(monkeypatch, mode, threads, format):
    monkeypatch.setattr(jpeg, "SMALL", 1)
    monkeypatch.setattr(jpeg, "MADE", 30_000)  # so that there are bands
    monkeypatch.setattr(raster, "IN_PLACE", 1 if mode == "RGB, in place" else 10**9)
    content = saved((gray if mode == "L" else rgb)(height=700), "PNG")
    results = []
    for later in (False, True):
        with open_photo(content) as reader:
            photo = next(reader.photos())
        if photo.raster.rows is not None:
            photo.raster.rows[:] = 0
        fusion = COLORIZER.fusion(photo.raster, space=photo.space)
        if not later:
            fusion.run()
        done = picture(photo, fusion=fusion if later else None)
        out = io.BytesIO()
        write_photos([done], out, format, COLORIZER.card, None, threads)
        results.append(np.asarray(opened(out.getvalue()).convert("RGB")))
        if later and format == "JPEG":  # nobody coloured the photo as a whole
            assert (photo.raster.read(0, 700) == np.asarray(opened(content))).all()
            assert photo.raster.rows is None or not photo.raster.rows.any()
    assert (results[0] == results[1]).all()
    assert (results[0][..., 0] != results[0][..., 2]).any()


def test_more_pixels_than_a_format_counts():
    with pytest.raises(InputError, match="--format png"):
        colorized(saved(Image.new("L", (17_000, 1)), "PNG"), "WEBP")


@pytest.mark.parametrize("turned", [False, True])
def test_the_longest_jpeg_is_the_longest_that_can_be_read(turned):
    sides = ((8, side) if turned else (side, 8) for side in (65_500, 65_501))
    longest, longer = (saved(Image.new("L", size, 90), "PNG") for size in sides)
    assert max(opened(colorized(longest, "JPEG")).size) == 65_500
    with pytest.raises(InputError, match="JPEG counts up to 65500 pixels"):
        colorized(longer, "JPEG")


def test_the_original_bytes_are_untouched(tmp_path):
    path = tmp_path / "photo.tif"
    path.write_bytes(saved(rgb(), "TIFF"))
    before = path.read_bytes()
    with open_photo(path) as reader:
        for photo in reader.photos():
            COLORIZER.colorize(photo.raster)
    assert path.read_bytes() == before


def test_a_folder_is_no_photo(tmp_path):
    with pytest.raises(InputError, match=r"must be a file\. Received: a folder"), open_photo(tmp_path):
        pass
