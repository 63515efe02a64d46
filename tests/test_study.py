"""What a study records, what it calls the best, and its command; children are stood in for, but for the last test."""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.errors import InputError
from colorize_tf.splits import open_splits
from colorize_tf.study.__main__ import main
from colorize_tf.study.plan import entries
from colorize_tf.study.results import best, record
from colorize_tf.study.steps import Steps
from colorize_tf.study.study import Settings, Study
from colorize_tf.study.training import Budget

# === The best ===


def judged(name: str, low: float, colourful: float, distance: float | None, gap: float = 20.0) -> dict[str, Any]:
    metrics = {"colourfulness": {"mean": colourful}, "colourfulness_gap": {"mean": gap}}
    return {"name": name, "gain": {"low": low}, "metrics": metrics, "frechet": distance and {"value": distance}}


def test_the_best_is_lively_and_better_than_gray() -> None:
    timid, wrong = judged("timid", 0.5, 5.0, 1.0), judged("wrong", -0.1, 30.0, 2.0)
    good, better = judged("good", 0.1, 20.0, 9.0), judged("better", 0.1, 20.0, 8.0)
    assert best([timid, wrong, good, better, {"name": "failed"}]) == "better"
    assert best([timid, wrong]) is None
    assert best([judged("of one photo", math.nan, 20.0, 1.0), good]) == "good"
    assert best([{**judged("read again", 0.0, 20.0, 1.0), "gain": {"low": None}}, good]) == "good"
    assert best([judged("a", 0.1, 20.0, None, gap=9.0), judged("b", 0.1, 20.0, None, gap=8.0)]) == "b"


# === Records ===


def test_an_evaluation_of_earlier_weights_is_no_result(tmp_path: Path) -> None:
    (entry,) = entries(["dcgan"], [])
    work, run = tmp_path / "work", tmp_path / "run"
    checkpoint = run / "checkpoints" / "step-00000030"
    checkpoint.mkdir(parents=True)
    (checkpoint / "progress.json").write_text('{"epoch": 3, "total_steps": 30, "seconds": 0.0, "rows": []}')
    (work / "evaluation").mkdir(parents=True)
    statistics = {"statistics": {}, "frechet": None, "true_colourfulness": 40.0}
    summaries = [{"colorizer": name, **statistics} for name in ("gray", "dcgan")]
    rows = [{"colorizer": name, "psnr": psnr} for name, psnr in (("gray", 20.0), ("dcgan", 21.5))]
    evaluation = {"protocol": {}, "networks": {"dcgan": {"macs": 1}}, "colorizers": {"dcgan": "run"}}
    evaluation |= {"summaries": summaries, "rows": rows}
    (work / "evaluation" / "evaluation.json").write_text(json.dumps(evaluation))
    steps = Steps(work)
    steps.note("evaluate", ["python"], done=True, of=30)
    found = record(entry, work, run, photos=16, batch=4, failure=None)
    assert found["gain"]["mean"] == 1.5 and found["passes"] == 30 * 4 / 16
    steps.note("evaluate", ["python"], done=True, of=20)  # the training has gone on since
    assert "metrics" not in record(entry, work, run, photos=16, batch=4, failure=None)


@pytest.mark.parametrize(("plan", "told"), [
    ({"epochs": 3, "steps_per_epoch": None}, 4), ({"epochs": 3, "steps_per_epoch": None, "budget": 6}, 6),
    ({"epochs": 20, "steps_per_epoch": 9, "budget": 40.5}, 20), ({"epochs": 2, "steps_per_epoch": 9}, 4),
])  # fmt: skip
def test_no_row_has_come_further_than_planned(tmp_path: Path, plan: dict[str, Any], told: int) -> None:
    (entry,) = entries(["dcgan"], [])
    checkpoint = tmp_path / "run" / "checkpoints" / "step-00000030"
    checkpoint.mkdir(parents=True)
    (checkpoint / "progress.json").write_text('{"epoch": 4, "total_steps": 30, "seconds": 0.0, "rows": []}')
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    found = record(entry, tmp_path, tmp_path / "run", photos=16, batch=4, failure=None)
    assert (found["epochs"], found["planned_epochs"]) == (4, told)


