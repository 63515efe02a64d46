"""Photos of every kind that a camera, a scanner or the web leaves: each is read right, or left out with a reason."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms, ImageOps

from colorize_tf.datasets import open_source
from colorize_tf.datasets.examine import RejectError, examine
from colorize_tf.datasets.pixels import PixelReader
from colorize_tf.datasets.synthetic import scene
from colorize_tf.edge.icc import srgb_profile
from colorize_tf.pipeline import evaluation_batches, training_batches

from .conftest import colourful
from .profiles import ADOBE, P3

SIDE = 48
RGB = scene(1, (SIDE, SIDE))  # a beach


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORIZE_TF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def picture(mode="RGB"):
    return Image.fromarray(RGB).convert(mode)


def sixteen_bit_gray():
    return Image.fromarray(np.asarray(picture("L")).astype(np.uint16) * 257)


def with_alpha():
    image = picture("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, SIDE).astype(np.uint8), (SIDE, 1))))
    return image


def with_a_transparent_colour():
    """A palette picture in which one colour is declared transparent, and what it shows on white."""
    image = picture("P")
    index = int(np.bincount(np.asarray(image).ravel()).argmax())
    return image, index, np.where(np.asarray(image)[..., None] == index, 255, np.asarray(image.convert("RGB")))


def on_white(image):
    alpha = np.asarray(image)[..., 3:] / 255
    return RGB * alpha + 255 * (1 - alpha)


def exif(orientation):
    values = Image.Exif()
    values[0x0112] = orientation
    return values


def as_read(photos):
    """The middle square of each photo as the evaluation graph sees it: name -> RGB [SIDE, SIDE, 3] in 0..255."""
    batches = evaluation_batches(photos, view="rgb", size=SIDE, batch=photos.count)
    return dict(zip(photos.names, [np.rint((y + 1) * 127.5) for y in next(iter(batches))[1].numpy()], strict=True))


PALETTE, CLEAR, CLEARED = with_a_transparent_colour()
GRAY = np.asarray(picture("L"))[..., None].repeat(3, -1)

# name, picture, how it is saved, what should be read, largest mean difference
KINDS = {
    "baseline JPEG": (picture(), {"format": "JPEG", "quality": 95, "subsampling": 0}, RGB, 4),
    "progressive JPEG": (picture(), {"format": "JPEG", "quality": 95, "subsampling": 0, "progressive": True}, RGB, 4),
    "gray JPEG": (picture("L"), {"format": "JPEG", "quality": 95, "subsampling": 0}, GRAY, 4),
    "CMYK JPEG": (picture("CMYK"), {"format": "JPEG", "quality": 95, "subsampling": 0}, RGB, 6),
    "PNG": (picture(), {"format": "PNG"}, RGB, 0),
    "gray PNG": (picture("L"), {"format": "PNG"}, GRAY, 0),
    "16-bit gray PNG": (sixteen_bit_gray(), {"format": "PNG"}, GRAY, 0),
    "black and white PNG": (picture("1"), {"format": "PNG"}, np.asarray(picture("1").convert("RGB")), 0),
    "palette PNG": (picture("P"), {"format": "PNG"}, np.asarray(picture("P").convert("RGB")), 0),
    "transparent PNG": (with_alpha(), {"format": "PNG"}, on_white(with_alpha()), 1),
    "palette PNG with a transparent colour": (PALETTE, {"format": "PNG", "transparency": CLEAR}, CLEARED, 0),
    "GIF": (picture("P"), {"format": "GIF"}, np.asarray(picture("P").convert("RGB")), 0),
    "animated GIF": (
        picture("P"),
        {"format": "GIF", "save_all": True, "append_images": [Image.new("P", (SIDE, SIDE))]},
        np.asarray(picture("P").convert("RGB")),
        0,
    ),
    "WebP": (picture(), {"format": "WEBP", "lossless": True}, RGB, 0),
    "animated WebP": (
        picture(),
        {"format": "WEBP", "lossless": True, "save_all": True, "append_images": [Image.new("RGB", (SIDE, SIDE))]},
        RGB,
        0,
    ),
    "BMP": (picture(), {"format": "BMP"}, RGB, 0),
    "TIFF": (picture(), {"format": "TIFF"}, RGB, 0),
    "CMYK TIFF": (picture("CMYK"), {"format": "TIFF"}, RGB, 1),
    "PPM": (picture(), {"format": "PPM"}, RGB, 0),
}


@pytest.fixture(scope="module")
def kinds_read(tmp_path_factory):
    """One photo of each kind, opened and read: (Photos, pixels by name)."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind, (image, options, _, _) in KINDS.items():
        image.save(folder / f"{kind}.jpg", **options)  # as on the web, a name's ending need not tell the truth
    photos = open_source(f"folder:{folder}")
    return photos, as_read(photos)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_gives_its_colours(kind, kinds_read):
    _, _, expected, tolerance = KINDS[kind]
    photos, pixels = kinds_read
    name = f"{kind}.jpg"
    assert np.abs(photos.image(list(photos.names).index(name)).astype(float) - expected).mean() <= tolerance
    assert np.abs(pixels[name] - expected).mean() <= tolerance


