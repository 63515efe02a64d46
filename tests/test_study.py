"""What a study plans, records and goes on with; its child processes are stood in for, but for the last test."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colorize_tf.config import save_config
from colorize_tf.datasets import Photos, Unpaired
from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.phases import decay
from colorize_tf.splits import open_splits
from colorize_tf.study.__main__ import main, parser
from colorize_tf.study.plan import EPOCHS, MODELS, NEVER, entries, left_out, phases, train_command
from colorize_tf.study.results import best, record
from colorize_tf.study.steps import StepFailed, Steps, commit
from colorize_tf.study.study import Settings, Study
from colorize_tf.study.training import Budget, check_begun, train, trained

# === Rows ===


def test_all_means_every_small_preset() -> None:
    rows = entries(["all"], [])
    assert [row.name for row in rows] == list(MODELS)
    assert {"autoencoder", "unet", "eccv16", "siggraph17", "cyclegan", "mobile"} <= set(MODELS)
    assert all(row.preset == f"{row.name}-small" for row in rows)
    assert [row.name for row in rows if row.two_sets] == ["cyclegan"]


def test_variants_and_rows_of_ones_own() -> None:
    rows = entries(["unet"], ["taught=unet --encoder-weights 'my file.pth'"], variants=True, paper=True)
    assert [row.name for row in rows] == ["unet", "unet-l1", "unet-gan", "taught"]
    assert rows[1].flags == ("--pretrain-epochs", str(NEVER))
    assert rows[3].flags == ("--encoder-weights", "my file.pth") and rows[3].preset == "unet"


def test_a_row_may_bring_pictures_of_its_own(tmp_path: Path) -> None:
    rows = entries([], ["own=unet --data folder:x", "radar=mcgan --data=unpaired:folder:a|folder:b", "plain=mcgan",
                        "sets=cyclegan"])  # fmt: skip
    assert [row.own_data for row in rows] == ["folder:x", "unpaired:folder:a|folder:b", None, None]
    assert [row.two_sets for row in rows] == [False, True, False, True]
    for row in rows[:2]:
        assert parse(train_command(row, tmp_path, "folder:photos", [])).config.data.data == row.own_data


def test_options_of_all_rows_may_complete_those_of_one(tmp_path: Path) -> None:
    (row,) = entries([], ["a=unet --backbone resnet50"])
    assert not row.two_sets
    config = parse(train_command(row, tmp_path, "folder:photos", ["--encoder-width", "64"])).config
    assert config.model.options()["backbone"] == "resnet50"


@pytest.mark.parametrize("paper", [False, True])
def test_residual_blocks_are_compared_with_those_of_the_preset(paper: bool) -> None:
    rows = entries(["cyclegan"], [], variants=True, paper=paper)
    blocks = [parse(["--preset", row.preset, "--out", "x", *row.flags]).config.model for row in rows[:-1]]
    assert sorted(model.options()["residual_blocks"] for model in blocks) == [3, 6, 9]
    assert rows[0].flags == () and rows[-1].name == "cyclegan-diverse"


@pytest.mark.parametrize("paper", [False, True])
def test_every_variant_is_a_command_that_train_takes(tmp_path: Path, paper: bool) -> None:
    for entry in entries(["all"], [], variants=True, paper=paper):
        config = parse(train_command(entry, tmp_path, None, phases(entry, EPOCHS))).config
        assert config.train.pretrain_epochs <= NEVER


def documented() -> list[list[str]]:
    """The commands of docs/comparison.md, as `main` takes them."""
    text = (Path(__file__).parents[1] / "docs" / "comparison.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for block in text.split("```")[1::2] for line in block.splitlines()]
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m colorize_tf.study ")]


def test_the_rows_of_the_documentation_can_be_trained(tmp_path: Path) -> None:
    commands = [parser().parse_args(words) for words in documented()]
    assert len(commands) >= 4
    rows = [row for given in commands for row in entries(given.models, given.row, variants=given.variants)]
    assert {"unet-l1", "unet-gan", "untaught", "taught", "autoencoder-global", "cyclegan-3"} <= {
        row.name for row in rows
    }
    for entry in rows:
        assert parse(train_command(entry, tmp_path, "folder:photos", phases(entry, EPOCHS))).config.data.data


@pytest.mark.parametrize(
    ("models", "row", "message"),
    [
        (["unett"], [], "--models: unknown name.*Did you mean unet"),
        ([], ["a=nothing"], "--row: unknown name"),
        ([], ["unet"], "--row: must look like NAME=MODEL OPTIONS"),
        ([], ["a='unet"], "--row: must look like NAME=MODEL OPTIONS.*No closing quotation"),
        ([], ["a/b=unet"], "--row: must be named by at most 100 letters, digits"),
        ([], ["..=unet"], "--row: must be named by"),  # would be the study's own folder
        ([], [".sheet=unet"], "--row: must be named by"),
        ([], ["-a=unet"], "--row: must be named by"),  # would be an option of evaluate
        ([], ["$a=unet"], "--row: must be named by"),  # would be a formula of matplotlib
        ([], ["gray=unet"], "--row: must be named by"),  # is the baseline
        ([], [f"{'a' * 101}=unet"], "--row: must be named by"),  # no file system has room for 300
        (["unet"], ["unet=dcgan"], "--row: needs a name that no other row has"),
        ([], ["a=unet --out runs/b --overwrite"], "--row: must leave --out to the study"),  # would replace that run
        ([], ["a=unet --preset=dcgan"], "--row: must leave --preset to the study. Received: --preset=dcgan"),
        ([], ["a=unet --epochs 9"], "--row: must leave --epochs to the study"),  # would not be heard
        ([], ["a=unet --help"], "--row: must leave --help to the study"),
    ],
)
def test_wrong_rows_are_refused(models: list[str], row: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        entries(models, row)


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("unet", ["--pretrain-epochs", "10", "--warmup-epochs", "1"]),  # 20 and 1 of 40
        ("scgan", ["--pretrain-epochs", "13"]),  # 40 of 60
        ("mobile", ["--pretrain-epochs", str(NEVER), "--decay-from", "1", "--decay-until", "20"]),  # it has no other
        ("cyclegan", ["--decay-from", "11", "--decay-until", "20"]),  # 101 of 200
        ("autoencoder", []),
    ],
)
def test_phases_keep_their_shares(model: str, flags: list[str]) -> None:
    (entry,) = entries([model], [])
    assert phases(entry, 20) == flags


@pytest.mark.parametrize(
    ("row", "epochs", "lengths", "told"),
    [
        ("unet", 1, ("0", "0"), "--passes 1 leaves no epoch for --pretrain-epochs and --warmup-epochs"),
        ("unet", 2, ("1", "0"), "--passes 2 leaves no epoch for --warmup-epochs"),
        ("unet", 3, ("1", "1"), None),  # a half of three is two: the last would have none
        ("unet --pretrain-epochs=0 --warmup-epochs 0", 1, ("0", "0"), None),  # as it was asked for
        ("pix2pix-lab", 40, ("20", "2"), None),
    ],
)
def test_the_last_phase_is_reached(row: str, epochs: int, lengths: tuple[str, str], told: str | None) -> None:
    (entry,) = entries([], [f"row={row}"])
    flags = phases(entry, epochs)
    assert (flag(flags, "--pretrain-epochs"), flag(flags, "--warmup-epochs")) == lengths
    assert left_out(entry, epochs) == told


# === Child processes ===


def test_a_step_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("[1]")
    arguments = [str(tmp_path / "in.json"), str(tmp_path / "out.json")]
    Steps(tmp_path / "row").once("tidy", "json.tool", arguments)
    assert json.loads((tmp_path / "out.json").read_text()) == [1]
    (tmp_path / "out.json").unlink()
    Steps(tmp_path / "row").once("tidy", "json.tool", arguments)
    assert not (tmp_path / "out.json").exists()
    Steps(tmp_path / "row").once("tidy", "json.tool", arguments, of=7)  # of more training than before
    assert (tmp_path / "out.json").exists()


def test_a_failed_step_says_why_and_is_tried_again(tmp_path: Path) -> None:
    steps = Steps(tmp_path / "row")
    arguments = [str(tmp_path / "in.json"), str(tmp_path / "out.json")]
    with pytest.raises(StepFailed, match=r"in\.json.*exit code"):
        steps.once("tidy", "json.tool", arguments)
    (tmp_path / "in.json").write_text("[1]")
    Steps(tmp_path / "row").once("tidy", "json.tool", arguments)
    assert (tmp_path / "out.json").exists()
    assert "$ python -m json.tool" in (tmp_path / "row" / "log.txt").read_text()


def test_the_line_that_commands_end_with_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as caught:
        Steps(tmp_path / "row").run("colorize_tf.report", [str(tmp_path)])
    assert str(caught.value).startswith("study: must be the folder of a study")
    assert str(caught.value).endswith("(exit code 2)")


SAVES = """
import os, pathlib, signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
folder = pathlib.Path(sys.argv[1])
(folder / "group").write_text(str(os.getpgrp()))
while not told:
    time.sleep(0.02)
