"""The pretrained U-Net: its encoders, the weights they take, and its two phases."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest

from colorize_tf.config import TrainConfig
from colorize_tf.errors import InputError
from colorize_tf.families import UNetConfig
from colorize_tf.models import backbones, build
from colorize_tf.models.backbones import BACKBONES, backbone, feature_maps
from colorize_tf.models.resnet import load_state_dict, resnet18
from colorize_tf.models.weights import set_weights
from colorize_tf.phases import Phases
from colorize_tf.train import main

from .model_checks import Case, batch, changed, step, weights_of
from .reference_layers import batch_norm, convolve, max_pool, relu

CASE = Case("unet", {"encoder_width": 4, "decoder_width": 4, "base_width": 4})


# === Encoders ===


@pytest.mark.parametrize("name", BACKBONES)
def test_every_encoder_gives_its_features_before_each_halving(name):
    network = backbone(name, 96)
    sides = [output.shape[1] for output in network.outputs]
    assert len(sides) == 5 and all(a > 1.5 * b for a, b in pairwise(sides))
    if name != "inceptionv3":  # whose convolutions do without padding
        assert sides == [48, 24, 12, 6, 3]
    assert network.count_params() > 1.8e6  # all of it but the classifier


def test_features_are_taken_where_parallel_paths_join():
    inputs = keras.Input((32, 32, 1))
    x = keras.layers.Conv2D(2, 3, strides=2, padding="same", name="halved")(inputs)
    y = keras.layers.Conv2D(2, 3, padding="same", name="path")(x)
    x = keras.layers.Add(name="joined")([x, y])
    x = keras.layers.ZeroPadding2D(1, name="padded")(x)
    x = keras.layers.Conv2D(2, 3, strides=2, name="last")(x)
    names = [tensor._keras_history.operation.name for tensor in feature_maps(inputs, x)]
    assert names == ["joined", "last"]


def test_a_gray_picture_is_shown_to_the_encoder_as_imagenet_was():
    network = backbone("resnet18", 32, width=1)
    shown = keras.Model(network.input, network.get_layer("as_imagenet").output)
    gray = 200 / 255
    expected = (gray - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(shown(np.full((1, 32, 32, 1), 2 * gray - 1, "float32"))[0, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backbone": "vgg16"}, "backbone: must be one of resnet18, resnet50, "),
        ({"size": 48}, "size: must be a multiple of 32, at least 32 for resnet18. Received: 48."),
        ({"size": 64, "backbone": "inceptionv3"}, "at least 96 for inceptionv3"),
        ({"encoder_width": 32, "backbone": "resnet50"}, "encoder_width: must be at least 1, and 64 but for resnet18."),
        ({"decoder_width": 0}, "decoder_width, base_width: must be at least 1. Received: 0, 64."),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError) as caught:
        build("unet", **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_command_line_knows_what_an_encoder_takes(name: str):
    assert UNetConfig("unet", backbone=name).smallest() == BACKBONES[name].smallest
    if BACKBONES[name].make:
        with pytest.raises(InputError, match="--encoder-width: must be 64"):
            UNetConfig("unet", backbone=name, encoder_width=32)
    else:
        assert UNetConfig("unet", backbone=name, encoder_width=32).encoder_width == 32


# === Weights ===


def random_resnet18(width: int) -> dict[str, np.ndarray]:
    """A state dict as torchvision writes it, of random numbers."""
    random = np.random.default_rng(3)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str, into: int, out: int, size: int) -> None:
        scale = np.sqrt(2 / (into * size * size))
        arrays[f"{name}.weight"] = random.normal(0, scale, (out, into, size, size)).astype("float32")

    def norm(name: str, channels: int) -> None:
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.3, 0.3), ("running_mean", -0.3, 0.3),
                                ("running_var", 0.5, 1.5)):  # fmt: skip
            arrays[f"{name}.{part}"] = random.uniform(low, high, channels).astype("float32")
        arrays[f"{name}.num_batches_tracked"] = np.array(1)

    convolution("conv1", 3, width, 7)
    norm("bn1", width)
    before = width
    for stage in range(1, 5):
        filters = width * 2 ** (stage - 1)
        for block in range(2):
            name = f"layer{stage}.{block}"
            convolution(f"{name}.conv1", before, filters, 3)
            norm(f"{name}.bn1", filters)
            convolution(f"{name}.conv2", filters, filters, 3)
            norm(f"{name}.bn2", filters)
            if stage > 1 and block == 0:
                convolution(f"{name}.downsample.0", before, filters, 1)
                norm(f"{name}.downsample.1", filters)
            before = filters
    arrays["fc.weight"], arrays["fc.bias"] = np.zeros((1000, before), "float32"), np.zeros(1000, "float32")
    return arrays


def reference_resnet18(w: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """ResNet-18 as its paper and torchvision's documentation have it, in NumPy: x [B,3,H,W] -> [B,C,H/32,W/32]."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        parts = (w[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        return batch_norm(x, *parts)

    x = relu(norm(convolve(x, w["conv1.weight"], stride=2, pad=3), "bn1"))
    x = max_pool(x, 3, stride=2, pad=1)
    for stage in range(1, 5):
        for block in range(2):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = relu(norm(convolve(x, w[f"{name}.conv1.weight"], stride=stride, pad=1), f"{name}.bn1"))
            y = norm(convolve(y, w[f"{name}.conv2.weight"], pad=1), f"{name}.bn2")
            if stride == 2:
                x = norm(convolve(x, w[f"{name}.downsample.0.weight"], stride=2), f"{name}.downsample.1")
            x = relu(x + y)
    return x


