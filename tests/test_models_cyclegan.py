"""CycleGAN: its losses, its pool of earlier pictures, and what tells and works against a collapse."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colorize_tf import checkpoints
from colorize_tf.config import RunConfig, save_config
from colorize_tf.datasets import open_unpaired
from colorize_tf.epochs import check_best_metric
from colorize_tf.errors import InputError
from colorize_tf.exchange import COLLAPSED, Exchange, diversity
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.models import cyclegan as paper
from colorize_tf.models.pool import ImagePool
from colorize_tf.predict import load_run
from colorize_tf.predict import main as predict
from colorize_tf.train import main

from .conftest import colourful
from .model_checks import Case, batch, changed, step, weights_of

CASE = Case("cyclegan", {"base_width": 2, "residual_blocks": 1, "pool": 4})
GRAY = Case("cyclegan-gray", CASE.options)
TINY = ["--size=32", "--base-width=2", "--residual-blocks=1", "--pool=6", "--batch=2", "--val-share=0.4",
        "--test-share=0", "--val-count=4", "--grid-rows=2", "--deterministic"]  # fmt: skip
SETS = ["--preset", "cyclegan", "--data", "unpaired:synthetic:20,size=40x40|synthetic:16,seed=5,size=40x40", *TINY]


def pictures(count: int, size: int = 32) -> np.ndarray:
    return np.stack([colourful(seed, size, size) for seed in range(count)]).astype("float32") / 127.5 - 1


def test_the_residual_blocks_give_their_sum_to_the_decoder_as_it_is():
    generator = CASE.build().generator
    assert generator.get_layer("up0").input._keras_history.operation.name == "block0_sum"
    assert generator.get_layer("up1").input._keras_history.operation.name == "up1_act"


# === Losses ===


def test_the_generators_lose_what_the_paper_says():
    model = CASE.build(diversity_weight=2.0)
    a, b = batch(model)
    there, back = (lambda x: np.asarray(model.generator(x))), (lambda x: np.asarray(model.inverse(x)))
    like_b, like_a = there(a), back(b)
    expected = {
        "g_gan": np.mean((np.asarray(model.discriminator_b(like_b)) - 1) ** 2)
        + np.mean((np.asarray(model.discriminator_a(like_a)) - 1) ** 2),
        "g_cycle": 10 * (np.abs(back(like_b) - a).mean() + np.abs(there(like_a) - b).mean()),
        "g_identity": 5 * (np.abs(there(b) - b).mean() + np.abs(back(a) - a).mean()),
        "d_loss": 0.5 * sum(
            np.mean((np.asarray(judge(real)) - 1) ** 2) + np.mean(np.asarray(judge(fake)) ** 2)
            for judge, real, fake in ((model.discriminator_a, a, like_a), (model.discriminator_b, b, like_b))
        ),
    }  # fmt: skip
    losses = {name: float(value) for name, value in model.test_step((a, b)).items()}
    for name, value in expected.items():
        assert losses[name] == pytest.approx(float(value), rel=1e-4), name
    parts = ("g_gan", "g_cycle", "g_identity", "g_diversity")
    assert losses["g_loss"] == pytest.approx(sum(losses[name] for name in parts), rel=1e-5)


def test_each_loss_can_be_left_out():
    model = CASE.build(identity_weight=0.0)
    a, b = batch(model)
    assert set(step(model, a, b)) == {"g_loss", "g_gan", "g_cycle", "d_loss"}


def test_set_a_of_gray_has_no_colour():
    model = GRAY.build()
    a = np.asarray(model.of_a(pictures(2)))
    np.testing.assert_array_equal(a[..., :1], a[..., 1:2])
    np.testing.assert_allclose(a[..., 0], pictures(2) @ np.array([0.2989, 0.5870, 0.1140], "float32"), atol=1e-3)


def test_the_penalty_is_none_for_diverse_outputs_and_whole_for_equal_ones():
    given = pictures(3)
    np.testing.assert_allclose(paper.diversity(given, given), 1, atol=0.02)
    np.testing.assert_array_equal(paper.diversity(given, np.zeros_like(given)), 0)


def test_the_penalty_keeps_outputs_apart():
    spread = {}
    for weight in (0.0, 10.0):
        alone = {"cycle_weight": 0.0, "identity_weight": 0.0}
        model = CASE.build(diversity_weight=weight, base_width=8, learning_rate=2e-3, **alone)
        a, b = (tf.constant(part) for part in batch(model, count=4))
        train = tf.function(lambda m=model, data=(a, b): m.train_step(data), autograph=False)
        for _ in range(25):
            train()
        spread[weight] = diversity(a.numpy(), np.asarray(model.generator(a)))
    assert spread[10.0] > 1.5 * spread[0.0]


# === Pool ===


def test_the_pool_fills_and_then_gives_half_of_what_it_got_before():
    pool, ask = ImagePool(5, (1, 1, 1), seed=3), None
    ask = tf.function(pool)
    given, old = [], 0
    for number in range(200):
        new = np.array([[[[float(2 * number)]]], [[[float(2 * number + 1)]]]], "float32")
        answer = ask(new).numpy()
        assert set(answer.ravel()) <= {*given, *new.ravel()}  # nothing is made up
        if number < 2:
            np.testing.assert_array_equal(answer, new)
        old += int((answer != new).sum())
        given += new.ravel().tolist()
        assert len(set(pool.pictures.numpy().ravel()[: min(5, len(given))])) == min(5, len(given))  # nor kept twice
    assert 0.4 < old / 400 < 0.6


def test_a_pool_that_goes_on_swaps_as_it_would_have():
    first, second = (ImagePool(3, (1, 1, 1), seed=1) for _ in range(2))
    values = np.random.default_rng(0).normal(size=(20, 2, 1, 1, 1)).astype("float32")
    for value in values[:10]:
        first(value)
    for variable, other in zip(second.variables, first.variables, strict=True):
        variable.assign(other)
    for value in values[10:]:
        np.testing.assert_array_equal(first(value), second(value))


def test_a_pool_smaller_than_a_batch_is_refused_and_none_lets_all_pass():
    x = pictures(2, 4)
    np.testing.assert_array_equal(ImagePool(0, (4, 4, 3), seed=1)(x), x)
    with pytest.raises(InputError, match=r"--batch: must not exceed the pool of 1 pictures\. Received: 2"):
        ImagePool(1, (4, 4, 3), seed=1)(x)


def test_the_discriminators_see_the_pools(monkeypatch):
    model = CASE.build()
    a, b = batch(model)
    seen: list[Any] = []
    monkeypatch.setattr(model, "_pools", lambda: [lambda x: seen.append(np.array(x)) or tf.zeros_like(x)] * 2)
    like_a, like_b = np.asarray(model.inverse(b, training=True)), np.asarray(model.generator(a, training=True))
    losses = step(model, a, b)
    np.testing.assert_allclose(seen[0], like_a, atol=1e-5)
    np.testing.assert_allclose(seen[1], like_b, atol=1e-5)
    assert np.isfinite(losses["d_loss"])


def test_pools_are_kept_in_checkpoints_and_not_in_weights(tmp_path: Path):
    model = CASE.build()
    a, b = batch(model)
    step(model, a, b)
    folder = checkpoints.save(tmp_path, model, checkpoints.Progress(), keep=1)
    again = CASE.build(seed=2)
    checkpoints.restore(folder, again)
    for variable, saved in zip(again.pool_a.variables + again.pool_b.variables,
                               model.pool_a.variables + model.pool_b.variables, strict=True):  # fmt: skip
        np.testing.assert_array_equal(variable, saved)
    assert np.abs(again.pool_a.pictures).max() > 0
    bare = build("cyclegan", size=32, **{**CASE.options, "pool": 0})
    checkpoints.load_weights(bare, folder / "model.weights.h5")
    assert not changed(weights_of(model.generator), weights_of(bare.generator))


# === The monitor ===


def test_diversity_is_one_for_copies_and_nothing_for_one_answer_to_all():
    given = pictures(5)
    assert diversity(given, given) == pytest.approx(1)
    assert diversity(given, given[::-1]) == pytest.approx(1)
    assert diversity(given, np.repeat(given[:1], 5, axis=0)) == 0
    assert diversity(given[:1], given[:1]) == 1


class Collapsed:
    """Two generators that give gray whatever they are shown."""

    @staticmethod
    def of_a(x: tf.Tensor) -> tf.Tensor:
        return x

    @staticmethod
    def there(x: tf.Tensor) -> tf.Tensor:
        return 0 * x

    back = there


def test_a_collapse_is_warned_of_and_shown(tmp_path: Path, caplog):
    data = tf.data.Dataset.from_tensors((pictures(3), pictures(3)))
    monitor = Exchange(Collapsed(), data, data, 2, tmp_path)  # type: ignore[arg-type]
    logs: dict[str, Any] = {}

    def said() -> list[str]:  # TensorFlow logs there too: of its own retracing, when other tests traced before
        return [record.getMessage() for record in caplog.records if record.name.startswith("colorize_tf")]

    with caplog.at_level("WARNING", "colorize_tf.train"):
        monitor.on_epoch_end(4, logs)
        assert not said()  # an untrained network gives next to nothing
        monitor.on_epoch_end(5, logs)
    assert logs["val_diversity_ab"] == logs["val_diversity_ba"] == 0 < COLLAPSED
    assert [message[:36] for message in said()] == [
        "epoch 6: pictures made of A differ 0", "epoch 6: pictures made of B differ 0",
    ]  # fmt: skip
    assert logs["val_cycle"] == pytest.approx(np.abs(pictures(3)).mean() / 2, rel=1e-5)
    with Image.open(tmp_path / "exchange-0006.png") as shown:
        assert shown.size == (6 * 32, 2 * 32)


@pytest.mark.parametrize("empty", ["a", "b"])
def test_a_set_without_photos_to_measure_on_is_said(empty: str, caplog):
    two = open_unpaired("unpaired:synthetic:2,size=32x32|synthetic:3,size=32x32")
    with caplog.at_level("WARNING", "colorize_tf.train"):
        check_best_metric("val_cycle", CASE.build(), two)
        assert not caplog.records
        check_best_metric("val_cycle", CASE.build(), replace(two, **{empty: getattr(two, empty).sample(0)}))
    assert "no photo is left for validation in one of the two sets: val_cycle is not measured" in caplog.text


# === The command ===


def state(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "state.npz") as file:
        return dict(file)


def test_an_interrupted_run_goes_on_bit_for_bit_with_its_pools(tmp_path: Path):
    words = [*SETS, "--epochs", "2", "--steps-per-epoch", "4", "--schedule", "linear", "--decay-from", "2"]
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert main([*words, "--out", str(whole)]) == 0
    assert main([*words, "--out", str(parted), "--minutes", "0"]) == 0
    assert main(["--resume", "--out", str(parted), "--minutes", "none"]) == 0
    ends = [run / "checkpoints" / "step-00000008" for run in (whole, parted)]
    first, second = (state(end) for end in ends)
    assert first.keys() == second.keys() and any(name.startswith("pool_a") for name in first)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    assert (ends[0] / "model.weights.h5").stat().st_size == (ends[1] / "model.weights.h5").stat().st_size
    with open(parted / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(np.isfinite(float(row[name])) for row in rows for name in ("val_cycle", "val_diversity_ab", "g_cycle"))
    assert (parted / "samples" / "exchange-0002.png").is_file()
    assert json.loads((parted / "best" / "metrics.json").read_text())["val_cycle"] == min(
        float(row["val_cycle"]) for row in rows
    )


def test_gray_needs_one_source_and_is_measured_as_a_colorizer(tmp_path: Path):
    words = ["--preset", "cyclegan-gray", "--data", "synthetic:20,size=40x40", *TINY]
    assert main([*words, "--epochs", "1", "--steps-per-epoch", "1", "--out", str(tmp_path / "run")]) == 0
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert {"val_psnr", "val_psnr_gray", "val_cycle", "val_diversity_ba"} <= row.keys()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a translator that has not learnt anything."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    checkpoints.save_best(folder, CASE.build(), {})
    options = {"size": 32, **CASE.options}
    save_config(RunConfig("cyclegan", FAMILIES["cyclegan"](name="cyclegan", **options)), folder / "config.json")
    return folder


@pytest.mark.parametrize(("flag", "network"), [("--translate", "translate"), ("--back", "translate_back")])
def test_photos_are_translated_at_the_size_that_was_learnt(flag: str, network: str, run: Path, tmp_path: Path, capsys):
    photo = tmp_path / "photo.png"
    Image.fromarray(colourful(3, 66, 100)).save(photo)
    assert predict([str(run), str(photo), flag, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'photo.translated.png'}\n"
    seen = np.asarray(Image.open(photo).resize((48, 32), Image.Resampling.BILINEAR), np.float32) / 255
    expected = np.asarray(getattr(load_run(run).model, network)(seen[None]))[0]
    with Image.open(tmp_path / "out" / "photo.translated.png") as painted:
        np.testing.assert_allclose(np.asarray(painted)[..., :3] / 255, expected, atol=1 / 255)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{run} {photo}", "RUN: must hold a network that colorizes. Received: cyclegan, which translates."),
        ("{run} {photo} --translate --raw", "--translate: gives one picture, so it goes with neither --samples nor"),
        ("{gray} {photo} --samples 2", "--samples: needs a run trained with --noise dropout"),
        ("{run} {photo} --translate --domain 1", "--domain: needs a network that is told classes. Received: cyclegan."),
        ("{plain} {photo} --translate", "--translate: needs a network that translates. Received: dcgan, which colori"),
    ],
)
def test_predicting_what_a_run_does_not_do_is_one_line(words: str, said: str, run: Path, tmp_path: Path, capsys):
    Image.fromarray(colourful(3, 40, 40)).save(tmp_path / "photo.png")
    for name in ("cyclegan-gray", "dcgan"):
        family = FAMILIES[name]
        options = {"size": 32, "base_width": 2, **({"residual_blocks": 1, "pool": 0} if "gan-" in name else {})}
        (tmp_path / name).mkdir()
        checkpoints.save_best(tmp_path / name, build(name, **options), {})
        save_config(RunConfig(name, family(name=name, **options)), tmp_path / name / "config.json")
    places = {
        "run": run,
        "photo": tmp_path / "photo.png",
        "gray": tmp_path / "cyclegan-gray",
        "plain": tmp_path / "dcgan",
    }
    assert predict([*words.format(**places).split(), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--preset cyclegan --data synthetic:12", "--data: must be two sets for a network that translates."),
        ("--preset dcgan --data unpaired:synthetic:12|synthetic:12", "--data: must be one source for a network that"),
        ("--preset cyclegan --data unpaired:synthetic:12|folder:none", "folder: must name an existing folder"),
        ("--preset cyclegan --best-metric val_psnr", "Valid: d_loss, g_cycle, "),
        ("--preset cyclegan --batch 8", "--batch: must not exceed the pool of 6 pictures"),
        ("--preset cyclegan --diversity-weight 1 --batch 1", "--diversity-weight: needs a batch of two pictures"),
        ("--preset cyclegan --pretrain-epochs 1", "--pretrain-epochs: needs a network with such a phase"),
    ],
)
def test_what_does_not_go_together_is_one_line(words: str, said: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*words.split(), "--smoke", "--out", "run"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ") and said in lines[-1]
    assert not any(line.startswith("Traceback") for line in lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 30}, "size: must be a multiple of 4, at least 32. Received: 30."),
        ({"residual_blocks": 0}, "residual_blocks: must be at least 1. Received: 0."),
        ({"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ({"pool": -1}, "must not be negative"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str):
    with pytest.raises(InputError) as caught:
        build("cyclegan", **options)
    assert said in str(caught.value)


def test_the_generators_are_the_authors():
    model = build("cyclegan")
    assert model.generator.count_params() == model.inverse.count_params() == 11_378_179 + 5_248
    adds = [layer for layer in model.inverse.layers if isinstance(layer, keras.layers.Add)]
    assert len(adds) == 9
