from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from colorize_tf import bins
from colorize_tf.errors import InputError
from colorize_tf.families import MobileConfig
from colorize_tf.models import build
from colorize_tf.models.mobile_network import NEIGHBOURS, mixed
from colorize_tf.models.mobilenet import load_imagenet, mobilenet

SMALL = {"size": 64, "alpha": 0.25, "width": 16, "base_width": 4}


@pytest.fixture(scope="module")
def mobile():
    import keras

    keras.utils.set_random_seed(3)
    return build("mobile", **SMALL)


def luma(height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (1, height, width, 1)).astype(np.float32)


def prior_of_grays() -> np.ndarray:
    counts = np.ones(len(bins.BINS))
    counts[np.hypot(*bins.BINS.T) < 15] = 1000
    return counts


def test_any_size_comes_out_at_half(mobile):
    assert mobile.colorize(luma(96, 160)).shape == (1, 48, 80, 2)


@pytest.mark.parametrize(("size", "seen"), [(64, 64), (128, 128), (160, 256), (256, 256)])
def test_photos_are_seen_at_256_by_what_learnt_on_larger_ones_than_icons(size, seen):
    assert build("mobile", **{**SMALL, "size": size}).short_side == seen


def test_vivid_moves_the_share_and_chroma_with_it(mobile):
    prior = bins.smoothed(prior_of_grays())
    mobile.log_rarity.assign(np.log(bins.rarity(prior, 0.5)))
    chroma = [
        float(np.hypot(*np.moveaxis(np.asarray(mobile.colorize(luma(), vivid=np.float32([vivid]))), -1, 0)).mean())
        for vivid in (0.0, 0.5, 1.0)
    ]
    default = np.asarray(mobile.colorize(luma()))
    np.testing.assert_allclose(mobile.colorize(luma(), vivid=np.float32([0.0])), default, atol=1e-4)
    assert chroma == sorted(chroma) and chroma[0] > 0
    mobile.log_rarity.assign(np.zeros(len(bins.BINS)))


def test_vivid_moves_the_temperature_towards_the_likeliest_colour(mobile, monkeypatch):
    monkeypatch.setattr(mobile, "lively_temperature", 0.7)
    red = np.abs(bins.BINS - [60, 30]).sum(-1).argmin()
    answer = [np.zeros(shape, np.float32) for shape in ((1, 2, 2, 313), (1, 2, 2, 144), (1, 2, 2, 3), (1, 4, 1))]
    answer[0][..., red] = 3.0
    for vivid, temperature in ((0.0, 1.0), (0.5, 0.85), (1.0, 0.7)):
        odds = np.exp(3.0 / temperature)
        wanted = (odds * bins.BINS[red] + bins.BINS.sum(0) - bins.BINS[red]) / (odds + 312)
        np.testing.assert_allclose(np.asarray(mobile.colours(answer, vivid))[0, 4, 4], wanted, rtol=1e-3, atol=1e-3)


def test_hints_reach_the_answer(mobile):
    hints = np.zeros((1, 64, 64, 3), np.float32)
    without = np.asarray(mobile.colorize(luma(), hints=hints))
    np.testing.assert_array_equal(without, mobile.colorize(luma()))
    hints[:, 20:27, 20:27] = [0.5, 0.3, 1.0]
    assert not np.array_equal(without, mobile.colorize(luma(), hints=hints))


def test_training_alone_hides_features_and_as_many_as_told():
    model = build("mobile", **{**SMALL, "dropout": 0.3})
    assert model.get_config()["dropout"] == 0.3
    for name in ("whole_dropout", "s8_dropout"):
        rates = [network.get_layer(name).rate for network in (model.generator, model.averaged)]
        assert rates == [0.3, 0.0], name


def test_a_mixture_of_equal_scores_is_the_mean_of_the_nine():
    rng = np.random.default_rng(1)
    coarse = rng.normal(size=(1, 5, 6, 2)).astype(np.float32)
    found = np.asarray(mixed(coarse, np.zeros((1, 5, 6, 144), np.float32)))
    assert found.shape == (1, 20, 24, 2)
    np.testing.assert_allclose(
        found[0, 8:12, 12:16], np.broadcast_to(coarse[0, 1:4, 2:5].mean((0, 1)), (4, 4, 2)), atol=1e-6
    )