def test_sixteen_bits_of_colour_become_eight(tmp_path):
    (tmp_path / "x.png").write_bytes(tf.io.encode_png(RGB.astype(np.uint16) * 256 + 99).numpy())
    photos = open_source(f"folder:{tmp_path}")
    np.testing.assert_array_equal(photos.image(0), RGB)
    np.testing.assert_array_equal(as_read(photos)["x.png"], RGB)


@pytest.fixture(scope="module")
def turned_read(tmp_path_factory):
    """A wide photo in every EXIF orientation and several formats: (Photos, expected by name, pixels by name)."""
    folder, expected = tmp_path_factory.mktemp("turned"), {}
    wide = Image.fromarray(scene(2, (SIDE, 2 * SIDE)))
    saved = {"JPEG": {"quality": 98, "subsampling": 0}, "PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}
    for form, options in saved.items():
        for orientation in range(1, 9):
            name = f"{form}-{orientation}.jpg"
            wide.save(folder / name, form, exif=exif(orientation), **options)
            with Image.open(folder / name) as image:
                expected[name] = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(float)
    photos = open_source(f"folder:{folder}")
    return photos, expected, as_read(photos)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_camera_s_orientation_is_undone(orientation, form, turned_read):
    photos, expected, pixels = turned_read
    name = f"{form}-{orientation}.jpg"
    upright = expected[name]
    assert upright.shape[:2] == ((SIDE, 2 * SIDE) if orientation < 5 else (2 * SIDE, SIDE))
    top, left = (upright.shape[0] - SIDE + 1) // 2, (upright.shape[1] - SIDE + 1) // 2
    assert np.abs(photos.image(list(photos.names).index(name)) - upright).mean() < 1
    assert np.abs(pixels[name] - upright[top : top + SIDE, left : left + SIDE]).mean() < 1


def test_cached_pixels_are_upright(turned_read):
    photos, expected, _ = turned_read
    reader = PixelReader(photos, SIDE, "rgb")
    for index, name in enumerate(photos.names):
        corner = reader.crop(tf.constant(index), SIDE, tf.constant(1.0), tf.zeros([2]), smooth=True)
        assert np.abs(corner.numpy() - expected[name][:SIDE, :SIDE]).mean() < 1, name


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("nothing", b"", "not a picture"),
        ("text", b"GIF of nothing", "not a picture"),
        ("a JPEG's first bytes", b"\xff\xd8\xff\xe0\x00\x10JFIF", "damaged"),
        ("a PNG's first bytes", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "damaged"),
    ],
)
def test_what_is_no_photo_is_told_from_what_was_one(name, content, reason):
    with pytest.raises(RejectError, match=reason):
        examine(content)


def encoded(form, **options):
    buffer = io.BytesIO()
    picture().save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_file_cut_short_is_damaged(form):
    whole = encoded(form)
    with pytest.raises(RejectError, match=r"damaged|not a picture"):
        examine(whole[: len(whole) * 2 // 3])


def test_what_pil_forgives_and_tensorflow_does_not_is_damaged():
    whole = bytearray(encoded("PNG"))
    whole[-16] ^= 0xFF  # the checksum of the last block of pixels
    Image.open(io.BytesIO(bytes(whole))).load()
    with pytest.raises(RejectError, match="damaged"):
        examine(bytes(whole))


def test_floating_point_pixels_are_refused():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE), np.float32)).save(buffer, "TIFF")
    with pytest.raises(RejectError, match="floating-point"):
        examine(buffer.getvalue())