time.sleep(0.3)  # in which a second signal would come
(folder / "saved").write_text(str(len(told)))
"""


def test_who_stops_a_study_stops_its_child_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "saves.py").write_text(SAVES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def interrupt() -> None:
        while not (tmp_path / "group").exists() or not (tmp_path / "group").read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path / "row").run("saves", [str(tmp_path)])
    assert (tmp_path / "saved").read_text() == "1"
    assert int((tmp_path / "group").read_text()) != os.getpgrp()  # so that signals to ours do not reach it as well


# === Budgets ===


class Trainer:
    """Stands in for `train`: steps take `pace` seconds, and a call uses no more than a share of its --minutes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pace: float, *, share: float = 1.0) -> None:
        self.calls: list[list[str]] = []
        self.pace, self.share = pace, share
        monkeypatch.setattr(Steps, "run", lambda _, module, arguments: self(module, list(arguments)))

    def __call__(self, module: str, arguments: list[str]) -> float:
        assert module == "colorize_tf.train"
        self.calls.append(arguments)
        arguments = parse([one for one in arguments if one != "--resume"])
        run, options = arguments.out, arguments.config.train
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.json").write_text("{}")
        each = options.steps_per_epoch or 10
        if run.name == "trial":
            rate = arguments.config.data.batch / self.pace
            (run / "history.csv").write_text(f"epoch,images_per_second\n1,1\n2,{rate}\n")
            return 0.0
        before = trained(run)
        steps = before.steps if before else 0
        room = self.share * 60 * options.minutes if options.minutes is not None else 1e9
        steps = min(each * options.epochs, steps + max(1, int(room / self.pace)))
        rows = [{"seconds": each * self.pace} for _ in range(steps // each)]
        folder = run / "checkpoints" / f"step-{steps:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        rest = {"epoch": steps // each, "total_steps": steps, "seconds": steps % each * self.pace, "rows": rows}
        (folder / "progress.json").write_text(json.dumps(rest))
        return 0.0


def flag(arguments: list[str], name: str) -> str:
    return arguments[len(arguments) - 1 - arguments[::-1].index(name) + 1]


def test_minutes_are_cut_into_epochs_by_the_pace_of_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["unet"], [])
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", "folder:photos", [], Budget(minutes=10))
    trial, first = trainer.calls
    assert (flag(trial, "--pretrain-epochs"), flag(trial, "--warmup-epochs")) == ("0", "0")  # the dearer phase
    assert (flag(first, "--epochs"), flag(first, "--steps-per-epoch")) == ("20", "60")  # 20 x 60 x 0.5 s
    assert flag(first, "--pretrain-epochs") == "10" and "--resume" not in first
    now = trained(tmp_path / "run")
    assert now is not None and (now.epochs, now.seconds) == (20, 600)
    train_step = Steps(tmp_path / "work").steps["train"]
    assert train_step["command"][:3] == ["python", "-m", "colorize_tf.train"] and "commit" in train_step
    assert not (tmp_path / "work" / "trial").exists()


def test_what_is_left_of_the_budget_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, pace=0.5, share=0.8)  # the rest goes to validation, which is not training
    (entry,) = entries(["autoencoder"], [])
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(minutes=10))
    _, first, *more = trainer.calls
    assert more and "--resume" not in first and all("--resume" in call for call in more)
    now = trained(tmp_path / "run")
    assert now is not None and now.seconds > 0.98 * 600

    trainer.pace = 0.1  # the machine has become quicker: the epochs planned are over early, others follow
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(minutes=20))
    now = trained(tmp_path / "run")
    assert now is not None and now.epochs > 20
    assert {flag(call, "--steps-per-epoch") for call in trainer.calls[1:]} == {"60"}


