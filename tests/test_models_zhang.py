"""ECCV16 and SIGGRAPH17: against an independent reference, and the files their weights come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_tf import bins
from colorize_tf.errors import InputError
from colorize_tf.import_weights import main
from colorize_tf.models import build
from colorize_tf.models.zhang import import_weights
from colorize_tf.models.zhang_weights import CAFFE, CAFFE_SCALE
from colorize_tf.predict import load_run

from .model_checks import Case
from .reference_layers import batch_norm, convolve, relu, transposed

ECCV = Case("eccv16", {"base_width": 4})
GUIDED = Case("siggraph17", {"base_width": 4})
WIDTH = 4
BLOCKS = {1: (2, 1), 2: (2, 2), 3: (3, 4), 4: (3, 8), 5: (3, 8), 6: (3, 8), 7: (3, 8)}  # convolutions, width
Arrays = dict[str, np.ndarray]


# === Random weights in the authors' format, and their networks in NumPy ===


def random_arrays(guided: bool, w: int = WIDTH) -> Arrays:
    """A state dict with the names and shapes of the authors' files, but for the width."""
    random, arrays = np.random.default_rng(5), {}

    def convolution(name: str, into: int, out: int, size: int = 3, swapped: bool = False, bias: bool = True) -> None:
        shape = (into, out, size, size) if swapped else (out, into, size, size)
        arrays[f"{name}.weight"] = random.normal(0, np.sqrt(2 / (into * size * size)), shape).astype("float32")
        if bias:
            arrays[f"{name}.bias"] = random.normal(0, 0.1, out).astype("float32")

    def norm(name: str, channels: int) -> None:
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.3, 0.3), ("running_mean", -0.3, 0.3),
                                ("running_var", 0.5, 1.5)):  # fmt: skip
            arrays[f"{name}.{part}"] = random.uniform(low, high, channels).astype("float32")
        arrays[f"{name}.num_batches_tracked"] = np.array(7)

    before = 4 if guided else 1
    for block, (count, width) in BLOCKS.items():
        for i in range(count):
            convolution(f"model{block}.{2 * i}", before, w * width)
            before = w * width
        norm(f"model{block}.{2 * count}", before)
    if not guided:
        convolution("model8.0", 8 * w, 4 * w, 4, swapped=True)
        convolution("model8.2", 4 * w, 4 * w)
        convolution("model8.4", 4 * w, 4 * w)
        convolution("model8.6", 4 * w, 313, 1)
        convolution("model_out", 313, 2, 1, bias=False)
        return arrays
    for block, into, out in ((8, 8, 4), (9, 4, 2), (10, 2, 2)):
        convolution(f"model{block}up.0", into * w, out * w, 4, swapped=True)
        convolution(f"model{11 - block}short{block}.0", BLOCKS[11 - block][1] * w, out * w)
        convolution(f"model{block}.1", out * w, out * w)
    convolution("model8.3", 4 * w, 4 * w)
    norm("model8.5", 4 * w)
    norm("model9.3", 2 * w)
    convolution("model_class.0", 4 * w, 529, 1)
    convolution("model_out.0", 2 * w, 2, 1)
    return arrays


def reference(arrays: Arrays, x: np.ndarray) -> np.ndarray:
    """x [B,C,H,W] as the authors feed it -> their ab/110: ECCV16 before its enlargement, SIGGRAPH17 at full size."""
    guided = x.shape[1] == 4

    def conv(x: np.ndarray, name: str, **options: int) -> np.ndarray:
        kernel = arrays[f"{name}.weight"]
        reach = options.get("dilation", 1) * (kernel.shape[2] // 2)
        return convolve(x, kernel, arrays.get(f"{name}.bias"), pad=reach, **options)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        parts = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        return batch_norm(x, *parts)

    def larger(x: np.ndarray, name: str) -> np.ndarray:
        return transposed(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], stride=2, pad=1)

    found = {}
    for block, (count, _) in BLOCKS.items():
        for i in range(count):
            options = {"stride": 2 if block <= 3 and i == count - 1 and not guided else 1}
            x = relu(conv(x, f"model{block}.{2 * i}", dilation=2 if block in (5, 6) else 1, **options))
        x = found[block] = norm(x, f"model{block}.{2 * count}")
        if guided and block <= 3:
            x = x[:, :, ::2, ::2]
    if not guided:
        x = relu(conv(relu(conv(relu(larger(x, "model8.0")), "model8.2")), "model8.4"))
        x = np.exp(conv(x, "model8.6"))
        return conv(x / x.sum(axis=1, keepdims=True), "model_out")
    x = relu(larger(x, "model8up.0") + conv(found[3], "model3short8.0"))
    x = norm(relu(conv(relu(conv(x, "model8.1")), "model8.3")), "model8.5")
    x = relu(larger(x, "model9up.0") + conv(found[2], "model2short9.0"))
    x = norm(relu(conv(x, "model9.1")), "model9.3")
    x = conv(relu(larger(x, "model10up.0") + conv(found[1], "model1short10.0")), "model10.1")
    return np.tanh(conv(np.where(x > 0, x, 0.2 * x), "model_out.0"))


