"""Networks that judge pictures, against NumPy, with random weights in the files' layouts."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from colorize_tf.errors import InputError
from colorize_tf.frechet import frechet_distance
from colorize_tf.perception import (
    OXFORD_MEAN,
    STAGES,
    TORCH_DEVIATION,
    TORCH_MEAN,
    TORCHVISION,
    WIDTHS,
    Panel,
    open_features,
    open_lpips,
)

from .conftest import colourful

NAMES = [name for stage in STAGES for name in stage]
TRUTH, CLOSE, FAR = (colourful(seed, 32, 32) for seed in (1, 1, 2))
CLOSE = np.clip(CLOSE.astype(int) + 9, 0, 255).astype(np.uint8)


def vgg(count: int) -> dict[str, np.ndarray]:
    """Random weights of the first convolutions of VGG16, as Keras lays them out."""
    random, channels, found = np.random.default_rng(0), 3, {}
    widths = [width for stage, width in zip(STAGES, WIDTHS, strict=True) for _ in stage]
    for name, width in list(zip(NAMES, widths, strict=True))[:count]:
        found[f"{name}/kernel"] = random.normal(0, (2 / 9 / channels) ** 0.5, (3, 3, channels, width))
        found[f"{name}/bias"] = random.normal(0, 0.1, width)
        channels = width
    return {name: value.astype(np.float32) for name, value in found.items()}


def linear() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        f"lin{stage}.model.1.weight": random.uniform(0, 1, (1, width, 1, 1)).astype(np.float32)
        for stage, width in enumerate(WIDTHS)
    }


def by_hand(x: np.ndarray, weights: dict[str, np.ndarray], stages: int) -> list[np.ndarray]:
    """What the network takes [H,W,3] -> unit vectors at the end of each stage."""
    found = []
    for stage in range(stages):
        if stage:
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max((1, 3))
        for name in STAGES[stage]:
            kernel, padded = weights[f"{name}/kernel"], np.pad(x, ((1, 1), (1, 1), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
            x = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + weights[f"{name}/bias"], 0)
        found.append(x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10))
    return found


def lpips_by_hand(a: np.ndarray, b: np.ndarray, weights: dict[str, np.ndarray], stages: int) -> float:
    pairs = zip(by_hand(a, weights, stages), by_hand(b, weights, stages), strict=True)
    lines = [line.ravel() for line in linear().values()]
    return sum(float((np.square(x - y) @ lines[stage]).mean()) for stage, (x, y) in enumerate(pairs))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips") / "linear.npz"
    np.savez(path, **linear())
    return path


# === LPIPS ===


def test_three_stages_in_keras_layout(tmp_path: Path, lines: Path) -> None:
    weights = vgg(7)
    np.savez(tmp_path / "vgg.npz", **weights)
    lpips = open_lpips(tmp_path / "vgg.npz", lines)
    assert lpips.name == "lpips-vgg-conv1-3"
    found = lpips(TRUTH, np.stack([TRUTH, CLOSE, FAR]))
    bgr = [image[..., ::-1].astype(np.float64) - OXFORD_MEAN for image in (TRUTH, CLOSE, FAR)]
    expected = [lpips_by_hand(bgr[0], image, weights, 3) for image in bgr]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
    assert found[0] == 0 < found[1] < found[2]


def test_the_whole_of_torchvision(tmp_path: Path, lines: Path) -> None:
    weights = vgg(13)
    stored = {}
    for name, place in zip(NAMES, TORCHVISION, strict=True):
        stored[f"features.{place}.weight"] = weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
        stored[f"features.{place}.bias"] = weights[f"{name}/bias"]
    np.savez(tmp_path / "vgg.npz", **stored, **{"classifier.0.bias": np.zeros(4)})
    lpips = open_lpips(tmp_path / "vgg.npz", lines)
    assert lpips.name == "lpips-vgg"
    a, b = ((image / 255 - TORCH_MEAN) / TORCH_DEVIATION for image in (TRUTH, FAR))
    assert lpips(TRUTH, FAR[None])[0] == pytest.approx(lpips_by_hand(a, b, weights, 5), rel=1e-3)


def test_a_file_without_vgg_is_refused(tmp_path: Path, lines: Path) -> None:
    with pytest.raises(InputError, match="needs a VGG16"):
        open_lpips(lines, lines)
    broken = {**vgg(2), "conv1_2/bias": np.zeros(3, np.float32)}
    np.savez(tmp_path / "vgg.npz", **broken)
    with pytest.raises(InputError, match=r"conv1_2/bias \(64,\).*\(3,\)"):
        open_lpips(tmp_path / "vgg.npz", lines)


# === Features ===


def mobilenet(path: Path, *, whole: bool) -> keras.Model:
    """Writes a MobileNet of an eighth of the width as the files for ImageNet are laid out; -> the network."""
    keras.utils.set_random_seed(3)
    network = keras.applications.MobileNet((224, 224, 3), alpha=0.125, include_top=False, weights=None)
    arrays, random = {}, np.random.default_rng(3)
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name == "kernel":  # so that features neither vanish nor explode on their way through
                inputs = 9 if "_dw_" in layer.name else np.prod(weight.shape[:3])
                weight.assign(random.normal(0, (2 / inputs) ** 0.5, weight.shape))
            name = "depthwise_kernel" if weight.name == "kernel" and "_dw_" in layer.name else weight.name
            arrays[f"{layer.name}/{name}"] = weight.numpy()
    if not whole:
        del arrays["conv_pw_13/kernel"]
    np.savez(path, **arrays, **{"conv_preds/bias": np.zeros(7, np.float32)})
    return network


@pytest.mark.parametrize(("whole", "last"), [(False, "dw_13"), (True, "pw_13")])
def test_features_are_those_of_the_last_layer_at_hand(tmp_path: Path, whole: bool, last: str) -> None:
    network = mobilenet(tmp_path / "m.npz", whole=whole)
    features = open_features(tmp_path / "m.npz")
    assert features.name == f"mobilenet-v1-0.125-{last.replace('_', '')}"
    found = features(TRUTH[None])
    large = np.asarray(Image.fromarray(TRUTH).resize((224, 224), Image.Resampling.BICUBIC), np.float32)
    part = keras.Model(network.input, network.get_layer(f"conv_{last}_relu").output)
    expected = part.predict(large[None] / 127.5 - 1, verbose=0).mean((1, 2))
    assert found.shape == (1, 128) and found.std() > 0
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * expected.std())  # Pillow rounds to 8 bits


def test_a_panel_looks_at_all_and_compares_at_the_end(tmp_path: Path) -> None:
    mobilenet(tmp_path / "m.npz", whole=False)
    features = open_features(tmp_path / "m.npz")
    panel = Panel(features)
    photos = [colourful(seed, 32, 32) for seed in range(4)]
    dull = [(photo // 4 + 90).astype(np.uint8) for photo in photos]
    for photo, pale in zip(photos, dull, strict=True):
        seen = panel.look(photo, {"truth": photo, "dull": pale})
        assert set(seen) == {"truth", "dull"} and all(np.isnan(value) for value in seen.values())
    found = panel.distances()
    assert found["truth"].value == pytest.approx(0, abs=1e-6)
    expected = frechet_distance(features(np.stack(dull)), features(np.stack(photos)))
    assert found["dull"].value == pytest.approx(expected, rel=1e-3) and found["dull"].count == 4


@pytest.mark.parametrize("name", ["none.npz", "text.h5", "other.npz"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.h5").write_text("no weights")
    np.savez(tmp_path / "other.npz", kernel=np.zeros(3))
    with pytest.raises(InputError, match="--features: must") as caught:
        open_features(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_inception(tmp_path: Path) -> None:
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    network.save_weights(tmp_path / "inception.weights.h5")
    features = open_features(tmp_path / "inception.weights.h5")
    assert features.name == "inception-v3"
    large = np.asarray(Image.fromarray(TRUTH).resize((299, 299), Image.Resampling.BICUBIC), np.float32)
    expected = network.predict(large[None] / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(features(TRUTH[None]), expected, rtol=0.05, atol=0.05 * expected.std())
