"""ECCV16 and SIGGRAPH17 learn what their papers say: colours by their rarity, in phases, with hints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from colorize_tf import bins
from colorize_tf.errors import InputError
from colorize_tf.losses import huber
from colorize_tf.models import build
from colorize_tf.models.zhang import CELLS, GRID, Gate

from .model_checks import Case, batch, changed, step, weights_of

ECCV = Case("eccv16", {"base_width": 4})
GUIDED = Case("siggraph17", {"base_width": 4})
WIDTH = 4
BLOCKS = {1: (2, 1), 2: (2, 2), 3: (3, 4), 4: (3, 8), 5: (3, 8), 6: (3, 8), 7: (3, 8)}  # convolutions, width
Arrays = dict[str, np.ndarray]


def test_what_is_learnt_is_the_choice_of_the_colour_weighted_by_its_rarity():
    model = ECCV.build()
    x, y = batch(model)
    model.rarity.assign(np.random.default_rng(0).uniform(0.5, 2, 313))
    logits = np.asarray(model.generator(x), np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    ab = 110 * y[:, ::4, ::4]
    squares = np.square(ab[..., None, :] - bins.BINS).sum(-1)
    nearest = np.argsort(squares, axis=-1)[..., :5]
    weights = np.exp(-np.take_along_axis(squares, nearest, -1) / 50)
    weights /= weights.sum(-1, keepdims=True)
    entropy = -(weights * np.log(np.take_along_axis(probabilities, nearest, -1))).sum(-1)
    expected = (entropy * np.asarray(model.rarity)[nearest[..., 0]]).mean()
    assert float(model.test_step((x, y))["g_loss"]) == pytest.approx(expected, rel=1e-4)


def test_preparing_finds_which_colours_are_rare_and_weights_keep_it(tmp_path: Path):
    model = ECCV.build()
    y = np.zeros((4, 32, 32, 2), "float32")  # all gray, but for one photo
    y[0] = 0.5, 0.3
    model.prepare([(None, y[:2]), (None, y[2:])])
    rarity = np.asarray(model.rarity)
    near = {name: int(np.square(bins.BINS - ab).sum(-1).argmin()) for name, ab in (("gray", (0, 0)), ("red", (55, 33)))}
    assert rarity[near["gray"]] < rarity[near["red"]] < rarity.max()
    model.save_weights(tmp_path / "a.weights.h5")
    again = ECCV.build(seed=2)
    again.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(again.rarity, model.rarity)


def test_a_lower_temperature_gives_livelier_colours():
    pale, vivid = ECCV.build(temperature=1.0), ECCV.build(temperature=0.05)
    for model in (pale, vivid):
        head = model.generator.get_layer("model8_6")
        head.set_weights([value + np.random.default_rng(0).normal(0, 0.3, value.shape) for value in head.get_weights()])
    x, _ = batch(pale)
    assert np.linalg.norm(vivid(x), axis=-1).mean() > 1.5 * np.linalg.norm(pale(x), axis=-1).mean()


def test_the_cells_of_the_bins_are_those_of_the_full_grid():
    assert len(set(CELLS.tolist())) == 313 and CELLS.min() >= 0 and CELLS.max() < GRID**2
    corners = np.stack(np.divmod(CELLS, GRID), axis=-1) * 10 - 110
    np.testing.assert_array_equal(corners, bins.BINS)


def test_each_phase_teaches_the_trunk_by_its_own_end():
    model = GUIDED.build()
    x, y = batch(model)
    ends = {"classification": ("model_class_0", "model8_1"), "regression": ("model_out_0", "model10_1")}
    for phase, (head, _) in ends.items():
        model.phase = phase
        model.test_step((x, y))  # sets the gates
        with tf.GradientTape(persistent=True) as tape:
            colour, logits = model.generator(x, training=True)
            end = tf.reduce_sum(logits) if head == "model_class_0" else tf.reduce_sum(colour)
            other = tf.reduce_sum(colour) if head == "model_class_0" else tf.reduce_sum(logits)
        trunk = model.generator.get_layer("model4_0").kernel.value
        assert np.abs(tape.gradient(end, trunk)).max() > 0
        assert tape.gradient(other, trunk) is None


def test_losses_of_the_guided_network_are_those_of_its_paper():
    model = GUIDED.build(class_weight=0.5)
    x, y = batch(model)
    colour, logits = (np.asarray(part, np.float64) for part in model.generator(x))
    losses = {name: float(value) for name, value in model.test_step((x, y)).items()}
    distance = np.abs(110 * (colour - y))  # Huber of δ = 1 Lab unit, in units of 110
    expected = np.where(distance < 1, distance**2 / 2, distance - 0.5).mean() / 110
    assert losses["g_colour"] == pytest.approx(expected, rel=1e-3)
    assert losses["g_colour"] == pytest.approx(float(huber(colour, y, 1 / 110)), rel=1e-5)
    nearest, weights = (np.asarray(part) for part in bins.soft_encode(110 * y[:, ::4, ::4]))
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    entropy = -(weights * np.log(np.take_along_axis(chances, CELLS[nearest], -1))).sum(-1).mean()
    assert losses["g_class"] == pytest.approx(0.5 * entropy, rel=1e-4)
    assert losses["g_loss"] == pytest.approx(losses["g_colour"] + losses["g_class"], rel=1e-6)


def test_gates_survive_a_whole_model_and_open_again(tmp_path: Path):
    model = GUIDED.build()
    x, y = batch(model)
    before = weights_of(model)
    model.phase = "classification"
    step(model, x, y)
    model.phase = "regression"
    step(model, x, y)
    gates = {layer.name: layer.closed for layer in model.generator.layers if isinstance(layer, Gate)}
    assert gates == {"class_gate": True, "colour_gate8": False, "colour_gate2": False, "colour_gate1": False}
    assert changed(before, weights_of(model))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("eccv16", {"size": 20}, "size: must be a multiple of 8. Received: 20."),
        ("siggraph17", {"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ("eccv16", {"temperature": 0.0}, "temperature: must be above 0. Received: 0.0."),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any], said: str):
    with pytest.raises(InputError) as caught:
        build(name, **options)
    assert said in str(caught.value)