def test_a_torchvision_state_dict_gives_the_same_features(tmp_path: Path):
    arrays = random_resnet18(4)
    np.savez(tmp_path / "w.npz", **arrays)
    inputs = keras.Input((64, 64, 3))
    network = keras.Model(inputs, resnet18(inputs, width=4))
    load_state_dict(network, tmp_path / "w.npz")
    x = np.random.default_rng(0).normal(0, 1, (2, 64, 64, 3)).astype("float32")
    expected = reference_resnet18(arrays, x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert expected.std() > 0.1
    np.testing.assert_allclose(network(x), expected, atol=1e-3 * np.ptp(expected))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer4.1.conv2.weight": None}, "must hold layer4.1.conv2.weight (32, 32, 3, 3)"),
        ({"bn1.weight": np.ones(5)}, "must hold bn1.weight (4,). Received: (5,)"),
        ({"layer5.0.conv1.weight": np.ones(5)}, "must be those of a ResNet-18."),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(change, said, tmp_path: Path):
    arrays = {**random_resnet18(4), **change}
    np.savez(tmp_path / "w.npz", **{name: value for name, value in arrays.items() if value is not None})
    model = build("unet", size=32, encoder_width=4, decoder_width=4, base_width=4)
    before = weights_of(model)
    with pytest.raises(InputError) as caught:
        model.load_encoder(tmp_path / "w.npz")
    assert said in str(caught.value)
    assert not changed(before, weights_of(model))


def test_weights_of_keras_come_from_a_file(tmp_path: Path):
    taught = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(None, None, 3))
    taught.save_weights(tmp_path / "mobilenet.weights.h5")
    model = build("unet", size=32, backbone="mobilenetv1", decoder_width=4, base_width=4)
    model.load_encoder(tmp_path / "mobilenet.weights.h5")
    encoder = model.generator.get_layer("backbone")
    np.testing.assert_array_equal(encoder.get_layer("conv1").kernel, taught.get_layer("conv1").kernel)
    np.testing.assert_array_equal(encoder.get_layer("conv_pw_13").kernel, taught.get_layer("conv_pw_13").kernel)


def test_named_arrays_are_weights_of_keras_too(tmp_path: Path):
    taught = keras.applications.MobileNet((32, 32, 3), alpha=0.75, include_top=False, weights=None)
    arrays = {}
    for layer in taught.layers:
        for weight in layer.weights:
            depthwise = "depthwise_" if isinstance(layer, keras.layers.DepthwiseConv2D) else ""
            arrays[f"{layer.name}/{weight.name}".replace("/kernel", f"/{depthwise}kernel")] = weight.numpy()
    np.savez(tmp_path / "m.npz", **arrays)
    network = backbone("mobilenetv1-0.75", 32)
    backbones.load_weights(network, "mobilenetv1-0.75", tmp_path / "m.npz")
    for name in ("conv1", "conv_dw_7", "conv_pw_13"):
        np.testing.assert_array_equal(network.get_layer(name).kernel, taught.get_layer(name).kernel)

    before = weights_of(network)
    del arrays["conv_pw_13/kernel"]
    np.savez(tmp_path / "less.npz", **{name: value + 1 for name, value in arrays.items()})
    with pytest.raises(InputError, match=r"weights: must hold conv_pw_13/kernel \(1, 1, 768, 768\)"):
        backbones.load_weights(network, "mobilenetv1-0.75", tmp_path / "less.npz")
    assert not changed(before, weights_of(network))


