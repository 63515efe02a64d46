"""Photographs in and out: upright, complete, marked, and of the same luma whatever they were stored as."""

import io
import struct
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import TfliteColorizer, deep
from colorize_tf.edge.exif import updated_exif
from colorize_tf.edge.icc import read_profile, srgb_profile
from colorize_tf.edge.photo import open_photo
from colorize_tf.edge.provenance import SOURCE_TYPE, updated_xmp
from colorize_tf.edge.space import SRGB
from colorize_tf.edge.write import DEEP, FORMATS, picture, write_photos
from colorize_tf.errors import InputError

MODEL = Path(__file__).parent / "golden" / "models" / "tiny.tflite"
COLORIZER = TfliteColorizer(MODEL, threads=1)


def gray(seed=0, height=60, width=90):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def rgb(seed=0, height=60, width=90):
    return Image.merge("RGB", [gray(seed + offset, height, width) for offset in (0, 50, 100)])


def saved(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def colorized(content, format=None, quality=None, notes=None):
    """The bytes of a photo -> those of its colorized version."""
    out = io.BytesIO()
    with open_photo(content) as reader:
        format = format or (reader.format if reader.format in FORMATS.values() else "PNG")

        def pictures():
            for photo in reader.photos(keep_deep=format in DEEP):
                COLORIZER.colorize(photo.raster, space=photo.space)
                if notes is not None:
                    notes.extend(photo.notes)
                yield picture(photo)

        write_photos(pictures(), out, format, COLORIZER.card, quality)
    return out.getvalue()


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def luma(image):
    return rgb_to_lab(np.asarray(image.convert("RGB")).astype(np.float64) / 255)[..., 0]


def xmp(image):
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return packet if isinstance(packet, str) else packet.decode()


# --- every kind of file ---

KINDS = {
    "L": gray(),
    "RGB": rgb(),
    "1": gray().convert("1"),
    "P": rgb().quantize(40),
    "LA": Image.merge("LA", (gray(), gray(9))),
    "RGBA": Image.merge("RGBA", (*rgb().split(), gray(9))),
    "CMYK": rgb().convert("CMYK"),
    "YCbCr": rgb().convert("YCbCr"),
    "I;16": Image.fromarray(np.asarray(gray()).astype(np.uint16) * 257),
}
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


def camera_exif(order="<"):
    """EXIF as a camera writes it: directories, a maker note with an offset of its own, a thumbnail."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    note, thumbnail = b"MAKER NOTE" * 4, b"\xff\xd8thumb\xff\xd9"
    exif_at, make_at = 8 + 2 + 12 * 3 + 4, 200
    note_at, next_at, thumb_at = 220, 300, 400
    body = bytearray(mark + struct.pack(order + "I", 8) + bytes(500))
    first = struct.pack(order + "H", 3)
    first += struct.pack(order + "HHII", 0x010F, 2, 12, make_at)
    first += struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    first += struct.pack(order + "HHII", 0x8769, 4, 1, exif_at)
    first += struct.pack(order + "I", next_at)
    inner = struct.pack(order + "H", 3)
    inner += struct.pack(order + "HHII", 0x927C, 7, len(note), note_at)
    inner += struct.pack(order + "HHII", 0xA002, 4, 1, 90)
    inner += struct.pack(order + "HHIHH", 0xA003, 3, 1, 60, 0) + bytes(4)
    second = struct.pack(order + "H", 2)
    second += struct.pack(order + "HHII", 0x0201, 4, 1, thumb_at)
    second += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    for at, block in (
        (8, first),
        (exif_at, inner),
        (make_at, b"Camera Inc.\0"),
        (note_at, note),
        (next_at, second),
        (thumb_at, thumbnail),
    ):
        body[at : at + len(block)] = block
    return b"Exif\0\0" + bytes(body)


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


# --- provenance ---


def test_xmp_keeps_the_rest_and_says_one_thing_only():
    old = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:x2="http://ns.adobe.com/xap/1.0/"
     xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6"
     ext:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm" x2:CreatorTool='Scan "3"'>
    <dc:title>Größe</dc:title><tiff:Orientation>6</tiff:Orientation></rdf:Description></rdf:RDF></x:xmpmeta>"""
    new = updated_xmp(old.encode(), 'tool <1> & "two"')
    again = updated_xmp(new, 'tool <1> & "two"')
    for packet in (new, again):
        text = packet.decode()
        root = ElementTree.fromstring(text)
        assert text.count("DigitalSourceType=") == text.count("CreatorTool=") == 1
        assert "negativeFilm" not in text and "Orientation" not in text and "Größe" in text
        marks = [e for e in root.iter() if "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType" in e.attrib]
        assert marks[0].attrib["{http://ns.adobe.com/xap/1.0/}CreatorTool"] == 'tool <1> & "two"'


@pytest.mark.parametrize("old", [None, b"", b"no xml", b"\xff\xfe\x00", b"<rdf:RDF>" * 9, b"x" * (1 << 21)])
def test_xmp_that_cannot_be_read_is_replaced(old):
    root = ElementTree.fromstring(updated_xmp(old, "tool").decode().strip("\ufeff"))
    assert any(SOURCE_TYPE in e.attrib.values() for e in root.iter())


def test_more_xmp_or_exif_than_a_jpeg_holds_does_not_lose_the_mark():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", f"<rdf:RDF><!--{'x' * 70_000}--></rdf:RDF>")
    content = saved(gray(), "PNG", pnginfo=text, exif=camera_exif() + bytes(70_000))
    image = opened(colorized(content, "JPEG"))
    assert SOURCE_TYPE in xmp(image)
    assert image.getexif()[0x0131].startswith("colorize_tf")


# --- profiles ---


def icc(kind, tags, pcs=b"XYZ "):
    """A profile of these tags."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr" if kind != b"CMYK" else b"prtr", kind, pcs)
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def text_tags():
    return {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79), b"wtpt": xyz(0.9642, 1, 0.8249)}


def matrix_profile(curve, *colorants):
    names = (b"r", b"g", b"b")
    tags = {name + b"XYZ": xyz(*values) for name, values in zip(names, colorants, strict=True)}
    return icc(b"RGB ", {**text_tags(), **tags, **{name + b"TRC": curve for name in names}})


ADOBE = matrix_profile(
    gamma(2.2), (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
)
P3 = matrix_profile(
    b"para\0\0\0\0"
    + struct.pack(">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))),
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)


def lut_profile(kind, inputs, corner, back):
    """A profile by tables: `corner(bits)` is a device corner in Lab bytes, `back(bits)` one of Lab in the device's."""

    def lut8(channels, outputs, nodes):
        identity = bytes(range(256))
        head = (
            b"mft1\0\0\0\0"
            + bytes([channels, outputs, 2, 0])
            + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
        )
        return head + identity * channels + b"".join(bytes(node) for node in nodes) + identity * outputs

    def corners(count):
        return [[(index >> (count - 1 - bit)) & 1 for bit in range(count)] for index in range(1 << count)]

    tags = {b"A2B0": lut8(inputs, 3, [corner(bits) for bits in corners(inputs)])}
    if back:
        tags[b"B2A0"] = lut8(3, inputs, [back(bits) for bits in corners(3)])
    return icc(kind, {**text_tags(), **tags}, b"Lab ")


SCANNER = lut_profile(
    b"RGB ",
    3,
    lambda c: [round(255 * (0.2 * c[0] + 0.7 * c[1] + 0.1 * c[2])), 128 + 60 * (c[0] - c[1]), 128 + 50 * (c[1] - c[2])],
    lambda pcs: [255 * pcs[0]] * 3,
)
PRESS = lut_profile(
    b"CMYK",
    4,
    lambda c: [max(0, 255 - 60 * sum(c[:3]) - 200 * c[3]), 128 + 40 * (c[1] - c[0]), 128 + 40 * (c[2] - c[1])],
    None,
)


def to_srgb(image):
    transform = ImageCms.buildTransform(
        io.BytesIO(image.info["icc_profile"]),
        io.BytesIO(srgb_profile()),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return ImageCms.applyTransform(image, transform)


@pytest.mark.parametrize("profile", [ADOBE, P3], ids=["adobe", "p3"])
@pytest.mark.parametrize("source", [rgb(1), gray(1)], ids=["rgb", "gray"])
def test_an_rgb_profile_is_worked_in_and_kept(profile, source):
    content = saved(source, "PNG", icc_profile=profile)
    image = opened(colorized(content))
    assert image.info["icc_profile"] == profile
    space = read_profile(profile).space
    before = np.asarray(source)
    after = space.luma(np.asarray(image))
    assert np.abs(after - space.luma(before)).max() <= 0.26
    pillow_says = np.asarray(to_srgb(opened(saved(source.convert("RGB"), "PNG", icc_profile=profile))))
    inside = ((pillow_says > 0) & (pillow_says < 255)).all(-1)
    assert inside.mean() > 0.3
    assert np.abs(luma(Image.fromarray(pillow_says)) - space.luma(before))[inside].mean() < 0.2


def test_a_space_of_a_profile_agrees_with_littlecms():
    codes = np.random.default_rng(0).integers(60, 190, (64, 64, 3)).astype(np.uint8)
    wide = Image.fromarray(codes)
    wide.info["icc_profile"] = P3
    space = read_profile(P3).space
    linear = np.stack([curve.decode(codes[..., c] / 255) for c, curve in enumerate(space.curves)], -1)
    in_srgb = SRGB.from_xyz @ space.to_xyz
    expected = SRGB.curves[0].encode(np.clip(linear @ in_srgb.T, 0, 1)) * 255
    assert np.abs(np.asarray(to_srgb(wide)) - expected).mean() < 0.6


def test_an_srgb_profile_is_the_space_itself():
    assert read_profile(srgb_profile()).space is SRGB
    content = saved(rgb(), "PNG", icc_profile=srgb_profile())
    assert opened(colorized(content)).info["icc_profile"] == srgb_profile()


def test_an_rgb_profile_of_tables_is_converted_there_and_back():
    assert read_profile(SCANNER).space is None
    content = saved(rgb(), "PNG", icc_profile=SCANNER)
    image = opened(colorized(content))
    assert image.info["icc_profile"] == SCANNER


def test_a_gray_profile_becomes_srgb():
    profile = icc(b"GRAY", {**text_tags(), b"kTRC": gamma(1.0)})
    image = opened(colorized(saved(gray(), "PNG", icc_profile=profile)))
    assert read_profile(image.info["icc_profile"]).space is SRGB
    linear = np.asarray(gray()) / 255
    expected = 116 * np.cbrt(linear) - 16
    ok = linear > 0.02
    assert np.abs(luma(image) - expected)[ok].max() < 0.5
    deep_image = opened(colorized(saved(KINDS["I;16"], "PNG", icc_profile=profile), "JPEG", 100))
    assert np.abs(luma(deep_image) - expected)[ok].mean() < 0.4


def test_the_curve_of_a_gray_profile_may_give_lightness():
    profile = icc(b"GRAY", {**text_tags(), b"kTRC": gamma(1.0)}, b"Lab ")
    image = opened(colorized(saved(gray(), "PNG", icc_profile=profile)))
    assert np.abs(luma(image) - np.asarray(gray()) / 2.55).max() < 0.5


def test_a_cmyk_profile_becomes_srgb():
    content = saved(KINDS["CMYK"], "TIFF", icc_profile=PRESS)
    image = opened(colorized(content))
    assert (image.mode, read_profile(image.info["icc_profile"]).space) == ("RGB", SRGB)
    expected = luma(to_srgb(opened(content)))
    assert np.abs(luma(image) - expected).mean() < 0.3


@pytest.mark.parametrize(
    ("source", "profile", "what"),
    [
        (gray(), PRESS, "for CMYK"),
        (rgb(), b"junk" * 100, "damaged"),
        (rgb(), ADOBE[:300], "could not be used"),
        (KINDS["CMYK"], icc(b"CMYK", text_tags(), b"Lab "), "could not be used"),
    ],
)
def test_profiles_that_do_not_fit_are_left_out_with_a_note(source, profile, what):
    notes = []
    image = opened(colorized(saved(source, "TIFF", icc_profile=profile), notes=notes))
    assert what in " ".join(notes)
    assert "icc_profile" not in image.info


# --- 16 bits per colour ---


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


def test_floating_point_is_refused():
    image = Image.fromarray(np.zeros((9, 9), np.float32))
    with pytest.raises(InputError, match="whole numbers"):
        colorized(saved(image, "TIFF"))


def test_more_pixels_than_a_format_counts():
    with pytest.raises(InputError, match="--format png"):
        colorized(saved(Image.new("L", (17_000, 1)), "PNG"), "WEBP")


def test_the_original_bytes_are_untouched(tmp_path):
    path = tmp_path / "photo.tif"
    path.write_bytes(saved(rgb(), "TIFF"))
    before = path.read_bytes()
    with open_photo(path) as reader:
        for photo in reader.photos():
            COLORIZER.colorize(photo.raster)
    assert path.read_bytes() == before
