"""Colour profiles: worked in and kept, or turned into sRGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from colorize_tf.apps.work import Settings, colorize_bytes
from colorize_tf.edge.fusion import fuse
from colorize_tf.edge.icc import read_profile, srgb_profile
from colorize_tf.edge.space import SRGB, lab_root

from .photo_files import COLORIZER, KINDS, colorized, gray, luma, opened, rgb, saved
from .profiles import ADOBE, GLOWING, LINEAR, P3, PROPHOTO, REC2020, gamma, icc, text_tags


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
    lambda pcs: [round(255 * pcs[0] * share) for share in (0.6 + 0.4 * pcs[1], 1 - 0.4 * pcs[1], 1 - 0.4 * pcs[2])],
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


@pytest.mark.parametrize(
    ("profile", "worst", "first"),
    [(ADOBE, 0.26, 2), (P3, 0.26, 1), (REC2020, 0.26, 5), (PROPHOTO, 0.33, 1), (GLOWING, 0.26, 3), (LINEAR, 1.1, 1)],
    ids=["adobe", "p3", "rec2020", "prophoto", "glowing", "linear"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_gray_of_another_space_keeps_its_luma_and_without_chroma_its_code(profile, worst, first, channels):
    space = read_profile(profile).space
    codes = np.repeat(np.arange(256, dtype=np.uint8)[None], 72, 0)
    ramp = codes if channels == 1 else np.repeat(codes[..., None], 3, -1)

    def exact(rgb):
        linear = np.stack([curve.decode(rgb[..., c] / 255) for c, curve in enumerate(space.curves)], -1)
        return 116 * lab_root(linear @ space.weights) - 16

    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[:, None].repeat(256, 1)
    for chroma in (1, 5, 20, 80, 150):
        ab = np.stack([chroma * np.cos(angle), chroma * np.sin(angle)], -1).astype(np.float32)
        difference = np.abs(exact(fuse(ramp, ab, edges=False, space=space)) - exact(codes[..., None].repeat(3, -1)))
        assert difference.max() <= worst
        assert difference.mean() <= 0.08
    still = fuse(ramp, np.zeros((4, 4, 2), np.float32), edges=False, space=space)
    # Of the darkest codes of a steep curve, L below 0.05, the light is hardly a step of the tables.
    assert not still[:, 0].any()
    assert (still[:, first:] == codes[:, first:, None]).all()


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


def by_littlecms(image, source, target):
    """What LittleCMS itself makes of RGB pixels."""
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(content)) for content in (source, target)]
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.profileToProfile(image, *profiles, renderingIntent=intent, outputMode="RGB", flags=flags)


def test_an_rgb_profile_of_tables_is_converted_there_and_back():
    assert read_profile(SCANNER).space is None
    image = opened(colorized(saved(rgb(), "PNG", icc_profile=SCANNER)))
    assert image.info["icc_profile"] == SCANNER
    there = by_littlecms(rgb(), SCANNER, srgb_profile())
    coloured = Image.fromarray(COLORIZER(np.asarray(there)))
    assert (np.asarray(image) == np.asarray(by_littlecms(coloured, srgb_profile(), SCANNER))).all()


def test_a_png_keeps_a_large_profile():
    profile = srgb_profile()
    profile = struct.pack(">I", len(profile) + 3_000_000) + profile[4:] + bytes(3_000_000)  # as large as of a press
    once = colorized(saved(rgb(), "JPEG", icc_profile=profile), "PNG")
    content = colorized(once)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 1 << 23)
        assert opened(content).info["icc_profile"] == profile


def test_of_48_bits_a_profile_of_tables_is_kept_rather_than_the_last_eight():
    tifffile = pytest.importorskip("tifffile", reason="pip install 'colorize-tf[photo16]' runs it")
    out, notes = io.BytesIO(), []
    tifffile.imwrite(out, np.asarray(rgb()).astype(np.uint16) * 257, photometric="rgb", iccprofile=SCANNER)
    image = opened(colorized(out.getvalue(), notes=notes))
    assert notes == ["its colour profile is of tables, which take 8 bits per colour"]
    assert image.info["icc_profile"] == SCANNER
    shallow = opened(colorized(saved(rgb(), "TIFF", icc_profile=SCANNER)))
    assert np.abs(np.asarray(image).astype(int) - np.asarray(shallow)).max() <= 1


def test_side_by_side_both_halves_are_in_the_profile_of_the_photo():
    content = saved(rgb(), "PNG", icc_profile=SCANNER)
    both = opened(colorize_bytes(content, COLORIZER, Settings(side_by_side=True), None, []))
    assert (both.size, both.info["icc_profile"]) == ((180, 60), SCANNER)
    there = by_littlecms(rgb(), SCANNER, srgb_profile())
    before = by_littlecms(there, srgb_profile(), SCANNER)
    assert (np.asarray(both)[:, :90] == np.asarray(before)).all()
    assert (np.asarray(both)[:, 90:] == np.asarray(opened(colorized(content)))).all()


def test_a_profile_that_goes_one_way_only_gives_way_to_srgb():
    one_way = lut_profile(b"RGB ", 3, lambda c: [round(85 * sum(c)), 128 + 60 * (c[0] - c[1]), 128], None)
    content, notes = saved(rgb(), "PNG", icc_profile=one_way), []
    both = opened(colorize_bytes(content, COLORIZER, Settings(side_by_side=True), None, notes))
    assert notes == ["its colour profile goes one way only; written as sRGB"]
    assert both.info["icc_profile"] == srgb_profile()
    assert (np.asarray(both)[:, :90] == np.asarray(by_littlecms(rgb(), one_way, srgb_profile()))).all()


def test_a_gray_profile_becomes_srgb():
    profile = icc(b"GRAY", {**text_tags(), b"kTRC": gamma(1.0)})
    image = opened(colorized(saved(gray(), "PNG", icc_profile=profile)))
    assert read_profile(image.info["icc_profile"]).space is SRGB
    linear = np.asarray(gray()) / 255
    expected = 116 * np.cbrt(linear) - 16
    ok = linear > 0.02
    assert np.abs(luma(image) - expected)[ok].max() <= 0.26
    deep_image = opened(colorized(saved(KINDS["I;16"], "PNG", icc_profile=profile), "JPEG", 100))
    assert np.abs(luma(deep_image) - expected)[ok].mean() < 0.4


def test_16_bit_grays_are_in_the_space_of_their_profile_too():
    tifffile = pytest.importorskip("tifffile", reason="pip install 'colorize-tf[photo16]' runs it")
    for profile in (icc(b"GRAY", {**text_tags(), b"kTRC": gamma(1.8)}), ADOBE):
        content = saved(KINDS["I;16"], "TIFF", icc_profile=profile)
        space = read_profile(profile).space
        result = colorized(content)
        pixels = tifffile.imread(io.BytesIO(result))
        out = read_profile(opened(result).info["icc_profile"]).space
        assert np.abs(out.luma(pixels) - space.luma(np.asarray(KINDS["I;16"]))).max() < 0.02
        both = tifffile.imread(io.BytesIO(colorize_bytes(content, COLORIZER, Settings(side_by_side=True), None, [])))
        assert np.abs(out.luma(both[:, :90]) - out.luma(pixels)).max() < 0.02


def test_the_curve_of_a_gray_profile_may_give_lightness():
    profile = icc(b"GRAY", {**text_tags(), b"kTRC": gamma(1.0)}, b"Lab ")
    image = opened(colorized(saved(gray(), "PNG", icc_profile=profile)))
    assert np.abs(luma(image) - np.asarray(gray()) / 2.55).max() <= 0.26
    both = opened(
        colorize_bytes(saved(gray(), "PNG", icc_profile=profile), COLORIZER, Settings(side_by_side=True), None, [])
    )
    assert np.abs(luma(both)[:, :90] - np.asarray(gray()) / 2.55).max() <= 0.26
    assert (np.asarray(both)[:, 90:] == np.asarray(image)).all()


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
