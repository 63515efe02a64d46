"""Training goes on from the model that ships, of which there is nothing but its TFLite files."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from colorize_tf import train
from colorize_tf.checkpoints import weights_of
from colorize_tf.edge.tflite import TfliteColorizer, bundled_model
from colorize_tf.errors import InputError
from colorize_tf.models import build
from colorize_tf.models.frozen import Frozen, measure_norms
from colorize_tf.models.mobile_network import mobile_generator

SHIPPED = bundled_model().with_name("mobile-float16.tflite")


def seen(count: int = 2) -> np.ndarray:
    """Soft pictures with two hints each, as the network sees them."""
    rng = np.random.default_rng(0)
    coarse = np.repeat(np.repeat(rng.uniform(-1, 1, (count, 8, 8, 1)), 32, axis=1), 32, axis=2)
    pictures = np.concatenate([coarse, np.zeros((count, 256, 256, 3))], axis=-1).astype(np.float32)
    pictures[:, 40:47, 60:67, 1:] = [0.5, 0.2, 1.0]
    pictures[:, 200:207, 30:37, 1:] = [-0.4, 0.3, 1.0]
    return pictures


def network(alpha: float = 0.75) -> keras.Model:
    return mobile_generator(alpha, 192, "float32")


@pytest.fixture(scope="module")
def shipped():
    model = build("mobile", dropout=0.0)
    batch = seen()
    model.load_exported(SHIPPED, [(batch[:1], None), (batch[1:], None)])
    return model


@pytest.mark.parametrize("vivid", [0.0, 1.0])
@pytest.mark.parametrize("hinted", [False, True])
def test_the_network_is_that_in_the_file(shipped, vivid: float, hinted: bool):
    pictures = seen()[1:]
    luma, hints = 50 * (pictures[..., :1] + 1), pictures[..., 1:] * hinted
    found = shipped.colorize(luma, hints, np.float32([vivid]))
    wanted = TfliteColorizer(SHIPPED).predict(luma[0, ..., 0], hints[0], vivid)
    assert np.abs(wanted).mean() > 3
    assert np.abs(np.asarray(found)[0] - wanted).mean() < 0.05


def test_its_norms_have_the_statistics_of_the_photos(shipped):
    batch = seen()
    resting = [np.asarray(end) for end in shipped.generator(batch, training=False)]
    learning = [np.asarray(end) for end in shipped.generator(batch, training=True)]
    for name, still, moving in zip(("logits", "mixtures", "hints", "likeness"), resting, learning, strict=True):
        np.testing.assert_allclose(moving, still, atol=1e-3 * np.abs(still).max(), err_msg=name)


def test_every_photo_counts_the_same_in_the_norms():
    pictures = np.concatenate([seen(), 0.5 * seen(1)])[:, :64, :64]
    alike = []
    for cut in (2, 3):  # a last batch of one, or none
        keras.utils.set_random_seed(5)
        small = mobile_generator(0.25, 16, "float32")
        measure_norms(small, [part for part in (pictures[:cut], pictures[cut:]) if len(part)])
        norms = [layer for layer in small.layers if isinstance(layer, keras.layers.BatchNormalization)]
        alike.append([np.asarray(norm.moving_mean) for norm in norms])
    for uneven, even in zip(*alike, strict=True):
        np.testing.assert_allclose(uneven, even, rtol=1e-3, atol=1e-6)


def test_a_file_of_rounded_numbers_is_refused():
    with pytest.raises(InputError, match=r"rounded to 8 bits is lost.*mobile\.tflite.*mobile-float16"):
        Frozen(bundled_model()).give(network())


def test_a_file_of_another_width_is_refused():
    with pytest.raises(InputError, match=r"this architecture.*conv1 is \(3, 3, 4, 24\) in place of \(3, 3, 4, 8\)"):
        Frozen(SHIPPED).give(network(alpha=0.25))


@pytest.mark.parametrize("keep", [0, 7, 100, 200_000])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int):
    path = tmp_path / "cut.tflite"
    path.write_bytes(SHIPPED.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.tflite: must be a whole TFLite file"):
        Frozen(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.tflite: must be a readable model file"):
        Frozen(tmp_path / "none.tflite")


def test_training_goes_on_from_the_model_that_ships(tmp_path: Path):
    words = "--preset mobile --init-from mobile --size 64 --data synthetic:12,size=64x64 --batch 2 --no-cache"
    words += " --epochs 1 --steps-per-epoch 1 --learning-rate 1e-9 --grid-rows 0"
    assert train.main([*words.split(), "--out", str(tmp_path / "run")]) == 0
    model = build("mobile", size=64)
    model.load_weights(weights_of(tmp_path / "run"))
    found, wanted = model.averaged, network()
    frozen = Frozen(SHIPPED)
    frozen.give(wanted)
    for name in ("conv_pw_9", "logits", "likeness"):
        for weight, other in zip(found.get_layer(name).weights, wanted.get_layer(name).weights, strict=True):
            np.testing.assert_allclose(weight, other, atol=1e-6, err_msg=weight.path)
    np.testing.assert_array_equal(model.log_rarity, frozen.variable((313,)))
