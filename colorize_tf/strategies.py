"""`--strategy` -> the devices a run uses: one, all of this machine, several machines (TF_CONFIG), or a TPU."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from colorize_tf.config import TrainConfig
from colorize_tf.datasets.readable import first_line
from colorize_tf.errors import InputError, RunError

__all__ = ["Devices", "open_devices"]

_HOST = re.compile(r"\S+:\d{1,5}")
_ANSWER = 20.0  # seconds within which a TPU's machine takes a connection; TensorFlow would wait for ever


@dataclass(frozen=True)
class Devices:
    """A tf.distribute strategy and this process's place in it; only the chief writes files."""

    strategy: Any
    worker: int = 0
    workers: int = 1
    gpu: str = ""  # the only device, if it is a GPU

    @property
    def replicas(self) -> int:
        return int(self.strategy.num_replicas_in_sync)

    @property
    def chief(self) -> bool:
        return self.worker == 0

    def share_of(self, batch: int) -> int:
        """Photos per step for each replica, out of `batch` for all of them."""
        if batch % self.replicas:
            near = max(self.replicas, batch - batch % self.replicas)
            raise InputError("--batch", f"must be divisible by the {self.replicas} replicas", batch, f"Try {near}.")
        return batch // self.replicas

    def batches(self, stream: Callable[[tuple[int, int], int], tf.data.Dataset]) -> Iterator[Any]:
        """Iterates over what `stream` gives, on these devices.

        `stream` takes (own number, how many) of the processes that read data, and how many elements each of them
        takes per step: one for each replica it feeds. It gives an endless dataset of batches for one replica.
        """

        def local(context: Any) -> tf.data.Dataset:
            readers = context.num_input_pipelines
            batches = stream((context.input_pipeline_id, readers), self.replicas // readers)
            # A strategy of several devices copies ahead by itself; for a single GPU it has to be asked for.
            return batches.apply(tf.data.experimental.prefetch_to_device(self.gpu)) if self.gpu else batches

        return iter(self.strategy.distribute_datasets_from_function(local))

    def voter(self) -> Any:
        """A function (bool, …) -> (bool, …): true on every worker where any worker said true.

        Clocks and signals differ between workers, yet all must save and stop after the same step: reading what is
        spread over the workers is a joint operation. One worker needs no vote.
        """
        if self.workers == 1:
            return lambda *wishes: wishes

        @tf.function
        def count(wishes: Any) -> Any:
            return self.strategy.reduce("SUM", self.strategy.run(tf.identity, args=(wishes,)), axis=None)

        return lambda *wishes: tuple(bool(votes > 0) for votes in count(tf.constant(wishes, tf.float32)).numpy())


def open_devices(train: TrainConfig) -> Devices:
    """Opens what `--strategy` names; call it before any other use of TensorFlow."""
    return _OPENERS[train.strategy](train)


def _one(_: TrainConfig) -> Devices:
    gpus = tf.config.list_logical_devices("GPU")
    return Devices(tf.distribute.get_strategy(), gpu=gpus[0].name if gpus else "")


def _mirrored(train: TrainConfig) -> Devices:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        count = train.replicas or len(gpus)
        if count > len(gpus):
            raise InputError("--replicas", f"must not exceed the {len(gpus)} GPUs of this machine", count)
        return Devices(tf.distribute.MirroredStrategy([f"GPU:{index}" for index in range(count)]))
    count = train.replicas or 2
    try:
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    except RuntimeError:  # TensorFlow is already in use in this process
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise RunError(f"--strategy mirrored: the CPU can no longer be split into {count}; start afresh") from None
    return Devices(tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)]))


def _multiworker(_: TrainConfig) -> Devices:
    workers, index = _cluster(os.environ.get("TF_CONFIG"))
    if index == 0 and workers > 1:
        print(f"waiting for {workers} workers", file=sys.stderr)
    try:
        return Devices(tf.distribute.MultiWorkerMirroredStrategy(), worker=index, workers=workers)
    # The port is taken, this machine is not the one that is named, or the cluster has parts that this strategy has not.
    except (tf.errors.OpError, ValueError) as error:
        raise RunError(f"TF_CONFIG: this worker could not be started: {first_line(error)}") from error


def _cluster(text: str | None) -> tuple[int, int]:
    """TF_CONFIG -> (number of workers, this one's rank); the chief, or else worker 0, is rank 0."""
    example = 'Example: {"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
    if not text:
        raise InputError("TF_CONFIG", "is needed for --strategy multiworker", "nothing", example)
    try:
        content = json.loads(text)
        chiefs, workers = (content["cluster"].get(kind, []) for kind in ("chief", "worker"))
        kind, index = content["task"]["type"], int(str(content["task"]["index"]))
        rank = index if kind == "chief" else len(chiefs) + index
        if kind not in ("chief", "worker") or not 0 <= index < len({"chief": chiefs, "worker": workers}[kind]):
            raise ValueError
        if not all(isinstance(hosts, list) and all(map(_HOST.fullmatch, hosts)) for hosts in (chiefs, workers)):
            raise ValueError
        if len({*chiefs, *workers}) < len(chiefs) + len(workers):  # two would wait for each other at one address
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("TF_CONFIG", "must name the workers and this one's task among them", text, example) from None
    return len(chiefs) + len(workers), rank


def _tpu(train: TrainConfig) -> Devices:
    if train.precision == "float16":
        raise InputError("--precision", "must be float32 or bfloat16 on a TPU", train.precision)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=train.tpu)
        if train.tpu != "local":
            _reach(resolver.master())
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except Exception as error:  # the resolver raises whatever its transport raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(f"--tpu {train.tpu}: no TPU could be opened: {reason[:200]}") from error
    return Devices(tf.distribute.TPUStrategy(resolver))


def _reach(address: str) -> None:
    """Raises an OSError if nobody takes connections at `address`, grpc://HOST:PORT; others are not for us to try."""
    if found := re.fullmatch(r"grpc://\[?([^/]+?)\]?:(\d{1,5})", address):
        socket.create_connection((found[1], int(found[2])), timeout=_ANSWER).close()


_OPENERS = {"one": _one, "mirrored": _mirrored, "multiworker": _multiworker, "tpu": _tpu}
