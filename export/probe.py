"""Runs a TFLite file in one runtime: what it gives, how long it takes, what memory it needs.

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
from importlib import metadata
from typing import Any

import numpy as np

RUNTIMES = ("ai-edge-litert", "tflite-runtime", "tensorflow")


def interpreter_of(runtime: str) -> Any:
    """A runtime's name -> its class of interpreters."""
    if runtime == "ai-edge-litert":
        from ai_edge_litert.interpreter import Interpreter
    elif runtime == "tflite-runtime":
        from tflite_runtime.interpreter import Interpreter
    else:
        from tensorflow.lite.python.interpreter import Interpreter
    return Interpreter


def probe(runtime: str, model: str, scenes: list[dict[str, np.ndarray]], threads: int = 1, seconds: float = 0.0) -> Any:
    """A file and inputs by name -> (answers of the output `ab`, what was measured)."""
    interpreter_class = interpreter_of(runtime)
    before = peak_memory()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # TensorFlow announces that its interpreter will go; till then people run files in it
        interpreter = interpreter_class(model_path=model, num_threads=threads)
    signature = next(iter(interpreter.get_signature_list()))
    inputs = {name: detail["index"] for name, detail in _ends(interpreter, signature, "input").items()}
    output = _ends(interpreter, signature, "output")["ab"]["index"]
    answers, shapes = [], None
    for scene in scenes:
        if shapes != (shapes := {name: scene[name].shape for name in inputs}):
            for name, index in inputs.items():
                interpreter.resize_tensor_input(index, shapes[name], strict=True)
            interpreter.allocate_tensors()
        for name, index in inputs.items():
            interpreter.set_tensor(index, scene[name])
        interpreter.invoke()
        if not answers:
            ready = time.perf_counter() - start
        answers.append(interpreter.get_tensor(output))
    measured = {
        "version": _version(runtime),
        "threads": threads,
        "first_ms": 1e3 * ready,
        "peak_bytes": peak_memory() - before,
        **_delegated(interpreter),
    }
    if seconds:
        measured["latency_ms"] = _latency(interpreter, seconds)
    return answers, measured


def _ends(interpreter: Any, signature: str, end: str) -> dict[str, Any]:
    runner = interpreter.get_signature_runner(signature)
    return getattr(runner, f"get_{end}_details")()


def _latency(interpreter: Any, seconds: float) -> dict[str, float]:
    """Calls the interpreter again and again, at least five times -> the shortest and the median time."""
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < 200):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return {"min": 1e3 * min(times), "median": 1e3 * float(np.median(times))}


def _delegated(interpreter: Any) -> dict[str, int]:
    """How many operators there are, how many the delegate left to plain kernels, and in how many parts it works."""
    nodes = interpreter._get_ops_details()
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
    answers, measured = probe(args.runtime, args.model, read_scenes(args.scenes), args.threads, args.seconds)
    np.savez(args.answers, *answers)
    print(json.dumps(measured))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
