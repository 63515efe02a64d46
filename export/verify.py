"""Every file is tried before it is given away: does it run, where, how fast, and are its pictures the network's?"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from colorize_tf import metrics
from colorize_tf.errors import shorten

from . import probe
from .drift import IDENTICAL, Drift, measure_drift, measure_rgb_drift, picture
from .flatbuffer import defects
from .recipes import CHROMA_TOLERANCE, Recipe
from .report import Report, Verdict
from .scenes import Scene

__all__ = ["MODEL", "TFLITE_PYTHON", "broken_bounds", "run_alone", "score", "tflite_python", "verify"]

MODEL = "model"  # the name of the file that is tried
TFLITE_PYTHON = "COLORIZE_TFLITE_PYTHON"  # the Python that has tflite-runtime, which needs NumPy 1
SECONDS = 2.0  # of latency measurement for each number of threads
ELSEWHERE = 4  # photos that each further runtime is tried on


def verify(
    content: bytes,
    recipe: Recipe,
    scenes: Sequence[Scene],
    wanted: Sequence[np.ndarray],
    runtime: str = "ai-edge-litert",
    elsewhere: Sequence[str] = ("tensorflow", "tflite-runtime"),
) -> Report:
    """Model file, its recipe, photos and what the network gives for each -> what there is to know of it."""
    failures = defects(content) if runtime == "ai-edge-litert" else []
    found: dict[str, Any] = {"recipe": recipe.name, "size_bytes": len(content), "machine": machine()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / MODEL).write_bytes(content)
        # Drift is of wishes too, quality of none. A network that takes no wish is not run twice.
        tried = [*scenes, *(scene.made_plain() for scene in scenes if not (scene.plain or scene.learnt))]
        try:
            answers, measured = run_alone(folder, tried, runtime)
        except RuntimeError as error:
            verdict = Verdict(runtime, "", "failed", str(error))
            return Report(**found, failures=(*failures, f"does not run: {error}"), runtimes=(verdict,))
        version = measured.pop("version")
        if not all(np.isfinite(answer).all() for answer in answers):
            failures.append("gives NaN or infinity")
            verdict = Verdict(runtime, version, "failed", failures[-1])
            return Report(**found, **measured, failures=tuple(failures), runtimes=(verdict,))
        drift = drift_of(scenes, wanted, answers[: len(scenes)])
        failures += broken_bounds(drift, recipe)
        first = Verdict(runtime, version, "failed" if failures else "passed")
        _write_scenes(folder / "some.npz", scenes[:ELSEWHERE])
        others = [_elsewhere(name, folder, recipe, scenes, wanted) for name in elsewhere]
    return Report(
        **found,
        **measured,
        failures=tuple(failures),
        runtimes=(first, *others),
        drift=drift,
        quality=None if "rgb" in scenes[0].inputs else score(tried, answers),  # a translation has no truth
    )


def run_alone(
    folder: Path, scenes: Sequence[Scene], runtime: str = "ai-edge-litert"
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Runs the file `MODEL` of a folder in processes of its own -> the answers, and what `Report` has of it."""
    _write_scenes(folder / "scenes.npz", scenes)
    _write_scenes(folder / "first.npz", scenes[:1])
    answers, alone = _in_child(sys.executable, runtime, folder, "scenes.npz", threads=1)
    _, together = _in_child(sys.executable, runtime, folder, "first.npz", threads=2)
    latency = {"1": alone.pop("latency_ms"), "2": together["latency_ms"]}
    return answers, {**{name: value for name, value in alone.items() if name != "threads"}, "latency_ms": latency}


def drift_of(scenes: Sequence[Scene], wanted: Sequence[np.ndarray], answers: Sequence[np.ndarray]) -> Drift:
    """Photos, and the answers of a network and of a file, ab or RGB -> how far these are apart."""
    if "rgb" in scenes[0].inputs:
        return measure_rgb_drift(wanted, answers)
    return measure_drift([scene.inputs["luma"] for scene in scenes], wanted, answers)


def score(scenes: Sequence[Scene], answers: Sequence[np.ndarray]) -> dict[str, float] | None:
    """Photos and a file's ab for each -> the mean of each measure of its pictures against the truth, and how many.

    These are of photos that the network has not learnt from, colorized as they come; without any, there is no quality.
    A measure that says nothing of any of them, as that of edges of colour where all is gray, is not there: cards are
    JSON, which has no such number.
    """
    rows = [
        metrics.measure(scene.truth, picture(scene.inputs["luma"], answer))
        for scene, answer in zip(scenes, answers, strict=True)
        if scene.plain and not scene.learnt
    ]
    if not rows:
        return None
    known = {name: [row[name] for row in rows if not np.isnan(row[name])] for name in rows[0]}
    means = {
        name: float(np.mean([IDENTICAL if np.isinf(value) else value for value in values]))
        for name, values in known.items()
        if values
    }
    return {**means, "photos": len(rows)}