def test_epochs_beyond_the_plan_are_like_its_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["mobile"], [])
    steps = Steps(tmp_path / "work")
    train(entry, steps, tmp_path / "run", None, [], Budget(minutes=10))
    assert steps.steps["train"]["commit"] == commit()
    trainer.pace = 0.25
    monkeypatch.setattr("colorize_tf.study.training.commit", lambda: "another")
    train(entry, steps, tmp_path / "run", None, [], Budget(minutes=20))
    longer = parse([one for one in trainer.calls[-1] if one != "--resume"]).config.train
    assert longer.epochs > 20 and longer.pretrain_epochs >= longer.epochs  # no adversary joins in
    assert decay(longer, 25) == decay(longer, 19) == pytest.approx(decay(replace(longer, epochs=20), 19))
    before = dict(steps.steps["train"])
    assert before["commit"] == ", ".join(name for name in (commit(), "another") if name)
    assert flag(before["command"], "--epochs") == str(longer.epochs)
    monkeypatch.setattr("colorize_tf.study.training.commit", lambda: "a third")
    train(entry, steps, tmp_path / "run", None, [], Budget(minutes=20))
    assert steps.steps["train"] == before  # nothing was trained by that code


def test_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["mobile"], [])
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(passes=3))
    (call,) = trainer.calls
    assert (flag(call, "--epochs"), flag(call, "--pretrain-epochs")) == ("3", str(NEVER))
    assert "--minutes" not in call and "--steps-per-epoch" not in call
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(passes=3))
    assert len(trainer.calls) == 1


