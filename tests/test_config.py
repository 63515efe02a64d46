from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from colorize_tf.config import (
    CONFIG_VERSION,
    DataConfig,
    RunConfig,
    TrainConfig,
    load_config,
    save_config,
    with_values,
)
from colorize_tf.errors import InputError
from colorize_tf.families import FAMILIES, Pix2PixConfig
from colorize_tf.flags import parse
from colorize_tf.presets import EXPECTED, PRESETS


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    save_config(PRESETS["pix2pix-lab"].config, path)
    return path


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", PRESETS)
def test_config_survives_the_file(name: str, tmp_path: Path):
    config = with_values(PRESETS[name].config, {"freeze": ("a", "b"), "minutes": 1.5, "limit": 3, "size": 64})
    save_config(config, tmp_path / "config.json")
    assert load_config(tmp_path / "config.json") == config


@pytest.mark.parametrize("name", PRESETS)
def test_preset_says_how_to_run_it_and_what_to_expect(name: str):
    preset = PRESETS[name]
    words = preset.command.split()
    assert words[:3] == ["python", "-m", "colorize_tf.train"]
    assert parse(words[3:]).config.preset == name
    assert preset.expected.machine and preset.expected.hours and preset.expected.score


def test_expectations_are_of_presets_that_exist():
    assert set(EXPECTED) <= set(PRESETS)


def test_no_two_fields_share_a_flag():
    for preset in PRESETS.values():
        names = [item.name for part in preset.config.parts().values() for item in dataclasses.fields(part)]
        assert len(names) == len(set(names))


def test_every_field_has_help():
    for kind in (DataConfig, TrainConfig, *FAMILIES.values()):
        for item in dataclasses.fields(kind):
            assert len(item.metadata["help"]) > 5, item.name


def test_newer_config_is_refused(saved: Path):
    edit(saved, version=CONFIG_VERSION + 1)
    with pytest.raises(InputError, match=rf"newer colorize_tf; this one reads up to version {CONFIG_VERSION}"):
        load_config(saved)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "1"}, "whole number as version"),
        ({"version": True}, "whole number as version"),
        ({"extra": 1}, "Received: extra"),
        ({"data": [1]}, "JSON dict"),
        ({"model": {"name": "pix2pix-rbg"}}, "Did you mean pix2pix-rgb?"),
        ({"model": {"name": ["pix2pix-rgb"]}}, "model name: unknown name"),
        ({"train": {"epoch": 3}}, "Did you mean epochs?"),
        ({"train": {"epochs": "3"}}, "config.json: --epochs: must be a whole number"),
        ({"train": {"seed": 1 << 32}}, "--seed: must be from 0 to 4294967295"),
        ({"train": {"beta_1": 1}}, "--beta-1: must be from 0 to 0.999999"),
        ({"data": {"batch": 10**20}}, "--batch: must be from 1 to 65536"),
        ({"train": {"epochs": True}}, "--epochs: must be a whole number"),
        ({"train": {"freeze": [1]}}, "--freeze"),
    ],
)
def test_wrong_config_file_is_one_clear_error(changes: dict[str, object], said: str, saved: Path):
    edit(saved, **changes)
    with pytest.raises(InputError) as caught:
        load_config(saved)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', "\x00\xff", "[" * 100_000, "1" * 5000])
def test_damaged_config_file_is_one_clear_error(content: str, saved: Path):
    saved.write_text(content, encoding="latin-1")
    with pytest.raises(InputError):
        load_config(saved)


def test_an_older_file_without_a_later_field_takes_its_default(saved: Path):
    content = json.loads(saved.read_text())
    del content["train"]["keep"]
    saved.write_text(json.dumps(content))
    assert load_config(saved).train.keep == TrainConfig().keep


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("unet-small --backbone mobilenetv2", "--encoder-width: must be 64 but for resnet18. Received: 32 for mob"),
        ("unet --backbone inceptionv3 --size 64", "--size: must be a multiple of 32, at least 96. Received: 64."),
        ("eccv16 --balance 0", "--balance: must be from 0.01 to 1. Received: 0.0."),
        ("mobile --balance 0", "--balance: must be from 0.01 to 1. Received: 0.0."),
        ("autoencoder --size 8", "--size: must be a multiple of 8, at least 16. Received: 8. Try 16."),
        ("pix2pix-lab --noise dropout --architecture resnet", "--noise: needs a network with dropout"),
        (
            "pix2pix-lab --noise dropout --dropout 0",
            "--noise: needs a network with dropout. Received: dropout with --dropout 0.",
        ),
        ("unet --replicas 4", "--replicas: goes with --strategy mirrored, and the strategy is one. Received: 4."),
        (
            "unet --strategy mirrored --tpu a",
            "--tpu: goes with --strategy tpu, and the strategy is mirrored. Received: a.",
        ),
        ("pix2pix-lab --label-smoothing 0.5", "--label-smoothing: must be from 0 to 0.49"),
        ("mobile --size 32", "--size: must be a multiple of 32, at least 64. Received: 32."),
        ("mcgan --size 16", "--size: must be a multiple of 4, at least 32. Received: 16. Try 32."),
        ("pix2pix-lab --size 128 --scales 4", "--scales: must leave the smallest 32 pixels wide. Received: 4 of 128."),
        ("cyclegan-small --pool 3", "--batch: must not exceed the pool of 3 pictures. Received: 4."),
        ("cyclegan --diversity-weight 1", "--diversity-weight: needs a batch of two pictures or more. Received: --ba"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_built(words: str, said: str):
    with pytest.raises(InputError) as caught:
        parse(["--preset", *words.split(), "--out", "run"])
    assert str(caught.value).startswith(said)


def test_options_that_go_together_are_taken():
    words = ("pix2pix-lab --size 128 --scales 3", "cyclegan-small --pool 0 --diversity-weight 1")
    for preset, *rest in (one.split() for one in words):
        assert parse(["--preset", preset, *rest, "--out", "run"]).config.preset == preset


def test_unknown_value_name_is_refused():
    with pytest.raises(InputError, match="Did you mean batch"):
        with_values(RunConfig("p", Pix2PixConfig()), {"batsh": 3})
