"""Labels taught to encoders: scores by hand, the innermost features, and the command on folders of classes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from colorize_tf.classify import compare, encoder, fine_tune, fit_head, look, score, settle
from colorize_tf.config import DataConfig
from colorize_tf.datasets import open_source
from colorize_tf.errors import InputError
from colorize_tf.labels import labels_of, multi_hot
from colorize_tf.models import build
from colorize_tf.splits import open_splits
from colorize_tf.transfer import main, split_of

from .conftest import colourful
from .test_predict import make_run


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and bright photos in a folder each."""
    folder = tmp_path_factory.mktemp("classes")
    for index in range(40):
        name = "bright" if index % 2 else "dark"
        (folder / name).mkdir(exist_ok=True)
        picture = colourful(index) // 3 + (150 if index % 2 else 0)
        Image.fromarray(picture.astype(np.uint8)).save(folder / name / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = DataConfig(val_share=0.1, test_share=0.2)
    return make_run(tmp_path_factory.mktemp("runs") / "run", "autoencoder", data=data)


# === Labels ===


def test_labels_become_numbers() -> None:
    y, names = multi_hot(["cat|dog", "dog", "", "dog|cat|bird"], fewest=2)
    assert names == ("cat", "dog")
    assert y.tolist() == [[1, 1], [0, 1], [0, 0], [1, 1]]
    assert multi_hot(["a"], fewest=2)[0].shape == (1, 0)


def test_a_file_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"file": "a.jpg", "cls": "sea"}\n{"file": "b.jpg", "labels": ["cat", "dog"]}\n{"file": "c.jpg"}\n')
    assert labels_of(path) == {"a.jpg": "sea", "b.jpg": "cat|dog", "c.jpg": ""}
    path.write_text('{"name": "a.jpg"}\n')
    with pytest.raises(InputError, match="--labels: must be JSON lines"):
        labels_of(path)


# === Photos ===


def test_no_photo_is_judged_on_that_the_run_learnt_from(classes: Path) -> None:
    data = DataConfig(data=f"folder:{classes}", val_share=0.1, test_share=0.25)
    photos, own = open_source(data.data), open_splits(data)
    judged, taught = (set(photos.split(part, split_of(data)).hashes) for part in ("test", "train"))
    assert taught == set(own["train"].hashes)
    assert judged == {*own["val"].hashes, *own["test"].hashes} and len(judged) > 5
    assert split_of(replace(data, subset="30/10")) == {"train": 0.8, "test": 0.2}


# === Scores ===


def test_scores_by_hand() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], np.float32)
    told = np.array([[0.9, 0.2, 0.99], [0.6, 0.4, 0.0], [0.7, 0.8, 0.0], [0.1, 0.1, 0.0]], np.float32)
    found = score(told, truth)
    # The third label never occurs: no precision is that of it. First: ranks 1, 2 of its photos are both right. Second:
    # 1 and 2.
    assert found.average_precision == pytest.approx(1.0)
    # First: 2 right, 1 wrong, none missed: 4/5. Second: 1 right, none wrong, 1 missed: 2/3.
    assert found.f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    # The likeliest of the first photo is that third one, which is wrong; only the third photo's is right.
    assert found.accuracy.mean == pytest.approx(1 / 4) and found.photos == 4
    worse = score(told[::-1], truth)
    assert worse.average_precision < 0.8


# === Encoders ===


@pytest.mark.parametrize(
    ("name", "channels", "width"),
    [("autoencoder", 1, 32), ("eccv16", 1, 32), ("siggraph17", 4, 32), ("pix2pix-rgb", 3, 32)],
)
def test_the_innermost_features_are_found(name: str, channels: int, width: int) -> None:
    model = build(name, size=32, base_width=4)
    body = encoder(model, 32)
    assert body.output_shape == (None, width)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, channels)).astype(np.float32)
    assert np.ptp(look(body, x), axis=0).max() > 0


def test_a_backbone_is_an_encoder() -> None:
    body = encoder(build("unet", size=32, encoder_width=4, decoder_width=4, base_width=4), 32)
    assert body.output_shape == (None, 32)


@pytest.mark.parametrize("network", ["mobile", "unet"])
def test_a_head_knows_a_new_encoder_again_when_it_is_taught(network: str) -> None:
    options = {"mobile": {"alpha": 0.25, "width": 16}, "unet": {"encoder_width": 4, "decoder_width": 4}}[network]
    keras.utils.set_random_seed(3)
    body = encoder(build(network, size=64, base_width=4, **options), 64)
    x = np.random.default_rng(3).normal(size=(96, 64, 64, body.input_shape[-1])).astype(np.float32)
    before = body.get_weights()
    settle(body, x, seed=3)
    head = fit_head(look(body, x), np.ones((96, 1), np.float32), steps=1, seed=3)
    shown = np.asarray(head.layers[0](body(x[:32], training=True)))
    assert np.abs(shown).max() < 30  # it was ten million
    kept = [norm.momentum for norm in body._flatten_layers() if isinstance(norm, keras.layers.BatchNormalization)]
    assert kept and min(kept) > 0.5  # as it was, for the training that follows
    assert sum(not np.array_equal(a, b) for a, b in zip(before, body.get_weights(), strict=True)) == 2 * len(kept)


