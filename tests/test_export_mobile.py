"""The network that ships becomes files of any size that hints and vividness guide."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from colorize_tf.config import DataConfig
from colorize_tf.export.convert import convert
from colorize_tf.export.drift import measure_drift
from colorize_tf.export.flatbuffer import Graph, defects
from colorize_tf.export.probe import Tflite
from colorize_tf.export.recipes import RECIPES
from colorize_tf.export.scenes import Intake, Scene, choose_photos, make_scenes
from colorize_tf.export.source import Source, open_source_graph
from colorize_tf.models import build
from colorize_tf.predict import Run

pytestmark = pytest.mark.slow

DATA = DataConfig(data="synthetic:30", val_share=0.2, test_share=0.2)


@pytest.fixture(scope="module")
def source() -> Source:
    """A small one that paints, though it has learnt nothing: what it answers varies from photo to photo."""
    keras.utils.set_random_seed(2)
    random = np.random.default_rng(2)
    model = build("mobile", size=64, alpha=0.25, width=16, base_width=4)
    model.short_side = 64  # photos this small are quick
    for layer in model.averaged.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(random.uniform(1, 2, layer.gamma.shape))
            layer.beta.assign(random.normal(0.5, 0.5, layer.beta.shape))
    logits = model.averaged.get_layer("logits")
    logits.kernel.assign(random.normal(0, 1.5, logits.kernel.shape))
    model.log_rarity.assign(random.normal(0, 2, model.log_rarity.shape))
    config: Any = SimpleNamespace(model=SimpleNamespace(name="mobile"), data=DATA)
    return open_source_graph(Run(Path(), Path(), config, model), None, free=True)


@pytest.fixture(scope="module")
def scenes(source: Source) -> tuple[list[Scene], list[Scene]]:
    measured, judged = choose_photos(DATA, (12, 4))
    return make_scenes(measured, source.intake), make_scenes(judged, source.intake)


def test_it_takes_any_size_hints_and_vividness(source: Source) -> None:
    assert source.intake == Intake(None, 32, 64, ("luma", "hints", "vivid"))
    assert list(source.networks()) == ["averaged"]


@pytest.mark.parametrize("recipe", ["float16", "static_wi8_ai8"])
def test_its_files_keep_their_bounds(
    source: Source, scenes: tuple[list[Scene], list[Scene]], recipe: str, tmp_path: Path
) -> None:
    content = convert(source, RECIPES[recipe], [scene.inputs for scene in scenes[0]])
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    file = Tflite("ai-edge-litert", str(path), 1)
    inputs = [scene.inputs for scene in scenes[1]]
    wanted = [source(one) for one in inputs]
    drift = measure_drift([one["luma"] for one in inputs], wanted, [file.run(one) for one in inputs])
    assert drift.chroma > 5
    bounds = RECIPES[recipe].bounds
    assert drift.rgb_mean >= bounds.mean and drift.rgb_worst >= bounds.worst
    # Of a size that none of the photos has, and as the network itself answers without the optional inputs.
    luma = np.random.default_rng(1).uniform(0, 100, (1, 96, 128, 1)).astype(np.float32)
    plain = {"luma": luma, "hints": np.zeros((1, 96, 128, 3), np.float32), "vivid": np.zeros(1, np.float32)}
    answer = file.run(plain)
    assert answer.shape == (1, 48, 64, 2)
    assert np.abs(answer - np.asarray(source.model.colorize(luma))).mean() < 2
    assert defects(content) == []
    if recipe == "static_wi8_ai8":
        assert_the_head_is_float(Graph(content))


def assert_the_head_is_float(graph: Graph) -> None:
    """From the logits of the bins on, and from the scores of the mixtures on."""
    floating = {node.operator for node in graph.nodes if graph.dtype(node.outputs[0]) == "FLOAT32"}
    integer = [node.operator for node in graph.nodes if graph.dtype(node.outputs[0]) == "INT8"]
    assert {"SOFTMAX", "LOGISTIC", "DIV", "DEPTH_TO_SPACE"} <= floating
    assert not {"SOFTMAX", "LOGISTIC", "DIV", "DEPTH_TO_SPACE"}.intersection(integer)
    assert integer.count("CONV_2D") > 15 and integer.count("DEPTHWISE_CONV_2D") > 13