@pytest.fixture
def luma() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 100, (1, 32, 32, 1)).astype("float32")


def as_fed(luma: np.ndarray) -> np.ndarray:
    return ((luma - 50) / 100).transpose(0, 3, 1, 2)


# === Import ===


def test_eccv16_gives_what_the_reference_gives(luma: np.ndarray, tmp_path: Path):
    arrays = random_arrays(guided=False)
    np.savez(tmp_path / "w.npz", **arrays)
    model = import_weights(tmp_path / "w.npz")
    expected = 110 * reference(arrays, as_fed(luma)).transpose(0, 2, 3, 1)
    given = model.colorize(luma)
    assert given.shape == (1, 8, 8, 2) and expected.std() > 1e-3
    np.testing.assert_allclose(given, expected, atol=1e-3 * np.ptp(expected))


def test_siggraph17_gives_what_the_reference_gives(luma: np.ndarray, tmp_path: Path):
    arrays = random_arrays(guided=True)
    np.savez(tmp_path / "w.npz", **arrays)
    model = import_weights(tmp_path / "w.npz")
    hints = np.zeros((1, 32, 32, 3), "float32")
    hints[:, 4:9, 20:25] = 0.4, -0.3, 1.0
    for given in (hints, np.zeros_like(hints)):
        fed = np.concatenate([as_fed(luma), given.transpose(0, 3, 1, 2)], axis=1)
        expected = 110 * reference(arrays, fed).transpose(0, 2, 3, 1)
        assert expected.std() > 1
        np.testing.assert_allclose(model.colorize(luma, given), expected, atol=1e-3 * np.ptp(expected))
    np.testing.assert_array_equal(model.colorize(luma), model.colorize(luma, np.zeros_like(hints)))


@pytest.mark.parametrize(("name", "count"), [("eccv16", 32_236_011), ("siggraph17", 34_187_027)])
def test_the_networks_have_the_authors_number_of_parameters(name: str, count: int):
    arrays = random_arrays(name == "siggraph17", w=64)
    learnt = [value.size for key, value in arrays.items() if "running" not in key and "num_" not in key]
    assert sum(learnt) == count  # as the authors' own files have it
    generator = build(name).generator
    ours = sum(int(np.prod(weight.shape)) for weight in generator.trainable_weights)
    assert ours == count - (626 if name == "eccv16" else 0)  # the colours of the bins are no layer here


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model7.6.bias": None}, "must hold model7.6.bias (32,)"),
        (
            {"model5.2.weight": np.ones((32, 32, 1, 1))},
            "must hold model5.2.weight (32, 32, 3, 3). Received: (32, 32, 1, 1)",
        ),
        ({"model9.0.weight": np.ones(3)}, "which also holds model9.0.weight"),
        ({"model1.0.weight": None}, "must be those of ECCV16 or SIGGRAPH17"),
        ({"model_out.weight": None}, "must hold model_out.weight (2, 313, 1, 1)"),
    ],
)
def test_other_arrays_than_those_of_the_network_are_refused(change: dict[str, Any], said: str, tmp_path: Path):
    arrays = {**random_arrays(guided=False), **change}
    np.savez(tmp_path / "w.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(InputError) as caught:
        import_weights(tmp_path / "w.npz")
    assert said in str(caught.value)


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path):
    arrays = random_arrays(guided=False)
    path = tmp_path / "colorization_release_v2-9b330a0b.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="weights: must have the SHA-256 9b330a0b"):
        import_weights(path)
    path = path.rename(tmp_path / "w.npz")
    with pytest.raises(InputError, match="weights: must have the SHA-256 00ff00ff"):
        import_weights(path, sha256="00ff00ff")
    for digits in ("", "9", "not digits"):  # one of sixteen files begins with a 9
        with pytest.raises(InputError, match="--sha256: must be the first 8 or more"):
            import_weights(path, sha256=digits)
    with pytest.raises(InputError, match="must be a file that exists"):
        import_weights(tmp_path / "none.npz")


# === Caffe ===


def as_caffemodel(arrays: Arrays, scale: float = 2.606, *, snapshot: bool = False) -> bytes:
    """The same network as Caffe writes it: L-50 in, Lab units out, plain batch norm, a constant before the softmax.

    A snapshot of the training has what makes its data, but neither that constant nor the bins.
    """
    from colorize_tf.models.caffe import _message

    net = _message("NET")(name="LtoAB")

    def layer(name: str, kind: str, *values: np.ndarray) -> None:
        added = net.layer.add(name=name, type=kind)
        for value in values:
            blob = added.blobs.add(data=np.ravel(value).tolist())
            blob.shape.dim.extend(np.shape(value))

    if snapshot:
        layer("data_l_meansub", "Scale", np.array([1.0]), np.array([-50.0]))
        layer("data_ab_ss", "Convolution", np.ones((2, 1, 1, 1)), np.zeros(2))
    else:
        layer("data_l", "Input")
    for name, key in CAFFE.items():
        if snapshot and key == "model_out":
            continue
        if name.endswith("norm"):
            mean, variance = arrays[f"{key}.running_mean"], arrays[f"{key}.running_var"]
            layer(name, "BatchNorm", 999.98 * mean, 999.98 * variance, np.array([999.98]))
            continue
        factor = {"model1.0": 0.01, "model_out": 110.0}.get(key, 1.0)
        bias = arrays.get(f"{key}.bias", np.zeros(2))
        divided = scale if key == "model8.6" else 1.0
        layer(name, "Convolution", factor * arrays[f"{key}.weight"] / divided, bias / divided)
    if not snapshot:
        layer(CAFFE_SCALE, "Scale", np.full(313, scale))
    return net.SerializeToString()


