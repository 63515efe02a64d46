"""The rows of a study, one after the other, and what they come to together."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_tf.atomic import write_text
from colorize_tf.config import DataConfig
from colorize_tf.errors import InputError, RunError
from colorize_tf.flags import parse
from colorize_tf.out_folder import check_out_folder
from colorize_tf.quiet import load_tensorflow
from colorize_tf.run_lock import check_free
from colorize_tf.study.plan import Entry, train_command
from colorize_tf.study.results import RULE, best, record
from colorize_tf.study.steps import StepFailed, Steps
from colorize_tf.study.training import TRIAL, Budget, check_begun, train, trained
from colorize_tf.summary import json_text, read_json

__all__ = ["Settings", "Study"]

RESULTS = "results.json"
RECIPE = "float16"  # of the exported files: every network allows it, and no photo changes visibly
EXPORT_PHOTOS = 8
SHEET_PHOTOS = 6


@dataclass(frozen=True)
class Settings:
    """What all rows have in common."""

    out: Path
    data: str | None
    sets: str | None  # for networks that translate
    common: Sequence[str]  # options of train
    budget: Budget
    weights: str  # best or last
    judging: Sequence[str]  # options of evaluate
    lpips: Sequence[str] | None
    smoke: bool = False  # generated pictures take the place of those that are not named


class Study:
    """The rows of a study in its folder: `runs/NAME` for trainings, `work/NAME` for what else belongs to a row."""

    def __init__(self, rows: Sequence[Entry], settings: Settings) -> None:
        self.rows, self.settings = rows, settings
        self.counts: dict[DataConfig, int] = {}  # photos to learn from, by where they come from
        self.size = 0  # at which colorizers are judged

    def check(self) -> None:
        """Finds wrong options, missing photos and rows that began otherwise before anything is trained."""
        check_out_folder(self.settings.out)
        self._on_record()
        kept: set[tuple[object, ...]] = set()
        for entry in self.rows:
            if self._absent(entry) is not None:
                continue
            config, settings = parse(self._command(entry)).config, self.settings
            folder, run = self._folder(entry), self._run(entry)
            check_begun(entry, folder, run, self._data(entry), settings.common, settings.budget)
            if folder.is_dir():
                Steps(folder)
            trained(run)  # read like the steps, to find what is damaged
            if not entry.two_sets:
                self.size = max(self.size, config.model.size)
                data = config.data
                kept.add((data.data, data.subset, data.val_share, data.test_share, data.near_gray))
                if len(kept) > 1:
                    raise InputError("--row", "must be judged on the same photos as the rows before it", entry.name)
            self._photos(config.data)
        for entry in self.rows:  # such as one that still saves: its study was killed
            for run in (self._run(entry), self._folder(entry) / TRIAL):
                check_free(run)

    def run(self, command: str) -> int:
        """Trains, judges and exports row by row, then compares; 1 if no row could be judged."""
        out = self.settings.out
        out.mkdir(parents=True, exist_ok=True)
        if unnamed := set(self._on_record()) - {entry.name for entry in self.rows}:
            names = ", ".join(sorted(unnamed))
            print(f"not named this time, and so not on the page: {names}; their files stay in {out}", file=sys.stderr)
        for number, entry in enumerate(self.rows, start=1):
            if sys.stderr.isatty():
                print(f"{entry.name} ({number} of {len(self.rows)})", file=sys.stderr)
            failure = self._absent(entry) or self._try(entry)
            if failure:
                print(f"{entry.name}: {failure}", file=sys.stderr)
            self._collect(command, {entry.name: failure})
        records = self._collect(command, {})
        self._sheet([entry for entry, one in zip(self.rows, records, strict=True) if "metrics" in one])
        try:
            Steps(out / "work" / ".report").run("colorize_tf.report", [str(out)])
        except StepFailed as error:
            raise RunError(f"the page could not be written: {error}") from None
        print((out / "comparison.md").read_text(encoding="utf-8").rstrip())
        print(f"wrote {out / 'comparison.html'}", file=sys.stderr)
        return 0 if any("metrics" in one or "translations" in one for one in records) else 1

    def _try(self, entry: Entry) -> str | None:
        """All steps of a row -> why it failed, or None. An export that fails does not make the row fail."""
        settings, folder, run = self.settings, self._folder(entry), self._run(entry)
        steps = Steps(folder)
        try:
            train(entry, steps, run, self._data(entry), settings.common, settings.budget)
            weights, done = self._weights(entry)
            judging = [weights, "--names", entry.name, "--split", "test", *settings.judging]
            if not entry.two_sets:
                judging += ["--size", str(self.size), *(["--lpips", *settings.lpips] if settings.lpips else [])]
            judging += ["--out", str(folder / "evaluation"), "--overwrite"]
            steps.once("evaluate", "colorize_tf.evaluate", judging, of=done)
        except StepFailed as error:
            return str(error)
        export = [weights, "--recipe", RECIPE, "--photos", str(EXPORT_PHOTOS)]
        export += ["--out", str(folder / "model.tflite"), "--overwrite"]
        try:
            steps.once("export", "colorize_tf.export", export, of=done)
        except StepFailed as error:
            steps.note("export", steps.steps["export"]["command"], done=False, failure=str(error))
        return None

    def _sheet(self, entries: Sequence[Entry]) -> None:
        """The same few photos by all colorizers that could be judged."""
        if not entries:
            return
        found = [self._weights(entry) for entry in entries]
        sheet = [*(weights for weights, _ in found), "--names", *(entry.name for entry in entries)]
        sheet += ["--split", "test", "--limit", str(SHEET_PHOTOS), "--size", str(self.size)]
        sheet += ["--out", str(self.settings.out / "sheet"), "--overwrite"]
        try:
            steps = Steps(self.settings.out / "work" / ".sheet")
            steps.once("sheet", "colorize_tf.evaluate", sheet, of=sum(done for _, done in found))
        except StepFailed as error:
            print(f"no contact sheet: {error}", file=sys.stderr)

    def _collect(self, command: str, failures: Mapping[str, str | None]) -> list[dict[str, Any]]:
        """Writes results.json from what lies in the folder; `failures` of this call replace those on record."""
        settings = self.settings
        before = self._on_record()
        records = []
        for entry in self.rows:
            known = before.get(entry.name)
            failure = failures.get(entry.name, known["failure"] if known else "not run yet")
            if self._absent(entry):  # then nobody can count its pictures: what was known of it stays
                nothing = {"name": entry.name, "model": entry.model, "preset": entry.preset, "flags": list(entry.flags)}
                records.append({"command": None, "commit": None, **(known or nothing), "failure": failure})
                continue
            data = parse(self._command(entry)).config.data
            photos = self._photos(data)
            found = record(entry, self._folder(entry), self._run(entry), photos, data.batch, failure)
            records.append(found | {"photos": photos})
        content = {
            "command": f"python -m colorize_tf.study {command}", "minutes": settings.budget.minutes,
            "passes": settings.budget.passes, "weights": settings.weights, "data": settings.data,
            "cores": os.cpu_count(), "rule": RULE, "best": best(records), "rows": records,
        }  # fmt: skip
        write_text(settings.out / RESULTS, json_text(content))
        return records

    def _on_record(self) -> dict[str, dict[str, Any]]:
        """The rows of the last time by name, as far as results.json has them."""
        path = self.settings.out / RESULTS
        found = read_json(path) if path.is_file() else {"rows": []}
        try:
            return {row["name"]: {**row, "failure": row["failure"]} for row in found["rows"]}
        except (TypeError, KeyError) as error:
            raise InputError(str(path), "must hold the results of a study", f"none ({error})") from None

    def _photos(self, data: DataConfig) -> int:
        """How many photos a pass is over; opening them also shows whether they are there."""
        if data not in self.counts:
            load_tensorflow()  # which sources of photos need: quietly, and only when all options have been found right
            from colorize_tf.datasets import Unpaired
            from colorize_tf.splits import open_splits

            splits = open_splits(data)
            for split, pair in (("train", 1), ("test", 2)):  # a translator is judged by how two pictures differ
                part = splits[split]
                if min(part.a.count, part.b.count) < pair if isinstance(part, Unpaired) else part.count == 0:
                    raise InputError(
                        "--test-share", f"leaves too few photos of {data.data} for {split}", data.test_share
                    )
            self.counts[data] = splits["train"].count
        return self.counts[data]

    def _weights(self, entry: Entry) -> tuple[str, int]:
        """Which weights of a run to judge, as evaluate and export take them, and how many steps it has made."""
        now = trained(self._run(entry))
        if now is None:
            raise StepFailed("the training left no checkpoint")
        # The way there and back says nothing of the colours: where it chooses, the best may be who changes least.
        last = self.settings.weights == "last" or entry.paper.train.best_metric == "val_cycle"
        return str(now.checkpoint if last else self._run(entry)), now.steps

    def _command(self, entry: Entry) -> list[str]:
        return train_command(entry, self._run(entry), self._data(entry), self.settings.common)

    def _data(self, entry: Entry) -> str | None:
        return self.settings.sets if entry.two_sets else self.settings.data

    def _absent(self, entry: Entry) -> str | None:
        """Why a row cannot even begin."""
        if entry.two_sets and entry.own_data is None and self.settings.sets is None and not self.settings.smoke:
            return "needs two sets of pictures: --sets 'unpaired:A|B'"
        return None

    def _run(self, entry: Entry) -> Path:
        return self.settings.out / "runs" / entry.name

    def _folder(self, entry: Entry) -> Path:
        return self.settings.out / "work" / entry.name
