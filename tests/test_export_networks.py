"""Every network of the table that colorizes becomes a file, of its own size and of any."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from colorize_tf.config import DataConfig
from colorize_tf.export.convert import convert
from colorize_tf.export.flatbuffer import defects
from colorize_tf.export.probe import Tflite
from colorize_tf.export.recipes import RECIPES
from colorize_tf.export.source import open_source_graph
from colorize_tf.families import FAMILIES
from colorize_tf.models import MODELS, build, model_class
from colorize_tf.predict import Run

pytestmark = pytest.mark.slow

COLORIZERS = [name for name in MODELS if hasattr(model_class(name), "colorize")]


def run_of(name: str) -> Run:
    config: Any = SimpleNamespace(model=SimpleNamespace(name=name), data=DataConfig())
    return Run(Path(), Path(), config, build(name, **FAMILIES[name].SMOKE))


@pytest.mark.parametrize("free", [False, True], ids=["its size", "any size"])
@pytest.mark.parametrize("name", COLORIZERS)
def test_it_becomes_a_file_that_answers_as_it_does(name: str, free: bool, tmp_path: Path) -> None:
    source = open_source_graph(run_of(name), None, free=free)
    height, width = source.intake.size or (2 * source.intake.multiple, 3 * source.intake.multiple)
    random = np.random.default_rng(3)
    shapes = {"luma": (1, height, width, 1), "hints": (1, height, width, 3), "vivid": (1,)}
    inputs = {key: random.uniform(0, 1, shapes[key]).astype(np.float32) for key in source.intake.inputs}
    inputs["luma"] *= 100.0
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(source, RECIPES["float32"]))
    assert defects(path.read_bytes()) == []
    answer, wanted = Tflite("ai-edge-litert", str(path), 1).run(inputs), source(inputs)
    assert answer.shape == wanted.shape and height % answer.shape[1] == width % answer.shape[2] == 0
    assert np.abs(answer - wanted).max() < 0.01 + 1e-3 * np.abs(wanted).max()
