"""What the network is shown of a photo: its cut, its colours, its hints; and the same from the cache of pixels."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colorize_tf.colorspace import decode_ab, decode_luma, decode_rgb, rgb_to_gray, rgb_to_lab
from colorize_tf.datasets import open_source, reading
from colorize_tf.datasets.synthetic import scene
from colorize_tf.errors import RunError
from colorize_tf.pipeline import PLAIN, Augment, evaluation_batches
from colorize_tf.views import view_of

from .streams import assert_equal, first, stream


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORIZE_TF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photos(photo_folder):
    return open_source(f"folder:{photo_folder}")


@pytest.mark.parametrize(("view", "channels"), [("rgb", (3, 3)), ("lab", (1, 2)), ("hinted", (4, 2))])
def test_shapes_are_static(photos, view, channels):
    spec = stream(photos, view=view).element_spec
    assert spec == tuple(tf.TensorSpec((5, 16, 16, depth), tf.float32) for depth in channels)
    spec = evaluation_batches(photos, view=view, size=16, batch=5).element_spec
    assert spec == tuple(tf.TensorSpec((None, 16, 16, depth), tf.float32) for depth in channels)


def test_both_views_follow_the_colour_formulas(photos):
    ((gray, colour),) = first(stream(photos, view="rgb"), 1)
    ((luma, ab),) = first(stream(photos, view="lab"), 1)
    rgb = np.rint(decode_rgb(colour))
    np.testing.assert_allclose(decode_rgb(gray), np.repeat(rgb_to_gray(rgb)[..., None], 3, -1), atol=1e-3)
    lab = rgb_to_lab(rgb / 255)
    np.testing.assert_allclose(decode_luma(luma), lab[..., :1], atol=1e-3)
    np.testing.assert_allclose(decode_ab(ab), lab[..., 1:], atol=2e-3)


def test_without_xla_the_views_are_the_same(photos, monkeypatch):
    fused = first(stream(photos, view="lab"), 1)
    monkeypatch.setattr(tf, "function", lambda *_, **__: lambda *_: (_ for _ in ()).throw(NotImplementedError()))
    view_of.cache_clear()
    try:
        plain = first(stream(photos, view="lab"), 1)
    finally:
        view_of.cache_clear()
    for a, b in zip(fused[0], plain[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_evaluation_shows_the_middle_of_the_photo(photos):
    ((_, y),) = first(evaluation_batches(photos.pick(np.arange(1)), view="rgb", size=48, batch=1), 1)
    # At its edges a decoded window lacks the neighbours from which chroma is interpolated.
    np.testing.assert_allclose(decode_rgb(y[0])[:, 1:-1], photos.image(0)[:, 9:55], atol=1e-3)


def ramp(tmp_path, side=64, form="png"):
    """A photo whose red is its column and whose green is its row."""
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    image = np.stack([columns * 2, rows * 2, columns * 0], -1).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / f"ramp.{form}")
    return open_source(f"folder:{tmp_path}")


def test_crops_have_the_asked_size_and_cover_the_photo(tmp_path):
    (batch,) = first(stream(ramp(tmp_path), size=32, batch=200, augment=Augment(crop=(0.5, 0.5), flip=False)), 1)
    red, green = (np.rint(decode_rgb(batch[1][..., channel])) / 2 for channel in (0, 1))
    left, top = red[:, 0, 0], green[:, 0, 0]
    assert (np.ptp(red, axis=(1, 2)) == 31).all() and (np.ptp(green, axis=(1, 2)) == 31).all()
    for start in (left, top):
        assert start.min() == 0 and start.max() == 32 and abs(start.mean() - 16) < 3


def test_scale_varies_within_the_range(tmp_path):
    (batch,) = first(stream(ramp(tmp_path), size=16, batch=200, augment=Augment(crop=(0.25, 0.75), flip=False)), 1)
    spans = np.ptp(decode_rgb(batch[1][..., 0]), axis=(1, 2)) / 2
    assert 14 < spans.min() < 19 and 41 < spans.max() < 49


def test_about_half_are_flipped_sideways_and_none_upside_down(tmp_path):
    (batch,) = first(stream(ramp(tmp_path), batch=200), 1)
    flipped = batch[1][:, 0, 0, 0] > batch[1][:, 0, -1, 0]
    assert 70 < flipped.sum() < 130
    assert (batch[1][:, 0, 0, 1] < batch[1][:, -1, 0, 1]).all()
    (batch,) = first(stream(ramp(tmp_path), batch=50, augment=Augment(flip=False)), 1)
    assert (batch[1][:, 0, 0, 0] < batch[1][:, 0, -1, 0]).all()


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("upright", [False, True])
def test_crops_are_stretched_along_the_photos_longer_side(tmp_path, upright, cache):
    columns, rows = np.meshgrid(np.arange(120), np.arange(64))
    image = np.stack([columns * 2, rows * 2, columns * 0], -1).astype(np.uint8)
    Image.fromarray(image.transpose(1, 0, 2) if upright else image).save(tmp_path / "wide.png")
    stretched = Augment(crop=(0.5, 0.5), flip=False, stretch=3.0)
    (batch,) = first(stream(open_source(f"folder:{tmp_path}"), size=16, batch=200, augment=stretched, cache=cache), 1)
    along, across = (np.ptp(decode_rgb(batch[1][..., channel]), axis=(1, 2)) / 2 for channel in (0, 1))
    np.testing.assert_allclose(across, 31, atol=2)
    assert 29 < along.min() < 36 and 82 < along.max() < 96  # of 32 pixels times 1..3


def test_a_photo_is_stretched_no_further_than_it_reaches(tmp_path):
    (batch,) = first(stream(ramp(tmp_path), batch=50, augment=Augment(crop=(1.0, 1.0), flip=False, stretch=4.0)), 1)
    np.testing.assert_allclose(np.ptp(decode_rgb(batch[1][..., 0]), axis=(1, 2)) / 2, 59, atol=1)  # of 63, averaged


def test_aging_changes_what_is_seen_and_not_the_truth(photos):
    ((new, colour),) = first(stream(photos, view="lab"), 1)
    ((old, same),) = first(stream(photos, view="lab", augment=Augment(aging=1.0)), 1)
    np.testing.assert_array_equal(colour, same)
    assert (np.abs(new - old).max((1, 2, 3)) > 0.05).all()


@pytest.mark.parametrize("changes", [{"sharpen": 9.0}, {"grain": 9.0}])
def test_another_camera_changes_what_is_seen_and_not_the_truth(photos, changes):
    ((new, colour),) = first(stream(photos, view="lab"), 1)
    ((other, same),) = first(stream(photos, view="lab", augment=Augment(**changes)), 1)
    np.testing.assert_array_equal(colour, same)
    assert np.median(np.abs(new - other).max((1, 2, 3))) > 0.01


def test_hints_join_the_luma_and_none_are_given_where_none_are_wanted(photos):
    ((plain, _),) = first(stream(photos, view="lab"), 1)
    ((seen, _),) = first(stream(photos, view="hinted"), 1)
    np.testing.assert_array_equal(seen[..., :1], plain)
    assert seen[..., 3].any()
    for batches in (
        stream(photos, view="hinted", augment=Augment(hintless=1.0)),
        evaluation_batches(photos, view="hinted", size=16, batch=5),
    ):
        assert not first(batches, 1)[0][0][..., 1:].any()
    ((told, true),) = first(stream(photos, view="hinted", augment=Augment(revealed=1.0, hintless=1.0)), 1)
    np.testing.assert_array_equal(told[..., 1:3], true)
    assert (told[..., 3] == 1).all()


@pytest.mark.parametrize("cache", [False, True])
def test_rotation_turns_within_the_range_and_leaves_no_corner_empty(tmp_path, cache):
    turn = Augment(crop=(0.5, 0.5), flip=False, rotation=20.0)
    (batch,) = first(stream(ramp(tmp_path), size=32, batch=200, augment=turn, cache=cache), 1)
    rgb = decode_rgb(batch[1])
    across, down = (rgb[:, 16, 31, channel] - rgb[:, 16, 0, channel] for channel in (0, 1))
    angles = np.degrees(np.arctan2(down, across))
    assert -21 < angles.min() < -15 and 15 < angles.max() < 21
    np.testing.assert_allclose(np.hypot(across, down), 62, atol=1)  # the crop's size stays what was asked for


def test_a_large_crop_shrinks_until_it_can_turn_within_the_photo(tmp_path):
    turn = Augment(crop=(0.95, 0.95), flip=False, rotation=20.0)
    (batch,) = first(stream(ramp(tmp_path), size=32, batch=100, augment=turn), 1)
    red, green = (decode_rgb(batch[1][..., channel]) for channel in (0, 1))
    slope = np.hypot(np.diff(red, axis=2), np.diff(green, axis=2))
    assert (
        slope.min(axis=(1, 2)) > 0.5 * np.median(slope, axis=(1, 2))
    ).all()  # nowhere the same pixel again and again


@pytest.mark.parametrize(("form", "tolerance"), [("png", 1.01), ("jpg", 6.0)])
def test_large_photos_are_shrunk_without_a_shift(tmp_path, form, tolerance):
    """Whichever fraction a JPEG is decoded at, its colours stay in place."""
    columns, rows = np.meshgrid(np.arange(128), np.arange(128))
    image = Image.fromarray(np.stack([columns * 2, rows * 2, columns * 0 + 128], -1).astype(np.uint8))
    image.save(tmp_path / f"x.{form}", **({"quality": 98, "subsampling": 0} if form == "jpg" else {}))
    reader = reading.PhotoReader(open_source(f"folder:{tmp_path}"))
    for size, smooth in itertools.product((12, 16, 30, 50, 100), (False, True)):
        expected = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).astype(float)
        found = reader.crop(tf.constant(0), size, tf.constant(1.0), tf.zeros([2]), smooth).numpy()
        assert np.abs(found - expected)[1:-1, 1:-1].max() < tolerance, (size, smooth)


def test_no_photo_is_decoded_smaller_than_it_is_shown(tmp_path):
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    Image.fromarray(np.stack([stripes] * 3, -1)).save(tmp_path / "stripes.jpg", quality=98)
    reader = reading.PhotoReader(open_source(f"folder:{tmp_path}"))
    for size, least in ((60, 40), (33, 20)):
        found = reader.crop(tf.constant(0), size, tf.constant(1.0), tf.zeros([2]), smooth=False)
        assert np.std(found) > least, size


def test_what_is_shrunk_far_is_the_mean_of_all_pixels():
    noise = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    means = noise.reshape(16, 3, 16, 5, 3).mean((1, 3))
    np.testing.assert_allclose(reading.resize(tf.constant(noise), (16, 16), smooth=False), means, atol=1e-3)


# === The cache of pixels ===


@pytest.mark.parametrize("view", ["rgb", "lab"])
def test_cached_crops_are_the_uncached(tmp_path, view):
    """Of photos that need no shrinking, they differ by the steps in which Lab is kept alone."""
    for index in range(6):
        Image.fromarray(scene(index, (32, 40))).save(tmp_path / f"{index}.png")
    options = {"view": view, "augment": Augment(crop=(0.5, 0.5))}
    scenes = open_source(f"folder:{tmp_path}")
    plain, cached = (first(stream(scenes, **options, cache=cache), 1)[0] for cache in (False, True))
    steps = {"rgb": (0, 0), "lab": (0.5 / 2.55 / 50, 0.5 / 110)}[view]
    for x, y, step in zip(plain, cached, steps, strict=True):
        assert np.abs(x - y).max() <= step + 1e-5
        assert np.abs(x).max() > 0.1


def test_the_cache_is_written_once(photos, monkeypatch):
    before = first(stream(photos, cache=True, size=20), 2)
    monkeypatch.setattr("colorize_tf.datasets.pixels.PhotoReader", None)
    assert_equal(before, first(stream(photos, cache=True, size=20), 2))


def test_the_cache_says_beforehand_how_large_it_is_and_where(photos, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path))
    with caplog.at_level("INFO", "colorize_tf"):
        stream(photos, cache=True, size=24, augment=Augment(crop=(0.6, 1.0)))
    (kept,) = (tmp_path / "pixels").iterdir()
    # 64x48 photos, for crops of 24 pixels at least: their shorter side is 24 / 0.6.
    assert kept.stat().st_size == len(photos) * 3 * 40 * 53
    said = [record.message for record in caplog.records if record.name.startswith("colorize_tf")]
    assert said == [f"the pixels of 24 photos, 0.1 MiB, are kept in {kept}"]


@pytest.mark.parametrize("free", [1000, 256 << 20])
def test_a_full_disk_is_told_before_anything_is_written(free, photos, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(RunError, match=r"MiB left.* --no-cache"):
        stream(photos, cache=True, size=22)


def test_a_photo_that_becomes_unreadable_is_named_and_leaves_no_cache(tmp_path, monkeypatch):
    for index in range(3):
        Image.fromarray(scene(index, (32, 40))).save(tmp_path / f"{index}.png")
    scenes = open_source(f"folder:{tmp_path}")
    (tmp_path / "1.png").write_bytes(bytes((tmp_path / "1.png").stat().st_size))
    monkeypatch.setenv("COLORIZE_TF_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RunError, match=r"--data: 1\.png could not be read any more: ") as caught:
        stream(scenes, cache=True)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "pixels").iterdir())


def test_of_a_panorama_the_middle_is_kept(tmp_path):
    columns = np.tile(np.arange(240, dtype=np.uint8), (32, 1))
    Image.fromarray(np.stack([columns, columns, columns], -1)).save(tmp_path / "wide.png")
    panorama = open_source(f"folder:{tmp_path}")
    (batch,) = first(stream(panorama, cache=True, size=16, batch=100, augment=PLAIN), 1)
    seen = decode_rgb(batch[1])
    assert 85 < seen.min() < 95 and 145 < seen.max() < 155
