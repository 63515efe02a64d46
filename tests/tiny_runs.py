"""Trainings of a network so tiny that a test can have a whole one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from colorize_tf.train import main

__all__ = ["TINY", "history", "refused", "trained"]

TINY = [
    "--size=32",
    "--base-width=4",
    "--batch=4",
    "--val-share=0.3",
    "--test-share=0",
    "--val-count=3",
    "--grid-rows=2",
]


def trained(data: list[str], folder: Path) -> Path:
    """A finished run of two epochs; tests that change it work on a copy."""
    run = folder / "a run"
    code = main([*data, "--out", str(run), "--epochs", "2", "--tensorboard", "--precision", "bfloat16"])
    assert code == 0
    return run


def history(run: Path) -> list[dict[str, str]]:
    """The rows of a run's history, without what differs from one training to the next."""
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: row[key] for key in row if key not in ("seconds", "images_per_second")} for row in rows]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the one line that a failing command ends with."""
    code = main(words)
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert not any(line.startswith(("error: ", "Traceback")) for line in lines[:-1])
    return code, lines[-1]
