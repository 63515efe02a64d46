"""Runs a model file in one runtime: what it gives, how long it takes, what memory it needs.

A program of its own as well, for only a fresh process shows a file's memory, survives a runtime that crashes, and can
belong to another Python. So it needs NumPy and one runtime, and nothing of this package.

    python probe.py --runtime tflite-runtime --model model.tflite --scenes scenes.npz --answers answers.npz
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

RUNTIMES = ("ai-edge-litert", "tflite-runtime", "tensorflow", "onnxruntime")


def probe(
    runtime: str,
    model: str,
    scenes: list[dict[str, np.ndarray]],
    keep: Callable[[np.ndarray], Any],
    threads: int = 1,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """A file and inputs by name -> what was measured; `keep` is given each answer."""
    opened = Onnx if runtime == "onnxruntime" else Tflite
    opened.load(runtime)
    before = peak_memory()
    start = time.perf_counter()
    file = opened(runtime, model, threads)
    keep(file.run(scenes[0]))
    ready = time.perf_counter() - start
    for scene in scenes[1:]:
        keep(file.run(scene))
    measured: dict[str, Any] = {
        "version": _version(runtime),
        "threads": threads,
        "first_ms": 1e3 * ready,
        "peak_bytes": peak_memory() - before,
        **file.delegated(),
    }
    if seconds:
        file.run(scenes[0])  # the one that every measurement takes, whatever sizes the others have
        measured["latency_ms"] = _latency(file, seconds)
    return measured


class Tflite:
    """A TFLite file in one of its three runtimes."""

    @staticmethod
    def load(runtime: str) -> Any:
        if runtime == "ai-edge-litert":
            from ai_edge_litert.interpreter import Interpreter
        elif runtime == "tflite-runtime":
            from tflite_runtime.interpreter import Interpreter
        else:
            from tensorflow.lite.python.interpreter import Interpreter
        return Interpreter

    def __init__(self, runtime: str, model: str, threads: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow says that its interpreter will go; as yet people use it
            self.interpreter = self.load(runtime)(model_path=model, num_threads=threads)
        signature = self.interpreter.get_signature_runner(next(iter(self.interpreter.get_signature_list())))
        self.inputs = {name: detail["index"] for name, detail in signature.get_input_details().items()}
        (self.output,) = (detail["index"] for detail in signature.get_output_details().values())
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run(self, scene: dict[str, np.ndarray]) -> np.ndarray:
        shapes = {name: scene[name].shape for name in self.inputs}
        if shapes != self.shapes:
            for name, index in self.inputs.items():
                self.interpreter.resize_tensor_input(index, shapes[name], strict=True)
            self.interpreter.allocate_tensors()
            self.shapes = shapes
        for name, index in self.inputs.items():
            self.interpreter.set_tensor(index, scene[name])
        self.again()
        return self.interpreter.get_tensor(self.output)

    def again(self) -> None:
        self.interpreter.invoke()

    def delegated(self) -> dict[str, int]:
        """How many operators there are, how many the delegate left to plain kernels, in how many parts it works."""
        nodes = self.interpreter._get_ops_details()
        own = [node for node in nodes if node["op_name"] != "DELEGATE"]
        parts = [node for node in nodes if node["op_name"] == "DELEGATE"]
        maker = {int(index): node for node in own for index in node["outputs"]}
        taken: set[int] = set()
        for part in parts:
            given = {int(index) for index in part["inputs"]}
            todo = [int(index) for index in part["outputs"]]
            while todo:
                index = todo.pop()
                node = maker.get(index)
                if index in given or node is None or node["index"] in taken:
                    continue
                taken.add(node["index"])
                todo.extend(int(i) for i in node["inputs"] if i >= 0)
        return {"operators": len(own), "undelegated": len(own) - len(taken), "partitions": len(parts)}


class Onnx:
    """An ONNX file in ONNX Runtime, which has no delegate on a CPU."""

    @staticmethod
    def load(runtime: str) -> Any:  # noqa: ARG004
        import onnxruntime

        return onnxruntime

    def __init__(self, runtime: str, model: str, threads: int) -> None:
        onnxruntime = self.load(runtime)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.scene: dict[str, np.ndarray] = {}

    def run(self, scene: dict[str, np.ndarray]) -> np.ndarray:
        self.scene = scene
        return self.again()

    def again(self) -> np.ndarray:
        return self.session.run(None, self.scene)[0]

    def delegated(self) -> dict[str, int]:
        return {}


def _latency(file: Any, seconds: float) -> dict[str, float]:
    """Runs the same scene again and again, at least five times -> the shortest and the median time."""
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < 200):
        start = time.perf_counter()
        file.again()
        times.append(time.perf_counter() - start)
    return {"min": 1e3 * min(times), "median": 1e3 * float(np.median(times))}


def peak_memory() -> int:
    """The most memory this process ever held, in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            # Not the peak that getrusage gives: on Linux that one begins with the parent's.
            return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _version(runtime: str) -> str:
    for package in ("tensorflow", "tensorflow-cpu") if runtime == "tensorflow" else (runtime,):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def read_scenes(path: str) -> list[dict[str, np.ndarray]]:
    """`.npz` with arrays named `0/luma`, `1/luma`, ... -> inputs by name for each scene."""
    scenes: list[dict[str, np.ndarray]] = []
    with np.load(path) as arrays:
        for key in arrays.files:
            position, name = key.split("/")
            scenes += [{} for _ in range(int(position) + 1 - len(scenes))]
            scenes[int(position)][name] = arrays[key]
    return scenes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", choices=RUNTIMES, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--scenes", required=True)
    parser.add_argument("--answers", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0, help="how long to measure latency")
    args = parser.parse_args()
    # Not all at the end: so many answers in memory would count as the file's.
    with zipfile.ZipFile(args.answers, "w") as archive:

        def keep(answer: np.ndarray) -> None:
            with archive.open(f"{len(archive.namelist())}.npy", "w") as file:
                np.lib.format.write_array(file, answer)

        measured = probe(args.runtime, args.model, read_scenes(args.scenes), keep, args.threads, args.seconds)
    print(json.dumps(measured))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
