"""Benchmarks: what one compares with computes the same, and what they print says what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError
from colorize_tf.models import build


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return import_module


@pytest.mark.parametrize("name", ["eccv16", "siggraph17"])
def test_plain_networks_learn_the_same(benchmarks: Callable[[str], ModuleType], name: str) -> None:
    networks_step = benchmarks("networks_step")
    keras.utils.set_random_seed(1)
    model = build(name, size=32, base_width=2)
    model.phase = networks_step.PHASES.get(name, model.phases[-1])
    network = networks_step.plain(model.generator)
    network.set_weights(model.generator.get_weights())
    random = np.random.default_rng(0)
    x, y = (tf.constant(random.uniform(-0.5, 0.5, (2, 32, 32, count)), tf.float32) for count in model.channels)
    loss = networks_step.LOSSES[name]

    with tf.GradientTape() as tape:
        ours = model._step_losses(x, y, training=True)["g_loss"]
    own = tape.gradient(ours, model.generator.trainable_variables)
    with tf.GradientTape() as tape:
        ends = network(x, training=True)
        pairs = zip(loss, ends, strict=True) if isinstance(loss, list) else [(loss, ends)]
        theirs = sum(tf.reduce_mean(one(y, end)) for one, end in pairs)
    others = tape.gradient(theirs, network.trainable_variables)
    assert float(theirs) == pytest.approx(float(ours), rel=1e-5)
    for a, b in zip(own, others, strict=True):  # with the gates as in the phase that is measured
        np.testing.assert_allclose(a, b, atol=max(1e-5, 1e-3 * np.abs(a).max()))


def test_a_photo_equal_to_the_truth_has_no_psnr_by_any_camera(benchmarks: Callable[[str], ModuleType]) -> None:
    others = [30.0, 5.0, 1.0, 0.0, 0.0]
    found = {"as it is": [[20.0, *others], [math.inf, *others]], "flat": [[19.0, *others], [29.0, *others]]}
    first, _, _, _, as_it_is, flat = benchmarks("cameras").table("run", found).splitlines()
    assert first == "run, 2 photos at 256×256; 1 equal to the truth, left out of PSNR"
    assert as_it_is == "| as it is | 20.00 | 30.0 | 5.00 | 1.00 | +0.0 ± 0.0 | +0.0 ± 0.0 |"
    assert flat.startswith("| flat | 19.00 | 30.0 |")


def test_a_step_is_timed_in_the_phase_that_is_named(benchmarks: Callable[[str], ModuleType]) -> None:
    enter = benchmarks("real_data_step").enter
    model = build("pix2pix-lab", size=32, base_width=2)
    model.compile()
    for length in (2, 100):  # the preset gets to the last phase, and it does not
        for phase, entered in ((None, "l1"), ("gan", "gan"), ("warmup", "warmup"), ("l1", "l1")):
            enter(model, TrainConfig(epochs=4, pretrain_epochs=length, warmup_epochs=1), phase)
            assert model.phase == entered
    with pytest.raises(InputError, match="--phase: unknown name"):
        enter(model, TrainConfig(), "gam")


@pytest.mark.parametrize(("benchmark", "words", "told"), [
    ("real_data_step", ["--rounds", "0"], "--rounds: must be at least 1"),
    ("real_data_step", ["--presets", "nope"], "--presets: unknown name. Received: nope"),
    ("cameras", ["run", "--data", "synthetic:3", "--split", "val"], "--split: must be a part that has photos"),
])  # fmt: skip
def test_nothing_to_measure_is_one_line(
    benchmarks: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str], benchmark: str, words: list[str],
    told: str,
) -> None:  # fmt: skip
    assert benchmarks(benchmark).main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {told}") and error.count("\n") == 1
