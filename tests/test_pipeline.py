"""Streams are exact: the same seed gives the same batches, from any step, shared out without loss."""

import itertools
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colorize_tf import pipeline
from colorize_tf.colorspace import decode_ab, decode_luma, decode_rgb, rgb_to_gray, rgb_to_lab
from colorize_tf.datasets import Unpaired, open_source, reading
from colorize_tf.datasets.pack import pack
from colorize_tf.datasets.synthetic import scene
from colorize_tf.errors import InputError, RunError
from colorize_tf.pipeline import PLAIN, Augment, evaluation_batches, steps_per_epoch, training_batches

FLATS = 20


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORIZE_TF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photos(photo_folder):
    return open_source(f"folder:{photo_folder}")


@pytest.fixture(scope="module")
def flats(tmp_path_factory):
    """Photos of one colour each, red = 10 × index: they can be told apart in any crop."""
    folder = tmp_path_factory.mktemp("flats")
    for index in range(FLATS):
        Image.new("RGB", (40, 32), (10 * index, 128, 255 - 10 * index)).save(folder / f"{index:02d}.png")
    return open_source(f"folder:{folder}")


def first(dataset, count):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(count)]


def shown(batches):
    """Which of `flats` each batch of view "rgb" shows."""
    return [np.rint(decode_rgb(y[:, 0, 0, 0]) / 10).astype(int).tolist() for _, y in batches]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def stream(photos, **options):
    return training_batches(photos, **{"view": "rgb", "size": 16, "batch": 5, "seed": 3, **options})


def assert_equal(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for part, same in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, same)


# === The same again ===


@pytest.mark.parametrize(
    "options",
    [
        {"view": "lab"},
        {"augment": Augment(crop=(0.5, 1.0), rotation=10.0)},
        {"augment": Augment(stretch=1.5, aging=0.5), "view": "hinted"},
        {"cache": True},
    ],
)
def test_a_later_start_gives_the_tail_bit_for_bit(photos, options):
    whole = first(stream(photos, **options), 8)
    assert_equal(whole[5:], first(stream(photos, **options, start_step=5), 3))


def test_another_seed_gives_another_order_and_other_crops(photos, flats):
    assert shown(first(stream(flats, seed=1), 4)) != shown(first(stream(flats, seed=2), 4))
    one = photos.take(1)
    (a,), (b,) = (first(stream(one, batch=1, seed=seed), 1) for seed in (1, 2))
    assert not np.array_equal(a[1], b[1])


def test_a_photo_is_cut_differently_each_time(photos):
    (batch,) = first(stream(photos.take(1), batch=6), 1)
    assert len({y.tobytes() for y in batch[1]}) == 6


# === Every photo, once ===


