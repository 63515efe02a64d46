"""What every colorization network must pass, whatever paper it is from; `test_models.py` runs all of it for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from colorize_tf import colorspace
from colorize_tf.config import RunConfig, TrainConfig
from colorize_tf.export.convert import convert
from colorize_tf.export.drift import measure_drift, measure_rgb_drift
from colorize_tf.export.probe import Tflite
from colorize_tf.export.recipes import CHROMA_TOLERANCE, RECIPES
from colorize_tf.export.source import INPUTS, Task, open_source_graph
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.predict import Run
from colorize_tf.steps import Stepper
from colorize_tf.strategies import open_devices

from .conftest import colourful


@dataclass(frozen=True)
class Case:
    """A network small enough for a test, and which of its parts each of its training phases teaches."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    learners: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"train": ("generator",)})
    size: int = 32
    overfit: dict[str, Any] = field(default_factory=dict)  # options for the network that learns a few pictures by heart
    overfit_phase: str | None = None  # if not the last one
    overfit_rate: float = 2e-3  # falls to nothing, or what is learnt last would depend on when it ends
    overfit_steps: int = 160
    picture: Callable[[int, int, int], np.ndarray] = colourful  # number, height, width -> uint8 [H,W,3]

    def build(self, seed: int = 1, learning_rate: Any = 2e-4, **options: Any) -> keras.Model:
        keras.utils.set_random_seed(seed)
        model = build(self.name, **{"size": self.size, **self.options, **options})
        model.compile(learning_rate=learning_rate)
        return model


def batch(
    model: keras.Model, count: int = 2, picture: Callable[[int, int, int], np.ndarray] = colourful
) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures as x, y in the model's view."""
    rgb = np.stack([picture(seed, model.size, model.size) for seed in range(count)])
    if model.unpaired:
        others = np.stack([picture(100 + seed, model.size, model.size) for seed in range(count)])
        return tuple(_seen(model, colorspace.encode_rgb(pictures)) for pictures in (rgb, others))
    if model.view in ("rgb", "labelled"):
        y = colorspace.encode_rgb(rgb)
        return _seen(model, np.repeat(colorspace.rgb_to_gray(y)[..., None], 3, axis=-1)), y.astype("float32")
    lab = colorspace.rgb_to_lab(rgb / np.float32(255))
    x, y = colorspace.encode_luma(lab[..., :1]), colorspace.encode_ab(lab[..., 1:])
    if model.view == "hinted":  # without hints, which is the harder case
        x = np.pad(x, [(0, 0)] * 3 + [(0, 3)])
    return x.astype("float32"), y.astype("float32")


