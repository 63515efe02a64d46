"""A photo that was in order when the work began and is not any more: one line that says so, and no traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from PIL import Image

from colorize_tf.errors import RunError, shorten

__all__ = ["first_line", "read_each", "readable"]

Batch = TypeVar("Batch")


@contextmanager
def readable(name: object = None) -> Iterator[None]:
    """Within it, which is to do nothing but read a photo (of this name), what goes wrong is a RunError."""
    try:
        yield
    except _failures() as error:
        photo = "a photo" if name is None else shorten(str(name))
        raise RunError(f"--data: {photo} could not be read any more: {first_line(error)}") from error


def read_each(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches of photos; one that cannot be read is a RunError, unlike what is done with those that can."""
    iterator = iter(batches)
    while True:
        with readable():
            try:
                batch = next(iterator)
            except StopIteration:
                return
        yield batch


def first_line(error: Exception) -> str:
    """What an error says, without TensorFlow's names of functions and iterators, which say nothing to who reads it."""
    said = str(getattr(error, "message", error))
    text = re.sub(r"\{\{.*?\}\}\s*|Error in user-defined function .*? iterator: \S+: ", "", said)
    return shorten(text.strip().partition("\n")[0] or type(error).__name__, 160)


def _failures() -> tuple[type[Exception], ...]:
    """What Pillow raises, and TensorFlow if it is there at all."""
    tensorflow = sys.modules.get("tensorflow")
    own = () if tensorflow is None else (tensorflow.errors.OpError,)
    return (OSError, SyntaxError, ValueError, Image.DecompressionBombError, *own)
