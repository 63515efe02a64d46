from __future__ import annotations

import keras
import pytest

from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError
from colorize_tf.models import build
from colorize_tf.phases import Phases, layer_paths


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