def plain_norms(arrays: Arrays) -> Arrays:
    """The same with batch norms that have neither gain nor shift, as Caffe's."""
    norms = {key.removesuffix(".running_mean") for key in arrays if key.endswith(".running_mean")}
    for key in norms:
        arrays[f"{key}.weight"], arrays[f"{key}.bias"] = np.ones_like(arrays[f"{key}.bias"]), 0 * arrays[f"{key}.bias"]
    return arrays


@pytest.mark.parametrize("snapshot", [False, True], ids=["whole", "snapshot"])
def test_a_caffemodel_gives_the_colours_of_the_state_dict(snapshot: bool, luma: np.ndarray, tmp_path: Path):
    arrays = plain_norms(random_arrays(guided=False))
    if snapshot:  # which has no bins: they are those of the paper
        arrays["model_out.weight"] = bins.BINS.T[..., None, None] / 110
    (tmp_path / "w.caffemodel").write_bytes(as_caffemodel(arrays, snapshot=snapshot))
    model = import_weights(tmp_path / "w.caffemodel")
    assert model.temperature == pytest.approx(1 / 2.606)
    expected = 110 * reference(arrays, as_fed(luma)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.colorize(luma), expected, atol=1e-3 * np.ptp(expected))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xff\xff\xff", "must be a .caffemodel"),
        (b"", "must hold layers with weights"),
        (as_caffemodel(plain_norms(random_arrays(guided=False))).replace(b"conv4_2", b"conv4_9"), "also holds conv4_9"),
        (2 * as_caffemodel(plain_norms(random_arrays(guided=False))), "holds bw_conv1_1 twice"),
    ],
)
def test_other_caffemodels_are_refused(content: bytes, said: str, tmp_path: Path):
    (tmp_path / "w.caffemodel").write_bytes(content)
    with pytest.raises(InputError) as caught:
        import_weights(tmp_path / "w.caffemodel")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "blobs", "said"),
    [
        ("conv3_3norm", 2, "must hold mean, variance and their factor of conv3_3norm"),
        ("conv4_2", 3, "must hold a kernel and a bias of conv4_2. Received: "),  # none is skipped
        ("data_ab_ss", 2, "must hold [[1.0], [0.0]] in data_ab_ss. Received: "),
        (CAFFE_SCALE, 0, f"must scale all bins alike in {CAFFE_SCALE}"),
    ],
)
def test_layers_of_caffe_with_other_blobs_are_refused(layer: str, blobs: int, said: str, tmp_path: Path, monkeypatch):
    values = {name: [np.ones((4, 4, 3, 3)), np.ones(4)] for name in CAFFE if not name.endswith("norm")}
    values |= {name: [np.ones(4), np.ones(4), np.ones(1)] for name in CAFFE if name.endswith("norm")}
    values |= {CAFFE_SCALE: [np.full(313, 2.606)]}
    values[layer] = [np.zeros(4)] * blobs
    (tmp_path / "w.caffemodel").touch()
    monkeypatch.setattr("colorize_tf.models.zhang_weights.read_caffemodel", lambda _: values)
    with pytest.raises(InputError) as caught:
        import_weights(tmp_path / "w.caffemodel")
    assert said in str(caught.value)


# === Command ===


@pytest.mark.parametrize("guided", [False, True])
def test_the_command_makes_a_run_that_colorizes(guided: bool, luma: np.ndarray, tmp_path: Path, capsys):
    np.savez(tmp_path / "w.npz", **random_arrays(guided))
    assert main([str(tmp_path / "w.npz"), "--out", str(tmp_path / "run")]) == 0
    assert f"{'siggraph17' if guided else 'eccv16'}, " in capsys.readouterr().out
    model = load_run(tmp_path / "run").model
    np.testing.assert_array_equal(model.colorize(luma), import_weights(tmp_path / "w.npz").colorize(luma))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{tmp}/none.pth --out {tmp}/run", "weights: must be a file that exists"),
        ("{tmp}/w.npz --out {tmp}/full", "--out: must be a folder that does not exist or is empty"),
        ("{tmp}/w.npz --out {tmp}/run --sha256 00ff00ff", "weights: must have the SHA-256 00ff00ff"),
    ],
)
def test_the_command_answers_in_one_line(words: str, said: str, tmp_path: Path, capsys):
    np.savez(tmp_path / "w.npz", **random_arrays(guided=False))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    assert main(words.format(tmp=tmp_path).split()) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
    assert not (tmp_path / "run").exists()
