"""What may become a folder of results: asked before any work, for an answer after it would be hours late."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from colorize_tf.errors import InputError

__all__ = ["EVALUATION", "check_out_folder", "made"]

# What an evaluation leaves in its folder; the first says that all the others are there.
EVALUATION = ("evaluation.json", "rows.csv", "table.md", "sheet.png")


def check_out_folder(out: Path, result: str | None = None, *, overwrite: bool = False) -> None:
    """Refuses an `--out` where no folder can be made or written to, or that holds the file `result` of earlier work."""
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError("--out", "must be a folder" if nearest == out else "must not lie below a file", str(out))
    if not os.access(nearest, os.W_OK):
        raise InputError("--out", "must be a folder that you may write to", str(out))
    if result is not None and (out / result).exists() and not overwrite:
        raise InputError("--out", "holds a result already", str(out), "Name another folder or add --overwrite.")


def made(out: Path, results: Sequence[str], *, overwrite: bool) -> Path:
    """Makes a folder for `results`, of which the first says that all are there; with `overwrite` earlier ones go."""
    out.mkdir(parents=True, exist_ok=True)
    for name in results if overwrite else ():
        (out / name).unlink(missing_ok=True)
    return out