@pytest.mark.parametrize("place", [0, 6, 15])
@pytest.mark.parametrize("neighbour", range(9))
def test_each_place_can_take_each_neighbours_colour(place, neighbour):
    coarse = np.random.default_rng(2).normal(size=(1, 3, 3, 2)).astype(np.float32)
    scores = np.full((1, 3, 3, 144), -30.0, np.float32)
    scores[..., 16 * neighbour + place] = 30.0
    found = np.asarray(mixed(coarse, scores))[0, 4 + place // 4, 4 + place % 4]
    dy, dx = NEIGHBOURS[neighbour]
    # Eight others still have the small addend.
    np.testing.assert_allclose(found, (coarse[0].sum((0, 1)) * 1e-3 + coarse[0, dy, dx]) / 1.009, atol=1e-4)


def test_no_mixture_leaves_the_range_of_the_colours_around():
    rng = np.random.default_rng(3)
    coarse = rng.normal(size=(1, 4, 4, 2)).astype(np.float32)
    found = np.asarray(mixed(coarse, rng.normal(0, 20, (1, 4, 4, 144)).astype(np.float32)))
    assert found.min() >= coarse.min() - 1e-5 and found.max() <= coarse.max() + 1e-5


def test_preparing_counts_the_colours_of_the_training_photos(mobile):
    gray, red = np.zeros((2, 64, 64, 2), np.float32), np.full((2, 64, 64, 2), 0.5, np.float32)
    other = build("mobile", **SMALL)
    other.prepare([(None, gray), (None, gray), (None, red)])
    rarity = np.exp(np.asarray(other.log_rarity))
    frequent, rarer, never = (np.abs(bins.BINS - colour).sum(-1).argmin() for colour in ([0, 0], [55, 55], [0, -70]))
    assert rarity[frequent] < rarity[rarer] < rarity[never]


def test_averaged_weights_follow_the_generator():
    model = build("mobile", **SMALL)
    model.compile()
    kernel, follower = model.generator.get_layer("logits").kernel, model.averaged.get_layer("logits").kernel
    start = np.array(kernel)
    kernel.assign(start + 1.0)
    model.after_step()
    assert 0.0 < float(np.mean(follower - start)) < 1.0
    for _ in range(200):
        model.after_step()
    np.testing.assert_allclose(follower, kernel, atol=1e-2)


def test_imagenet_weights_of_three_equal_channels_become_one(tmp_path):
    import keras

    theirs = keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.25, include_top=False, weights=None)
    stored = {f"{layer.name}/{weight.name}": np.asarray(weight) for layer in theirs.layers for weight in layer.weights}
    np.savez(tmp_path / "imagenet.npz", **stored)
    model = build("mobile", **SMALL)
    load_imagenet(model.generator, tmp_path / "imagenet.npz")
    gray = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 1)).astype(np.float32)
    tap = keras.Model(model.generator.input, model.generator.get_layer("conv_pw_13_relu").output)
    found = tap(np.pad(gray, [(0, 0), (0, 0), (0, 0), (0, 3)]))
    np.testing.assert_allclose(found, theirs(np.repeat(gray, 3, axis=-1)), atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_unreadable_encoder_weights_are_one_clear_line(mobile, tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^weights: cannot be read"):
        mobile.load_encoder(path)


def test_encoder_weights_of_another_width_are_refused(mobile, tmp_path):
    np.savez(tmp_path / "other.npz", **{"conv1/kernel": np.zeros((3, 3, 3, 24), np.float32)})
    with pytest.raises(InputError, match=r"conv1/kernel|shape"):
        mobile.load_encoder(tmp_path / "other.npz")
    np.savez(tmp_path / "flat.npz", **{"conv1/kernel": np.zeros(24, np.float32)})
    with pytest.raises(InputError, match="holds no weights of a Keras MobileNet"):
        mobile.load_encoder(tmp_path / "flat.npz")


def test_the_narrowest_encoder_has_a_channel():
    (least,) = (item.metadata["low"] for item in dataclasses.fields(MobileConfig) if item.name == "alpha")
    assert mobilenet(keras.Input((32, 32, 1)), least, None)[0].shape[-1] >= 1
    with pytest.raises(InputError, match="--alpha: must be at least"):
        MobileConfig(name="mobile", alpha=least / 1.01)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(InputError, match="multiple of 32"):
        build("mobile", size=80)
