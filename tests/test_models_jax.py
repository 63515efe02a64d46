"""Generators, blocks and losses need Keras alone: they train on JAX where there is no TensorFlow."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colorize_tf.datasets import open_source
from colorize_tf.datasets.pack import pack

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def outcome(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    shards = tmp_path_factory.mktemp("packed") / "shards"
    pack(open_source(f"folder:{photo_folder}").sample(8), shards)
    code = "import sys; sys.modules['tensorflow'] = None; from tests.train_on_jax import main; main(sys.argv[1])"
    command = [sys.executable, "-c", code, f"{shards}/*.tfrecord"]
    # The second setting quarters the time XLA takes to compile programs that run once.
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_generator_trains_two_steps_on_jax_with_fit(outcome):
    assert (outcome["backend"], outcome["steps"], outcome["tensorflow"]) == ("jax", 2, False)
    assert math.isfinite(outcome["loss"][0])
    assert outcome["moved"] > 0


def test_a_model_colorizes_on_jax(outcome):
    assert outcome["ab"] == [[1, 32, 32, 2], "float32", True]


def test_training_in_phases_elsewhere_is_refused_in_one_line(outcome):
    assert outcome["refusal"].startswith("KERAS_BACKEND: training in phases runs on tensorflow. Received: jax.")
    assert "model.generator" in outcome["refusal"]


def test_the_table_of_models_imports_nothing_heavy():
    code = "import sys, colorize_tf.models; print(*sorted(set(sys.modules) & {'keras', 'tensorflow', 'numpy'}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr
