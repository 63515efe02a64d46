"""Loading TensorFlow without its greetings, so that a command's stderr holds what its user needs to read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from colorize_tf.errors import ColorizeError

__all__ = ["hushed", "load_tensorflow"]


def load_tensorflow() -> None:
    """Imports TensorFlow; what its C++ part prints meanwhile is shown only if the import fails.

    TensorFlow 2.21 logs about oneDNN and missing CUDA before it reads TF_CPP_MIN_LOG_LEVEL, straight to file
    descriptor 2, where no Python redirection reaches. Commands call this first; a library user's stderr is their own.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow cannot do, it raises
    if "tensorflow" in sys.modules:
        return
    with hushed():
        import_module("tensorflow")  # not by statement: the edge, which is hushed too, must not know TensorFlow


@contextmanager
def hushed() -> Iterator[None]:
    """Keeps back what is written to stderr meanwhile, by C++ too, and shows it only if the block fails unexpectedly."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except ColorizeError:
            raise  # says all there is to say, in one line
        except BaseException:
            sys.stderr.flush()
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
