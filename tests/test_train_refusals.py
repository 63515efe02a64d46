"""What a training refuses, and what it does to the folder that it is given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf.config import load_config, save_config
from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.run_folder import check_out, opened
from colorize_tf.run_lock import alone
from colorize_tf.train import main

from .tiny_runs import TINY, history, refused, trained


@pytest.fixture(scope="module")
def data(photo_folder: Path) -> list[str]:
    return [*TINY, "--data", f"folder:{photo_folder}"]


@pytest.fixture(scope="module")
def run(data: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(data, tmp_path_factory.mktemp("runs"))


def test_existing_run_is_not_overwritten(data: list[str], run: Path, capsys):
    before = sorted(path.name for path in run.rglob("*"))
    code, line = refused([*data, "--out", str(run)], capsys)
    assert code == 2
    assert "--resume" in line and "--overwrite" in line
    assert sorted(path.name for path in run.rglob("*")) == before


def test_overwriting_with_a_wrong_option_removes_nothing(data: list[str], run: Path, capsys):
    before = sorted(path.name for path in run.rglob("*"))
    code, line = refused([*data, "--out", str(run), "--overwrite", "--freeze", "decoder/*"], capsys)
    assert code == 2
    assert "--freeze: matches no layer" in line and "generator" in line
    assert sorted(path.name for path in run.rglob("*")) == before


def test_folder_in_use_by_another_training_is_refused(run: Path, capsys):
    import fcntl

    with open(run / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, line = refused(["--resume", "--out", str(run), "--epochs", "3"], capsys)
    assert code == 2
    assert "--out: is in use by another training" in line
    assert len(history(run)) == 2


def test_run_under_way_is_refused_before_its_checkpoint_is_read(run: Path):
    arguments = parse(["--resume", "--out", str(run), "--epochs", "3"])
    with alone(run), pytest.raises(InputError, match="is in use by another training"):
        check_out(arguments)
    check_out(arguments)


def test_config_of_a_newer_version_is_refused(run: Path, tmp_path: Path, capsys):
    content = json.loads((run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "version": 99}))
    code, line = refused(["--resume", "--out", str(tmp_path)], capsys)
    assert code == 2
    assert "newer colorize_tf" in line and "version 99" in line


@pytest.mark.parametrize("config", [None, "", '{"name": "my-web-app", "version": 1}', "[" * 100_000])
def test_folder_of_other_things_is_not_overwritten(config: str | None, data: list[str], tmp_path: Path, capsys):
    (tmp_path / "letter.txt").write_text("dear")
    if config is not None:  # many programs have a file of that name
        (tmp_path / "config.json").write_text(config)
    code, line = refused([*data, "--out", str(tmp_path), "--overwrite"], capsys)
    assert code == 2
    assert "not a run" in line
    assert (tmp_path / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_folder_of_a_run_killed_at_once_is_as_good_as_empty(overwrite: list[str], data: list[str], tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").touch()
    (run / ".config.0123456789ab.json").touch()
    given = parse([*data, "--out", str(run), *overwrite])
    check_out(given)
    with opened(given, "command"):
        assert load_config(run / "config.json") == given.config
    (run / "config.json").rename(run / ".hidden")  # what somebody else hid is not ours to take
    with pytest.raises(InputError, match="not a run"):
        check_out(given)


@pytest.mark.parametrize("named", ["link", "."])
def test_overwriting_empties_the_folder_however_it_is_named(named: str, data: list[str], tmp_path: Path, monkeypatch):
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    for name in ("history.csv", "samples/epoch-0001.png"):
        (run / name).touch()
    save_config(parse([*data, "--out", str(run)]).config, run / "config.json")
    (tmp_path / "kept").mkdir()
    (run / "linked").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(run)
    monkeypatch.chdir(run if named == "." else tmp_path)
    given = parse([*data, "--out", named, "--overwrite"])
    check_out(given)
    with opened(given, "command"):
        assert sorted(path.name for path in run.iterdir()) == [".lock", "command.txt", "config.json"]
    assert (tmp_path / "kept").is_dir() and (tmp_path / "link").is_symlink()


def test_overwriting_that_was_cut_short_can_be_begun_again(data: list[str], tmp_path: Path, monkeypatch):
    run = tmp_path / "run"
    given = parse([*data, "--out", str(run), "--overwrite"])
    with opened(given, "command"):
        (run / "checkpoints").mkdir()
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(iterdir(path), reverse=True)))  # config.json early

    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", interrupted)
        with opened(given, "command"):
            pass
    check_out(given)


def test_command_that_is_no_unicode_is_kept_as_it_is(data: list[str], tmp_path: Path):
    given = parse([*data, "--out", str(tmp_path)])
    for command in ("first \udcff", "second é"):
        with opened(given, command):
            pass
    assert (tmp_path / "command.txt").read_bytes() == b"first \xff\nsecond \xc3\xa9\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--data folder:{tmp}/none --out {tmp}/x", "existing folder"),
        ("--data folder:{tmp}/empty --out {tmp}/x", "must contain photos"),
        ("--data nonsense --out {tmp}/x", "nonsense"),
        ("--init-from {tmp}/none --out {tmp}/x", "--init-from: does not exist"),
        ("--init-from {tmp}/empty --out {tmp}/x", "--init-from: has no weights yet"),
        ("--init-from mobile --out {tmp}/x", "--init-from: can be an exported network for --preset mobile alone"),
        ("--init-from {run} --base-width 8 --out {tmp}/x", "another architecture"),
        ("--best-metric psnr --out {tmp}/x", "Did you mean val_psnr?"),
        ("--thaw-at 2 --out {tmp}/x", "needs --freeze"),
        ("--val-share 0.6 --test-share 0.4 --out {tmp}/x", "must leave photos for training"),
        ("--out {tmp}/file", "must be a folder"),
        ("--out {tmp}/file/x", "must not lie below a file"),
    ],
)
def test_wrong_option_is_one_line_and_leaves_no_folder(words: str, said: str, data, run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    given = words.format(tmp=tmp_path, run="@run@").split()
    code, line = refused([*data, *[str(run) if word == "@run@" else word for word in given]], capsys)
    assert code == 2
    assert said in line
    assert not (tmp_path / "x").exists()


def test_resume_without_its_checkpoints_leaves_the_best_alone(run: Path, tmp_path: Path, capsys):
    copy = shutil.copytree(run, tmp_path / "copy")
    shutil.rmtree(copy / "checkpoints")
    before = (copy / "best" / "model.weights.h5").read_bytes()
    code, line = refused(["--resume", "--out", str(copy), "--epochs", "3"], capsys)
    assert code == 2
    assert "no checkpoint to go on from" in line and f"--init-from {copy}" in line
    assert (copy / "best" / "model.weights.h5").read_bytes() == before


def test_resume_on_other_photos_is_refused(data: list[str], tmp_path: Path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(8):
        noise = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(photos / f"{seed}.png")
    out = ["--out", str(tmp_path / "run")]
    assert main([*TINY, "--data", f"folder:{photos}", *out, "--epochs", "1"]) == 0
    for photo in sorted(photos.iterdir())[:4]:
        photo.unlink()
    capsys.readouterr()
    code, line = refused(["--resume", *out, "--epochs", "2"], capsys)
    assert code == 2
    assert "not what the checkpoint was trained on" in line


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("sharpen", "is shown L alone"),
        ("grain", "is shown L alone"),
        ("aging", "is shown L alone"),
        ("striking", "takes hints"),
        ("revealed", "takes hints"),
        ("hintless", "takes hints or is told classes"),
    ],
)
def test_what_a_network_would_never_see_is_refused(option: str, wanted: str, data: list[str], tmp_path: Path, capsys):
    code, line = refused([*data, "--out", str(tmp_path / "run"), f"--{option}", "1"], capsys)
    assert (code, line) == (
        2,
        f"error: --{option}: needs a network that {wanted}, not pix2pix-rgb. Received: 1.0.",
    )
    words = ["--no-augment", "--epochs", "1", "--steps-per-epoch", "1"]
    assert main([*data, "--out", str(tmp_path / "run"), f"--{option}", "1", *words]) == 0
