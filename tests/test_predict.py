"""A run folder becomes a colorizer, and whatever is not one becomes one clear line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from colorize_tf.bins import BINS
from colorize_tf.checkpoints import WEIGHTS, save_best
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.config import DataConfig, RunConfig, save_config
from colorize_tf.edge import Hint
from colorize_tf.errors import InputError
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.predict import RunColorizer, load_run, main

from .conftest import colourful


def make_run(folder: Path, name: str, seed: int = 1, data: DataConfig | None = None, **options: object) -> Path:
    """A run folder with the random weights of a tiny network, large enough that it paints visible colours."""
    keras.utils.set_random_seed(seed)
    config = RunConfig(
        preset=name,
        data=data or DataConfig(),
        model=FAMILIES[name](name=name, **{"size": 32, "base_width": 4, **options}),
    )
    model = build(name, **config.model.options())
    for layer in model.generator.layers:
        layer.set_weights([5 * value if value.ndim == 4 else value for value in layer.get_weights()])
    folder.mkdir()
    save_config(config, folder / "config.json")
    save_best(folder, model, {})
    return folder


@pytest.fixture(scope="module")
def rgb_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "rgb", "pix2pix-rgb")


@pytest.fixture(scope="module")
def lab_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "lab", "pix2pix-lab")


@pytest.fixture(scope="module")
def noisy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "noisy", "pix2pix-rgb", noise="dropout")


@pytest.fixture(scope="module")
def colorizer(lab_run: Path) -> RunColorizer:
    return RunColorizer(load_run(lab_run))


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> RunColorizer:
    folder = tmp_path_factory.mktemp("runs") / "mobile"
    run = load_run(make_run(folder, "mobile", size=64, alpha=0.25, width=16))
    run.model.averaged.set_weights(run.model.generator.get_weights())
    run.model.log_rarity.assign(np.hypot(*BINS.T) / 20)
    return RunColorizer(run)


# === Colour ===


def test_a_photo_keeps_its_size_and_its_luma(colorizer: RunColorizer) -> None:
    photo = colourful(1, height=90, width=131)
    result = colorizer(photo)
    assert (result.dtype, result.shape) == (np.uint8, photo.shape)
    difference = np.abs(rgb_to_lab(result / 255.0)[..., 0] - rgb_to_lab(photo / 255.0)[..., 0])
    assert difference.max() < 0.3
    assert difference.mean() < 0.1


def test_only_luma_is_looked_at(colorizer: RunColorizer) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (70, 50), dtype=np.uint8)
    one, three = colorizer(gray).astype(int), colorizer(np.repeat(gray[..., None], 3, axis=-1)).astype(int)
    # Luminance comes from one table or from three, and channels are rounded together, one up and another down.
    assert np.abs(one - three).max() <= 2 and np.abs(one - three).mean() < 0.01


def test_the_network_is_asked_for_ab_of_the_whole_photo(colorizer: RunColorizer) -> None:
    photo = colourful(2, height=32, width=32)  # the network's own size: nothing is resized
    luma = rgb_to_lab(photo.astype(np.float32) / 255)[..., 0]
    ab = np.asarray(colorizer.run.model.colorize(luma[None, ..., None]))[0]
    result = rgb_to_lab(colorizer(photo) / 255.0)[..., 1:]
    inside = (result.max(-1) < 60) & (luma > 30) & (luma < 70)
    assert np.abs(result - ab)[inside].mean() < 1.0


def test_a_network_for_photos_sees_them_unsquashed(guided: RunColorizer) -> None:
    seen = []
    ask, guided.predict = guided.predict, lambda luma, *rest: seen.append(luma.shape) or ask(luma, *rest)  # type: ignore[method-assign]
    photo = colourful(1, height=300, width=420)
    assert guided(photo).shape == photo.shape
    assert seen == [(64, 96)]  # the short side what it learnt on, the other rounded up to a multiple of 32


def test_hints_and_vividness_reach_a_network_that_takes_them(guided: RunColorizer) -> None:
    photo = colourful(1, height=64, width=64)
    plain = guided(photo).astype(int)
    hinted = guided(photo, [Hint(30, 30, (200, 30, 30), radius=12)]).astype(int)
    guided.choose(replace(guided.options, vivid=1.0))
    lively = guided(photo).astype(int)
    guided.choose(replace(guided.options, vivid=0.0))
    assert np.abs(hinted - plain).max() > 2 and np.abs(lively - plain).max() > 2
    np.testing.assert_array_equal(guided(photo), plain)


def test_raw_output_has_a_lightness_of_its_own(rgb_run: Path) -> None:
    rgb = RunColorizer(load_run(rgb_run))
    photo = colourful(3, height=80, width=60)
    raw = rgb.raw(photo)
    assert raw.shape == photo.shape
    assert np.abs(rgb_to_lab(raw / 255.0)[..., 0] - rgb_to_lab(photo / 255.0)[..., 0]).mean() > 5


def test_raw_output_needs_a_network_that_gives_rgb(colorizer: RunColorizer) -> None:
    with pytest.raises(InputError, match=r"--raw: needs a network that gives RGB\. Received: pix2pix-lab"):
        colorizer.raw(colourful(1))


def test_noise_gives_one_picture_for_each_seed(noisy_run: Path) -> None:
    run = load_run(noisy_run)
    first, again, other = RunColorizer(run, seed=1), RunColorizer(run, seed=1), RunColorizer(run, seed=2)
    photo = colourful(4)
    assert first.stochastic
    assert np.array_equal(first(photo), first(photo))
    assert np.array_equal(first(photo), again(photo))
    assert not np.array_equal(first(photo), other(photo))


def test_without_noise_nothing_is_random(colorizer: RunColorizer) -> None:
    assert not colorizer.stochastic


def test_weights_are_those_of_the_run(lab_run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", "pix2pix-lab", seed=2)
    photo = colourful(5)
    mine, theirs = (RunColorizer(load_run(path))(photo) for path in (lab_run, other))
    assert np.array_equal(mine, RunColorizer(load_run(lab_run))(photo))
    assert not np.array_equal(mine, theirs)


# === Command ===


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(colourful(6, height=40, width=56)).convert("L").save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_command_writes_a_colorized_photo(
    lab_run: Path, colorizer: RunColorizer, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(lab_run), str(photo), "--out", str(tmp_path / "out")]) == 0
    written = tmp_path / "out" / "photo.colorized.png"
    assert capsys.readouterr().out.split() == [str(written)]
    assert np.array_equal(pixels(written), colorizer(pixels(photo)[..., 0]))
    with Image.open(written) as image:
        assert "compositeWithTrainedAlgorithmicMedia" in image.info["XML:com.adobe.xmp"]


def test_sixteen_bits_stay_so_and_what_is_left_out_is_said(
    lab_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    values = np.linspace(0, 65535, 40 * 56).reshape(40, 56).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(deep.png_encode(values))
    with Image.open(tmp_path / "deep.png") as image:
        image.convert("L").save(tmp_path / "torn.jpg", exif=b"Exif\0\0no block")
    assert main([str(lab_run), str(tmp_path / "deep.png"), str(tmp_path / "torn.jpg"), "--out", str(tmp_path)]) == 0
    assert "its EXIF is damaged and was left out" in capsys.readouterr().err
    assert deep.png_decode((tmp_path / "deep.colorized.png").read_bytes()).dtype == np.uint16


def test_raw_is_written_beside_the_photo_with_its_own_luma(rgb_run: Path, photo: Path, tmp_path: Path) -> None:
    assert main([str(rgb_run), str(photo), "--out", str(tmp_path), "--raw"]) == 0
    raw = RunColorizer(load_run(rgb_run)).raw(pixels(photo)[..., 0])
    assert np.array_equal(pixels(tmp_path / "photo.raw.png"), raw)
    assert not np.array_equal(pixels(tmp_path / "photo.colorized.png"), raw)


def test_samples_differ_and_come_again(noisy_run: Path, photo: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert main([str(noisy_run), str(photo), "--out", str(tmp_path / folder), "--samples", "3"]) == 0
    names = [f"photo.sample-{number}.png" for number in (1, 2, 3)]
    first, second, third = (pixels(tmp_path / "one" / name) for name in names)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    assert np.array_equal(third, pixels(tmp_path / "two" / names[2]))


def test_raw_is_the_first_sample_before_it_has_the_photos_luma(noisy_run: Path, photo: Path, tmp_path: Path) -> None:
    assert main([str(noisy_run), str(photo), "--out", str(tmp_path), "--samples", "2", "--raw", "--seed", "5"]) == 0
    raw = RunColorizer(load_run(noisy_run), seed=5).raw(pixels(photo)[..., 0])
    assert np.array_equal(pixels(tmp_path / "photo.raw.png"), raw)


def test_a_bad_photo_is_reported_and_the_rest_goes_on(
    lab_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    assert main([str(lab_run), str(bad), str(photo), "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "error"]
    assert "bad.jpg" in lines[0]
    assert "1 of 2 photos could not be colorized" in lines[1]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.colorized.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "{photo}"], "RUN: does not exist"),
        (["{lab}", "missing.jpg"], "missing.jpg"),
        (["{lab}", "{photo}", "--raw"], "--raw: needs a network that gives RGB"),
        (["{lab}", "{photo}", "--samples", "2"], "--samples: needs a run trained with --noise dropout"),
        (["{lab}", "{photo}", "--samples", "0"], "--samples: must be in 1..1000"),
        (["{lab}", "{photo}", "--seed", "4294967296"], "--seed: must be from 0 to 2147483647"),
        (["{lab}", "{photo}", "{twin}"], "would both become"),
        (["{lab}", "{done}"], "--out: holds a result already"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, lab_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / photo.name
    shutil.copy(photo, twin)
    (tmp_path / "done.colorized.png").write_bytes(b"kept")
    places = {"lab": lab_run, "photo": photo, "twin": twin, "done": tmp_path / "done.png"}
    assert main([*(argument.format(**places) for argument in arguments), "--out", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert (tmp_path / "done.colorized.png").read_bytes() == b"kept"


# === What names a run ===


@pytest.mark.parametrize("part", [".", "best", f"best/{WEIGHTS}"])
def test_a_run_can_be_named_by_its_folder_or_checkpoint(lab_run: Path, part: str) -> None:
    run = load_run(lab_run / part)
    assert run.config.model.name == "pix2pix-lab"
    assert run.checkpoint.resolve() == (lab_run / "best").resolve()


def test_without_a_best_the_newest_checkpoint_counts(lab_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(lab_run, folder)
    for step in ("step-00000009", "step-00000010"):
        shutil.copytree(folder / "best", folder / "checkpoints" / step)
    shutil.rmtree(folder / "best")
    assert load_run(folder).checkpoint.name == "step-00000010"


# === What is no run ===


def test_a_missing_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RUN: does not exist"):
        load_run(tmp_path / "nowhere")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run"):
        load_run(tmp_path)


def test_a_file_that_is_no_checkpoint(lab_run: Path) -> None:
    with pytest.raises(InputError, match="must be a run folder"):
        load_run(lab_run / "config.json")


def test_a_run_without_a_checkpoint(lab_run: Path, tmp_path: Path) -> None:
    shutil.copy(lab_run / "config.json", tmp_path)
    with pytest.raises(InputError, match="no weights yet"):
        load_run(tmp_path)


def test_weights_without_their_config(lab_run: Path, tmp_path: Path) -> None:
    shutil.copytree(lab_run / "best", tmp_path / "lost" / "best")
    with pytest.raises(InputError, match=r"no config\.json beside the weights"):
        load_run(tmp_path / "lost" / "best")


def test_a_checkpoint_of_another_architecture(lab_run: Path, rgb_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(lab_run, folder)
    shutil.copy(rgb_run / "best" / WEIGHTS, folder / "best" / WEIGHTS)
    with pytest.raises(InputError, match="another architecture"):
        load_run(folder)


def test_a_damaged_checkpoint(lab_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(lab_run, folder)
    weights = folder / "best" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(InputError) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


def test_a_config_of_a_newer_version(lab_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "newer"
    shutil.copytree(lab_run, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "version": 99}))
    with pytest.raises(InputError, match="newer"):
        load_run(folder)
