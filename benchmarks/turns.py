"""Contestants that take turns, so that whatever else the machine does meets all of them; and what machine it was."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["Contestant", "load", "machine", "medians"]

Contestant = Callable[[int], object]  # takes so many steps, and returns when the last one is done


def medians(contestants: Mapping[str, Contestant], rounds: int, seconds: float) -> dict[str, float]:
    """Contestants -> median seconds per step, from `rounds` turns of about `seconds` each."""
    steps = {}
    for name, contestant in contestants.items():
        contestant(2)  # traced, and its buffers allocated
        steps[name] = max(1, round(seconds / _timed(contestant, 1)))
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        order = list(contestants) if turn % 2 else list(reversed(contestants))
        for name in order:
            times[name].append(_timed(contestants[name], steps[name]) / steps[name])
    return {name: statistics.median(values) for name, values in times.items()}


def machine() -> str:
    """The processor, the accelerators and the versions that a figure depends on."""
    import keras
    import tensorflow as tf

    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):  # noqa: PTH110
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    gpus = [
        tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in tf.config.list_physical_devices("GPU")
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ", ".join([f"{cores} cores of {model}", *gpus, f"TensorFlow {tf.__version__}, Keras {keras.__version__}"])


def load() -> str:
    """Processes that waited for a processor, over the last 1, 5 and 15 minutes."""
    return "/".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def _timed(contestant: Contestant, count: int) -> float:
    start = time.perf_counter()
    contestant(count)
    return time.perf_counter() - start
