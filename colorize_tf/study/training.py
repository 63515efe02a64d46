"""One row's training, within the budget of all: how long a step takes is measured first, so that its phases fit."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from colorize_tf.atomic import write_text
from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.study.plan import EPOCHS, NEVER, Entry, left_out, phases, train_command
from colorize_tf.study.steps import StepFailed, Steps, commit
from colorize_tf.summary import read_json

__all__ = ["TRIAL", "Budget", "Trained", "check_begun", "planned", "train", "trained"]

TRAIN = "colorize_tf.train"
PLAN = "plan.json"
TRIAL = "trial"  # folder of the run that tells the pace
SLACK = 0.02  # of the budget, which is not worth starting a process for
TRIAL_STEPS = 24  # of each of two epochs; the second is timed, for the first compiles and fills buffers


@dataclass(frozen=True)
class Budget:
    """What every row may use: minutes spent in training steps, or passes over its photos."""

    minutes: float | None = None
    passes: int | None = None

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.passes is None):
            raise InputError("--minutes, --passes", "exactly one of them says how long each may train", "both or none")
        if not 0 < (self.minutes or self.passes or 0) < math.inf:
            raise InputError("--minutes, --passes", "must be above 0 and finite", self.minutes or self.passes)

    @property
    def amount(self) -> float:
        """The minutes or the passes."""
        return self.minutes or self.passes or 0


@dataclass(frozen=True)
class Trained:
    """How far a run has come, as its newest checkpoint says. Validation and saving are no part of the seconds."""

    epochs: int
    steps: int
    seconds: float
    checkpoint: Path


@dataclass(frozen=True)
class Plan:
    """How a row's epochs are cut; made once, for it cannot change when a run goes on. Its budget may grow."""

    epochs: int
    steps_per_epoch: int | None  # None: as many as there are photos for
    budget: float = 0.0  # minutes or passes, the most so far

    @property
    def by_passes(self) -> bool:
        return self.steps_per_epoch is None

    @property
    def least(self) -> float:
        """The smallest budget that it can go on with."""
        return max(self.budget, self.epochs) if self.by_passes else self.budget


def trained(run: Path) -> Trained | None:
    """A run folder -> how far it is, None before its first checkpoint."""
    newest = max((run / "checkpoints").glob("step-*/progress.json"), default=None)
    if newest is None:
        return None
    progress = read_json(newest)
    try:
        seconds = sum(row["seconds"] for row in progress["rows"]) + progress["seconds"]
        return Trained(progress["epoch"], progress["total_steps"], seconds, newest.parent)
    except (KeyError, TypeError) as error:
        raise InputError(str(newest), "must say how far a training is", f"{type(error).__name__} {error}") from None


def check_begun(entry: Entry, folder: Path, run: Path, data: str | None, common: Sequence[str], budget: Budget) -> None:
    """Raises an InputError unless a row can go on as it began, with the same options and the same kind of budget."""
    plan = planned(folder)
    if plan is None:
        return
    if plan.by_passes != (budget.minutes is None):  # epochs cut by minutes are no passes
        began = "passes" if plan.by_passes else "minutes"
        rule = "a study goes on with the one that it began with"
        raise InputError("--minutes, --passes", rule, f"{folder} began with {began}", "Name another --out.")
    if budget.amount < plan.least:  # phases are cut for those, and they may have been used
        flag = "--passes" if plan.by_passes else "--minutes"
        remedy = f"Give {plan.least:g} or more, or name another --out."
        raise InputError(flag, f"cannot become fewer than those that {folder} was planned for", budget.amount, remedy)
    if (run / "config.json").is_file():
        parse([*_command(entry, run, data, common, plan), "--resume"])


