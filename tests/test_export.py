"""A run goes through `python -m export` and comes out as a file that colorizes as the network does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.datasets.synthetic import scene
from colorize_tf.edge import TfliteColorizer
from colorize_tf.edge.card import read_model, sidecar, write_model
from colorize_tf.export import verify
from colorize_tf.export.__main__ import main
from colorize_tf.export.recipes import RECIPES
from colorize_tf.predict import PLAIN, RunColorizer, load_run

from .export_runs import trained_run

ROOT = Path(__file__).resolve().parents[1]
# The Python of `make test-edge`, which has tflite-runtime, where it was made.
TFLITE_PYTHON = next(ROOT.glob(".venv-tflite/bin/python"), None)


@pytest.fixture(autouse=True)
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SECONDS", 0.01)


@pytest.fixture(scope="module")
def lab_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "lab", base_width=16, size=64)


@pytest.fixture(scope="module")
def exported(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One file for each recipe."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "SECONDS", 0.01)
        yield {name: export(lab_run, folder / f"{name}.tflite", name, "--steps", "4") for name in RECIPES}


def export(run: Path, out: Path, recipe: str, *options: str) -> Path:
    assert main([str(run), "--recipe", recipe, "--out", str(out), "--photos", "16", *options]) == 0
    return out


def picture_distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second).mean())


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_keeps_its_bounds(exported: dict[str, Path], recipe: str) -> None:
    found = read_model(exported[recipe])[1].verification
    drift, bounds = found["drift"], RECIPES[recipe].bounds
    assert found["passed"] and found["failures"] == []
    assert drift["rgb_mean"] >= bounds.mean and drift["rgb_worst"] >= bounds.worst
    assert abs(drift["chroma_ratio"] - 1) <= 0.02
    assert drift["chroma"] > 5  # the network paints, so that there is something to lose


def test_files_are_as_small_as_their_weights(exported: dict[str, Path]) -> None:
    sizes = {recipe: path.stat().st_size for recipe, path in exported.items()}
    assert sizes["float16"] < 0.55 * sizes["float32"]
    for recipe in ("dynamic_wi8", "static_wi8_ai8", "static_wi8_ai16", "qat_wi8_ai8"):
        assert sizes[recipe] < 0.3 * sizes["float32"]
    assert sizes["static_wi8_ai8"] <= 4_000_000


@pytest.mark.parametrize(("recipe", "levels"), [("float32", 0.3), ("float16", 0.3), ("static_wi8_ai8", 3.0)])
def test_the_edge_wrapper_paints_what_the_run_paints(
    lab_run: Path, exported: dict[str, Path], recipe: str, levels: float
) -> None:
    photo = scene(77, (90, 131))
    by_run = RunColorizer(load_run(lab_run))(photo)
    by_file = TfliteColorizer(exported[recipe], options=PLAIN)(photo)
    assert by_file.shape == photo.shape
    assert np.abs(rgb_to_lab(by_file / 255.0)[..., 1:]).mean() > 3
    assert picture_distance(by_file, by_run) < levels


def test_the_card_is_inside_and_beside(exported: dict[str, Path]) -> None:
    path = exported["static_wi8_ai8"]
    _, card = read_model(path)
    assert json.loads(sidecar(path).read_text()) == json.loads(card.text())
    assert (card.name, card.recipe, card.height, card.width, card.fit) == (
        "pix2pix-lab", "static_wi8_ai8", 64, 64, "squash",
    )  # fmt: skip
    assert card.training_data == "synthetic:40"
    passed = ["ai-edge-litert", "tensorflow", *(["tflite-runtime"] if TFLITE_PYTHON else [])]
    assert [name.split()[0] for name in card.runtimes] == passed
    found = card.verification
    assert found["latency_ms"]["1"]["min"] > 0 and found["latency_ms"]["2"]["min"] > 0
    assert 1e5 < found["peak_bytes"] < 1e9
    assert 0 < found["undelegated"] < found["operators"]
    assert {"psnr", "ssim", "colourfulness", "photos"} <= card.metrics.keys()


def test_a_network_that_paints_rgb_gives_ab_as_well(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", "pix2pix-rgb", steps=60)
    file = TfliteColorizer(export(run, tmp_path / "model.tflite", "static_wi8_ai8"), options=PLAIN)
    assert file.card.name == "pix2pix-rgb" and file.card.verification["drift"]["chroma"] > 5
    photo = scene(79, (32, 32))
    assert picture_distance(file(photo), RunColorizer(load_run(run))(photo)) < 2


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_run_in_half_precision_is_exported_in_float32(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_run(tmp_path / "run", steps=20, precision=precision)
    out = export(run, tmp_path / "model.tflite", "float32", "--twin", "twin.tflite")
    assert read_model(out)[1].verification["drift"]["rgb_worst"] > 60
    said = capsys.readouterr()
    assert "ai-edge-litert" in said.out and "note: --twin twin.tflite is not beside it yet" in said.err


def test_a_file_of_any_size_agrees_with_one_of_a_fixed_size(lab_run: Path, exported: dict[str, Path]) -> None:
    free = export(lab_run, exported["float32"].with_name("free.tflite"), "float32", "--dynamic")
    _, card = read_model(free)
    assert (card.height, card.width, card.fit, card.multiple, card.short_side) == (None, None, "pad", 64, 64)
    photo = scene(3, (64, 64))
    assert picture_distance(TfliteColorizer(free)(photo), TfliteColorizer(exported["float32"])(photo)) < 0.01
    assert TfliteColorizer(free)(scene(4, (128, 70))).shape == (128, 70, 3)


def test_compare_prints_one_row_for_each_file(exported: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *(str(exported[name]) for name in ("float16", "static_wi8_ai8"))]) == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 and set(rule) <= set("|-: ")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (header, *rows)]
    assert cells[0][:2] == ["file", "recipe"] and cells[1][1] == "float16"
    assert float(cells[1][2]) > float(cells[2][2]) > 0.5


def test_compare_says_where_quality_is_of_other_photos(
    exported: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = exported["float16"], tmp_path / "other.tflite"
    content, card = read_model(path)
    write_model(other, content, replace(card, metrics={**card.metrics, "data": "folder:elsewhere"}))
    for models, said in (([path, path], ""), ([path, other], "note: quality is of other photos for each file")):
        assert main(["compare", *map(str, models)]) == 0
        err = capsys.readouterr().err
        assert said in err and bool(said) == ("note: " in err)


def test_compare_shows_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ROOT / "tests" / "golden" / "models" / "tiny.tflite"  # of which nothing was measured
    content, card = read_model(plain)
    odd = tmp_path / "odd\nname.tflite"
    said = {"drift": {"rgb_mean": 1}, "latency_ms": [], "peak_bytes": "much", "undelegated": None}
    write_model(odd, content, replace(card, metrics={"psnr": {}, "ssim": np.nan}, verification=said, runtimes=(1, {})))
    assert main(["compare", str(plain), str(odd)]) == 0
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in capsys.readouterr().out.splitlines()[2:]]
    assert [row[3:13] for row in rows] == [["–"] * 10, ["1", *["–"] * 9]]
    assert rows[1][0].endswith("odd name.tflite")


def test_compare_measures_no_file_whose_card_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, card = read_model(ROOT / "tests" / "golden" / "models" / "tiny.tflite")
    for changes, said in (({"hints": False}, "its card states inputs"), ({"kind": "translate"}, "must be a colorizer")):
        write_model(tmp_path / "liar.tflite", content, replace(card, **changes))
        assert said in refused(capsys, "compare", tmp_path / "liar.tflite", "--data", "synthetic:3")


def test_compare_measures_anew_on_photos(exported: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = exported["static_wi8_ai8"]
    assert main(["compare", str(path), "--data", "synthetic:3", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["PSNR"] != read_model(path)[1].metrics["psnr"]
    assert row["ms, 1 thread"] > 0


def test_a_float32_file_becomes_onnx(lab_run: Path, tmp_path: Path) -> None:
    import onnxruntime

    out = tmp_path / "model.onnx"
    assert main([str(lab_run), "--recipe", "float32", "--format", "onnx", "--out", str(out), "--photos", "4"]) == 0
    card = json.loads(sidecar(out).read_text())
    assert card["runtimes"][0].startswith("onnxruntime") and card["verification"]["passed"]
    session = onnxruntime.InferenceSession(str(out))
    assert json.loads(session.get_modelmeta().custom_metadata_map["colorize_tf.card"]) == card
    luma = rgb_to_lab(scene(5, (64, 64)).astype(np.float32) / 255)[None, ..., :1]
    (ab,) = session.run(["ab"], {"luma": luma})
    assert np.abs(ab - np.asarray(load_run(lab_run).model.colorize(luma))).max() < 0.01


# === Refusals ===


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command with these arguments ends in."""
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr().err
    assert code in (1, 2)
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def test_bad_arguments_are_refused_in_one_line(
    lab_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, onnx = tmp_path / "model.tflite", tmp_path / "model.onnx"
    float32 = (lab_run, "--recipe", "float32", "--out")
    assert "static_wi8_ai8" in refused(capsys, lab_run, "--recipe", "int8", "--out", out)
    assert "must end in .tflite" in refused(capsys, *float32, tmp_path / "model")
    assert "256x384" in refused(capsys, *float32, out, "--size", "big")
    assert "sides in 1..8192" in refused(capsys, *float32, out, "--size", "64x8256")
    assert "sides in 1..8192" in refused(capsys, *float32, out, "--size", "0x64")
    assert "multiples of 64" in refused(capsys, *float32, out, "--size", "64x100")
    assert "at least 1" in refused(capsys, *float32, out, "--photos", "0")
    assert "without a folder" in refused(capsys, *float32, out, "--twin", "../other.tflite")
    assert "without a folder" in refused(capsys, *float32, out, "--twin", "")
    assert "folder that exists" in refused(capsys, *float32, tmp_path / "no" / "model.tflite")
    assert "must be float32" in refused(capsys, lab_run, "--recipe", "float16", "--out", onnx, "--format", "onnx")
    assert "does not exist" in refused(capsys, tmp_path / "none", *float32[1:], out)
    assert not list(tmp_path.iterdir())


def test_instance_norm_is_refused_before_anything_is_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_run(tmp_path / "run", steps=5, norm="instance")
    out = tmp_path / "model.tflite"
    assert "take dynamic_wi8" in refused(capsys, run, "--recipe", "static_wi8_ai8", "--out", out).lower()
    assert not out.exists()


def test_a_file_is_not_replaced_unless_told_to(
    lab_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.tflite"
    out.write_bytes(b"mine")
    assert "--overwrite" in refused(capsys, lab_run, "--recipe", "float32", "--out", out)
    assert out.read_bytes() == b"mine"
    sidecar(out).write_bytes(b"mine too")
    other = ("--out", out.with_suffix(".onnx"), "--format", "onnx")  # whose card has the same name
    assert "model.json" in refused(capsys, lab_run, "--recipe", "float32", *other)
    line = refused(capsys, lab_run, "--recipe", "float32", *other, "--overwrite")
    assert "must not take the card of model.tflite" in line
    assert sidecar(out).read_bytes() == b"mine too"
    (tmp_path / "folder.tflite").mkdir()
    line = refused(capsys, lab_run, "--recipe", "float32", "--out", tmp_path / "folder.tflite", "--overwrite")
    assert "must be a file" in line


def test_a_run_of_a_newer_version_is_refused(lab_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(lab_run, run)
    config = json.loads((lab_run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "version": 99}))
    assert "newer colorize_tf" in refused(capsys, run, "--recipe", "float32", "--out", tmp_path / "model.tflite")


def test_a_file_outside_its_bounds_is_not_written(
    lab_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorize_tf.export import convert

    honest = convert.quantize
    # Ranges measured on black photos only: everything brighter clips.
    black = [{"luma": np.zeros((1, 64, 64, 1), np.float32)}]
    monkeypatch.setattr(convert, "quantize", lambda content, _, kind, **kwargs: honest(content, black, kind, **kwargs))
    arguments = (lab_run, "--recipe", "static_wi8_ai8", "--out", tmp_path / "model.tflite", "--photos", "4")
    line = refused(capsys, *arguments)
    assert "was not written" in line and "static_wi8_ai8 asks for 38" in line
    assert not list(tmp_path.iterdir())

    assert main([*map(str, arguments), "--keep-failed"]) == 1
    card = read_model(tmp_path / "model.tflite")[1]
    assert not card.verification["passed"] and card.runtimes == ()
