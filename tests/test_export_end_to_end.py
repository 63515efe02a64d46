"""From a network to a picture on a board: a pix2pix of 256 pixels as an int8 file, in the wrapper and in the script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.datasets.synthetic import scene
from colorize_tf.edge import TfliteColorizer
from colorize_tf.edge.card import read_model
from colorize_tf.edge.network import Options
from colorize_tf.export import verify
from colorize_tf.export.__main__ import main
from colorize_tf.predict import PLAIN, RunColorizer, load_run

from .export_runs import trained_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "edge" / "colorize_board.py"
# This Python, which has ai-edge-litert, and that of `make test-edge`, which has tflite-runtime, where it was made.
PYTHONS = {"ai-edge-litert": sys.executable}
if (ROOT / ".venv-tflite").exists():
    PYTHONS["tflite-runtime"] = str(ROOT / ".venv-tflite" / "bin" / "python")
WRAPPER = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from colorize_tf.edge import TfliteColorizer
from PIL import Image
colorizer = TfliteColorizer(sys.argv[2], runtime=sys.argv[5])
Image.fromarray(colorizer(np.asarray(Image.open(sys.argv[3])))).save(sys.argv[4])
print(json.dumps({"tensorflow": "tensorflow" in sys.modules, "runtime": colorizer.runtime.name}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", size=256, base_width=16, steps=20)


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("files") / "model.tflite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "SECONDS", 0.01)
        arguments = ["--recipe", "static_wi8_ai8", "--out", str(out), "--photos", "8", "--calibration", "16"]
        assert main([str(run), *arguments]) == 0
    return out


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(scene(78, (300, 360))).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def assert_within_limits_of_int8(found: np.ndarray, golden: np.ndarray) -> None:
    off = np.abs(found.astype(int) - golden)
    assert (off.mean() <= 0.5, np.quantile(off, 0.999) <= 4, off.max() <= 12) == (True, True, True)


def test_the_file_is_small_and_was_tried_in_every_runtime(model: Path) -> None:
    assert model.stat().st_size <= 4_000_000
    _, card = read_model(model)
    assert (card.height, card.width, card.fit, card.ab_scale) == (256, 256, "squash", 1)
    assert {"ai-edge-litert", "tensorflow", *PYTHONS} == {name.split()[0] for name in card.runtimes}


def test_the_wrapper_paints_what_the_network_paints(run: Path, model: Path, photo: Path) -> None:
    wanted = RunColorizer(load_run(run))(pixels(photo))
    found = TfliteColorizer(model, options=PLAIN)(pixels(photo))
    assert np.hypot(*np.moveaxis(rgb_to_lab(found / 255.0)[..., 1:], -1, 0)).mean() > 5
    assert np.square(found.astype(float) - wanted).mean() < 255**2 / 10**3.8  # 38 dB, as for the bare network


@pytest.mark.parametrize("runtime", PYTHONS)
def test_the_wrapper_paints_the_same_in_every_runtime(model: Path, photo: Path, tmp_path: Path, runtime: str) -> None:
    golden = TfliteColorizer(model)(pixels(photo))
    target = tmp_path / "coloured.png"
    command = [PYTHONS[runtime], "-c", WRAPPER, str(ROOT), str(model), str(photo), str(target), runtime]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"tensorflow": False, "runtime": runtime}
    assert_within_limits_of_int8(pixels(target), golden)


@pytest.mark.parametrize("runtime", PYTHONS)
def test_the_script_paints_what_the_wrapper_paints(model: Path, photo: Path, tmp_path: Path, runtime: str) -> None:
    golden = TfliteColorizer(model, options=Options(levels=False, edges=False))(pixels(photo))
    target = tmp_path / "coloured.png"
    # Isolated: the script has to do without the package.
    command = [PYTHONS[runtime], "-I", str(SCRIPT), str(model), str(photo), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_within_limits_of_int8(pixels(target), golden)
