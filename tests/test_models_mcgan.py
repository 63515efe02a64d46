"""MC-GAN: what its generator is told, what its losses are, its speckle, and how classes reach it from the data."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colorize_tf.callbacks import Painter, Quality, SpecklePainter
from colorize_tf.checkpoints import Progress, restore, save, save_best
from colorize_tf.config import RunConfig, save_config
from colorize_tf.datasets import Unpaired, open_source
from colorize_tf.errors import InputError
from colorize_tf.evaluate import main as evaluate
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.models.mcgan import speckled
from colorize_tf.pipeline import Augment, evaluation_batches, training_batches
from colorize_tf.predict import load_run
from colorize_tf.predict import main as predict
from colorize_tf.train import main

from .conftest import colourful
from .model_checks import (
    Case,
    batch,
    computes_in_half_precision,
    learns_a_few_pictures_by_heart,
    learns_where_it_should,
    loads_what_it_saved,
    paints_the_same_from_a_file,
    survives_its_config,
)

TINY = {"base_width": 4, "residual_blocks": 1}
CASE = Case("mcgan", {**TINY, "domains": 3})
L1_ALONE = {
    "base_width": 8,
    "residual_blocks": 6,
    "l1_weight": 1000.0,
    "cycle_weight": 0.0,
    "class_weight": 0.0,
}  # nearly
PAIRED = Case("mcgan", {**TINY, "paired": True}, {"gan": ("generator", "discriminator")}, overfit=L1_ALONE,
              overfit_steps=200)  # fmt: skip
FAST = ["--preset", "mcgan", "--size=32", "--base-width=2", "--residual-blocks=1", "--batch=2", "--val-share=0.4",
        "--test-share=0", "--val-count=4", "--grid-rows=2", "--epochs=1", "--steps-per-epoch=2"]  # fmt: skip


CHECKS = [survives_its_config, loads_what_it_saved, learns_where_it_should, computes_in_half_precision]
SLOW = [learns_a_few_pictures_by_heart, paints_the_same_from_a_file]


@pytest.mark.parametrize("check", [*CHECKS, *(pytest.param(check, marks=pytest.mark.slow) for check in SLOW)])
def test_check_list_with_pairs(check: Callable[[Case, Path], None], tmp_path: Path):
    check(PAIRED, tmp_path)


# === What it is told ===


def test_the_generator_is_asked_by_class_mask_and_whether_for_gray():
    model = CASE.build()
    np.testing.assert_array_equal(model.gray_code(), [[1, 0, 0, 0, 1]])
    np.testing.assert_array_equal(model.colour_code(), [[0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(model.colour_code(2), [[0, 0, 0, 1, 1]])
    x = np.zeros((3, 32, 32, 5), "float32")
    x[1, ..., 3:] = 1, 1
    x[2, ..., 3:] = 0, 2  # a class under the mask is no class
    np.testing.assert_array_equal(model._told(x), [[0, 0, 0, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]])
    alone = build("mcgan", size=32, **TINY)
    np.testing.assert_array_equal(alone._told(x), [[0, 1, 1]] * 3)
    np.testing.assert_array_equal(alone.colour_code(), [[0, 1, 1]])


def test_another_class_is_another_picture():
    model = CASE.build()
    rgb = np.random.default_rng(0).uniform(0, 1, (1, 32, 32, 3)).astype("float32")
    asked = [np.asarray(model.translate(rgb, domain)) for domain in (None, 0, 1, 2)]
    assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(asked) for b in asked[:i])
    np.testing.assert_array_equal(model.translate(rgb), asked[0])
    with pytest.raises(InputError, match=r"--domain: must be a class from 0 to 2\. Received: 3"):
        model.translate(rgb, 3)


def test_colour_of_the_input_is_not_seen():
    model = CASE.build()
    rgb = np.random.default_rng(0).uniform(0, 1, (1, 32, 32, 3)).astype("float32")
    gray = np.repeat((rgb @ np.array([0.2989, 0.5870, 0.1140], "float32"))[..., None], 3, axis=-1)
    np.testing.assert_allclose(model.translate(rgb), model.translate(gray), atol=1e-3)


# === Losses ===


@pytest.mark.parametrize("paired", [False, True])
def test_it_loses_what_the_papers_say(paired: bool):
    model = CASE.build(paired=paired, class_weight=2.0)
    for variable in model.discriminator.trainable_variables:
        variable.assign(8 * variable)  # one that has learnt nothing takes everything for anything
    a, b = batch(model, count=3)
    photo, gray, told = b[..., :3], np.asarray(model.of_a(a[..., :3])), np.asarray(model._told(a))
    known = told if paired else np.asarray(model._told(b))
    made = lambda picture, code: np.asarray(model._made(picture, code, training=False))  # noqa: E731
    like_b, like_a = made(gray, told), made(photo, model.gray_code())
    shown = {"gray": gray, "photo": photo, "like_a": like_a, "like_b": like_b}
    judged = {name: [np.asarray(end) for end in model.discriminator(picture)] for name, picture in shown.items()}

    def entropy(name: str, wanted: list[int | None]) -> float:
        rows = [(row - np.log(np.exp(row).sum()))[k]
                for row, k in zip(judged[name][1][:, 0, 0], wanted, strict=True) if k is not None]  # fmt: skip
        return -float(np.mean(rows))

    classes = [None if not code[-1] else 1 + int(code[1:-1].argmax()) for code in told]
    assert None in classes and any(classes)
    patches = {name: ends[0] for name, ends in judged.items()}
    expected = {
        "g_gan": np.mean((patches["like_a"] - 1) ** 2) + np.mean((patches["like_b"] - 1) ** 2),
        "g_class": 2 * (entropy("like_a", [0, 0, 0]) + entropy("like_b", classes)),
        "g_cycle": 10 * (np.abs(made(like_b, model.gray_code()) - gray).mean()
                         + np.abs(made(like_a, known) - photo).mean()),
        "d_class": 2 * (entropy("gray", [0, 0, 0]) + entropy("photo", classes)),
    }  # fmt: skip
    expected["d_loss"] = expected["d_class"] + 0.5 * sum(
        np.mean((patches[real] - 1) ** 2) + np.mean(patches[fake] ** 2)
        for real, fake in (("gray", "like_a"), ("photo", "like_b"))
    )
    if paired:
        expected["g_l1"] = 100 * np.abs(like_b - photo).mean()
    losses = {name: float(value) for name, value in model.test_step((a, b)).items()}
    for name, value in expected.items():
        assert losses[name] == pytest.approx(float(value), rel=1e-3), name
    assert losses["g_loss"] == pytest.approx(sum(v for k, v in expected.items() if k[0] == "g"), rel=1e-3)
    assert losses.keys() == {*expected, "g_loss"}


def test_photos_of_which_no_class_is_told_teach_none():
    model = CASE.build()
    a, b = batch(model)
    a[..., 3:] = b[..., 3:] = 0
    before = float(model.test_step((a, b))["d_class"])
    gray = np.asarray(model.discriminator(model.of_a(a[..., :3]))[1])[:, 0, 0]
    assert before == pytest.approx(float(np.mean(np.log(np.exp(gray).sum(-1)) - gray[:, 0])), rel=1e-4)


# === Speckle ===


@pytest.mark.parametrize("looks", [1, 4])
def test_speckle_is_that_of_so_many_looks(looks: int):
    clean = np.full((1, 256, 256, 3), -0.6, "float32")  # an amplitude of 0.2: next to nothing is clipped
    noisy = (np.asarray(speckled(clean, looks, 3)) + 1) / 2
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])
    intensity = np.square(noisy[..., 0]) / 0.04
    assert intensity.mean() == pytest.approx(1, abs=0.02)
    assert intensity.var() == pytest.approx(1 / looks, rel=0.05)
    if looks == 1:  # Rayleigh: the mean of the amplitude is √π/2 of the root of the mean intensity
        assert noisy.mean() / 0.2 == pytest.approx(np.sqrt(np.pi) / 2, abs=0.01)


def test_speckle_is_new_at_each_step_of_training_and_the_same_elsewhere():
    model = CASE.build(looks=1)
    rgb = batch(model)[0][..., :3]
    first, second = (np.asarray(model.of_a(rgb, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(model.of_a(rgb), model.of_a(rgb))
    plain = CASE.build()
    np.testing.assert_array_equal(plain.of_a(rgb, training=True)[..., 0], plain.of_a(rgb)[..., 2])


def test_it_learns_to_see_through_speckle():
    model = PAIRED.build(looks=1, cycle_weight=0.0, learning_rate=4e-3)
    x, y = batch(model, count=4)
    train = tf.function(lambda: model.train_step((x, y)), autograph=False)
    for _ in range(40):
        train()
    seen = np.asarray(model.of_a(x[..., :3]))
    assert np.abs(np.asarray(model.there(seen)) - y).mean() < 0.75 * np.abs(seen - y).mean()


# === Classes, from the data to the network ===


def test_classes_come_with_the_photos(photo_folder: Path):
    photos = open_source(f"folder:{photo_folder}")
    x, y = next(iter(evaluation_batches(photos, view="labelled", size=32, batch=24)))
    assert x.shape == (24, 32, 32, 5) and y.shape == (24, 32, 32, 3)
    np.testing.assert_array_equal(x[..., 3], 1)
    for planes, name in zip(x[..., 4].numpy(), photos.names, strict=True):
        np.testing.assert_array_equal(planes, photos.label_names.index(name.partition("/")[0]))


def test_in_training_some_are_not_told(photo_folder: Path):
    photos = open_source(f"folder:{photo_folder}")
    stream = training_batches(photos, view="labelled", size=32, batch=64, seed=1, augment=Augment(hintless=0.5))
    x, _ = next(iter(stream))
    told = x[:, 0, 0, 3].numpy()
    assert 16 < told.sum() < 48
    assert set(x[:, 0, 0, 4].numpy()[told == 0]) == {0.0} and set(x[:, 0, 0, 4].numpy()[told == 1]) == {0.0, 1.0}
    again = training_batches(
        photos, view="labelled", size=32, batch=64, seed=1, augment=Augment(hintless=0.5), cache=True
    )
    np.testing.assert_array_equal(next(iter(again))[0][:, 0, 0, 3:], x[:, 0, 0, 3:])


def test_two_sets_share_their_classes_by_name(photo_folder: Path):
    bare = open_source(f"folder:{photo_folder / 'shore'}")
    assert bare.labels is None
    meadow, shore = (
        replace(bare, labels=np.zeros(len(bare), np.int32), label_names=(name,)) for name in ("meadow", "shore")
    )
    for a, told in ((meadow, [1, 0]), (bare, [0, 0])):
        both = Unpaired(a, shore)
        x, y = next(iter(training_batches(both, view="labelled", size=32, batch=2, seed=1)))
        assert x.shape == y.shape == (2, 32, 32, 5)
        np.testing.assert_array_equal(x[:, 0, 0, 3:], [told] * 2)
        np.testing.assert_array_equal(y[:, 0, 0, 3:], [[1, both.label_names.index("shore")]] * 2)
    assert Unpaired(shore, meadow).label_names == ("meadow", "shore")


def test_photos_without_classes_have_none():
    x, _ = next(iter(training_batches(open_source("synthetic:4"), view="labelled", size=32, batch=2, seed=1)))
    np.testing.assert_array_equal(x[..., 3:], 0)


# === The command ===


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_training_with_classes_and_pairs_under_speckle(photo_folder: Path, tmp_path: Path):
    words = [
        *FAST,
        "--data",
        f"folder:{photo_folder}",
        "--domains=2",
        "--looks=1",
        "--paired",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(words) == 0
    (row,) = rows(tmp_path / "run")
    assert {"val_cycle", "val_diversity_ab", "g_l1", "g_class", "d_class"} <= row.keys()
    assert all(np.isfinite(float(row[name])) for name in ("val_cycle", "g_loss", "d_loss"))


def test_two_sets_without_pairs(photo_folder: Path, tmp_path: Path):
    sets = f"unpaired:synthetic:16,size=40x40|folder:{photo_folder}"
    assert main([*FAST, "--data", sets, "--domains=2", "--out", str(tmp_path / "run")]) == 0
    assert "g_l1" not in rows(tmp_path / "run")[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--data folder:{photos} --domains 3", "--domains: must be as many as the photos have classes, or 1. Received: "
         "3; the photos have 2: meadow, shore."),
        ("--data synthetic:12 --domains 2", "Received: 2; the photos have 0."),
        ("--data unpaired:synthetic:12|synthetic:12 --paired", "--data: must be one source for a network that learns"),
        ("--data synthetic:12 --looks -1", "--looks: must be at least 0"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(words: str, said: str, photo_folder: Path, tmp_path: Path, capsys):
    assert main([*FAST, *words.format(photos=photo_folder).split(), "--out", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ") and said in lines[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 30}, "size: must be a multiple of 4, at least 32. Received: 30."),
        ({"domains": 0}, "base_width, domains: must be at least 1"),
        ({"looks": -1}, "must not be negative"),
        ({"residual_blocks": 0}, "residual_blocks: must be at least 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str):
    with pytest.raises(InputError) as caught:
        build("mcgan", **options)
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a network that has not learnt anything."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    options = {"size": 32, **TINY, "domains": 3}
    save_best(folder, build("mcgan", **options), {})
    save_config(RunConfig("mcgan", FAMILIES["mcgan"](name="mcgan", **options)), folder / "config.json")
    return folder


def test_a_run_translates_pictures_of_a_class(run: Path, tmp_path: Path, capsys):
    photo = tmp_path / "photo.png"
    Image.fromarray(colourful(3, 32, 48)).save(photo)
    pictures = {}
    for words in (["--translate"], ["--translate", "--domain", "1"], ["--back"], []):
        out = tmp_path / "-".join(["out", *words])
        assert predict([str(run), str(photo), *words, "--out", str(out)]) == 0
        (made,) = out.iterdir()
        pictures[" ".join(words)] = np.asarray(Image.open(made))[..., :3]
    rgb = np.asarray(Image.open(photo)).astype("float32")[None] / 255
    wanted = np.asarray(load_run(run).model.translate(rgb, 1))[0]
    np.testing.assert_allclose(pictures["--translate --domain 1"] / 255, wanted, atol=1 / 255)
    assert len({picture.tobytes() for picture in pictures.values()}) == 4
    for words, said in (
        (["--domain", "1"], "--domain: goes with --translate, not with --back. Received: 1."),
        (["--translate", "--domain", "3"], "--domain: must be a class from 0 to 2. Received: 3."),
    ):
        assert predict([str(run), str(photo), *words, "--out", str(tmp_path / "none")]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {said}")


def test_a_training_that_goes_on_draws_the_speckle_it_would_have(tmp_path: Path):
    model = CASE.build(looks=1)
    rgb = batch(model)[0][..., :3]
    model.of_a(rgb, training=True)
    folder = save(tmp_path, model, Progress(), keep=1)
    again = CASE.build(seed=2, looks=1)
    restore(folder, again)
    np.testing.assert_array_equal(again.of_a(rgb, training=True), model.of_a(rgb, training=True))


def test_under_speckle_the_networks_own_picture_is_measured(photo_folder: Path):
    model = PAIRED.build(looks=1)
    photos = open_source(f"folder:{photo_folder}").sample(4)
    batches = evaluation_batches(photos, view="labelled", size=32, batch=4)
    painter, logs, clean = SpecklePainter(model), {}, {}
    luma = np.full((1, 32, 32, 1), 50, "float32")
    seen = painter.seen(luma)
    assert seen.std() > 10
    np.testing.assert_array_equal(painter.seen(luma), seen)
    np.testing.assert_allclose(painter(seen) / 255, model.paint(seen), atol=1 / 255)
    Quality(painter, batches, "labelled").on_epoch_end(0, logs)
    Quality(Painter(model), batches, "labelled").on_epoch_end(0, clean)
    assert logs["val_psnr_gray"] < clean["val_psnr_gray"] - 1


def test_on_two_sets_it_is_judged_as_a_translator(run: Path, capsys):
    words = ["--data", "unpaired:synthetic:3,size=40x40|synthetic:4,seed=2,size=40x40", "--json"]
    assert evaluate([str(run), *words]) == 0
    (ways,) = json.loads(capsys.readouterr().out)["translations"].values()
    assert [(way["way"], way["pictures"]) for way in ways] == [("A to B", 3), ("B to A", 4)]
