"""Folders of photographs for tests of `colorize`, and the command as a process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab

MODEL = Path(__file__).parent / "golden" / "models" / "tiny.tflite"


def gray(seed=0, height=60, width=90):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def make_album(tmp_path):
    """album/{a.jpg, b.png, notes.txt, .hidden.jpg, inner/c.tif}"""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    gray(0).save(folder / "a.jpg")
    gray(1).save(folder / "b.png")
    gray(2).save(folder / "inner" / "c.tif")
    gray(3).save(folder / ".hidden.jpg")
    (folder / "notes.txt").write_text("no photo")
    return folder


def start(*words, **options):
    """Starts the command in a process of its own."""
    command = [sys.executable, "-m", "colorize_tf", "--model", str(MODEL), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def is_coloured(path):
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2).mean() > 3


def luma(path):
    with Image.open(path) as image:
        return rgb_to_lab(np.asarray(image.convert("RGB")).astype(np.float64) / 255)[..., 0]
