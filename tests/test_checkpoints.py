from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from colorize_tf import checkpoints
from colorize_tf.checkpoints import WEIGHTS, Progress
from colorize_tf.errors import InputError, RunError
from colorize_tf.models import build

SIZE = 32


def made(seed: int = 1, name: str = "pix2pix-rgb", **options: object) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = build(name, **{"size": SIZE, "base_width": 2, **options})
    model.compile()
    return model


def batch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return tuple(random.uniform(-1, 1, (2, SIZE, SIZE, 3)).astype(np.float32) for _ in "xy")


def trained(model: keras.Model, *seeds: int) -> dict[str, float]:
    for seed in seeds:
        logs = model.train_step(batch(seed))
    return {name: float(value) for name, value in logs.items()}


def values(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = made()
    trained(model, 0)
    return model


@pytest.fixture
def run(tmp_path: Path, model: keras.Model) -> Path:
    checkpoints.save(tmp_path, model, Progress(epoch=1, step=2, total_steps=5, rows=[{"epoch": 1}]), keep=2)
    return tmp_path


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_training_continues_from_a_checkpoint_as_if_nothing_had_happened(precision: str, tmp_path: Path):
    before = made(dtype=precision)
    trained(before, 0, 1)
    folder = checkpoints.save(tmp_path, before, Progress(total_steps=2), keep=1)
    after = made(seed=2, dtype=precision)
    checkpoints.restore(folder, after)
    # The running means are state too: those of the epoch so far go on.
    assert trained(before, 2, 3) == trained(after, 2, 3)
    for one, other in zip(values(before), values(after), strict=True):
        np.testing.assert_array_equal(one, other)


def test_progress_comes_back(run: Path):
    newest = checkpoints.latest(run)
    assert newest is not None
    assert checkpoints.restore(newest, made()) == Progress(1, 2, 5, rows=[{"epoch": 1}])


def test_weights_file_suits_a_model_built_for_inference(run: Path, model: keras.Model):
    fresh = build("pix2pix-rgb", size=SIZE, base_width=2, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras only warns of what it cannot find
        fresh.load_weights(checkpoints.weights_of(run))
    for one, other in zip(fresh.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_file_holds_no_optimizer(run: Path, model: keras.Model):
    weights = sum(4 * int(np.prod(variable.shape)) for variable in model.weights)
    state = checkpoints.weights_of(run).with_name("state.npz").stat().st_size
    assert state > 1.5 * weights  # two moments for each
    import h5py

    with h5py.File(checkpoints.weights_of(run)) as file:
        stored: list[str] = []
        file.visit(stored.append)
    assert not any("optimizer" in name for name in stored)


def test_only_the_newest_are_kept(tmp_path: Path, model: keras.Model):
    for step in (3, 20, 100):
        checkpoints.save(tmp_path, model, Progress(total_steps=step), keep=2)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000020", "step-00000100"]


def test_what_cannot_be_removed_yet_ends_no_training(tmp_path: Path, model: keras.Model, monkeypatch):
    def in_use(*_: object, **__: object) -> None:  # a folder of a network disk that somebody reads from
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", in_use)
        for step in (1, 2, 3):
            checkpoints.save(tmp_path, model, Progress(total_steps=step), keep=1)
            checkpoints.save_best(tmp_path, model, {"step": step})
    assert checkpoints.restore(tmp_path / "checkpoints/step-00000003", model).total_steps == 3
    assert json.loads((tmp_path / "best/metrics.json").read_text()) == {"step": 3}
    checkpoints.clear_leftovers(tmp_path)
    checkpoints.save(tmp_path, model, Progress(total_steps=4), keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "checkpoints"]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_what_else_lies_among_the_checkpoints_is_left_alone(run: Path, model: keras.Model):
    copy = shutil.copytree(run / "checkpoints" / "step-00000005", run / "checkpoints" / "step-00000005.bak")
    assert checkpoints.latest(run).name == "step-00000005"
    checkpoints.save(run, model, Progress(total_steps=100_000_000), keep=1)
    checkpoints.save(run, model, Progress(total_steps=99_999_999), keep=1)
    assert [path.name for path in (run / "checkpoints").glob("step-*[0-9]")] == ["step-100000000"]
    assert (copy / WEIGHTS).is_file()


@pytest.mark.parametrize(
    ("history", "best", "fresh"),
    [
        ("", False, True),
        ("epoch\n1\n", False, True),
        ("epoch\n1\n", True, True),  # killed before its first checkpoint
        ("epoch\n1\n2\n", False, False),
        ("", True, False),  # a mean of other runs
    ],
)
def test_a_run_that_has_learnt_does_not_begin_anew(history: str, best: bool, fresh: bool, tmp_path: Path):
    if history:
        (tmp_path / "history.csv").write_text(history)
    if best:
        (tmp_path / "best").mkdir()
        (tmp_path / "best" / WEIGHTS).touch()
    if fresh:
        checkpoints.check_fresh(tmp_path)
    else:
        with pytest.raises(InputError, match="no checkpoint to go on from"):
            checkpoints.check_fresh(tmp_path)


def test_best_stands_before_newest(run: Path, model: keras.Model):
    assert checkpoints.weights_of(run).parent.name == "step-00000005"
    checkpoints.save_best(run, model, {"epoch": 1, "val_psnr": 20.0})
    assert checkpoints.weights_of(run) == run / "best" / WEIGHTS
    assert json.loads((run / "best" / "metrics.json").read_text())["val_psnr"] == 20.0


def test_a_checkpoint_or_a_file_can_be_named(run: Path):
    folder = checkpoints.latest(run)
    assert checkpoints.weights_of(folder) == checkpoints.weights_of(folder / WEIGHTS) == folder / WEIGHTS


def test_run_without_weights_is_one_clear_error(tmp_path: Path):
    with pytest.raises(InputError, match="no weights yet"):
        checkpoints.weights_of(tmp_path)


def test_a_file_that_holds_no_weights_is_one_clear_error(model: keras.Model):
    with pytest.raises(InputError, match=r"must be a run folder, one of its checkpoints, or a \.weights\.h5 file"):
        checkpoints.load_weights(model, checkpoints.weights_of(Path(__file__)))


@pytest.mark.parametrize(
    "other",
    [
        lambda: made(base_width=4),
        lambda: made(norm="instance"),
        lambda: made(name="pix2pix-lab"),
        lambda: made(upsampling="bilinear"),
        lambda: made(dtype="mixed_float16"),  # it has loss scales
    ],
    ids=["width", "norm", "view", "upsampling", "precision"],
)
def test_checkpoint_of_another_architecture_is_one_clear_error(other: Callable[[], keras.Model], run: Path):
    with pytest.raises(InputError, match="is of another architecture than this model") as caught:
        checkpoints.restore(checkpoints.latest(run), other())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", [WEIGHTS, "state.npz", "progress.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "noise"])
def test_damaged_checkpoint_is_one_clear_error(file: str, damage: str, run: Path, model: keras.Model):
    folder = checkpoints.latest(run)
    path = folder / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\x00noise" * 100)
    with pytest.raises(InputError) as caught:
        checkpoints.restore(folder, model)
    assert "\n" not in str(caught.value) and "another architecture" not in str(caught.value)


def test_full_disk_is_seen_before_writing(run: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(RunError, match=r"not enough room .* earlier is intact"):
        checkpoints.save(run, model, Progress(total_steps=6), keep=1)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000005"]


def test_leftovers_of_a_killed_process_are_cleared(run: Path):
    for leftover in (run / "checkpoints" / ".step-00000009.0123456789ab", run / ".best.0123456789ab"):
        leftover.mkdir()
        (leftover / WEIGHTS).write_bytes(b"half")
    checkpoints.clear_leftovers(run)
    assert sorted(path.name for path in run.rglob("*") if path.name.startswith(".")) == []
    assert checkpoints.latest(run) is not None


@pytest.mark.parametrize("moves", [1, 2])
def test_best_weights_outlive_a_kill_while_they_are_replaced(
    moves: int, tmp_path: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch
):
    checkpoints.save_best(tmp_path, model, {"epoch": 1})
    calls: list[object] = []

    def alive(act: Callable[..., object]) -> Callable[..., object]:
        def until_killed(*args: object, **kwargs: object) -> object:
            if len(calls) == moves:
                raise KeyboardInterrupt  # and so does all that would tidy up
            calls.append(act)
            return act(*args, **kwargs)

        return until_killed

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", alive(Path.replace))
        patch.setattr("shutil.rmtree", alive(shutil.rmtree))
        checkpoints.save_best(tmp_path, model, {"epoch": 2})
    checkpoints.clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert json.loads((tmp_path / "best" / "metrics.json").read_text())["epoch"] == moves
    assert checkpoints.weights_of(tmp_path).is_file()