def test_a_row_goes_on_as_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["unet"], [])
    work, run = tmp_path / "work", tmp_path / "run"
    begun = {"folder": work, "run": run, "data": "folder:photos"}
    check_begun(entry, **begun, common=[], budget=Budget(passes=3))  # nothing has begun
    for common in ([], ["--smoke"]):
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)
        train(entry, Steps(work), run, "folder:photos", common, Budget(minutes=10))
        plan = json.loads((work / "plan.json").read_text())
        whole = Steps(work).steps["train"]["command"][3:]
        save_config(parse(whole).config, run / "config.json")
        assert flag(whole, "--steps-per-epoch") == str(plan["steps_per_epoch"])
        check_begun(entry, **begun, common=common, budget=Budget(minutes=20))
        with pytest.raises(InputError, match="--minutes, --passes: a study goes on with the one that it began with"):
            check_begun(entry, **begun, common=common, budget=Budget(passes=3))
        with pytest.raises(InputError, match="--val-share: cannot change on --resume"):
            check_begun(entry, **begun, common=[*common, "--val-share", "0.3"], budget=Budget(minutes=10))


def test_too_few_passes_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["scgan"], [])
    train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(passes=1))
    assert flag(trainer.calls[0], "--pretrain-epochs") == "0"
    assert capsys.readouterr().err == "scgan: --passes 1 leaves no epoch for --pretrain-epochs\n"


def test_a_training_that_gets_nowhere_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Steps, "run", lambda *_: 0.0)
    (entry,) = entries(["mobile"], [])
    with pytest.raises(StepFailed, match="without a further step"):
        train(entry, Steps(tmp_path / "work"), tmp_path / "run", None, [], Budget(passes=3))


@pytest.mark.parametrize("budget", [{}, {"minutes": 1.0, "passes": 1}, {"minutes": 0.0}, {"passes": -1},
                                    {"minutes": math.inf}, {"minutes": math.nan}])  # fmt: skip
def test_a_budget_is_one_positive_number(budget: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--minutes, --passes"):
        Budget(**budget)


# === The best ===


def judged(name: str, low: float, colourful: float, distance: float | None, gap: float = 20.0) -> dict[str, Any]:
    metrics = {"colourfulness": {"mean": colourful}, "colourfulness_gap": {"mean": gap}}
    return {"name": name, "gain": {"low": low}, "metrics": metrics, "frechet": distance and {"value": distance}}


def test_the_best_is_lively_and_better_than_gray() -> None:
    timid, wrong = judged("timid", 0.5, 5.0, 1.0), judged("wrong", -0.1, 30.0, 2.0)
    good, better = judged("good", 0.1, 20.0, 9.0), judged("better", 0.1, 20.0, 8.0)
    assert best([timid, wrong, good, better, {"name": "failed"}]) == "better"
    assert best([timid, wrong]) is None
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
