"""Loading TensorFlow without its greetings, so that a command's stderr holds what its user needs to read."""

from __future__ import annotations

import os
import sys
import tempfile

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Imports TensorFlow; what its C++ part prints meanwhile is shown only if the import fails.

    TensorFlow 2.21 logs about oneDNN and missing CUDA before it reads TF_CPP_MIN_LOG_LEVEL, straight to file
    descriptor 2, where no Python redirection reaches. Commands call this first; a library user's stderr is their own.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow cannot do, it raises
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
