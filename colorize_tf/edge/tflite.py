"""A `.tflite` file as a `Colorizer`, in whichever runtime is installed."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from colorize_tf.edge.card import read_model
from colorize_tf.edge.fusion import available_threads
from colorize_tf.edge.network import NetworkColorizer, Options
from colorize_tf.edge.runtime import find_runtime
from colorize_tf.errors import InputError, RunError, shorten

__all__ = ["BUNDLED", "TfliteColorizer", "bundled_model"]

Array = np.ndarray[Any, Any]

BUNDLED = "mobile.tflite"
NETWORK_THREADS = 4  # unless more are asked for: a network of milliseconds is soon cut into pieces too small to pay


def bundled_model() -> Path:
    """The model that comes with the package."""
    path = Path(str(resources.files("colorize_tf.edge") / BUNDLED))
    if not path.is_file():
        raise InputError("model", "no model comes with this build", "none", "Name a .tflite file with --model")
    return path


class TfliteColorizer(NetworkColorizer):
    """Colorizes with a model file; the bundled one if none is named.

    Calls from several threads at once are fine: each uses an interpreter of its own, which is kept for the next.

    Args:
        model: a `.tflite` file of the contract in docs/model-format.md.
        threads: for the network and for fusion; if not given one for each processor, for the network at most 4.
        options: see `Options`.
        runtime: the name of one; the first that is installed if not given.
        twin: whether a float16 twin may stand in where the runtime is slow on the file itself.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        options: Options | None = None,
        runtime: str | None = None,
        twin: bool = True,
    ) -> None:
        self.runtime = find_runtime(runtime)
        self.path = Path(model) if model is not None else bundled_model()
        self._content, card = read_model(self.path)
        if twin and card.twin and self.runtime.slow_on_int8:
            other = self.path.with_name(card.twin)
            if other.is_file():
                self.path = other
                self._content, card = read_model(other)
        super().__init__(card, options, threads)
        self._idle: list[_Interpreter] = []
        self._lock = threading.Lock()
        with self._interpreter() as first:  # a file that cannot run should say so now
            first.check(self)

    def with_options(self, options: Options) -> TfliteColorizer:
        """The same model with other options; both share their interpreters."""
        other = copy.copy(self)
        other.choose(options)
        return other

    def predict(self, luma: Array, hints: Array | None, vivid: float) -> Array:
        """luma float32 [H,W], hints float32 [H,W,3] -> ab float32 [h,w,2]."""
        with self._interpreter() as interpreter:
            values = {"luma": luma[None, ..., None]}
            if self.card.hints:
                values["hints"] = np.zeros((1, *luma.shape, 3), np.float32) if hints is None else hints[None]
            if self.card.vivid:
                values["vivid"] = np.array([vivid], np.float32)
            return interpreter.run(values)

    @contextmanager
    def _interpreter(self) -> Iterator[_Interpreter]:
        with self._lock:
            interpreter = self._idle.pop() if self._idle else None
        if interpreter is None:
            threads = self.threads or min(available_threads(), NETWORK_THREADS)
            interpreter = _Interpreter(self.runtime.interpreter, self._content, threads, str(self.path))
        yield interpreter
        # One whose call failed is not put back: its state is unknown.
        with self._lock:
            self._idle.append(interpreter)


class _Interpreter:
    """One TFLite interpreter, its inputs by name."""

    def __init__(self, kind: Any, content: bytes, threads: int, path: str) -> None:
        self._where = shorten(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tf.lite announces its own end
                self._inner = kind(model_content=content, num_threads=threads)
        except (ValueError, RuntimeError) as error:
            raise InputError(self._where, "must be a model that this runtime can load", _line(error)) from None
        self._inputs = {_name(detail): detail for detail in self._inner.get_input_details()}
        self._outputs = self._inner.get_output_details()
        self._shapes: dict[str, tuple[int, ...]] = {}

    def check(self, colorizer: TfliteColorizer) -> None:
        """Complains where the file differs from its card."""
        card = colorizer.card
        wanted = {"luma": 1} | ({"hints": 3} if card.hints else {}) | ({"vivid": 0} if card.vivid else {})
        size = (-1, -1) if card.height is None else (card.height, card.width)
        if set(self._inputs) != set(wanted) or len(self._outputs) != 1:
            self._lies("inputs", sorted(wanted), sorted(self._inputs))
        for name, channels in wanted.items():
            detail = self._inputs[name]
            expected = (1, *size, channels) if channels else (1,)
            found = tuple(int(n) for n in detail.get("shape_signature", detail["shape"]))
            found = (1, *found[1:]) if found[:1] == (-1,) else found  # any number of photos includes one
            if found != expected or detail["dtype"] != np.float32:
                self._lies(name, f"float32 {expected}", f"{np.dtype(detail['dtype']).name} {found}")
        if self._outputs[0]["dtype"] != np.float32:
            self._lies("output", "float32", np.dtype(self._outputs[0]["dtype"]).name)

    def run(self, values: dict[str, Array]) -> Array:
        """Inputs by name -> ab [h,w,2]."""
        try:
            shapes = {name: value.shape for name, value in values.items()}
            if shapes != self._shapes:
                for name, value in values.items():
                    self._inner.resize_tensor_input(self._inputs[name]["index"], value.shape)
                self._inner.allocate_tensors()
                self._shapes = shapes
            for name, value in values.items():
                self._inner.set_tensor(self._inputs[name]["index"], value)
            self._inner.invoke()
            out = np.asarray(self._inner.get_tensor(self._outputs[0]["index"]))
        except (ValueError, RuntimeError) as error:
            raise RunError(f"{self._where}: the network failed: {_line(error)}") from None
        if out.ndim != 4 or out.shape[0] != 1:
            self._lies("output", "[1,h,w,2]", out.shape)
        return np.asarray(out[0])

    def _lies(self, what: str, stated: object, found: object) -> None:
        raise InputError(self._where, f"its card states {what} {stated}", found, "Export it again")


def _name(detail: dict[str, Any]) -> str:
    """`serving_default_luma:0` -> `luma`."""
    return str(detail["name"]).rsplit("/", 1)[-1].split(":")[0].removeprefix("serving_default_")


def _line(error: Exception) -> str:
    return shorten(" ".join(str(error).split()))
