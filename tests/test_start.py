"""What a network starts from, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorize_tf.checkpoints import save_best
from colorize_tf.config import RunConfig, save_config
from colorize_tf.datasets import open_source
from colorize_tf.flags import parse
from colorize_tf.models import build
from colorize_tf.start import begin

SMALL = ["--preset", "eccv16", "--smoke", "--base-width", "1", "--size", "32", "--out", "x"]


def config_of(*words: str) -> RunConfig:
    return parse([*SMALL, *words]).config


@pytest.mark.parametrize(("temperature", "warned"), [("0.38", False), ("1.0", True)])
def test_colours_that_are_read_otherwise_are_said(temperature: str, warned: bool, tmp_path: Path, caplog):
    earlier = config_of("--temperature", temperature)
    save_config(earlier, tmp_path / "config.json")
    save_best(tmp_path, build("eccv16", **earlier.model.options()), {})
    now = config_of("--init-from", str(tmp_path))
    begin(build("eccv16", **now.model.options()), open_source("synthetic:4"), now)
    said = f"colours begin otherwise than those of {tmp_path}, which had --temperature 1.0"
    assert (said in caplog.messages) == warned
