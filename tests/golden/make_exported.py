"""Makes the exported networks of whole.json: python -m tests.golden.make_exported (needs TensorFlow).

A small pix2pix, trained for a moment on generated scenes, as `python -m export` writes it: `pix2pix` with float16
weights and `pix2pix-int8`. After this, run make_goldens.py, and again for each other runtime.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from export.__main__ import main as export

from ..export_runs import trained_run

FOLDER = Path(__file__).parent / "models"
CARD = ("--name", "pix2pix", "--licence", "Apache-2.0")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        run = str(trained_run(Path(folder) / "run", size=64, base_width=4, steps=200))
        for name, *recipe in (("pix2pix", "float16"), ("pix2pix-int8", "static_wi8_ai8", "--twin", "pix2pix.tflite")):
            out = str(FOLDER / f"{name}.tflite")
            if code := export([run, "--out", out, "--overwrite", *CARD, "--recipe", *recipe]):
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
