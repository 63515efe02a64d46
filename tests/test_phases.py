from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from colorize_tf import checkpoints
from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.phases import Phases, decay, layer_paths

from .model_checks import batch, changed, step, weights_of


@pytest.fixture
def model() -> keras.Model:
    model = build("pix2pix-rgb", size=32, base_width=2)
    model.compile()
    return model


def trainable(model: keras.Model) -> set[str]:
    return {path for path, layer in layer_paths(model) if layer.trainable_variables and "/" in path}


def test_layer_paths_name_every_layer_with_weights(model: keras.Model):
    paths = dict(layer_paths(model))
    assert {"generator", "generator/down0", "discriminator/logits"} <= paths.keys()
    assert sum(len(layer.weights) for path, layer in paths.items() if "/" in path) == len(model.weights)


def test_pretraining_is_l1_and_then_adversarial(model: keras.Model):
    phases = Phases(model, TrainConfig(pretrain_epochs=2))
    seen = []
    for epoch in range(3):
        phases.enter(epoch)
        seen.append(model.phase)
    assert seen == ["l1", "l1", "gan"]


def test_frozen_layers_join_in_at_their_epoch(model: keras.Model):
    everything = trainable(model)
    phases = Phases(model, TrainConfig(freeze=("generator/down*", "*/up0*"), thaw_at=3))
    phases.enter(0)
    left = {path for path in everything if not path.startswith(("generator/down", "generator/up0"))}
    assert trainable(model) == left < everything
    phases.enter(1)
    assert trainable(model) == left
    phases.enter(2)
    assert trainable(model) == everything


def test_without_thawing_they_stay_frozen(model: keras.Model):
    Phases(model, TrainConfig(freeze=("generator",))).enter(99)
    assert {path.partition("/")[0] for path in trainable(model)} == {"discriminator"}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_network_starts_from_another_one_and_freezes_and_thaws(name: str, tmp_path: Path):
    family = FAMILIES[name]
    earlier, model = (build(name, **family(name=name, **family.SMOKE).options()) for _ in "ab")
    model.compile(learning_rate=1e-2)
    checkpoints.save_best(tmp_path, earlier, {})
    checkpoints.load_weights(model, checkpoints.weights_of(tmp_path))
    assert all(map(np.array_equal, earlier.get_weights(), model.get_weights()))
    x, y = batch(model)
    if hasattr(model, "prepare"):
        model.prepare([(x, y)])
    phases, start = Phases(model, TrainConfig(freeze=("generator/*",), thaw_at=2)), weights_of(model.generator)
    for epoch in range(2):
        phases.enter(epoch)
        step(model, x, y)
        assert bool(changed(start, weights_of(model.generator))) == (epoch == 1)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_slow_layers_move_by_their_share_of_the_rate(precision: str):
    moved = []
    for slow in ((), ("generator/down*",)):
        keras.utils.set_random_seed(1)
        model = build("pix2pix-rgb", size=32, base_width=2, dtype=precision)
        model.compile()
        Phases(model, TrainConfig(slow=slow, slow_rate=0.25)).enter(0)
        if precision == "mixed_float16":
            model.optimizer.dynamic_scale.assign(1.0)  # the first scales overflow, and their steps are skipped
        before = {weight.path: weight.numpy() for weight in model.generator.trainable_variables}
        x = keras.random.uniform((2, 32, 32, 3), -1, 1, seed=3)
        model.train_step((x, -x))
        moved.append(
            {weight.path: weight.numpy() - before[weight.path] for weight in model.generator.trainable_variables}
        )
    plain, slowed = moved
    for path, whole in plain.items():
        share = 0.25 if path.startswith("down") else 1.0
        np.testing.assert_allclose(slowed[path], share * whole, rtol=1e-2, atol=1e-6, err_msg=path)
    assert np.abs(plain["down0/kernel"]).max() > 1e-4


def test_a_step_is_traced_anew_exactly_when_something_changes(model: keras.Model):
    phases = Phases(model, TrainConfig(pretrain_epochs=1, freeze=("generator/down0",), thaw_at=3))
    states = [phases.enter(epoch) for epoch in range(5)]
    assert len(set(states)) == 3 and len(set(states[2:])) == 1


def test_unknown_pattern_lists_layers(model: keras.Model):
    with pytest.raises(InputError, match=r"--freeze: matches no layer. Received: encoder/\*. Some layers: .*generator"):
        Phases(model, TrainConfig(freeze=("generator/*", "encoder/*")))


def test_thawing_nothing_is_an_error(model: keras.Model):
    with pytest.raises(InputError, match="--thaw-at: needs --freeze"):
        Phases(model, TrainConfig(thaw_at=2))


def test_each_phase_lasts_its_epochs(model: keras.Model):
    phases = Phases(model, TrainConfig(pretrain_epochs=1, warmup_epochs=2))
    assert [phases.name(epoch) for epoch in range(5)] == ["l1", "warmup", "warmup", "gan", "gan"]


@pytest.mark.parametrize(("flag", "options"), [("pretrain", {"pretrain_epochs": 1}), ("warmup", {"warmup_epochs": 1})])
def test_a_phase_that_a_network_has_not_is_refused(model: keras.Model, monkeypatch, flag: str, options: dict):
    monkeypatch.setattr(type(model), "phases", ("train",))
    with pytest.raises(InputError, match=f"--{flag}-epochs: needs a network with such a phase; .* has train"):
        Phases(model, TrainConfig(**options))


def test_the_linear_decay_is_that_of_cyclegan(model: keras.Model):
    # Zhu et al. 2017: constant for 100 epochs, then linearly towards zero over the next 100.
    train = TrainConfig(epochs=200, schedule="linear", decay_from=101)
    phases = Phases(model, train)
    for epoch, share in ((0, 1.0), (99, 1.0), (100, 100 / 101), (199, 1 / 101)):
        phases.enter(epoch)
        for optimizer in (model.optimizer, model.discriminator_optimizer):
            assert float(optimizer.learning_rate) == pytest.approx(2e-4 * share, rel=1e-5)


def test_the_cosine_falls_slowly_at_both_ends():
    shares = [decay(TrainConfig(epochs=9, schedule="cosine"), epoch) for epoch in range(9)]
    assert shares == sorted(shares, reverse=True)
    assert shares[4] == pytest.approx(0.5)
    assert shares[0] > 0.95 and shares[-1] < 0.05


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"schedule": "linear", "epochs": 9, "decay_from": 5}, ""),
        ({"decay_from": 5}, "--decay-from and --decay-until need a --schedule"),
        ({"decay_until": 5}, "--decay-from and --decay-until need a --schedule"),
        ({"schedule": "linear", "epochs": 9, "decay_from": 10}, "--decay-from 10 is after the last epoch"),
        (
            {"schedule": "linear", "epochs": 9, "decay_from": 6, "decay_until": 5},
            "--decay-from 6 is after --decay-until 5",
        ),
    ],
)
def test_a_rate_that_never_falls_though_it_should_is_said(model: keras.Model, options: dict, said: str, caplog):
    Phases(model, TrainConfig(**options))
    assert [message.partition(": ")[2] for message in caplog.messages] == ([said] if said else [])
