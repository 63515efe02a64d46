"""What may become a folder of results: asked before any work, for an answer after it would be hours late."""

from __future__ import annotations

import os
from pathlib import Path

from colorize_tf.errors import InputError

__all__ = ["check_out_folder"]


def check_out_folder(out: Path, result: str | None = None, *, overwrite: bool = False) -> None:
    """Refuses an `--out` where no folder can be made or written to, or that holds the file `result` of earlier work."""
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError("--out", "must be a folder" if nearest == out else "must not lie below a file", str(out))
    if not os.access(nearest, os.W_OK):
        raise InputError("--out", "must be a folder that you may write to", str(out))
    if result is not None and (out / result).exists() and not overwrite:
        raise InputError("--out", "holds a result already", str(out), "Name another folder or add --overwrite.")