def _seen(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Pictures [N,S,S,3] as the model's view has them; every other one has a class, if there are any."""
    if model.view == "labelled":
        told = [(number % 2, number % 2 * (number % model.domains)) for number in range(len(pictures))]
        planes = np.ones_like(pictures[..., :2]) * np.array(told)[:, None, None]
        pictures = np.concatenate([pictures, planes], axis=-1)
    return pictures.astype("float32")


def step(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """One training step, run eagerly: tracing costs more than a few steps of a tiny network."""
    logs = model.train_step((tf.constant(x), tf.constant(y)))
    return {name: float(value) for name, value in logs.items()}


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """Path -> value of every weight."""
    return {variable.path: np.array(variable.numpy()) for variable in network.weights}


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    """The weights that differ."""
    return {path for path, value in before.items() if not np.array_equal(value, after[path])}


# === The list ===


def gives_ab_for_luma(case: Case, tmp_path: Path) -> None:
    model = case.build()
    luma = np.random.default_rng(0).uniform(0, 100, (2, model.size, model.size, 1)).astype("float32")
    ab = model.colorize(luma)
    assert keras.backend.standardize_dtype(ab.dtype) == "float32"
    batch_size, height, width, channels = ab.shape
    assert (batch_size, channels) == (2, 2)
    assert model.size % height == 0 and height == width
    assert np.isfinite(ab).all() and np.abs(ab).max() <= 128
    np.testing.assert_allclose(model.colorize(luma[:1])[0], ab[0], atol=1e-3)  # a photo's colour is its own affair


def gives_pictures_for_pictures(case: Case, tmp_path: Path) -> None:
    model = case.build()
    rgb = np.random.default_rng(0).uniform(0, 1, (2, model.size, model.size, 3)).astype("float32")
    for translated in (model.translate(rgb), model.translate_back(rgb)):
        assert translated.shape == rgb.shape and keras.backend.standardize_dtype(translated.dtype) == "float32"
        assert np.min(translated) >= 0 and np.max(translated) <= 1


def survives_its_config(case: Case, tmp_path: Path) -> None:
    model = case.build()
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert again.get_config() == model.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def loads_what_it_saved(case: Case, tmp_path: Path) -> None:
    model = case.build()
    x, y = batch(model)
    step(model, x, y)
    model.save_weights(tmp_path / "a.weights.h5")
    bare = build(case.name, **{"size": case.size, **case.options})
    bare.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(bare(x), model(x))

    model.save(tmp_path / "a.keras")
    whole = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(whole(x), model(x))
    for loaded, saved in zip(_optimizer_state(whole), _optimizer_state(model), strict=True):
        np.testing.assert_array_equal(loaded, saved)


def learns_where_it_should(case: Case, tmp_path: Path) -> None:
    model = case.build()
    x, y = batch(model)
    if model.view == "hinted":  # or what carries hints to their like would have nothing to learn from
        x[:, 8:16, 8:16, 1:] = np.pad(y[:, 8:16, 8:16], [(0, 0)] * 3 + [(0, 1)], constant_values=1.0)
    networks = {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)}
    for phase, learners in case.learners.items():
        model.phase = phase
        for name, network in networks.items():
            trainable = {variable.path for variable in network.trainable_variables}
            before = weights_of(network)
            losses = step(model, x, y)
            moved = changed(before, weights_of(network))
            assert np.isfinite(list(losses.values())).all()
            assert trainable <= moved if name in learners else not moved, (phase, name, moved)


def computes_in_half_precision(case: Case, tmp_path: Path) -> None:
    exact = case.build()
    x, y = batch(exact)
    for policy in ("mixed_bfloat16", "mixed_float16"):
        model = case.build(dtype=policy)
        assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
        computing = {layer.compute_dtype for layer in _layers(model) if isinstance(layer, keras.layers.Conv2D)}
        assert computing == {policy.removeprefix("mixed_")}
        output = model(x)
        assert output.dtype == tf.float32
        np.testing.assert_allclose(output, exact(x), atol=0.02)
        before = weights_of(model)
        for _ in range(6):  # float16 begins with a loss scale that may be too high, which costs it a step or two
            assert np.isfinite(list(step(model, x, y).values())).all()
            if changed(before, weights_of(model)):
                break
        assert changed(before, weights_of(model))
        assert all(np.isfinite(value).all() for value in weights_of(model).values())


def learns_a_few_pictures_by_heart(case: Case, tmp_path: Path) -> None:
    model, luma, rgb = _by_heart(case)
    ab = np.asarray(keras.ops.image.resize(model.colorize(luma), luma.shape[1:3]))
    painted = colorspace.lab_to_rgb(np.concatenate([luma, ab], axis=-1))
    gray = np.repeat(colorspace.luma_to_gray(luma), 3, axis=-1)
    assert _psnr(painted, rgb) >= _psnr(gray, rgb) + 5, (_psnr(painted, rgb), _psnr(gray, rgb))


def paints_the_same_from_a_file(case: Case, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model, luma, _ = _by_heart(case)
    config = RunConfig(case.name, FAMILIES[case.name](name=case.name))
    source = open_source_graph(Run(tmp_path, tmp_path, config, model), None)
    recipe = RECIPES["float32"]
    file = Interpreter(model_content=convert(source, recipe)).get_signature_runner()
    rest = {name: np.zeros((1, *luma.shape[1:3], INPUTS[name]) if INPUTS[name] else (1,), np.float32)
            for name in source.intake.inputs if name != "luma"}  # fmt: skip
    scenes = [{"luma": one[None].astype(np.float32), **rest} for one in luma]
    wanted, given = [source(scene) for scene in scenes], [file(**scene)["ab"] for scene in scenes]
    drift = measure_drift([scene["luma"] for scene in scenes], wanted, given)
    assert drift.chroma > 5
    assert drift.rgb_mean >= recipe.bounds.mean and drift.rgb_worst >= recipe.bounds.worst
    assert abs(drift.chroma_ratio - 1) <= CHROMA_TOLERANCE


def finds_its_way_back_on_a_few_pictures(case: Case, tmp_path: Path) -> None:
    model, _, rgb = _by_heart(case)
    given = colorspace.decode_rgb(np.asarray(model.of_a(colorspace.encode_rgb(255 * rgb)))) / 255  # without its colour?
    again = model.translate_back(model.translate(given))
    assert np.abs(np.asarray(again) - given).mean() <= 0.05


def translates_the_same_from_a_file(case: Case, tmp_path: Path) -> None:
    model, _, rgb = _by_heart(case)
    run = Run(tmp_path, tmp_path, RunConfig(case.name, FAMILIES[case.name](name=case.name)), model)
    recipe, path = RECIPES["float32"], tmp_path / "model.tflite"
    for back in (False, True):
        source = open_source_graph(run, None, task=Task(translates=True, back=back))
        path.write_bytes(convert(source, recipe))
        file = Tflite("ai-edge-litert", str(path), 1)
        scenes = [{"rgb": one[None].astype(np.float32)} for one in rgb]
        drift = measure_rgb_drift([source(scene) for scene in scenes], [file.run(scene) for scene in scenes])
        assert drift.rgb_mean >= recipe.bounds.mean and drift.rgb_worst >= recipe.bounds.worst
        assert abs(drift.chroma_ratio - 1) <= CHROMA_TOLERANCE


ALL: tuple[Callable[[Case, Path], None], ...] = (
    survives_its_config,
    loads_what_it_saved,
    learns_where_it_should,
    computes_in_half_precision,
)
COLORIZERS = (gives_ab_for_luma, *ALL, learns_a_few_pictures_by_heart, paints_the_same_from_a_file)
BY_TURNS = (finds_its_way_back_on_a_few_pictures, translates_the_same_from_a_file)  # which take many steps
TRANSLATORS = (gives_pictures_for_pictures, *ALL, *BY_TURNS)

_LEARNT: dict[str, keras.Model] = {}  # two checks need a network that has learnt something


def _by_heart(case: Case) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """A network after many steps on the same eight pictures, their CIE L [N,S,S,1], and their RGB in 0..1."""
    count, size = 8, 64
    key = f"{case.name} {case.overfit} {case.picture.__name__}"
    if key not in _LEARNT:
        rate = keras.optimizers.schedules.PolynomialDecay(case.overfit_rate, case.overfit_steps, 0.0)
        model = case.build(learning_rate=rate, size=size, **case.overfit)
        model.phase = case.overfit_phase or model.phases[-1]
        x, y = batch(model, count, case.picture)
        data = tf.constant(x), tf.constant(y)
        train = Stepper(open_devices(TrainConfig()), model).prepared(model.phase)  # what a model does after a step, too
        for _ in range(case.overfit_steps):
            train(data)
        _LEARNT[key] = model
    rgb = np.stack([case.picture(seed, size, size) for seed in range(count)]) / np.float32(255)
    return _LEARNT[key], colorspace.rgb_to_lab(rgb)[..., :1], rgb


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square(a - b))))


def _optimizer_state(model: keras.Model) -> list[np.ndarray]:
    optimizers = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    ordered = sorted(optimizers, key=lambda optimizer: (len(optimizer.variables), optimizer.name))
    return [np.asarray(variable.numpy()) for optimizer in ordered for variable in optimizer.variables]


def _layers(model: keras.Model) -> list[keras.Layer]:
    return [layer for network in model.layers for layer in (getattr(network, "layers", None) or [network])]
