"""Verification finds every kind of file that must not be given away."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.datasets.synthetic import scene
from colorize_tf.export import verify
from colorize_tf.export.drift import measure_drift, picture
from colorize_tf.export.flatbuffer import Graph, defects
from colorize_tf.export.recipes import RECIPES
from colorize_tf.export.report import listing
from colorize_tf.export.scenes import Scene

MODELS = Path(__file__).parent / "golden" / "models"
SIDE = 32
KERNEL = np.array([[[[0.9, -0.6]]]], np.float32)  # ab = 0.9 (L - 40), -0.6 (L - 40)


@pytest.fixture(autouse=True)
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SECONDS", 0.01)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    made = []
    for seed in range(6):
        truth = scene(seed, (SIDE, SIDE))
        luma = rgb_to_lab(truth.astype(np.float32) / 255)[None, ..., :1]
        made.append(Scene(f"scene {seed}", truth, {"luma": luma}))
    return made


def network(luma: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(luma - 40.0, KERNEL, 1, "SAME")


@pytest.fixture(scope="module")
def wanted(scenes: list[Scene]) -> list[np.ndarray]:
    return [network(one.inputs["luma"]).numpy() for one in scenes]


def file_of(function: object, *, trackable: object = None) -> bytes:
    """A function of luma -> its float32 TFLite file."""

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="luma")])
    def serve(luma: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ab": function(luma)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [serve.get_concrete_function()], trackable or tf.Module()
    )
    return bytes(converter.convert())


@pytest.fixture(scope="module")
def honest() -> bytes:
    return file_of(network)


def failures(content: bytes, scenes: list[Scene], wanted: list[np.ndarray], recipe: str = "float32") -> str:
    return "; ".join(verify.verify(content, RECIPES[recipe], scenes, wanted, elsewhere=()).failures)


def test_an_honest_file_passes_everywhere(honest: bytes, scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    report = verify.verify(honest, RECIPES["float32"], scenes, wanted, elsewhere=("tensorflow",))
    assert report.passed
    assert [verdict.result for verdict in report.runtimes] == ["passed", "passed"]
    assert report.drift is not None and report.drift.rgb_worst > 60
    assert "FAILS" not in listing(report) and "ai-edge-litert" in listing(report)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda luma: network(luma)[..., ::-1], "dB from the network's"),
        (lambda luma: network(luma / 2.0), "dB from the network's"),
        (lambda luma: 0.95 * network(luma), "mean chroma is 95.0%"),
        (lambda luma: tf.roll(network(luma), 1, axis=2), "for the worst photo"),
        (lambda luma: network(luma) + tf.math.log(luma - 1000.0), "NaN"),
    ],
    ids=["swapped ab", "wrong normalisation", "pale", "shifted by a pixel", "NaN"],
)
def test_a_file_that_paints_otherwise_fails(
    broken: object, said: str, scenes: list[Scene], wanted: list[np.ndarray]
) -> None:
    assert said in failures(file_of(broken), scenes, wanted)


def test_unfrozen_variables_are_found() -> None:
    module = tf.Module()
    module.kernel = tf.Variable(KERNEL)

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="luma")])
    def serve(luma: tf.Tensor) -> dict[str, tf.Tensor]:
        module.kernel.assign(module.kernel + 0.0)  # a variable that is written cannot be frozen
        return {"ab": tf.nn.conv2d(luma, module.kernel, 1, "SAME")}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], module)
    converter.experimental_enable_resource_variables = True
    (found,) = defects(bytes(converter.convert()))
    assert "not frozen" in found and "READ_VARIABLE" in found


def test_operators_outside_the_runtime_are_found(scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="luma")])
    def serve(luma: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ab": tf.math.igamma(network(luma), network(luma))}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], tf.Module())
    converter.allow_custom_ops = True
    content = bytes(converter.convert())
    assert "CUSTOM Igamma" in defects(content)[0]
    said = failures(content, scenes, wanted)
    assert "no plain runtime has" in said and "does not run" in said


def test_constants_that_are_not_finite_are_found(honest: bytes) -> None:
    graph = Graph(honest)
    kernel = next(node.inputs[1] for node in graph.nodes if node.operator == "CONV_2D")
    graph.replace_constant(kernel, np.array([np.nan, 1.0], np.float32), "FLOAT32")
    assert "not finite" in defects(graph.pack())[0]


def test_a_file_that_does_not_load_is_one_line(honest: bytes, scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    graph = Graph(honest)
    graph.model.operatorCodes[0].version = 99
    said = failures(graph.pack(), scenes, wanted)
    assert said.startswith("does not run") and "version" in said and "\n" not in said
    report = verify.verify(graph.pack(), RECIPES["float32"], scenes, wanted, elsewhere=())
    assert "quality" not in listing(report)  # of which nothing is known, for another reason than want of photos


def test_measures_that_say_nothing_are_left_out_of_the_card(scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    luma, ab = np.full((1, SIDE, SIDE, 1), 50, np.float32), np.zeros((1, SIDE, SIDE, 2), np.float32)
    quality = verify.score([Scene("even", picture(luma, ab), {"luma": luma})] * 2, [ab] * 2)
    assert quality["psnr"] == 100.0 and quality["ssim"] == pytest.approx(1.0)
    assert "edge_error" not in quality
    assert "edge_error" in verify.score(scenes, wanted)
    json.dumps(quality, allow_nan=False)


def test_quality_is_of_photos_that_are_new_to_the_network(scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    learnt = [replace(one, learnt=position < 4) for position, one in enumerate(scenes)]
    assert verify.score(learnt, wanted) == verify.score(scenes[4:], wanted[4:])
    assert verify.score([replace(one, learnt=True) for one in scenes], wanted) is None


def test_quality_is_of_what_the_file_does_unasked() -> None:
    content = (MODELS / "tiny.tflite").read_bytes()
    asked = []
    for seed in range(2):
        truth = scene(seed, (64, 64))
        lab = rgb_to_lab(truth.astype(np.float32) / 255)[None]
        hints = np.concatenate([lab[..., 1:] / 110, np.ones_like(lab[..., :1])], -1)  # the truth, everywhere
        inputs = {"luma": lab[..., :1], "hints": hints, "vivid": np.ones(1, np.float32)}
        asked.append(Scene(f"scene {seed}", truth, inputs))
    wanted = [np.zeros((1, 32, 32, 2), np.float32)] * 2
    plain = [one.made_plain() for one in asked]
    assert all(one.plain for one in plain) and not any(one.plain for one in asked)
    reports = [verify.verify(content, RECIPES["float32"], given, wanted, elsewhere=()) for given in (asked, plain)]
    assert reports[0].quality is not None and reports[0].quality == reports[1].quality
    assert reports[0].drift != reports[1].drift
    assert verify.score(asked, wanted) is None


def test_a_file_that_fails_is_fit_for_no_runtime(scenes: list[Scene], wanted: list[np.ndarray]) -> None:
    pale = file_of(lambda luma: 0.97 * network(luma))
    report = verify.verify(pale, RECIPES["static_wi8_ai8"], scenes, wanted, elsewhere=("tensorflow",))
    assert [failure.split(" is ")[0] for failure in report.failures] == ["its mean chroma"]
    assert report.runtimes[1].result == "passed" and report.fit_for == ()
    assert replace(report, failures=()).fit_for == (f"tensorflow {tf.__version__}",)


def test_a_file_is_tried_with_the_packages_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / verify.MODEL).write_bytes((MODELS / "tiny.tflite").read_bytes())
    inputs = {"luma": (1, 64, 64, 1), "hints": (1, 64, 64, 3), "vivid": (1,)}
    one = Scene("gray", np.zeros(0), {name: np.zeros(shape, np.float32) for name, shape in inputs.items()})
    # Packages that are not in the interpreter's own place, as after an installation for one user.
    monkeypatch.setattr(sys, "executable", sys._base_executable)
    monkeypatch.setenv("PYTHONPATH", str(Path(np.__file__).parents[1]))
    answers, _ = verify.run_alone(tmp_path, [one])
    assert answers[0].shape[-1] == 2


def test_the_answers_are_not_memory_of_the_file(tmp_path: Path) -> None:
    (tmp_path / verify.MODEL).write_bytes((MODELS / "tiny.tflite").read_bytes())
    inputs = {"luma": (1, 512, 512, 1), "hints": (1, 512, 512, 3), "vivid": (1,)}
    one = Scene("gray", np.zeros(0), {name: np.zeros(shape, np.float32) for name, shape in inputs.items()})
    few, many = (verify.run_alone(tmp_path, [one] * count) for count in (1, 16))
    assert len(many[0]) == 16 and all((answer == few[0][0]).all() for answer in many[0])
    assert many[1]["peak_bytes"] < few[1]["peak_bytes"] + 4 * few[0][0].nbytes


def test_each_bound_is_its_own() -> None:
    lumas = [np.full((1, SIDE, SIDE, 1), 50, np.float32)]
    right = [np.full((1, SIDE, SIDE, 2), 20, np.float32)]
    drift = measure_drift(lumas, right, right)
    assert (drift.rgb_mean, drift.rgb_worst, drift.chroma_ratio) == (100, 100, 1)
    int8 = RECIPES["static_wi8_ai8"]
    assert verify.broken_bounds(drift, int8) == []
    assert "on average" in verify.broken_bounds(replace(drift, rgb_mean=37.9), int8)[0]
    assert "worst photo" in verify.broken_bounds(replace(drift, rgb_worst=32.9), int8)[0]
    assert "97.9%" in verify.broken_bounds(replace(drift, chroma_ratio=0.979), int8)[0]
    assert len(verify.broken_bounds(replace(drift, rgb_mean=float("nan"), chroma_ratio=float("nan")), int8)) == 2


def test_drift_of_small_ab_is_that_of_the_enlarged_picture() -> None:
    luma = np.linspace(20, 80, SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE, 1)
    small = np.full((1, SIDE // 4, SIDE // 4, 2), 15, np.float32)
    large = np.full((1, SIDE, SIDE, 2), 15, np.float32)
    drift = measure_drift([luma], [large], [large])
    assert replace(measure_drift([luma], [small], [small]), chroma=drift.chroma) == drift
    assert np.array_equal(picture(luma, small), picture(luma, large))


def test_the_older_runtime_is_tried_where_its_python_is_named(
    honest: bytes, scenes: list[Scene], wanted: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(verify.TFLITE_PYTHON, raising=False)
    assert tried_elsewhere(honest, scenes, wanted).result == "not tried"
    monkeypatch.setenv(verify.TFLITE_PYTHON, str(tmp_path / "none"))
    assert "cannot start" in tried_elsewhere(honest, scenes, wanted).reason
    monkeypatch.delenv(verify.TFLITE_PYTHON)
    # A Python that has tflite-runtime, as far as this test can have one: it answers as ai-edge-litert does.
    python = tmp_path / ".venv-tflite" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} $(echo "$@" | sed s/tflite-runtime/ai-edge-litert/)\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    assert tried_elsewhere(honest, scenes, wanted).result == "passed"
    pale = [0.5 * ab for ab in wanted]
    assert tried_elsewhere(honest, scenes, pale).result == "failed"


def tried_elsewhere(content: bytes, scenes: list[Scene], wanted: list[np.ndarray]) -> object:
    return verify.verify(content, RECIPES["float32"], scenes, wanted, elsewhere=("tflite-runtime",)).runtimes[1]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_runtime_that_crashes_is_one_line(
    honest: bytes, scenes: list[Scene], wanted: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert "killed by signal 11" in failures(honest, scenes, wanted)
