"""The mean of runs: of all weights, by their shares, as a run that can be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colorize_tf.average import main
from colorize_tf.predict import load_run

from .test_predict import make_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / name, "pix2pix-lab", seed=seed) for seed, name in enumerate("ab")]


@pytest.mark.parametrize(("shares", "first"), [([], 0.5), (["--shares", "1", "3"], 0.25)])
def test_every_weight_is_the_mean_by_the_shares(
    runs: list[Path], tmp_path: Path, shares: list[str], first: float
) -> None:
    out = tmp_path / "mean"
    assert main([*map(str, runs), *shares, "--out", str(out)]) == 0
    a, b, mean = (load_run(run).model.weights for run in (*runs, out))
    assert any(not np.array_equal(one.numpy(), other.numpy()) for one, other in zip(a, b, strict=True))
    for one, other, found in zip(a, b, mean, strict=True):
        wanted = first * one.numpy() + (1 - first) * other.numpy()
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6, atol=1e-7)
    assert "colorize_tf.average" in (out / "command.txt").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{a}", "--out", "{new}"], "RUN: must be at least two"),
        (["{a}", "{b}", "--shares", "1", "--out", "{new}"], "--shares: must be one for each run"),
        (["{a}", "{b}", "--shares", "0", "0", "--out", "{new}"], "--shares: must be one for each run"),
        (["{a}", "{b}", "--shares", "1", "nan", "--out", "{new}"], "--shares: must be one for each run"),
        (["{a}", "{b}", "--out", "{a}"], "--out: must be a new or empty folder"),
        (["{a}", "{c}", "--out", "{new}"], "RUN: all must be of the architecture of"),
        (["{a}", "nowhere", "--out", "{new}"], "RUN: does not exist"),
    ],
)
def test_what_cannot_be_averaged_is_one_clear_line(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    other = make_run(tmp_path / "c", "pix2pix-rgb") if "{c}" in words else tmp_path
    places = {"a": runs[0], "b": runs[1], "c": other, "new": tmp_path / "new"}
    before = sorted(runs[0].rglob("*"))
    assert main([word.format(**places) for word in words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1
    assert not (tmp_path / "new").exists() and sorted(runs[0].rglob("*")) == before
