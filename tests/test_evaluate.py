"""Colorizers meet photos whose colours are known."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf import metrics
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.config import DataConfig
from colorize_tf.datasets import Photos, open_source
from colorize_tf.errors import InputError, RunError
from colorize_tf.evaluate import main
from colorize_tf.exhibits import examples, sheet
from colorize_tf.judging import GRAY, Case, evaluate, gray_baseline, judge, squashed
from colorize_tf.predict import load_run
from colorize_tf.splits import open_splits
from colorize_tf.summary import summarize

from .conftest import colourful
from .test_perception import linear, mobilenet, vgg
from .test_predict import make_run

SIZE = 32
MODEL = Path(__file__).parent / "golden" / "models" / "tiny.tflite"


def truth(image: np.ndarray) -> np.ndarray:
    """A colorizer that looks the colours up."""
    return image


def pale(image: np.ndarray) -> np.ndarray:
    """A colorizer half way between gray and truth."""
    return ((image.astype(np.uint16) + gray_baseline(image)) // 2).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    folder = tmp_path_factory.mktemp("eight")
    for index in range(8):
        Image.fromarray(colourful(index)).save(folder / f"{index}.png")
    return open_source(f"folder:{folder}")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: make_run(folder / name, f"pix2pix-{name}") for name in ("rgb", "lab")}


# === Rows ===


def test_the_truth_is_perfect_and_its_psnr_in_no_mean(photos: Photos) -> None:
    evaluation = evaluate({"truth": truth}, photos, SIZE, quiet=True)
    rows = [row for row in evaluation.rows if row.colorizer == "truth"]
    assert {(row.psnr, row.ssim, row.ab_error, row.false_colour, row.colourfulness_gap) for row in rows} == {
        (math.inf, 1.0, 0.0, 0.0, 0.0)
    }
    summary = next(one for one in summarize(evaluation.rows) if one.colorizer == "truth")
    assert (summary.identical, summary.statistics["psnr"].count, summary.statistics["ssim"].mean) == (8, 0, 1.0)


def test_the_gray_baseline_is_always_there(photos: Photos) -> None:
    evaluation = evaluate({"also gray": gray_baseline}, photos, SIZE, quiet=True)
    for gray, also in zip(evaluation.rows[::2], evaluation.rows[1::2], strict=True):
        assert (gray.photo, gray.colorizer) == (also.photo, GRAY)
        assert (gray.psnr, gray.ssim, gray.ab_error) == (also.psnr, also.ssim, also.ab_error)
        assert gray.colourfulness < 0.5


def test_the_gray_baseline_keeps_luma() -> None:
    image = colourful(3)
    gray = gray_baseline(image)
    assert (gray[..., 0] == gray[..., 2]).all()
    assert np.abs(rgb_to_lab(gray / 255.0) - rgb_to_lab(image / 255.0))[..., 0].max() < 0.35  # half a step of 8 bit


def test_rows_hold_what_the_metrics_say(photos: Photos) -> None:
    image = squashed(photos.image(5), SIZE)
    (row,) = judge("five", Case(image), {"pale": pale})
    expected = metrics.measure(image, pale(image))
    assert {key: getattr(row, key) for key in expected} == expected
    assert row.milliseconds > 0


def test_photos_are_squashed_whole() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 255
    small = squashed(image, SIZE)
    assert small.shape == (SIZE, SIZE, 3)
    assert small[:, :14].max() == 0
    assert small[:, 18:].min() == 255


def test_latency_leaves_the_first_call_out(photos: Photos) -> None:
    calls: list[float] = []

    def slow_to_start(image: np.ndarray) -> np.ndarray:
        calls.append(0)
        if len(calls) == 1:
            import time

            time.sleep(0.5)
        return image

    evaluation = evaluate({"slow": slow_to_start}, photos.sample(2), SIZE, quiet=True)
    assert len(calls) == 3
    assert max(row.milliseconds for row in evaluation.rows) < 400


def test_an_unreadable_photo_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    for index in range(3):
        Image.fromarray(colourful(index)).save(tmp_path / f"{index}.jpg")
    photos = open_source(f"folder:{tmp_path}")
    (tmp_path / "1.jpg").write_bytes(b"replaced after it was listed")
    evaluation = evaluate({}, photos, SIZE, quiet=True)
    assert [row.photo for row in evaluation.rows] == ["0.jpg", "2.jpg"]
    assert [bad.name for bad in evaluation.unreadable] == ["1.jpg"]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(colourful(0)).save(tmp_path / "0.jpg")
    photos = open_source(f"folder:{tmp_path}")
    (tmp_path / "0.jpg").unlink()
    with pytest.raises(RunError, match="none of the 1 photos"):
        evaluate({}, photos, SIZE, quiet=True)


# === Contact sheet ===


def test_examples_are_best_median_worst_and_random(photos: Photos) -> None:
    evaluation = evaluate({"pale": pale}, photos, SIZE, quiet=True)
    chosen = examples(evaluation, "pale", each=1)
    gains = [row.psnr - gray.psnr for gray, row in zip(evaluation.rows[::2], evaluation.rows[1::2], strict=True)]
    order = sorted(range(8), key=lambda index: -gains[index])
    assert [position for _, position in chosen[:3]] == [order[0], order[4], order[7]]
    assert [why.split(":")[0] for why, _ in chosen] == ["best", "median", "worst", "random", "random"]
    assert len({position for _, position in chosen}) == len(chosen)


def test_a_photo_that_is_gray_itself_is_no_example(tmp_path: Path, photos: Photos) -> None:
    for index in range(5):
        Image.fromarray(colourful(index)).convert("L" if index == 2 else "RGB").save(tmp_path / f"{index}.png")

    def sepia(image: np.ndarray) -> np.ndarray:
        return np.uint8(gray_baseline(image) * [1.0, 0.9, 0.7])

    evaluation = evaluate({"sepia": sepia}, open_source(f"folder:{tmp_path}"), SIZE, quiet=True)
    chosen = examples(evaluation, "sepia")
    assert sorted(position for _, position in chosen) == [0, 1, 3, 4]
    assert not any("inf" in why for why, _ in chosen)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_photos_are_shown_once_each(photos: Photos, count: int) -> None:
    evaluation = evaluate({"pale": pale}, photos.sample(count), SIZE, quiet=True)
    assert sorted(position for _, position in examples(evaluation, "pale")) == list(range(count))


def test_the_sheet_shows_gray_prediction_and_truth(photos: Photos) -> None:
    evaluation = evaluate({"pale": pale}, photos, SIZE, quiet=True)
    picture = np.asarray(sheet(evaluation, photos, {"pale": pale}))
    first = squashed(photos.image(examples(evaluation, "pale")[0][1]), SIZE)
    places = {}
    for name, cell in (("gray", gray_baseline(first)), ("pale", pale(first)), ("truth", first)):
        large = cell.repeat(8, axis=0).repeat(8, axis=1)
        columns = [
            x for x in range(picture.shape[1] - 255) if np.array_equal(picture[42 : 42 + 256, x : x + 256], large)
        ]
        assert len(columns) == 1, name
        places[name] = columns[0]
    assert places["gray"] < places["pale"] < places["truth"]


# === Command ===


def test_command_compares_runs_and_writes_everything(
    runs: dict[str, Path], photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = [str(runs["rgb"]), str(runs["lab"]), "--data", f"folder:{photo_folder}", "--limit", "5", "--out", str(out)]
    assert main(given) == 0
    table = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")] == [
        "colorizer", "gray", "rgb (raw)", "rgb", "lab",
    ]  # fmt: skip
    assert "Means, with 95 % bootstrap intervals in brackets.\n" in table
    assert (out / "table.md").read_text() == table
    rows = list(csv.DictReader((out / "rows.csv").read_text().splitlines()))
    report = json.loads((out / "evaluation.json").read_text())
    assert len(rows) == len(report["rows"]) == 5 * 4
    assert len({row["photo"] for row in rows}) == 5
    by_name = {summary["colorizer"]: summary for summary in report["summaries"]}
    assert by_name["rgb (raw)"]["statistics"]["psnr"]["mean"] != by_name["rgb"]["statistics"]["psnr"]["mean"]
    assert report["protocol"]["size"] == SIZE
    with Image.open(out / "sheet.png") as picture:
        assert picture.size[0] > 5 * 256

    assert main(given) == 2
    assert "holds a result already" in capsys.readouterr().err
    (out / "rows.csv").unlink()
    (out / "rows.csv").mkdir()  # where no file can be written
    assert main([*given, "--overwrite"]) == 1
    assert not (out / "evaluation.json").exists()  # which would say that all is there
    (out / "rows.csv").rmdir()
    capsys.readouterr()
    assert main([*given, "--overwrite", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    again = {summary["colorizer"]: summary["statistics"]["ab_error"] for summary in printed["summaries"]}
    assert again == {name: summary["statistics"]["ab_error"] for name, summary in by_name.items()}


def test_no_run_is_called_as_the_raw_row_of_another(
    runs: dict[str, Path], photo_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(runs["rgb"]), str(runs["lab"]), "--data", f"folder:{photo_folder}", "--limit", "2"]
    assert main([*given, "--names", "x", "x (raw)"]) == 2
    error = capsys.readouterr().err
    assert "--names: must not be what the raw row of x is called. Received: x (raw)" in error
    assert main([*given, "--names", "x (raw)", "x"]) == 0  # the first has "x (raw) (raw)", the second none


def test_limit_draws_the_same_photos_each_time(photos: Photos) -> None:
    assert photos.sample(3).names.tolist() == photos.sample(3).names.tolist()
    assert photos.sample(3).count == 3
    assert photos.sample(99).names.tolist() == photos.names.tolist()


def test_without_data_the_runs_own_test_photos_are_used(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataConfig(data=f"folder:{photo_folder}", val_share=0.2, test_share=0.3)
    run = make_run(tmp_path / "gray", "pix2pix-lab", data=data)  # named as the baseline is
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0
    rows = json.loads((tmp_path / "out" / "evaluation.json").read_text())["rows"]
    assert {row["photo"] for row in rows} == set(open_splits(data)["test"].names.tolist())
    assert {row["colorizer"] for row in rows} == {"gray", f"{tmp_path.name}/gray"}
    capsys.readouterr()

    other = make_run(tmp_path / "other", "pix2pix-lab", data=DataConfig(data=f"folder:{photo_folder}", test_share=0.1))
    assert main([str(run), str(other)]) == 2
    assert "--data: must be given where runs have different photos or splits" in capsys.readouterr().err


def test_a_model_file_is_measured_like_a_run(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(MODEL), "--data", f"folder:{photo_folder}", "--limit", "2", "--size", "64"]) == 0
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split("|")[1].strip() for row in rows] == ["gray", MODEL.name]
    assert rows[0].split("|")[2:9] != rows[1].split("|")[2:9]

    assert main([str(MODEL)]) == 2
    assert "--data: must be given for .tflite files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--data", "folder:."], "RUN: does not exist"),
        (["{lab}", "--data", "folder:{empty}/none"], "folder: must name an existing folder"),
        (["{lab}", "--data", "folder:{empty}"], "Received: "),
        (["{lab}", "--data", "folder:{photos}", "--size", "8"], "--size: must be from 11"),
        (["{lab}", "--data", "folder:{photos}", "--size", "1000000"], "to 4096. Received: 1000000"),
        (["{lab}", "--data", "folder:{photos}", "--limit", "0"], "--limit: must be at least 1"),
        (["{lab}", "--data", "folder:{photos}", "--split", "val"], "--split: is a part of the runs' own data"),
        (["{lab}", "{lab}", "--data", "folder:{photos}"], "RUN: each may be given once"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    runs: dict[str, Path],
    photo_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"lab": runs["lab"], "empty": tmp_path, "photos": photo_folder}
    assert main([argument.format(**places) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


# === Scans of which a true-colour picture exists ===


@pytest.fixture
def scans(tmp_path: Path) -> Photos:
    """Eight other pictures under the names of `photos`, as another kind of file."""
    for index in range(8):
        Image.fromarray(colourful(100 + index)).save(tmp_path / f"{index}.jpg", quality=95)
    return open_source(f"folder:{tmp_path}")


def test_a_scan_is_coloured_in_place_of_the_photo(photos: Photos, scans: Photos) -> None:
    seen: list[np.ndarray] = []

    def look(image: np.ndarray) -> np.ndarray:
        seen.append(image)
        return image

    evaluation = evaluate({"look": look}, photos, SIZE, scans=scans, quiet=True)
    for index, row in enumerate(row for row in evaluation.rows if row.colorizer == "look"):
        name = str(photos.names[index])
        scan, photo = squashed(colourful(100 + int(Path(name).stem)), SIZE), squashed(photos.image(index), SIZE)
        assert np.abs(seen[index + 1].astype(int) - scan).mean() < 3  # the first call warms up; JPEG is not exact
        made = Case(photo, scan).judged(scan)
        (luma, ab), (true_luma, true_ab) = (
            (lab[..., 0], lab[..., 1:]) for lab in (rgb_to_lab(picture / np.float32(255)) for picture in (made, photo))
        )
        np.testing.assert_allclose(luma, true_luma, atol=0.5)  # the photo's own
        assert row.ab_error == pytest.approx(np.linalg.norm(ab - true_ab, axis=-1).mean(), rel=0.05)
        assert row.ab_error > 5


def test_a_photo_without_its_scan_is_one_clear_line(photos: Photos, scans: Photos) -> None:
    with pytest.raises(InputError, match=r"--scans: must have one picture .*0 for .*\.png"):
        evaluate({"truth": truth}, photos, SIZE, scans=scans.sample(3), quiet=True)


def test_two_scans_of_one_name_are_refused(photos: Photos, scans: Photos, tmp_path: Path) -> None:
    Image.fromarray(colourful(1)).save(tmp_path / "3.png")
    with pytest.raises(InputError, match=r"--scans: must have one picture .*2 for .*3\.png"):
        evaluate({"truth": truth}, photos, SIZE, scans=open_source(f"folder:{tmp_path}"), quiet=True)


# === What networks think of the pictures ===


def test_files_of_networks_add_their_measures(
    runs: dict[str, Path], photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mobilenet(tmp_path / "m.npz", whole=False)
    np.savez(tmp_path / "vgg.npz", **vgg(2))
    np.savez(tmp_path / "linear.npz", **linear())
    out, lpips = tmp_path / "out", ["--lpips", str(tmp_path / "vgg.npz"), str(tmp_path / "linear.npz")]
    judges = ["--features", str(tmp_path / "m.npz"), *lpips]
    options = ["--data", f"folder:{photo_folder}", "--limit", "3", "--size", "32", "--out", str(out)]
    assert main([str(runs["lab"]), *judges, *options]) == 0
    shown = capsys.readouterr().out
    assert "Means, with 95 % bootstrap intervals in brackets; of the Fréchet distance by jackknife.\n" in shown
    assert "lpips-vgg-conv1-1 ↓" in shown and "Fréchet mobilenet-v1-0.125-dw13 ↓" in shown
    result = json.loads((out / "evaluation.json").read_text())
    assert result["protocol"]["frechet"] == "Fréchet mobilenet-v1-0.125-dw13"
    gray, lab = result["summaries"]
    assert lab["frechet"]["count"] == 3 and lab["frechet"]["value"] > 0
    assert lab["statistics"]["lpips"]["mean"] > 0 and gray["statistics"]["lpips"]["count"] == 3
    model = load_run(runs["lab"]).model
    weights = sum(int(np.prod(weight.shape)) for weight in model.generator.weights)
    assert result["networks"] == {"lab": {"parameters": weights, "macs": result["networks"]["lab"]["macs"], "side": 32}}
    assert result["networks"]["lab"]["macs"] > 32 * 32

    assert main([str(runs["lab"]), "--features", str(tmp_path / "none.npz"), *options, "--overwrite"]) == 2
    assert "--features: must be a file of weights that exists" in capsys.readouterr().err