def train(entry: Entry, steps: Steps, run: Path, data: str | None, common: Sequence[str], budget: Budget) -> None:
    """Trains a row until its budget is used up, going on where it stood; StepFailed if a training fails."""
    plan = _plan(entry, steps, data, common, budget)
    if budget.amount > plan.budget:
        _write(replace(plan, budget=budget.amount), steps.record.parent)
    if told := left_out(entry, plan.epochs):
        print(f"{entry.name}: {told}", file=sys.stderr)
    command = _command(entry, run, data, common, plan)
    epochs, code = plan.epochs, _commits(steps)
    while (left := _left(run, budget)) > 0:
        before = trained(run)
        if before is not None and before.epochs >= epochs:  # it was quicker than thought
            each = before.seconds / before.epochs
            epochs = before.epochs + max(1, math.ceil(60 * left / each)) if budget.minutes else budget.passes or 0
        limit = ["--minutes", f"{left:.3f}"] if budget.minutes else []
        resume = ["--resume"] if (run / "config.json").is_file() else []
        whole = ["python", "-m", TRAIN, *command, "--epochs", str(epochs)]
        steps.note("train", whole, done=False, commit=code)
        steps.run(TRAIN, [*command, "--epochs", str(epochs), *limit, *resume])
        after = trained(run)
        if after is None or (before is not None and after.steps <= before.steps):
            raise StepFailed("the training ended without a further step")
        steps.note("train", whole, done=True, commit=code)


def _commits(steps: Steps) -> str | None:
    """All code that had a part in a training, for it may outlast a commit or go on with another."""
    before = (steps.steps.get("train", {}).get("commit") or "").split(", ")
    return ", ".join(name for name in dict.fromkeys([*before, commit()]) if name) or None


def _left(run: Path, budget: Budget) -> float:
    """Minutes, or passes, that the budget still has for a run."""
    now = trained(run)
    if budget.passes is not None:
        return budget.passes - (now.epochs if now else 0)
    minutes = budget.minutes or 0.0
    left = minutes - (now.seconds / 60 if now else 0.0)
    return left if left > SLACK * minutes else 0.0


def _plan(entry: Entry, steps: Steps, data: str | None, common: Sequence[str], budget: Budget) -> Plan:
    """How to cut the budget into epochs: as decided before, else by the pace of a trial."""
    folder = steps.record.parent
    if plan := planned(folder):
        return plan
    if budget.passes is not None:
        plan = Plan(budget.passes, None, budget.amount)
    else:
        trial = folder / TRIAL
        shutil.rmtree(trial, ignore_errors=True)
        # In the phase that most of the time goes to, which is the last one that the preset reaches.
        train_options = entry.paper.train
        first = NEVER if train_options.pretrain_epochs >= train_options.epochs else 0
        short = ["--epochs", "2", "--steps-per-epoch", str(TRIAL_STEPS), "--pretrain-epochs", str(first)]
        small = ["--val-count", "0", "--grid-rows", "0", "--keep", "1", "--checkpoint-minutes", "0"]
        # The row's own options come last: they may say which phase it trains in.
        command = train_command(entry, trial, data, [*common, *short, "--warmup-epochs", "0", *small])
        steps.run(TRAIN, command)
        with open(trial / "history.csv", encoding="utf-8") as file:
            pace = float(list(csv.DictReader(file))[-1]["images_per_second"])
        shutil.rmtree(trial)
        batch = parse(command).config.data.batch
        plan = Plan(EPOCHS, max(1, round(60 * budget.amount * pace / batch / EPOCHS)), budget.amount)
    _write(plan, folder)
    return plan


def _write(plan: Plan, folder: Path) -> None:
    write_text(folder / PLAN, json.dumps(asdict(plan)) + "\n")


def _command(entry: Entry, run: Path, data: str | None, common: Sequence[str], plan: Plan) -> list[str]:
    """The arguments of `train` that a plan makes of a row's, all but those that may change on the way."""
    cut = [] if plan.by_passes else ["--steps-per-epoch", str(plan.steps_per_epoch)]
    return train_command(entry, run, data, [*common, *cut, *phases(entry, plan.epochs)])


def planned(folder: Path) -> Plan | None:
    """What was decided for the row of this folder, if anything was."""
    path = folder / PLAN
    if not path.is_file():
        return None
    content = read_json(path)
    try:
        plan = Plan(**content)
        right = plan.epochs >= 1 and (plan.steps_per_epoch is None or plan.steps_per_epoch >= 1) and plan.budget >= 0
    except TypeError:  # other keys, or other than numbers
        right = False
    if not right:
        raise InputError(str(path), "must be how the epochs of a row are cut", content, "Name another --out.")
    return plan
