"""Several devices and several processes, with the real command; each needs processes of its own."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from colorize_tf.checkpoints import latest
from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError, RunError
from colorize_tf.strategies import Devices, open_devices

SHAPE = ["--size=32", "--base-width=4", "--batch=4", "--val-share=0.3", "--test-share=0", "--val-count=2",
         "--steps-per-epoch=3", "--dropout=0", "--checkpoint-steps=2"]  # fmt: skip
COLUMNS = ("g_l1", "g_gan", "d_loss", "val_psnr")

Start: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(photo_folder: Path) -> Iterator[Start]:
    """Starts a training in a process of its own, which does not outlive the test."""
    processes: list[subprocess.Popen[str]] = []

    def started(out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "colorize_tf.train", "--data", f"folder:{photo_folder}", "--out", str(out)]
        processes.append(
            subprocess.Popen(
                [*command, *SHAPE, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
        )
        return processes[-1]

    yield started
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> str:
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    return stdout


def clusters(ports: list[int]) -> list[str]:
    """TF_CONFIG for each of the workers that listen at these ports."""
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    tasks = [{"type": "worker", "index": index} for index in range(len(ports))]
    return [json.dumps({"cluster": cluster, "task": task}) for task in tasks]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def losses(run: Path) -> list[float]:
    with open(run / "history.csv", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) for name in COLUMNS]


def test_two_workers_train_as_one_process_with_two_replicas(start: Start, tmp_path: Path):
    chief, other = tmp_path / "chief", tmp_path / "other"
    mirrored = start(tmp_path / "mirrored", "--strategy=mirrored", "--replicas=2", "--epochs=2")
    tasks = [{"TF_CONFIG": text} for text in clusters(free_ports(2))]
    said = [
        finished(process)
        for process in [start(out, "--strategy=multiworker", "--epochs=1", **task)
                        for out, task in zip((chief, other), tasks, strict=True)]
    ]  # fmt: skip
    # Only the chief writes and speaks.
    assert "1 of 1 epochs, 3 steps" in said[0] and said[1] == ""
    assert latest(chief).name == "step-00000003"
    assert not other.exists()

    tasks = [{"TF_CONFIG": text} for text in clusters(free_ports(2))]
    resumed = [start(chief, "--resume", "--strategy=multiworker", "--epochs=2", **task) for task in tasks]
    for process in (*resumed, mirrored):
        finished(process)
    # Half of each batch is seen by the other process, or by the other replica.
    assert losses(chief) == pytest.approx(losses(tmp_path / "mirrored"), rel=1e-4)
    assert len(losses(chief)) == 2 * len(COLUMNS)


def test_mirrored_replicas_scale_float16_losses_and_keep_dropout(start: Start, tmp_path: Path):
    words = ["--strategy=mirrored", "--precision=float16", "--dropout=0.5", "--epochs=1"]
    finished(start(tmp_path / "run", *words))
    assert all(abs(loss) < 1e3 for loss in losses(tmp_path / "run"))  # NaN compares false


def test_batch_that_replicas_cannot_share_is_one_clear_error():
    devices = Devices(type("Strategy", (), {"num_replicas_in_sync": 3})())
    assert devices.share_of(12) == 4
    with pytest.raises(InputError, match=r"--batch: must be divisible by the 3 replicas. Received: 16. Try 15."):
        devices.share_of(16)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worker",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": Infinity}}',
        '{"cluster": {"worker": ["a:1", "a:2"]}, "task": {"type": "worker", "index": 0.5}}',
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1234567"]}, "task": {"type": "worker", "index": 0}}',
        pytest.param("[" * 100_000, id="nested too deep"),
    ],
)
def test_wrong_tf_config_is_one_clear_error(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=r"TF_CONFIG: .* Example: "):
        open_devices(TrainConfig(strategy="multiworker"))


def test_a_worker_whose_port_is_taken_is_one_clear_error(monkeypatch: pytest.MonkeyPatch):
    import tensorflow as tf

    def taken() -> None:  # as TensorFlow says it; a real attempt would leave its traces in this process
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server\nand more")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", taken)
    monkeypatch.setenv("TF_CONFIG", clusters([2222])[0])
    with pytest.raises(RunError, match=r"TF_CONFIG: this worker could not be started: Could not start gRPC server$"):
        open_devices(TrainConfig(strategy="multiworker"))


def test_missing_tpu_is_one_clear_error():
    with pytest.raises(RunError, match="--tpu nowhere: no TPU could be opened: ") as caught:
        open_devices(TrainConfig(strategy="tpu", tpu="nowhere"))
    assert "\n" not in str(caught.value)


def test_a_tpu_that_does_not_answer_is_one_clear_error():
    """TensorFlow itself would try for ever."""
    with socket.socket() as nobody:  # bound, so that nobody else takes it, and not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(RunError, match=r"no TPU could be opened: .*refused"):
            open_devices(TrainConfig(strategy="tpu", tpu=address))


def test_float16_is_refused_on_a_tpu():
    with pytest.raises(InputError, match="float32 or bfloat16"):
        open_devices(TrainConfig(strategy="tpu", precision="float16"))


def test_more_replicas_than_the_started_process_has_is_one_clear_error():
    import tensorflow as tf

    tf.config.list_logical_devices()  # from here on the CPU cannot be split
    with pytest.raises(RunError, match="--strategy mirrored"):
        open_devices(TrainConfig(strategy="mirrored", replicas=64))


def test_one_worker_needs_no_vote():
    assert Devices(strategy=None).voter()(True, False) == (True, False)