def broken_bounds(drift: Drift, recipe: Recipe) -> list[str]:
    """A file's drift -> the bounds of its recipe that it breaks, one line each."""
    broken = []
    for name, value, bound in (
        ("on average", drift.rgb_mean, recipe.bounds.mean),
        ("for the worst photo", drift.rgb_worst, recipe.bounds.worst),
    ):
        if not value >= bound:
            broken.append(f"{name} its RGB is {value:.1f} dB from the network's, {recipe.name} asks for {bound:g}")
    if not abs(drift.chroma_ratio - 1.0) <= CHROMA_TOLERANCE:
        broken.append(f"its mean chroma is {drift.chroma_ratio:.1%} of the network's, allowed is 98 to 102 %")
    return broken


def tflite_python() -> str | None:
    """The Python to try tflite-runtime with: that of $COLORIZE_TFLITE_PYTHON, else of `.venv-tflite` here."""
    beside = Path(".venv-tflite", "bin", "python")
    return os.environ.get(TFLITE_PYTHON) or (str(beside) if beside.exists() else None)


def machine() -> str:
    """This machine's processor, for a reader of latencies."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"


def _elsewhere(
    runtime: str, folder: Path, recipe: Recipe, scenes: Sequence[Scene], wanted: Sequence[np.ndarray]
) -> Verdict:
    """Tries the file on a few photos in another runtime, where every one of them has to keep the worst-case bound."""
    python = sys.executable if runtime == "tensorflow" else tflite_python()
    if python is None:
        return Verdict(runtime, "", "not tried", f"needs a Python that has it, named in ${TFLITE_PYTHON}")
    try:
        if runtime == "tensorflow":  # this process has loaded TensorFlow already, a new one would take seconds to
            some = [scene.inputs for scene in scenes[:ELSEWHERE]]
            answers: list[np.ndarray] = []
            measured = probe.probe(runtime, str(folder / MODEL), some, answers.append)
        else:
            answers, measured = _in_child(python, runtime, folder, "some.npz", threads=1, seconds=0.0)
    except (RuntimeError, ValueError) as error:
        return Verdict(runtime, "", "failed", shorten(" ".join(str(error).split())))
    if not all(np.isfinite(answer).all() for answer in answers):
        return Verdict(runtime, measured["version"], "failed", "gives NaN or infinity")
    worst = drift_of(scenes[:ELSEWHERE], wanted[:ELSEWHERE], answers).rgb_worst
    if not worst >= recipe.bounds.worst:
        return Verdict(runtime, measured["version"], "failed", f"RGB is {worst:.1f} dB from the network's")
    return Verdict(runtime, measured["version"], "passed")


def _in_child(
    python: str, runtime: str, folder: Path, scenes: str, *, threads: int, seconds: float | None = None
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Runs the file in a process of its own -> answers, what was measured; RuntimeError if that fails."""
    answers = folder / f"answers-{runtime}-{threads}.npz"
    # The modules beside probe.py must not be found in place of packages of the same name (-P); nor may another
    # interpreter find the packages of this one (-I), which itself may have them in the user's own place.
    apart = "-P" if python == sys.executable else "-I"
    command = [python, apart, str(probe.__file__), "--runtime", runtime, "--model", str(folder / MODEL)]
    command += ["--scenes", str(folder / scenes), "--answers", str(answers), "--threads", str(threads)]
    command += ["--seconds", str(SECONDS if seconds is None else seconds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RuntimeError(f"cannot start {python}: {error.strerror}") from error
    if done.returncode != 0:
        died = f"killed by signal {-done.returncode}; " if done.returncode < 0 else ""
        raise RuntimeError(died + _reason(done.stderr))
    with np.load(answers) as arrays:
        return [arrays[name] for name in arrays.files], json.loads(done.stdout)


def _reason(stderr: str) -> str:
    """What a process said last -> the message of its exception, on one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    starts = [position for position, line in enumerate(lines) if re.match(r"[\w.]*(Error|Exception): ", line)]
    return shorten(" ".join(lines[starts[-1] :] if starts else lines[-1:]).partition("Error: ")[2] or "no reason given")


def _write_scenes(path: Path, scenes: Sequence[Scene]) -> None:
    named = {
        f"{position}/{name}": value for position, scene in enumerate(scenes) for name, value in scene.inputs.items()
    }
    np.savez(path, **named)
