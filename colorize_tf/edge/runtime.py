"""Which TFLite interpreter is there: ai-edge-litert, tflite-runtime or TensorFlow's own, in this order."""

from __future__ import annotations

import importlib
import platform
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from colorize_tf.errors import InputError, shorten

__all__ = ["RUNTIMES", "Runtime", "find_runtime"]

RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}


@dataclass(frozen=True)
class Runtime:
    """An installed interpreter."""

    name: str
    interpreter: Any  # the class

    @property
    def version(self) -> str:
        """The version of the installed package."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:  # TensorFlow comes under several names
            return str(getattr(sys.modules.get("tensorflow"), "__version__", "unknown"))

    @property
    def slow_on_int8(self) -> bool:
        """tflite-runtime has no fast int8 kernels for PCs: 34 ms where float takes 3 (on ARM boards it has them)."""
        return self.name == "tflite-runtime" and platform.machine().lower() in ("x86_64", "amd64", "i686")


@cache
def find_runtime(name: str | None = None) -> Runtime:
    """The first runtime that works here, or the one of this name."""
    if name is not None and name not in RUNTIMES:
        raise InputError("runtime", f"must be one of {', '.join(RUNTIMES)}", name)
    reasons = []
    for candidate in RUNTIMES if name is None else (name,):
        reason, found = _load(candidate)
        if found:
            return found
        reasons.append(f"{candidate}: {reason}")
    raise InputError(
        "runtime", "a TFLite interpreter is needed", "; ".join(reasons), "Install one: pip install ai-edge-litert"
    )


def _load(name: str) -> tuple[str, Runtime | None]:
    if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        # It imports, and then fails with a SystemError when the first interpreter is made.
        return f"needs NumPy 1, found {np.__version__}", None
    try:
        module = importlib.import_module(RUNTIMES[name])
    except ModuleNotFoundError as error:
        if RUNTIMES[name].startswith(str(error.name)):
            return "not installed", None
        return f"needs {error.name}", None
    except ImportError as error:  # of a C library that is too old, say
        return f"cannot be loaded ({shorten(str(error), 120)})", None
    return "", Runtime(name, module.Interpreter)