def test_the_page_is_written_where_no_row_has_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = []
    monkeypatch.setattr(Study, "_try", lambda *_: "no")
    monkeypatch.setattr(Steps, "run", lambda self, *_: logs.append(self.log) or 0.0)
    for name in ("log.txt", "steps.json"):  # which are names of rows as well
        (tmp_path / "work" / name).mkdir(parents=True)
    (tmp_path / "comparison.md").touch()  # which the report would write
    assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 1
    (log,) = logs
    with pytest.raises(InputError, match="--row: must be named by"):
        entries([], [f"{log.parent.name}=unet"])


def test_rows_not_named_any_more_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Study, "_try", lambda *_: "no")
    monkeypatch.setattr(Steps, "run", lambda *_: 0.0)
    (tmp_path / "comparison.md").touch()  # which the report would write
    rows = [{"name": name, "failure": None} for name in ("unet", "b", "a")]
    (tmp_path / "results.json").write_text(json.dumps({"rows": rows}))
    told = f"not named this time, and so not on the page: a, b; their files stay in {tmp_path}\n"
    assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err
    assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 1
    assert "not named" not in capsys.readouterr().err


def test_a_row_without_its_sets_keeps_what_was_known_of_it(tmp_path: Path) -> None:
    checkpoint = tmp_path / "runs" / "cyclegan" / "checkpoints" / "step-00000030"
    checkpoint.mkdir(parents=True)
    (checkpoint / "progress.json").write_text('{"epoch": 3, "total_steps": 30, "seconds": 9.0, "rows": []}')
    settings = Settings(tmp_path, "synthetic:20", None, [], Budget(minutes=1), "best", [], None)
    study = Study(entries(["cyclegan"], []), settings)
    (row,) = study._collect("", {"cyclegan": "needs two sets"})
    assert row["failure"] == "needs two sets" and "passes" not in row  # of photos that nobody has counted
    known = {**row, "passes": 0.25, "failure": None}
    (tmp_path / "results.json").write_text(json.dumps({"rows": [known]}))
    assert study._collect("", {"cyclegan": "needs two sets"}) == [{**known, "failure": "needs two sets"}]


# === Command ===

TRY = ("--smoke", "--passes", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "unet", "--passes", "1"], "--data: names the photos and is required"),
        (["--models", "unet", "--data", "folder:nowhere", "--passes", "1"], "folder: must name an existing folder"),
        (["--models", "unet", "--data", "folder:x", "--passes", "1", "--", "--no-such"], "command line: unknown name"),
        (["--models", "unet", *TRY, "--", "--out", "x"], "options after --: must leave --out to the study"),
        (["--models", "unet", *TRY, "--", "--data", "synthetic:9"], "options after --: must leave --data"),
        (["--models", "cyclegan", "--sets", "folder:x", "--passes", "1"], "--sets: must be two sources"),
        (["--models", "--passes", "1"], "--models, --row: must name something"),
        (["--models", "unet", *TRY, "--photos", "0"], "--photos: must be at least 1"),
        (["--models", "unet", *TRY, "--features", "no.npz"], "--features: must be a file of weights"),
        (
            ["--models", "unet", *TRY, "--features", __file__],
            "--features: must be a file of .safetensors, .npz, .pth, .pt, .h5",
        ),
        (["--models", "unet", *TRY, "--lpips", __file__, __file__], "--lpips: must be a file of .safetensors"),
        (["--models", "unet", *TRY, "--lpips", "no.npz", "no.pth"], "--lpips: must be a file of weights"),
        (["--models", "unet", *TRY, "--row", "a=dcgan --test-share 0.3"], "--row: must be judged on the same photos"),
        (["--models", "--row", "a=unet --backbone resnet50", "--data", "folder:x", "--passes", "1"], "--encoder-width"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    assert main([*arguments[:cut], "--out", str(tmp_path / "s"), *arguments[cut:]]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "s").exists()


def test_a_smoke_study_has_photos_enough_to_judge_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, Unpaired | Photos]] = []

    def run(self: Study, _: str) -> int:
        found.extend(open_splits(data) for data in self.counts)
        return 0

    monkeypatch.setattr(Study, "run", run)
    assert main(["--models", "all", *TRY, "--out", str(tmp_path)]) == 0
    assert any(isinstance(splits["test"], Unpaired) for splits in found) and len(found) > 1
    for splits in found:
        for part in (splits["val"], splits["test"]):
            assert min((part.a.count, part.b.count) if isinstance(part, Unpaired) else (part.count,)) >= 2


