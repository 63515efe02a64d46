"""What must run without TensorFlow does, and stays light."""

import configparser
import pkgutil
import subprocess
import sys
from pathlib import Path

import colorize_tf.apps
import colorize_tf.edge

SETUP = Path(__file__).parents[1] / "setup.cfg"

BLOCKED = """
import sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def tensorflow_free() -> list[str]:
    """What the import contract of setup.cfg names, with all modules of the packages among it."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(SETUP, encoding="utf-8")
    named = settings["importlinter:contract:tensorflow-free"]["source_modules"].split()
    packages = (colorize_tf.apps, colorize_tf.edge)
    inside = [f"{p.__name__}.{m.name}" for p in packages for m in pkgutil.iter_modules(p.__path__)]
    return ["colorize_tf", *named, *inside]


def test_imports_with_tensorflow_blocked():
    modules = tensorflow_free()
    assert len(modules) > 30
    result = run(f"{BLOCKED}\nimport {', '.join(modules)}")
    assert result.returncode == 0, result.stderr


def test_the_block_works():
    assert "ModuleNotFoundError" in run(f"{BLOCKED}\nimport tensorflow").stderr


def test_the_package_itself_imports_nothing_heavy():
    result = run("import sys, colorize_tf; print(*sorted(set(sys.modules) & {'numpy', 'PIL', 'tensorflow', 'keras'}))")
    assert result.stdout.strip() == "", result.stdout