def test_what_never_varies_in_few_photos_does_not_outshout_the_rest() -> None:
    features = np.random.default_rng(4).normal(size=(10, 8)).astype(np.float32)
    features[:, 5] = 0.25
    for few in (features, features[:1]):
        head = fit_head(few, np.ones((len(few), 1), np.float32), steps=1, seed=4)
        assert np.abs(np.asarray(head.layers[0](features + 0.5))).max() < 60


def test_frozen_leaves_the_encoder_alone_and_fine_tuning_does_not() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 32, 32, 1)).astype(np.float32)
    x[:32] += 1.5
    y = np.stack([np.arange(64) < 32, np.arange(64) >= 32], axis=1).astype(np.float32)
    keras.utils.set_random_seed(1)
    body = encoder(build("autoencoder", size=32, base_width=8), 32)
    before = [np.array(weight) for weight in body.get_weights()]
    head = fit_head(look(body, x), y, steps=200, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, body.get_weights(), strict=True))
    assert score(look(head, look(body, x)), y).average_precision > 0.9
    network = fine_tune(body, head, x, y, steps=3, seed=1)
    assert isinstance(network, keras.Model)
    moved = [not np.array_equal(a, b) for a, b in zip(before, body.get_weights(), strict=True)]
    assert sum(moved) > len(moved) / 2


# === Command ===


def test_every_start_and_share_has_a_row(
    run: Path, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = [
        "--data",
        f"folder:{classes}",
        "--fewest",
        "3",
        "--head-steps",
        "5",
        "--steps",
        "3",
        "--shares",
        "0.3",
        "1",
        "--out",
        str(out),
    ]
    assert main([str(run), *options]) == 0
    shown = capsys.readouterr().out
    result = json.loads((out / "transfer.json").read_text())
    assert result["labels"] == ["bright", "dark"]
    assert result["protocol"]["split"]["test"] == pytest.approx(0.3)  # what the run kept
    rows = [(row["start"], row["encoder"], row["share"]) for row in result["results"]]
    assert rows == [(s, e, n) for n in (1.0, 0.3) for s in ("colorization", "chance") for e in ("frozen", "fine-tuned")]
    assert result["results"][0]["photos"] > result["results"][-1]["photos"] > 0
    assert shown.count("| colorization |") == 4
    with Image.open(out / "curves.png") as curves:
        assert curves.size[0] > 300

    assert main([str(run), *options]) == 2
    assert "--out: holds a result already" in capsys.readouterr().err


def test_without_scikit_learn_nothing_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    taught: list[Any] = []
    with pytest.raises(InputError, match="transfer: needs scikit-learn"):
        next(compare({}, lambda: taught.append(1), {}, [1.0], (1, 1), 1))
    assert not taught


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shares", "0"], "--shares: must be above 0"),
        (["--seed", "-1"], "--seed: must be from 0 to 4294967295"),
        (["--fewest", "1000"], "--fewest: must leave at least two labels"),
        (["--imagenet", "none.npz"], "--imagenet: needs a network that takes such an encoder"),
        (["--labels", "nowhere.jsonl"], "--labels: must be JSON lines"),
        (["--head-steps", "0"], "--head-steps: must be at least 1"),
        (["--steps", "0"], "--steps: must be at least 1"),
        (["--size", "44"], "--size: must be a multiple of 8 from 32 to 4096"),
        (["--size", "80000"], "--size: must be a multiple of 8 from 32 to 4096"),
    ],
)
def test_bad_input_is_one_line(
    run: Path, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([str(run), "--data", f"folder:{classes}", "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["cyclegan", "mcgan"])
def test_networks_whose_encoder_is_not_that_of_a_colorizer_are_refused(
    name: str, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(tmp_path / "run", name)
    assert main([str(folder), "--data", f"folder:{classes}", "--out", str(tmp_path / "out")]) == 2
    assert f"RUN: must hold a network that colorizes what it sees alone. Received: {name}." in capsys.readouterr().err


def test_photos_without_labels_are_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(colourful(1)).save(tmp_path / "a.png")
    assert main([str(run), "--data", f"folder:{tmp_path}", "--out", str(tmp_path / "out")]) == 2
    assert "--data: has photos without labels" in capsys.readouterr().err
