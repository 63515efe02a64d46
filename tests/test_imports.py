"""What must run without TensorFlow does, and stays light."""

import subprocess
import sys

import pytest

TENSORFLOW_FREE = ["colorize_tf", "colorize_tf.atomic", "colorize_tf.colorspace", "colorize_tf.errors"]

BLOCKED = """
import sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("module", TENSORFLOW_FREE)
def test_imports_with_tensorflow_blocked(module):
    result = run(f"{BLOCKED}\nimport {module}")
    assert result.returncode == 0, result.stderr


def test_the_block_works():
    assert "ModuleNotFoundError" in run(f"{BLOCKED}\nimport tensorflow").stderr


def test_the_package_itself_imports_nothing_heavy():
    result = run("import sys, colorize_tf; print(*sorted(set(sys.modules) & {'numpy', 'PIL', 'tensorflow', 'keras'}))")
    assert result.stdout.strip() == "", result.stdout
