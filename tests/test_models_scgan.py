"""SCGAN: its saliency, its two ends and its two judges."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss
from colorize_tf.models import build
from colorize_tf.models.scgan import saliency

from .model_checks import Case, batch, computes_in_half_precision, loads_what_it_saved, survives_its_config

CASE = Case("scgan", {"base_width": 4, "gan_loss": "lsgan"})
CRITICS = Case("scgan", {"base_width": 4})


def lab_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([50 * (x + 1), 110 * y], axis=-1)


# === Saliency ===


def test_what_differs_from_the_rest_is_salient():
    lab = np.full((2, 32, 32, 3), 50, "float32")
    lab[0, 10:16, 20:26, 1] = 90  # by its hue alone
    lab[1, 2:8, 2:8, 0] = 20  # by its lightness
    found = np.asarray(saliency(lab))
    assert found.shape == (2, 32, 32, 1)
    for picture, inside in ((found[0], (slice(12, 14), slice(22, 24))), (found[1], (slice(4, 6), slice(4, 6)))):
        assert picture.max() == pytest.approx(1, abs=0.01)
        assert picture[inside].min() > 0.95
        assert np.median(picture) < 0.1


def test_a_plain_picture_has_nothing_salient_and_each_picture_is_its_own():
    plain = np.full((1, 16, 16, 3), 40, "float32")
    np.testing.assert_allclose(saliency(plain), 0, atol=1e-2)
    x, y = batch(CASE.build(), count=2)
    both = saliency(lab_of(x, y))
    np.testing.assert_allclose(saliency(lab_of(x, y)[:1]), both[:1], atol=1e-5)


def test_saliency_is_the_distance_of_the_blurred_colour_from_the_mean():
    lab = np.random.default_rng(0).uniform(-50, 50, (1, 9, 9, 3)).astype("float32")
    kernel = np.array([1, 2, 3, 2, 1]) / 9  # two boxes of three
    offsets = [(i, j) for i in range(5) for j in range(5)]
    blurred = sum(kernel[i] * kernel[j] * lab[0, i : i + 5, j : j + 5] for i, j in offsets)  # where no edge is near
    found = np.asarray(saliency(lab))[0, 2:7, 2:7, 0]
    whole = tf.nn.avg_pool2d(tf.nn.avg_pool2d(lab, 3, 1, "SAME"), 3, 1, "SAME").numpy()[0]
    np.testing.assert_allclose(whole[2:7, 2:7], blurred, atol=1e-3)
    distance = np.linalg.norm(whole - whole.mean(axis=(0, 1)), axis=-1)
    np.testing.assert_allclose(found, distance[2:7, 2:7] / (distance.max() + 1e-3), atol=1e-4)


# === Losses and judges ===


def test_losses_are_those_of_colours_salient_colours_and_saliency():
    model = CASE.build(attention_weight=0.7)
    x, y = batch(model)
    colour, drawn = (np.asarray(part) for part in model.generator(x))
    wanted = np.asarray(saliency(lab_of(x, y)))
    losses = {name: float(value) for name, value in model.test_step((x, y)).items()}
    assert losses["g_l1"] == pytest.approx(np.abs(colour - y).mean(), rel=1e-4)
    assert losses["g_attention"] == pytest.approx(0.7 * np.abs(colour * drawn - y * wanted).mean(), rel=1e-4)
    assert losses["g_saliency"] == pytest.approx(0.7 * np.abs(drawn - wanted).mean(), rel=1e-4)
    parts = sum(losses[name] for name in ("g_gan", "g_l1", "g_attention", "g_saliency"))
    assert losses["g_loss"] == pytest.approx(parts, rel=1e-5)

    loss = AdversarialLoss("lsgan")
    judges = [model.discriminator.get_layer(name) for name in ("whole", "salient")]
    seen = {
        True: [np.concatenate([x, y], -1), np.concatenate([x, y * wanted], -1)],
        False: [np.concatenate([x, colour], -1), np.concatenate([x, colour * drawn], -1)],
    }
    fooled = np.mean([float(loss.generator(judge(one))) for judge, one in zip(judges, seen[False], strict=True)])
    told = [
        float(loss.real(judge(real)) + loss.fake(judge(fake)))
        for judge, real, fake in zip(judges, seen[True], seen[False], strict=True)
    ]
    assert losses["g_gan"] == pytest.approx(0.05 * fooled, rel=1e-3)
    assert losses["d_loss"] == pytest.approx(0.5 * np.mean(told), rel=1e-3)


def test_critics_are_kept_from_being_steep():
    model = CRITICS.build()
    x, y = batch(model, 3)
    y = np.concatenate([y, np.asarray(saliency(lab_of(x, y)))], axis=-1)
    painted = [tf.constant(y[..., :-1]), tf.constant(y[..., -1:])]  # all between the true and the true is the true
    with tf.GradientTape() as tape:
        losses = model._losses_of(x, y, painted, model.shown(painted), training=True)
    expected = []
    for judge in ("whole", "salient"):
        with tf.GradientTape() as inner:
            inner.watch(seen := tf.constant(y))
            pair = tf.concat([x, seen], -1)
            layer = model.discriminator.get_layer(f"{judge}_seen")
            scores = model.discriminator.get_layer(judge)(layer(pair), training=True)
        slope = inner.gradient(scores, seen).numpy()
        expected.append(np.square(np.sqrt(np.square(slope).sum((1, 2, 3))) - 1).mean())
    assert float(losses["d_loss"]) == pytest.approx(10 * np.mean(expected), rel=1e-3)  # they tell nothing apart
    kernels = [weight.value for weight in model.discriminator.trainable_weights if weight.name == "kernel"]
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(losses["d_loss"], kernels))


def test_critics_score_without_an_end_and_are_not_penalised_where_they_do_not_learn():
    model = CRITICS.build()
    x, y = batch(model)
    colour, drawn = (np.asarray(part) for part in model.generator(x))
    wanted = np.asarray(saliency(lab_of(x, y)))
    real, fake = (
        np.mean([np.mean(scores) for scores in model.discriminator(np.concatenate([x, one, two], -1))])
        for one, two in ((y, wanted), (colour, drawn))
    )
    losses = {name: float(value) for name, value in model.test_step((x, y)).items()}
    assert losses["g_gan"] == pytest.approx(-0.05 * fake, abs=1e-5)
    assert losses["d_loss"] == pytest.approx(fake - real, abs=1e-4)


@pytest.mark.parametrize("check", [computes_in_half_precision, loads_what_it_saved, survives_its_config])
def test_critics_pass_the_check_list(check, tmp_path):
    check(CRITICS, tmp_path)  # `test_models.py` has other judges, for the last bias of a critic has nothing to learn


def test_the_saliency_end_teaches_the_encoder_that_colours_use():
    model = CASE.build()
    x, _ = batch(model)
    with tf.GradientTape() as tape:
        _, drawn = model.generator(x, training=True)
        end = tf.reduce_sum(drawn)
    assert np.abs(tape.gradient(end, model.generator.get_layer("down1").kernel.value)).max() > 0


def test_the_picture_as_a_whole_reaches_the_encoder_at_a_32nd():
    generator = build("scgan", base_width=1).generator
    assert generator.get_layer("told").output.shape[1:] == (8, 8, 16)
    assert [generator.get_layer(f"global4_{i}").output.shape[1] for i in range(4)] == [16, 16, 16, 8]
    assert generator.get_layer("down8").output.shape[1:3] == (1, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 48}, "size: must be a power of two, at least 32. Received: 48."),
        ({"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ({"gan_loss": "wgan"}, "gan_loss: must be one of wgan-gp, vanilla, lsgan, hinge. Received: wgan."),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError) as caught:
        build("scgan", **options)
    assert said in str(caught.value)
