"""pix2pix against the facts of its paper."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorize_tf import colorspace
from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss
from colorize_tf.models import build, model_options
from colorize_tf.models.blocks import NORMS, UPSAMPLINGS, Blocks
from colorize_tf.models.pix2pix import Pix2PixLab, Pix2PixRGB, patch_discriminator

from .model_checks import Case, batch, changed, step, weights_of

RGB, LAB = Case("pix2pix-rgb", {"base_width": 4}), Case("pix2pix-lab", {"base_width": 4})
QUIET = {"norm": "instance", "dropout": 0.0}  # no chance and no batch statistics: a step can be computed by hand


# === The networks of the paper ===


def test_sizes_of_the_paper():
    lab = build("pix2pix-lab")
    assert lab.generator.count_params() == 54_420_290
    assert lab.discriminator.count_params() == 2_767_425
    assert lab.generator.output_shape == (None, 256, 256, 2)
    assert lab.discriminator.output_shape == (None, 30, 30, 1)
    downs = [layer.output.shape[1:] for layer in lab.generator.layers if layer.name in {f"down{i}" for i in range(8)}]
    assert downs == [
        (128, 128, 64), (64, 64, 128), (32, 32, 256), (16, 16, 512),
        (8, 8, 512), (4, 4, 512), (2, 2, 512), (1, 1, 512),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("name", ["pix2pix-rgb", "pix2pix-lab"])
def test_halvings_follow_the_size(name, size):
    generator = build(name, size=size, base_width=1).generator
    bottleneck = generator.get_layer(f"down{size.bit_length() - 2}")
    assert bottleneck.output.shape[1:3] == (1, 1)
    assert generator.output_shape[1:3] == (size, size)


def test_dropout_is_in_the_first_three_up_blocks():
    generator = build("pix2pix-lab", size=64, base_width=1).generator
    rates = {layer.name: layer.rate for layer in generator.layers if isinstance(layer, keras.layers.Dropout)}
    assert rates == {"up0_drop": 0.5, "up1_drop": 0.5, "up2_drop": 0.5}


def test_norms_are_everywhere_but_at_the_ends_and_the_bottleneck():
    model = build("pix2pix-lab", size=64, base_width=1)
    bare = {"down0", "down5", "up5", "conv0", "logits"}
    layers = [*model.generator.layers, *model.discriminator.layers]
    convolutions = {
        layer.name for layer in layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
    }
    normed = {layer.name.removesuffix("_norm") for layer in layers if layer.name.endswith("_norm")}
    assert convolutions - normed == bare


def test_the_discriminator_looks_at_patches_of_70():
    discriminator = patch_discriminator(256, 3, 2, Blocks())
    pair = tf.Variable(np.random.default_rng(0).normal(size=(1, 256, 256, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        logit = discriminator(pair, training=False)[0, 15, 15, 0]
    seen = np.abs(tape.gradient(logit, pair).numpy()[0]).sum(axis=-1) > 0
    rows, columns = seen.any(axis=1).nonzero()[0], seen.any(axis=0).nonzero()[0]
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (70, 70)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_every_option_gives_a_network_that_paints(norm, upsampling):
    model = build("pix2pix-lab", size=32, base_width=2, norm=norm, upsampling=upsampling)
    x, y = batch(model)
    assert model(x).shape == y.shape
    assert np.abs(model(x)).max() <= 1


# === Colour in, colour out ===


def test_lab_colours_are_the_networks_own_in_lab_units():
    model = LAB.build()
    x, _ = batch(model)
    np.testing.assert_allclose(model.colorize(colorspace.decode_luma(x)), 110 * np.asarray(model(x)), atol=1e-4)


def test_rgb_is_painted_on_the_gray_of_its_luma():
    model = RGB.build()
    luma = np.full((1, 32, 32, 1), 53.585, "float32")  # the L of sRGB 128/255
    x = np.full((1, 32, 32, 3), 2 * 128 / 255 - 1, "float32")
    painted = model.paint(luma)
    np.testing.assert_allclose(painted, (np.asarray(model(x)) + 1) / 2, atol=1e-4)
    np.testing.assert_allclose(model.colorize(luma), colorspace.rgb_to_lab(np.asarray(painted))[..., 1:], atol=1e-2)


def test_lab_paints_with_the_given_luma():
    luma = np.random.default_rng(0).uniform(20, 80, (1, 32, 32, 1)).astype("float32")
    lab = colorspace.rgb_to_lab(np.asarray(LAB.build().paint(luma)))
    np.testing.assert_allclose(lab[..., :1], luma, atol=0.05)


# === Batch norm and noise at inference ===


def test_moving_statistics_become_those_of_the_data():
    # With the weights at rest, inference on one picture must end where training on the whole batch is.
    model = LAB.build(dropout=0.0)
    x, _ = batch(model, count=4)
    first = np.abs(model(x[:1], training=False) - model(x, training=True)[:1]).max()
    learn = tf.function(lambda: model(x, training=True), autograph=False)
    for _ in range(200):
        trained = learn()
    last = np.abs(model(x[:1], training=False) - trained[:1]).max()
    assert last < 1e-3 and last < first / 10


def test_inference_leaves_the_statistics_alone():
    for noise in ("train", "dropout"):
        model = LAB.build(noise=noise)
        x, _ = batch(model)
        before = weights_of(model)
        model(x, training=False)
        model.predict(x, verbose=0)
        model.test_step((tf.constant(x), tf.zeros((2, 32, 32, 2))))
        assert not changed(before, weights_of(model))


def test_noise_at_inference_paints_anew_each_time():
    x, _ = batch(LAB.build())
    calm, noisy = (LAB.build(norm="instance", noise=noise) for noise in ("train", "dropout"))
    np.testing.assert_array_equal(calm(x), calm(x))
    assert np.abs(noisy(x) - noisy(x)).max() > 1e-4


# === The training step ===


@pytest.mark.parametrize(("name", "share"), [("pix2pix-rgb", 1.0), ("pix2pix-lab", 0.5)])
def test_losses_are_logged_as_the_studies_print_them(name, share):
    model = Case(name).build(base_width=4, **QUIET)
    x, y = batch(model)
    vanilla = AdversarialLoss("vanilla")
    fake = model.generator(x)
    on_real, on_fake = (model.discriminator(np.concatenate([x, colour], axis=-1)) for colour in (y, fake))
    l1, gan = 100 * np.abs(fake - y).mean(), float(vanilla.generator(on_fake))
    told_apart = float(vanilla.real(on_real)) + float(vanilla.fake(on_fake))
    expected = {"g_loss": gan + l1, "g_gan": gan, "g_l1": l1, "d_loss": share * told_apart}
    tested = {key: float(value) for key, value in model.test_step((x, y)).items()}
    assert tested == pytest.approx(expected, rel=1e-5)
    model.reset_metrics()
    assert step(model, x, y) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gan_loss", ["vanilla", "lsgan", "hinge"])
def test_both_networks_step_down_their_own_gradient(gan_loss):
    options = {**QUIET, "gan_loss": gan_loss, "l1_weight": 10.0}
    model = LAB.build(**options, label_smoothing=0.0 if gan_loss == "hinge" else 0.1)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2))
    x, y = batch(model)
    loss = AdversarialLoss(gan_loss, 0.0 if gan_loss == "hinge" else 0.1)
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        fake = model.generator(x)
        on_real, on_fake = (model.discriminator(tf.concat([x, colour], -1)) for colour in (y, fake))
        g_loss = loss.generator(on_fake) + 10 * tf.reduce_mean(tf.abs(fake - y))
        d_loss = 0.5 * (loss.real(on_real) + loss.fake(on_fake))
    expected = {}
    for tape, value, network, rate in (
        (g_tape, g_loss, model.generator, 0.1),
        (d_tape, d_loss, model.discriminator, 0.2),
    ):
        variables = network.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            expected[variable.path] = variable.numpy() - rate * gradient.numpy()
    step(model, x, y)
    after = weights_of(model)
    for path, value in expected.items():
        np.testing.assert_allclose(after[path], value, atol=1e-5, err_msg=path)


def test_the_l1_phase_does_not_run_the_discriminator():
    model = LAB.build()
    x, y = batch(model)
    model.phase = "l1"
    model.discriminator.call = None  # calling it would fail
    assert set(step(model, x, y)) == {"g_loss", "g_l1"}


def test_a_frozen_network_stays_and_a_thawed_one_learns_again():
    model = LAB.build()
    x, y = batch(model)
    model.generator.trainable = False
    before = weights_of(model)
    step(model, x, y)
    assert all(path.startswith("conv") or path.startswith("logits") for path in changed(before, weights_of(model)))
    model.generator.trainable = True
    for layer in model.generator.layers:
        layer.trainable = not layer.name.startswith("down")
    before = weights_of(model.generator)
    step(model, x, y)
    moved = changed(before, weights_of(model.generator))
    assert moved and not any(path.startswith("down") for path in moved)


def test_fit_trains_and_follows_a_change_of_phase():
    model = LAB.build()
    x, y = batch(model, count=4)
    history = model.fit(x, y, batch_size=2, epochs=1, verbose=0, validation_data=(x, y)).history
    names = {"g_loss", "g_gan", "g_l1", "d_loss"}
    assert set(history) == names | {f"val_{name}" for name in names}
    model.phase = "l1"
    before = weights_of(model.discriminator)
    assert set(model.fit(x, y, batch_size=2, verbose=0).history) == {"g_loss", "g_l1"}
    assert not changed(before, weights_of(model.discriminator))


def test_losses_of_batches_of_two_sizes_are_a_mean_over_pictures():
    model = LAB.build(**QUIET)
    x, y = batch(model, count=3)
    model.test_step((x[:2], y[:2]))
    parts = float(model.test_step((x[2:], y[2:]))["g_l1"])
    model.reset_metrics()
    assert parts == pytest.approx(float(model.test_step((x, y))["g_l1"]), rel=1e-5)


# === What is asked for by name ===


def test_the_lab_variant_is_a_pix2pix():
    assert issubclass(Pix2PixLab, Pix2PixRGB)
    assert type(build("pix2pix-lab", size=32, base_width=1)) is Pix2PixLab


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("pix3pix", {}, "model: is not a known model. Received: pix3pix. Valid: pix2pix-rgb, pix2pix-lab"),
        (
            "pix2pix-lab",
            {"width": 8},
            "width: is not an option of pix2pix-lab. Received: 8. Valid: size, base_width, norm",
        ),
        ("pix2pix-lab", {"size": 100}, "size: must be a power of two, at least 32. Received: 100."),
        ("pix2pix-lab", {"size": 16}, "size: must be a power of two, at least 32. Received: 16."),
        ("pix2pix-lab", {"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ("pix2pix-lab", {"l1_weight": -1.0}, "l1_weight: must not be negative. Received: -1.0."),
        ("pix2pix-lab", {"dropout": 1.0}, "dropout: must be at least 0 and below 1. Received: 1.0."),
        ("pix2pix-lab", {"noise": "none"}, "noise: must be one of train, dropout. Received: none."),
        ("pix2pix-lab", {"norm": "layer"}, "norm: must be one of batch, instance. Received: layer."),
        ("pix2pix-lab", {"gan_loss": "wgan"}, "gan_loss: must be one of vanilla, lsgan, hinge. Received: wgan."),
    ],
)
def test_what_does_not_exist_is_refused_with_the_valid_ones(name, options, said):
    with pytest.raises(InputError) as caught:
        build(name, **options)
    assert said in str(caught.value)


def test_an_unknown_phase_is_refused():
    with pytest.raises(InputError, match=r"phase: must be one of l1, warmup, gan\. Received: both"):
        LAB.build().phase = "both"


def test_options_come_with_their_defaults():
    options = model_options("pix2pix-lab")
    assert options["size"] == 256 and options["l1_weight"] == 100.0 and "dtype" in options


# === Variants ===


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "resnet", "residual_blocks": 2, "norm": "instance", "gan_loss": "lsgan"},
        {"spectral_norm": True, "gan_loss": "hinge"},
        {"scales": 2, "size": 64, "spectral_norm": True},
    ],
    ids=lambda options: "-".join(options),
)
def test_variants_train_both_networks_and_come_back(options, tmp_path):
    model = LAB.build(**options)
    x, y = batch(model)
    before = weights_of(model.generator), weights_of(model.discriminator)
    assert np.isfinite(list(step(model, x, y).values())).all()
    for network, earlier in zip((model.generator, model.discriminator), before, strict=True):
        assert {variable.path for variable in network.trainable_variables} <= changed(earlier, weights_of(network))
    model.save(tmp_path / "a.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "a.keras")(x), model(x))


def test_the_residual_generator_is_that_of_cyclegan():
    generator = build("pix2pix-rgb", architecture="resnet", norm="instance").generator
    assert generator.count_params() == 11_378_179 + 5_248  # gain and shift of a norm where the authors have a bias
    assert len([layer for layer in generator.layers if isinstance(layer, keras.layers.Add)]) == 9
    assert not [layer for layer in generator.layers if isinstance(layer, keras.layers.Dropout)]


def test_several_discriminators_count_alike_and_see_halved_pictures():
    model = LAB.build(size=64, scales=2, **QUIET)
    x, y = batch(model)
    pair = np.concatenate([x, y], axis=-1)
    whole, half = model.discriminator(pair)
    assert whole.shape[1] > half.shape[1]
    halved = pair.reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(model.discriminator.get_layer("scale1")(halved), half, atol=1e-4)
    loss, fake = AdversarialLoss("vanilla"), np.concatenate([x, model(x)], axis=-1)
    told_apart = [
        float(loss.real(real) + loss.fake(painted))
        for real, painted in zip(model.discriminator(pair), model.discriminator(fake), strict=True)
    ]
    assert float(model.test_step((x, y))["d_loss"]) == pytest.approx(0.5 * np.mean(told_apart), rel=1e-5)


def test_a_discriminator_for_pictures_too_small_is_refused():
    with pytest.raises(InputError, match=r"scales: must be at least 1, the smallest still 32 pixels wide\. .*2 of 32"):
        LAB.build(scales=2)
