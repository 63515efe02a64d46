"""Where what is dear to make is kept between runs; deleting it is always safe."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_root"]


def cache_root() -> Path:
    """The folder for indexes, converted photos, streamed sources and pixels: $COLORIZE_TF_CACHE or the user's own."""
    chosen = os.environ.get("COLORIZE_TF_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorize_tf"
