"""Every network of the table becomes a file, of its own size and of any; those that translate, one for each way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from colorize_tf.checkpoints import save_best
from colorize_tf.config import DataConfig, RunConfig, save_config
from colorize_tf.edge import TfliteColorizer
from colorize_tf.edge.card import read_model
from colorize_tf.errors import InputError
from colorize_tf.export import verify
from colorize_tf.export.__main__ import main
from colorize_tf.export.convert import convert
from colorize_tf.export.flatbuffer import defects
from colorize_tf.export.probe import Tflite
from colorize_tf.export.recipes import RECIPES
from colorize_tf.export.source import INPUTS, Source, Task, open_source_graph
from colorize_tf.families import FAMILIES
from colorize_tf.models import MODELS, build, model_class
from colorize_tf.predict import Run

pytestmark = pytest.mark.slow

COLORIZERS = [name for name in MODELS if hasattr(model_class(name), "colorize")]


TRANSLATORS = [name for name in MODELS if hasattr(model_class(name), "translate")]
THERE, BACK = Task(translates=True), Task(translates=True, back=True)


def run_of(name: str, **options: Any) -> Run:
    config: Any = SimpleNamespace(model=SimpleNamespace(name=name), data=DataConfig())
    return Run(Path(), Path(), config, build(name, **{**FAMILIES[name].SMOKE, **options}))


def answers(source: Source, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """A network -> inputs of its size, or of another where it takes any; what its float32 file and it itself answer."""
    height, width = source.intake.size or (2 * source.intake.multiple, 3 * source.intake.multiple)
    random = np.random.default_rng(3)
    shapes = {name: (1, height, width, channels) if channels else (1,) for name, channels in INPUTS.items()}
    inputs = {key: random.uniform(0, 1, shapes[key]).astype(np.float32) for key in source.intake.inputs}
    if "luma" in inputs:
        inputs["luma"] *= 100.0
    path = folder / "model.tflite"
    path.write_bytes(convert(source, RECIPES["float32"]))
    assert defects(path.read_bytes()) == []
    return inputs, Tflite("ai-edge-litert", str(path), 1).run(inputs), source(inputs)


@pytest.mark.parametrize("free", [False, True], ids=["its size", "any size"])
@pytest.mark.parametrize("name", COLORIZERS)
def test_it_becomes_a_file_that_answers_as_it_does(name: str, free: bool, tmp_path: Path) -> None:
    inputs, answer, wanted = answers(open_source_graph(run_of(name), None, free=free), tmp_path)
    height, width = inputs["luma"].shape[1:3]
    assert answer.shape == wanted.shape and height % answer.shape[1] == width % answer.shape[2] == 0
    assert np.abs(answer - wanted).max() < 0.01 + 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("free", [False, True], ids=["its size", "any size"])
@pytest.mark.parametrize("task", [THERE, BACK], ids=["there", "back"])
@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_translator_becomes_a_file_for_each_way(name: str, task: Task, free: bool, tmp_path: Path) -> None:
    source = open_source_graph(run_of(name, base_width=16), None, free=free, task=task)
    inputs, answer, wanted = answers(source, tmp_path)
    assert inputs.keys() == {"rgb"}
    assert answer.shape == wanted.shape == inputs["rgb"].shape
    np.testing.assert_allclose(answer, wanted, atol=1e-3)
    other = open_source_graph(source.run, None, free=free, task=BACK if task == THERE else THERE)
    assert np.abs(other(inputs) - wanted).max() > 0.01


def test_a_file_is_for_one_class(tmp_path: Path) -> None:
    run = run_of("mcgan", domains=3)
    inputs, answer, _ = answers(open_source_graph(run, None, task=Task(translates=True, domain=2)), tmp_path)
    np.testing.assert_allclose(answer, run.model.translate(inputs["rgb"], 2), atol=1e-3)
    assert np.abs(answer - run.model.translate(inputs["rgb"], 0)).max() > 0.01


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a translator that has not learnt anything."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    options = {**FAMILIES["cyclegan"].SMOKE, "base_width": 16}
    save_best(folder, build("cyclegan", **options), {})
    data = DataConfig(data="unpaired:synthetic:8,size=40x40|synthetic:8,seed=2,size=40x40")
    save_config(RunConfig("cyclegan", FAMILIES["cyclegan"](name="cyclegan", **options), data), folder / "config.json")
    return folder


@pytest.mark.parametrize("words", [["--recipe", "float16"], ["--recipe", "dynamic_wi8", "--back", "--dynamic"]])
def test_the_command_exports_a_translator(words: list[str], translator: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(verify, "SECONDS", 0.01)
    path = tmp_path / "model.tflite"
    assert main([str(translator), *words, "--out", str(path), "--photos", "3"]) == 0
    _, card = read_model(path)
    assert (card.kind, card.ab_scale, card.height) == ("translate", 1, None if "--dynamic" in words else 32)
    drift, bounds = card.verification["drift"], RECIPES[card.recipe].bounds
    assert drift["rgb_mean"] >= bounds.mean and drift["rgb_worst"] >= bounds.worst and drift["photos"] == 3
    assert card.verification["passed"] and "psnr" not in card.metrics
    with pytest.raises(InputError, match="must be a colorizer"):
        TfliteColorizer(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--recipe static_wi8_ai8", "--recipe: cannot hold instance normalisation"),
        ("--recipe qat_wi8_ai8", "--recipe: tunes networks that colorize. Received: qat_wi8_ai8."),
        ("--recipe float32 --domain 1", "--domain: goes with --translate, not with --back. Received: 1."),
        ("--recipe float32 --translate --domain 1", "--domain: needs a network that is told classes."),
    ],
)
def test_what_a_translator_cannot_be_is_one_line(words: str, said: str, translator: Path, tmp_path: Path, capsys):
    assert main([str(translator), *words.split(), "--out", str(tmp_path / "model.tflite")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {said}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_translates_otherwise_is_not_passed() -> None:
    rgb = np.random.default_rng(0).uniform(0, 1, (3, 1, 16, 16, 3)).astype(np.float32)
    scenes = [SimpleNamespace(inputs={"rgb": one}) for one in rgb]
    drift = verify.drift_of(scenes, list(rgb), list(rgb))
    assert drift.rgb_worst == drift.ab_worst == 100 and drift.chroma_ratio == 1
    pale = 0.9 * rgb + 0.1 * rgb.mean(-1, keepdims=True)
    broken = verify.broken_bounds(verify.drift_of(scenes, list(rgb), list(pale)), RECIPES["dynamic_wi8"])
    assert any("mean chroma" in line for line in broken) and any("on average" in line for line in broken)