def test_a_decompression_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(RejectError, match="megapixels"):
        examine(encoded("PNG"))


def test_a_large_photo_is_taken_without_a_remark():
    code = (
        "import io, PIL.Image\n"
        "from colorize_tf.datasets.examine import examine\n"
        "PIL.Image.MAX_IMAGE_PIXELS = 100\n"
        "file = io.BytesIO()\n"
        "PIL.Image.new('RGBA', (12, 12)).save(file, 'PNG')\n"
        "print(examine(file.getvalue()).width)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("12\n", "")


@pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning")
def test_broken_metadata_does_not_condemn_a_photo():
    assert examine(encoded("JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")).orientation == 1


def test_a_photo_of_one_pixel_can_be_used_when_asked_for(tmp_path):
    Image.new("RGB", (1, 1), (200, 30, 40)).save(tmp_path / "1.png")
    photos = open_source(f"folder:{tmp_path}", smallest=1)
    assert (as_read(photos)["1.png"] == (200, 30, 40)).all()
    ((_, y),) = training_batches(photos, view="rgb", size=8, batch=1, seed=0).take(1)
    np.testing.assert_allclose((y.numpy()[0] + 1) * 127.5, np.full((8, 8, 3), (200, 30, 40)), atol=1e-4)


def test_random_damage_never_gets_past_the_examination(tmp_path):
    """Whatever is accepted is decoded in training without an error."""
    random = np.random.default_rng(0)
    originals = [encoded("JPEG"), encoded("JPEG", progressive=True), encoded("PNG")]
    for number in range(120):
        content = bytearray(originals[number % 3])
        start = random.integers(len(content))
        content[start : start + 20] = random.integers(0, 256, random.integers(1, 20), dtype=np.uint8).tobytes()
        (tmp_path / f"{number:03d}.jpg").write_bytes(content)
    photos = open_source(f"folder:{tmp_path}", max_bad_share=1.0, smallest=1)
    assert 10 < photos.count < 110
    assert sum(len(x) for x, _ in evaluation_batches(photos, view="lab", size=16, batch=32)) == photos.count


# === Colour profiles ===


def in_space(rgb, profile, form, **options):
    """RGB of sRGB -> a file of the same colours in the space of a profile."""
    wide = ImageCms.profileToProfile(Image.fromarray(rgb), io.BytesIO(srgb_profile()), io.BytesIO(profile))
    out = io.BytesIO()
    if form == "JPEG":
        options |= {"quality": 98, "subsampling": 0}
    wide.save(out, form, icc_profile=profile, **options)
    return out.getvalue()


@pytest.mark.parametrize("profile", [ADOBE, P3], ids=["adobe", "p3"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_colours_of_other_spaces_are_those_of_srgb(profile, form, orientation, tmp_path):
    rgb = colourful(5, SIDE, 2 * SIDE)
    options = {"lossless": True} if form == "WEBP" else {}
    content = in_space(rgb, profile, form, exif=exif(orientation), **options)
    (tmp_path / "wide").write_bytes(content)
    (tmp_path / "wide").rename(tmp_path / "wide.jpg")
    photos = open_source(f"folder:{tmp_path}")
    upright = rgb if orientation == 1 else np.rot90(rgb, -1)
    assert np.abs(photos.image(0) - upright.astype(float)).mean() < 2
    with Image.open(io.BytesIO(content)) as image:
        unread = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(float)
    assert np.abs(unread - upright).mean() > 4  # else there would be nothing to see
    left = upright[(upright.shape[0] - SIDE) // 2 :, (upright.shape[1] - SIDE) // 2 :][:SIDE, :SIDE]
    assert np.abs(as_read(photos)["wide.jpg"] - left).mean() < 2
    with Image.open(io.BytesIO(photos.encoded(0))) as stored:
        assert stored.format == ("JPEG" if form == "JPEG" else "PNG")
    assert open_source(f"folder:{tmp_path}").chroma[0] == photos.chroma[0]  # as it was remembered


@pytest.mark.parametrize("profile", [srgb_profile(), P3[:150], b"nothing"], ids=["srgb", "cut", "none"])
def test_photos_in_srgb_and_of_damaged_profiles_are_taken_as_they_are(profile):
    out = io.BytesIO()
    picture().save(out, "JPEG", icc_profile=profile)
    assert examine(out.getvalue()).converted is None
