"""A command's stderr is free of TensorFlow's greetings, and of nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from colorize_tf import edge

MODEL = Path(edge.__file__).with_name("mobile.tflite")
LOAD = "from colorize_tf.quiet import load_tensorflow; load_tensorflow()"


def stderr_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300).stderr


def test_loading_and_computing_print_nothing():
    code = f"{LOAD}\nimport sys, tensorflow as tf; tf.reduce_sum(tf.ones(3)).numpy(); print('mine', file=sys.stderr)"
    assert stderr_of(code) == "mine\n"


def test_judging_a_model_file_prints_its_results_alone(photo_folder: Path, tmp_path: Path):
    words = [str(MODEL), "--data", f"folder:{photo_folder}", "--size", "64", "--limit", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "colorize_tf.evaluate", *words],
        env={**os.environ, "COLORIZE_TF_CACHE": str(tmp_path)},  # no photo has been decoded yet
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "PSNR" in done.stdout


def test_a_failing_import_still_tells_all():
    code = f"""
import os, sys
class Broken:
    def find_spec(self, name, *_):
        if name == "tensorflow":
            os.write(2, b"said by C++")
            raise ImportError("broken")
sys.meta_path.insert(0, Broken())
{LOAD}"""
    message = stderr_of(code)
    assert "said by C++" in message
    assert "ImportError: broken" in message
