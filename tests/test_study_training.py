"""How a study runs child processes, and how it spends the minutes or passes of each row; trainings are stood in for."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colorize_tf.config import save_config
from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.phases import decay
from colorize_tf.study.plan import NEVER, entries
from colorize_tf.study.steps import StepFailed, Steps, commit
from colorize_tf.study.training import Budget, check_begun, train, trained

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
        wait_for(tmp_path / "group")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path / "row").run("saves", [str(tmp_path)])
    assert (tmp_path / "saved").read_text() == "1"
    assert int((tmp_path / "group").read_text()) != os.getpgrp()  # so that signals to ours do not reach it as well


def test_a_child_does_not_outlive_a_killed_study(tmp_path: Path) -> None:
    (tmp_path / "saves.py").write_text(SAVES)
    study = (
        "import pathlib, sys; from colorize_tf.study.steps import Steps; "
        "Steps(pathlib.Path(sys.argv[1]) / 'row').run('saves', [sys.argv[1]])"
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    with subprocess.Popen([sys.executable, "-c", study, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}) as it:
        wait_for(tmp_path / "group")
        it.kill()
    wait_for(tmp_path / "saved")
    assert (tmp_path / "saved").read_text() == "1"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)


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
        save_config(arguments.config, run / "config.json")
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


@pytest.mark.parametrize(("kind", "flag"), [("passes", "--passes"), ("minutes", "--minutes")])
def test_a_budget_may_grow_but_not_shrink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, flag: str
) -> None:
    Trainer(monkeypatch, pace=0.5)
    (entry,) = entries(["mobile"], [])
    work, run = tmp_path / "work", tmp_path / "run"
    for amount in (3, 4, 4):
        check_begun(entry, work, run, None, [], Budget(**{kind: amount}))
        train(entry, Steps(work), run, None, [], Budget(**{kind: amount}))
        with pytest.raises(InputError, match=f"{flag}: cannot become fewer .* Give {amount} or more, or name another"):
            check_begun(entry, work, run, None, [], Budget(**{kind: amount - 1}))
    plan = json.loads((work / "plan.json").read_text())
    del plan["budget"]  # as earlier versions wrote it
    (work / "plan.json").write_text(json.dumps(plan))
    check_begun(entry, work, run, None, [], Budget(**{kind: 4}))


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
