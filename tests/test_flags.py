from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from colorize_tf.config import save_config, with_values
from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_smoke_is_small_and_keeps_the_network_kind(name: str):
    config = parse(["--preset", name, "--smoke", "--out", "x"]).config
    assert config.model.name == PRESETS[name].config.model.name
    assert config.model.size <= 64 and getattr(config.model, "base_width", 1) <= 8
    assert config.train.epochs * (config.train.steps_per_epoch or 1e9) * config.data.batch <= 100
    assert config.data.data.removeprefix("unpaired:").startswith("synthetic:")


def test_a_flag_wins_over_smoke():
    config = parse(["--smoke", "--epochs", "3", "--data", "folder:p", "--out", "x"]).config
    assert (config.train.epochs, config.data.data, config.data.batch) == (3, "folder:p", 4)


@pytest.mark.parametrize(
    ("words", "slow"),
    [
        ("", ()),
        ("--encoder-weights a.npz", ("generator/conv*",)),
        ("--init-from mobile", ("generator/conv*",)),
        ("--slow generator/*", ("generator/*",)),
    ],
)
def test_a_preset_slows_an_encoder_that_knows_something(words: str, slow: tuple[str, ...]):
    assert parse(["--preset", "mobile", "--out", "x", *words.split()]).config.train.slow == slow


def test_an_encoder_that_other_weights_would_replace_is_refused():
    with pytest.raises(InputError, match=r"--encoder-weights: does not go with --init-from.*Received: imagenet"):
        parse(["--preset", "unet", "--out", "x", "--encoder-weights", "imagenet", "--init-from", "runs/a"])


def test_flags_reach_their_fields():
    words = "--out x --size 128 --learning-rate 1e-3 --freeze a* b* --no-augment --limit none --minutes 5 --tensorboard"
    config = parse(words.split()).config
    assert config.model.size == 128
    assert config.train.learning_rate == 1e-3
    assert config.train.freeze == ("a*", "b*")
    assert config.data.augment is False and config.train.tensorboard is True
    assert config.data.limit is None and config.train.minutes == 5.0


@pytest.mark.parametrize(
    ("words", "argument", "said"),
    [
        ("--out x --bach 3", "command line", "Did you mean --batch? Valid: --a"),
        ("--out x --base-widht=3", "command line", "Did you mean --base-width?"),
        ("--out x stray", "command line", "stray"),
        ("--preset pix2pix-rbg --out x", "--preset", "Did you mean pix2pix-rgb? Valid: "),
        ("--out x --batch 0", "--batch", "from 1 to 65536"),
        ("--out x --batch many", "--batch", "whole number"),
        ("--out x --batch", "--batch", "expected one argument"),
        ("--out x --val-share nan", "--val-share", "from 0 to 0.9"),
        ("--out x --precision half", "--precision", "float32, bfloat16, float16"),
        ("--out x --size 100", "--size", "power of two"),
        ("--out x --size 1048576", "--size", "at most 4096"),
        ("--out x --norm layer", "--norm", "batch, instance"),
        ("--size 64", "--out", "required"),
        ("--out x --subset 90/10 --val-share 0.2", "--val-share", "does not go with --subset 90/10"),
        ("--out x --subset 90/10 --test-share 0", "--test-share", "does not go with --subset 90/10"),
        ("--out x --resume --overwrite", "--resume", "--overwrite"),
        ("--out {none} --resume", "--resume", "earlier run"),
    ],
)
def test_wrong_command_line_is_one_clear_error(words: str, argument: str, said: str, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        parse(words.format(none=tmp_path / "none").split())
    assert caught.value.argument == argument
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_flag_answers_without_tensorflow(tmp_path: Path):
    block = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; import runpy; sys.argv = sys.argv[1:];"
    )
    code = f"{block} runpy.run_module('colorize_tf.train', run_name='__main__')"
    command = [sys.executable, "-c", code, "train", "--out", str(tmp_path / "x"), "--bach", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: command line: unknown name. Received: --bach. Did you mean --batch?")
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_help_lists_presets_and_an_example(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        parse(["--preset", "pix2pix-lab", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for expected in (*PRESETS, "example:", "--l1-weight", PRESETS["pix2pix-rgb"].command):
        assert expected in text


def test_resume_takes_the_saved_options(tmp_path: Path):
    config = with_values(PRESETS["pix2pix-lab"].config, {"batch": 7})
    save_config(config, tmp_path / "config.json")
    arguments = parse(["--resume", "--out", str(tmp_path), "--epochs", "9"])
    assert arguments.resume
    assert arguments.config == with_values(config, {"epochs": 9})


def test_resume_accepts_the_whole_command_again(tmp_path: Path):
    words = ["--preset", "pix2pix-lab", "--smoke", "--size", "64", "--out", str(tmp_path)]
    save_config(parse(words).config, tmp_path / "config.json")
    assert parse([*words, "--resume"]).config == parse(words).config


def test_resume_with_smoke_takes_a_run_whose_preset_is_gone_as_it_is(tmp_path: Path):
    config = dataclasses.replace(PRESETS["pix2pix-lab"].config, preset="of-long-ago")
    save_config(config, tmp_path / "config.json")
    assert parse(["--resume", "--smoke", "--out", str(tmp_path)]).config == config


@pytest.mark.parametrize("words", ["--size 64", "--batch 3", "--preset pix2pix-rgb", "--seed 9", "--data folder:other"])
def test_resume_refuses_what_would_make_it_another_run(words: str, tmp_path: Path):
    save_config(PRESETS["pix2pix-lab"].config, tmp_path / "config.json")
    with pytest.raises(InputError, match="cannot change on --resume"):
        parse(["--resume", "--out", str(tmp_path), *words.split()])


def test_values_are_told_as_they_would_be_written(tmp_path: Path):
    save_config(PRESETS["pix2pix-lab"].config, tmp_path / "config.json")
    with pytest.raises(InputError, match=r"the run has none\. Received: generator/down\* generator/up0\."):
        parse(["--resume", "--out", str(tmp_path), "--freeze", "generator/down*", "generator/up0"])