def test_a_network_that_may_do_without_pairs_is_a_translator_where_it_has_two_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("colorize_tf.study.study.train", lambda *_: None)
    monkeypatch.setattr(Study, "_weights", lambda *_: ("weights", 3))
    monkeypatch.setattr(Steps, "run", lambda _, module, arguments: calls.append((module, list(arguments))) or 0.0)
    for name in ("vgg.npz", "linear.pth"):
        (tmp_path / name).touch()
    out, lpips = str(tmp_path / "study"), ["--lpips", str(tmp_path / "vgg.npz"), str(tmp_path / "linear.pth")]
    row = "radar=mcgan --data unpaired:synthetic:40|synthetic:40,seed=2"
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "comparison.md").touch()  # which the report would write
    assert main(["--models", "--row", row, "--passes", "1", *lpips, "--out", out]) == 1  # nothing was judged here
    (judging,) = (arguments for module, arguments in calls if module == "colorize_tf.evaluate")
    assert "--lpips" not in judging and "--size" not in judging  # which are for those that colorize


def test_a_set_of_one_picture_is_too_few_to_judge_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--models", "cyclegan", *TRY, "--test-share", "0.1", "--out", str(tmp_path / "study")]) == 2
    assert "--test-share: leaves too few photos of unpaired:" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": [1]}', "\x00\xff"])
def test_damaged_results_are_one_line_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="latin-1")
    assert main(["--models", "unet", "--smoke", "--passes", "1", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content"), [
    ("work/unet/plan.json", '{"x": 1}'), ("work/unet/plan.json", "[]"), ("work/unet/steps.json", "[1]"),
    ("work/unet/plan.json", '{"epochs": "3", "steps_per_epoch": null}'), ("work/unet/steps.json", '{"train": 3}'),
    ("runs/unet/checkpoints/step-00000001/progress.json", '{"epoch": 1}'),
])  # fmt: skip
def test_a_damaged_file_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: must ") and error.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_its_terminal_stops_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def stopped(*_: object) -> int:
        os.kill(os.getpid(), number)
        return 0

    monkeypatch.setattr(Study, "run", stopped)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 130
        assert signal.signal(number, signal.SIG_IGN) == signal.SIG_DFL  # as `nohup` has it
        assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 0
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("place", ["runs/unet", "work/unet/trial"])
def test_a_training_still_under_way_is_no_failure_of_its_row(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / place
    run.mkdir(parents=True)
    with open(run / ".lock", "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["--models", "unet", *TRY, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == f"error: --out: is in use by another training. Received: {run}. Wait for it, or stop it.\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [run / ".lock"]


@pytest.fixture
def smoke(tmp_path: Path) -> Callable[..., int]:
    return lambda *arguments: main([*arguments, "--smoke", "--passes", "1", "--out", str(tmp_path / "study")])


@pytest.mark.slow
def test_a_whole_study(smoke: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["--models", "autoencoder", "cyclegan", "--row", "broken=autoencoder --init-from nowhere"]
    assert smoke(*rows) == 0
    shown, said = capsys.readouterr()
    assert "broken: --init-from: does not exist" in said
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    by_name = {row["name"]: row for row in results["rows"]}
    assert by_name["autoencoder"]["metrics"]["psnr"]["count"] > 0 and by_name["autoencoder"]["export"]["bytes"] > 0
    assert by_name["cyclegan"]["translations"][0]["cycle"]["mean"] > 0 and "metrics" not in by_name["cyclegan"]
    assert "does not exist" in by_name["broken"]["failure"] and "no result" in shown
    page = (tmp_path / "study" / "comparison.html").read_text()
    assert page.count("data:image/jpeg;base64") == 2  # the sheet, and translations by cyclegan
    assert "http" not in page.replace("http://www.w3.org", "")

    before = (tmp_path / "study" / "work" / "autoencoder" / "log.txt").read_text()
    assert smoke(*rows) == 0  # only what failed is tried again
    assert (tmp_path / "study" / "work" / "autoencoder" / "log.txt").read_text() == before
    assert (tmp_path / "study" / "work" / "broken" / "log.txt").read_text().count("$ python") == 2
