"""A command's stderr is free of TensorFlow's greetings, and of nothing else."""

import subprocess
import sys

LOAD = "from colorize_tf.quiet import load_tensorflow; load_tensorflow()"


def stderr_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300).stderr


def test_loading_and_computing_print_nothing():
    code = f"{LOAD}\nimport sys, tensorflow as tf; tf.reduce_sum(tf.ones(3)).numpy(); print('mine', file=sys.stderr)"
    assert stderr_of(code) == "mine\n"


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
