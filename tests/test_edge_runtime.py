"""Which model is taken where none is named, and in which runtime."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import colorize_tf.edge.runtime as runtime_module
import colorize_tf.edge.tflite as tflite_module
from colorize_tf.edge import Hint, TfliteColorizer
from colorize_tf.edge.card import read_model, write_model
from colorize_tf.edge.network import Options
from colorize_tf.edge.runtime import Runtime, find_runtime
from colorize_tf.errors import InputError

from .albums import gray

MODELS = Path(__file__).parent / "golden" / "models"
EDGE = "colorize_tf.edge"  # where the bundled model lies
SLOW_ON_INT8 = Runtime("tflite-runtime", find_runtime().interpreter)


def test_without_a_bundled_model_the_error_names_the_flag(monkeypatch):
    monkeypatch.setattr(tflite_module, "BUNDLED", "absent.tflite")
    with pytest.raises(InputError, match="--model") as caught:
        TfliteColorizer()
    assert "\n" not in str(caught.value)


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """The package's folder with stand-ins for the models that ship: an int8 file and its float16 twin."""
    for name, source, twin in (
        (tflite_module.BUNDLED, "tiny-fixed-int8", "mobile-float16.tflite"),
        ("mobile-float16.tflite", "tiny-fixed", None),
    ):
        content, card = read_model(MODELS / f"{source}.tflite")
        write_model(tmp_path / name, content, replace(card, name="mobile", twin=twin))
    monkeypatch.setattr(tflite_module.resources, "files", lambda package: tmp_path if package == EDGE else None)
    return tmp_path


@pytest.mark.parametrize(("runtime", "recipe"), [(SLOW_ON_INT8, "float16"), (None, "static_wi8_ai8")])
def test_the_bundled_model_needs_no_name(bundled, monkeypatch, runtime, recipe):
    monkeypatch.setattr(runtime_module.platform, "machine", lambda: "x86_64" if runtime else "aarch64")
    if runtime:
        monkeypatch.setattr(tflite_module, "find_runtime", lambda _: runtime)
    colorizer = TfliteColorizer(threads=1)
    assert (colorizer.card.name, colorizer.card.recipe) == ("mobile", recipe)
    image = np.asarray(gray())
    plain = colorizer(image)
    for other in (
        colorizer(image, hints=[Hint(60, 45, (255, 0, 0))]),
        TfliteColorizer(threads=1, options=Options(vivid=1.0))(image),
    ):
        assert np.abs(other.astype(int) - plain).max() > 10


def test_a_damaged_bundled_model_is_refused(bundled):
    path = bundled / tflite_module.BUNDLED
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mobile\.tflite: must match the checksum"):
        TfliteColorizer()


def test_without_a_runtime_the_error_names_the_command_and_what_is_wrong_with_each(monkeypatch):
    def missing(name):
        if name.startswith("ai_edge"):
            raise ImportError("libc.so.6: version `GLIBC_2.38' not found")
        raise ModuleNotFoundError(name, name="flatbuffers" if name.startswith("tflite") else "tensorflow")

    monkeypatch.setattr(runtime_module.importlib, "import_module", missing)
    monkeypatch.setattr(runtime_module.np, "__version__", "1.26.4")
    with pytest.raises(InputError, match="pip install ai-edge-litert") as caught:
        find_runtime.__wrapped__()
    assert "GLIBC_2.38' not found); tflite-runtime: needs flatbuffers; tensorflow: not installed" in str(caught.value)


def test_runtimes_are_tried_in_order(monkeypatch):
    class Module:
        Interpreter = object

    tried = []

    def only_the_last(name):
        tried.append(name)
        if not name.startswith("tensorflow"):
            raise ImportError(name)
        return Module

    monkeypatch.setattr(runtime_module.importlib, "import_module", only_the_last)
    monkeypatch.setattr(runtime_module.np, "__version__", "1.26.4")
    assert find_runtime.__wrapped__() == Runtime("tensorflow", object)
    assert [name.split(".")[0] for name in tried] == ["ai_edge_litert", "tflite_runtime", "tensorflow"]


def test_tflite_runtime_is_not_tried_with_a_numpy_it_crashes_on(monkeypatch):
    monkeypatch.setattr(runtime_module.np, "__version__", "2.1.0")
    with pytest.raises(InputError, match="needs NumPy 1"):
        find_runtime.__wrapped__("tflite-runtime")


def test_an_unknown_runtime_is_refused():
    with pytest.raises(InputError, match="ai-edge-litert"):
        find_runtime("onnx")


def test_where_int8_is_slow_the_twin_is_taken(monkeypatch):
    monkeypatch.setattr(tflite_module, "find_runtime", lambda _: SLOW_ON_INT8)
    monkeypatch.setattr(runtime_module.platform, "machine", lambda: "x86_64")
    assert TfliteColorizer(MODELS / "tiny-fixed-int8.tflite").card.recipe == "float16"
    monkeypatch.setattr(runtime_module.platform, "machine", lambda: "aarch64")
    assert TfliteColorizer(MODELS / "tiny-fixed-int8.tflite").card.recipe == "static_wi8_ai8"