def test_weights_bring_what_a_normalisation_derives_from_them(tmp_path: Path):
    taught = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    normal = next(layer for layer in taught.layers if isinstance(layer, keras.layers.Normalization))
    normal.load_own_variables({"0": np.array([0.485, 0.456, 0.406]), "1": np.array([0.229, 0.224, 0.225]), "2": 0})
    arrays = {
        f"{layer.name}/{weight.name}".replace(
            "/kernel", "/depthwise_kernel" if isinstance(layer, keras.layers.DepthwiseConv2D) else "/kernel"
        ).replace(normal.name, "normalization"): weight.numpy()
        for layer in taught.layers
        for weight in layer.weights
    }
    np.savez(tmp_path / "e.npz", **arrays)
    gray = np.full((1, 32, 32, 3), 0.5, "float32")
    networks = [backbone("efficientnetb0", 32) for _ in range(2)]
    backbones.load_weights(networks[0], "efficientnetb0", tmp_path / "e.npz")
    set_weights(networks[1], networks[0].get_weights())
    for network in networks:
        own = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
        np.testing.assert_allclose(own(gray), normal(gray), rtol=1e-6)
    assert not np.allclose(normal(gray), gray)


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("resnet18", "imagenet", "--encoder-weights: has no weights by name for resnet18"),
        ("resnet18", "none.pth", "weights: must be a file that exists"),
        ("mobilenetv1", "none.h5", '--encoder-weights: must be "imagenet" or a file that exists'),
        ("mobilenetv1", "w.weights.h5", "--encoder-weights: must be weights of MobileNet"),
    ],
)
def test_weights_that_are_not_there_are_one_line(name, weights, said, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("w.weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(InputError) as caught:
        backbones.load_weights(backbone(name, 32), name, weights)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_weights_of_another_network_of_keras_are_refused_without_further_words(tmp_path: Path, recwarn):
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3)])
    other.save_weights(tmp_path / "w.weights.h5")
    network = backbone("mobilenetv1", 32)
    before = weights_of(network)
    with pytest.raises(InputError, match="--encoder-weights: must be weights of MobileNet"):
        backbones.load_weights(network, "mobilenetv1", tmp_path / "w.weights.h5")
    assert not [str(told.message) for told in recwarn if issubclass(told.category, UserWarning)]
    assert not changed(before, weights_of(network))


def test_the_command_gives_the_encoder_its_weights_and_can_freeze_it(tmp_path: Path):
    np.savez(tmp_path / "w.npz", **(arrays := random_resnet18(4)))
    words = ["--preset", "unet", "--smoke", "--encoder-weights", str(tmp_path / "w.npz"), "--epochs", "1",
             "--steps-per-epoch", "1", "--freeze", "generator/backbone", "--out", str(tmp_path / "run")]  # fmt: skip
    assert main(words) == 0
    model = build("unet", size=32, encoder_width=4, decoder_width=4, base_width=4)
    model.load_weights(tmp_path / "run" / "checkpoints" / "step-00000001" / "model.weights.h5")
    kernel = np.asarray(model.generator.get_layer("backbone").get_layer("conv1").kernel)
    np.testing.assert_array_equal(kernel, arrays["conv1.weight"].transpose(2, 3, 1, 0))


def test_an_encoder_for_a_network_that_has_none_is_refused(tmp_path: Path, capsys):
    assert main(["--smoke", "--encoder-weights", "imagenet", "--out", str(tmp_path / "run")]) == 2
    assert "--encoder-weights: needs a network that takes such an encoder" in capsys.readouterr().err


# === Phases ===


def test_a_frozen_encoder_keeps_its_statistics_until_it_is_thawed():
    model = CASE.build()
    phases = Phases(model, TrainConfig(pretrain_epochs=1, warmup_epochs=1, freeze=("generator/backbone",), thaw_at=3))
    x, y = batch(model)
    encoder = model.generator.get_layer("backbone")
    for epoch, (phase, moves) in enumerate([("l1", False), ("warmup", False), ("gan", True)]):
        assert phases.enter(epoch)[0] == phase
        before = weights_of(encoder)
        step(model, x, y)
        assert bool(changed(before, weights_of(encoder))) == moves, phase