def test_each_epoch_shows_every_photo_once_in_a_new_order(flats):
    batches = shown(first(stream(flats), 8))
    epochs = [flat(batches[:4]), flat(batches[4:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(FLATS))
    assert epochs[0] != epochs[1] and epochs[0] != sorted(epochs[0])


def test_epochs_follow_each_other_without_loss_when_batches_do_not_divide_them(flats):
    seen = flat(shown(first(stream(flats, batch=7), 20)))
    assert set(Counter(seen).values()) == {7}


def test_workers_share_the_epoch_without_overlap(flats):
    parts = [shown(first(stream(flats, batch=2, worker=(rank, 2)), 5)) for rank in (0, 1)]
    assert sorted(flat(parts[0] + parts[1])) == list(range(FLATS))
    # Together they see what one worker with the batch of both would see.
    alone = shown(first(stream(flats, batch=4), 5))
    assert [a + b for a, b in zip(*parts, strict=True)] == alone


def test_steps_per_epoch(photos):
    assert steps_per_epoch(photos, 5) == 4
    assert steps_per_epoch(photos, 5, (1, 2)) == 2
    assert steps_per_epoch(photos, 100) == 1


def test_evaluation_sees_every_photo_once_in_order(flats):
    batches = evaluation_batches(flats, view="rgb", size=16, batch=7)
    assert batches.cardinality().numpy() == 3
    assert shown(first(batches, 9)) == [list(range(7)), list(range(7, 14)), list(range(14, 20))]


# === What the network is shown ===


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
    pipeline._view.cache_clear()
    try:
        plain = first(stream(photos, view="lab"), 1)
    finally:
        pipeline._view.cache_clear()
    for a, b in zip(fused[0], plain[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_evaluation_shows_the_middle_of_the_photo(photos):
    ((_, y),) = first(evaluation_batches(photos.take(1), view="rgb", size=48, batch=1), 1)
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


# === The cache of pixels ===


@pytest.mark.parametrize("view", ["rgb", "lab"])
def test_cached_crops_are_the_uncached(flats, tmp_path, view):
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


# === Wherever the bytes lie ===


def test_shards_and_files_give_the_same_batches(photos, tmp_path, monkeypatch):
    pack(photos, tmp_path / "shards", shard_bytes=5_000)
    packed = open_source(f"tfrecord:{tmp_path}/shards/*")
    assert len(packed.files) > 2
    expected = first(stream(photos), 3)
    assert_equal(expected, first(stream(packed), 3))
    monkeypatch.setattr(reading, "_MOST_MAPPED", 1)  # more shards than that are read by skipping
    assert_equal(expected, first(stream(packed), 3))


def test_files_and_ranges_can_be_mixed(photos, tmp_path):
    pack(photos, tmp_path / "shards")
    packed = open_source(f"tfrecord:{tmp_path}/shards/*")
    whole = np.arange(photos.count) % 2 == 0
    mixed = replace(
        packed,
        files=packed.files + photos.files,
        file=np.where(whole, photos.file + 1, 0).astype(np.int32),
        offset=np.where(whole, 0, packed.offset),
    )
    assert_equal(first(stream(photos), 3), first(stream(mixed), 3))


# === Unpaired sets ===


def test_unpaired_sets_run_in_their_own_orders(flats, photos):
    both = Unpaired(flats, flats.take(6))
    batches = first(stream(both, batch=2), 12)
    assert batches[0][0].shape == batches[0][1].shape == (2, 16, 16, 3)
    a, b = (flat(shown([(None, batch[side]) for batch in batches])) for side in (0, 1))
    assert sorted(a[:20]) == list(range(20))
    assert sorted(b[:6]) == sorted(b[6:12]) == list(range(6))
    assert steps_per_epoch(both, 2) == 10


def test_unpaired_sets_of_one_size_are_not_paired(flats):
    (batch,) = first(stream(Unpaired(flats, flats), batch=20), 1)
    a, b = (shown([(None, side)])[0] for side in batch)
    assert sum(x == y for x, y in zip(a, b, strict=True)) < 8


# === Wrong arguments ===


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "hsv"}, "view: must be one of rgb, lab, hinted"),
        ({"size": 0}, "must be at least 1"),
        ({"batch": 0}, "must be at least 1"),
        ({"worker": (2, 2)}, "worker"),
    ],
)
def test_wrong_arguments_are_answered(photos, options, message):
    with pytest.raises(InputError, match=message):
        stream(photos, **options)


def test_no_photos_are_answered(photos):
    none = photos.pick(np.zeros(0, int))
    for make in (lambda: stream(none), lambda: evaluation_batches(none, view="rgb", size=16, batch=1)):
        with pytest.raises(InputError, match="must contain photos"):
            make()


@pytest.mark.parametrize(
    "wrong",
    [{"crop": (0.0, 1.0)}, {"crop": (0.9, 0.5)}, {"crop": (0.5, 1.5)}, {"rotation": 90.0}, {"stretch": 0.5}],
)
def test_an_augmentation_that_makes_no_sense_is_answered(wrong):
    with pytest.raises(InputError):
        Augment(**wrong)


# === The benchmark ===


@pytest.mark.filterwarnings("ignore")
def test_bench_compares_with_bare_decoding(photo_folder, capsys):
    command = ["bench", f"folder:{photo_folder}", "--sizes", "16", "--batch", "2", "--rounds", "1"]
    assert pipeline.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("24 JPEG photos, median 64×48")
    assert [line.split("  ")[0] for line in lines[2:]] == ["bare decoding", "16² first pass", "16² warm cache"]


def test_bench_needs_jpeg_photos(flats, capsys):
    folder = flats.source
    assert pipeline.main(["bench", folder]) == 2
    assert "must contain JPEG photos" in capsys.readouterr().err
